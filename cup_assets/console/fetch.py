"""``cup fetch``: a public cohort into the landing folder, or what would come.

Belongs here: what is printed and asked. Does not belong here: how it is fetched
(`cup_assets.public`).
"""

from __future__ import annotations

from collections import Counter

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn
from rich.table import Table

from cup_assets.cohort.taxonomy import load_taxonomy
from cup_assets.console.errors import ConsoleError
from cup_assets.console.wide import wide_console
from cup_assets.public.fetch import Landed, carry_out
from cup_assets.public.labels import candidates, unmapped_words
from cup_assets.public.plan import Plan, Request, make_plan
from cup_assets.public.registry import Accession, find_accession, load_registry
from cup_assets.public.samples import DescribedBy, LeftOut
from cup_assets.public.web import Manners, Web
from cup_assets.settings import Settings

_SHOWN = 20
_LAYOUTS = {
    "series_matrix": "the series matrix",
    "soft": "the SOFT family file",
    "miniml": "the MINiML family archive",
}


def run_list(settings: Settings) -> None:
    """Print the registry."""
    table = Table(box=None)
    for column in ("accession", "arrays", "samples", "labels", "verified", "what"):
        table.add_column(column, justify="right" if column in ("samples", "labels") else "left")
    for entry in _registry(settings).values():
        table.add_row(
            entry.accession,
            " ".join(entry.arrays),
            str(entry.samples or "?"),
            str(len(entry.labels)),
            "yes" if entry.verified else "no",
            entry.title,
        )
    wide_console().print(table)


def run_fetch(
    settings: Settings,
    accession: str | None,
    *,
    dry_run: bool = False,
    accept_unverified: bool = False,
    accept_changed: bool = False,
    batch_size: int | None = None,
    manners: Manners | None = None,
) -> None:
    """Print what comes; bring it unless only that was asked for.

    Raises
    ------
    ConsoleError
        If no accession was given.
    PublicError
        If it cannot be fetched.
    """
    if accession is None:
        raise ConsoleError("fetch what? give an accession, or `cup fetch --list` to see them")
    console = Console(highlight=False, soft_wrap=True)
    entry = find_accession(_registry(settings), accession)
    request = Request(
        entry,
        {"geo": settings.geo_url, "gdc": settings.gdc_url}[entry.source],
        settings.landing,
        settings.downloads,
        accept_unverified=accept_unverified,
        accept_changed=accept_changed,
        **({} if batch_size is None else {"batch_size": batch_size}),
    )
    with Web(manners or Manners()) as web:
        with _bars(console) as bars:
            reading = bars.add_task("reading descriptions", total=None)
            plan = make_plan(
                web, request,
                lambda _, done, total: bars.update(reading, completed=done, total=total),
            )  # fmt: skip
        _print_plan(console, settings, request, plan)
        if dry_run:
            console.print("nothing was fetched (--dry-run)", markup=False)
            return
        with _bars(console) as bars:
            tasks = {step: bars.add_task(step, total=None) for step in ("downloading", "unpacking")}
            landed = carry_out(
                web, request, plan,
                lambda step, done, total: bars.update(tasks[step], completed=done, total=total),
            )  # fmt: skip
    _print_landed(console, plan, landed)


def _bars(console: Console) -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn())
    return Progress(*columns, TransferSpeedColumn(), console=console, transient=True)


def _print_plan(console: Console, settings: Settings, request: Request, plan: Plan) -> None:
    entry, offer = request.entry, plan.offer
    size = "of unknown size" if offer.n_bytes is None else f"{offer.n_bytes / 1e6:,.1f} MB"
    files = "" if offer.n_files is None else f" with {offer.n_files:,} IDAT files"
    lines = [
        f"{entry.accession}: {entry.title}",
        f"  from {request.base_url}: {_number(len(offer.downloads), 'download')}, {size}{files}",
        *_described(offer.described_by),
        f"  {len(offer.samples):,} samples: {_counts(s.array for s in offer.samples)}",
        f"  diagnosis: {plan.n_diagnosed:,} mapped, {len(plan.labels) - plan.n_diagnosed:,} not",
    ]
    own = settings.data / "taxonomy.toml"
    taxonomy = load_taxonomy(own if own.exists() else None)
    counts = Counter(said.diagnosis for said in plan.labels if said.diagnosis)
    for diagnosis, n in sorted(counts.items()):
        known = "" if taxonomy.lookup(diagnosis) else " (not in the taxonomy: without a class)"
        lines.append(f"    {n:>5,}  {diagnosis}{known}")
    for line in lines:
        console.print(line, markup=False)
    _list(console, "unmapped, landing without it", [
        f"{column:<10} {n:>5,}  {words}" for column, words, n in unmapped_words(plan.labels)
    ])  # fmt: skip
    if not entry.labels:
        _list(console, "the label map is empty; the source's columns with few values", [
            f"{column}: {', '.join(f'{text} ({n})' for text, n in values)}"
            for column, values in candidates(offer.samples)
        ])  # fmt: skip
    _print_left_out(console, offer.left_out)
    for warning in plan.warnings:
        console.print(f"warning  {warning}", style="yellow", markup=False)


def _described(by: DescribedBy | None) -> list[str]:
    if by is None:
        return []
    return [f"  described by {_LAYOUTS[by.layout]}: {by.why}", *(f"    {url}" for url in by.files)]


def _print_landed(console: Console, plan: Plan, landed: Landed) -> None:
    said = set(plan.offer.left_out)
    _print_left_out(console, tuple(item for item in landed.left_out if item not in said))
    for file in landed.changed:
        line = f"warning  {file.name} has changed since {file.fetched_at[:10]}: accepted"
        console.print(line, style="yellow", markup=False)
    line = (
        f"{landed.n_samples:,} samples ({landed.n_diagnosed:,} with a diagnosis) landed in"
        f" {_number(len(landed.batches), 'batch', 'batches')}:"
        f" {', '.join(path.name for path in landed.batches)}"
    )
    console.print(line, markup=False)
    console.print("the landing sensor takes them, or run `cup materialize`", markup=False)


def _print_left_out(console: Console, left_out: tuple[LeftOut, ...]) -> None:
    _list(console, "left out", [f"{item.what} {item.why}" for item in left_out])


def _list(console: Console, title: str, lines: list[str]) -> None:
    """Print some lines and how many more there are; all of them are in the provenance."""
    if lines:
        console.print(f"  {title} ({len(lines):,}):", markup=False)
        for line in lines[:_SHOWN]:
            console.print(f"    {line}", markup=False)
        if len(lines) > _SHOWN:
            console.print(f"    and {len(lines) - _SHOWN:,} more", markup=False)


def _registry(settings: Settings) -> dict[str, Accession]:
    """Return the packaged registry, with entries of one's own over it."""
    own = settings.data / "accessions"
    return load_registry() | (load_registry(own) if own.is_dir() else {})


def _number(n: int, one: str, many: str = "") -> str:
    return f"{n:,} {one if n == 1 else many or one + 's'}"


def _counts(values: object) -> str:
    counts = Counter(values)  # type: ignore[call-overload]
    return ", ".join(f"{n:,} on {value}" for value, n in sorted(counts.items()))
