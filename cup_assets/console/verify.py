"""``cup audit --verify FILE``: whether a bundle is what it says, and says what happened.

Belongs here: the order of checks, what each needs, printing. Does not belong here: the checks
(`cup_assets.audit.checks`, `.recompute`).
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from rich.console import Console
from rich.text import Text

from cup_assets.audit.checks import (
    Check,
    check_entries,
    check_form,
    check_inside,
    compare_steps,
    compare_tables,
    read_account,
    verdict,
)
from cup_assets.audit.container import Bundle, open_bundle
from cup_assets.audit.content import Account
from cup_assets.audit.errors import BundleError
from cup_assets.audit.figures import check_figures
from cup_assets.audit.held_out import check_cross_validated
from cup_assets.audit.panels import check_panel
from cup_assets.cohort.batch_files import PROVENANCE
from cup_assets.compute.environment import environment
from cup_assets.console.bundle import RELEASE_FILES, account_of, own_files, raw_file
from cup_assets.console.errors import ConsoleError
from cup_assets.console.origins import check_origins
from cup_assets.console.recompute import check_releases, recompute
from cup_assets.settings import Settings
from cup_assets.warehouse import Catalogue
from cup_assets.warehouse.bundles import current_versions, noted_bundle, people
from cup_assets.warehouse.evidence import Subject, gather

_COLOURS = {"right": "green", "wrong": "bold red", "not done": "yellow"}


def run_verify(
    settings: Settings, path: Path, *, digest: str | None = None, full: bool = False
) -> None:
    """Print every check with its outcome.

    Parameters
    ----------
    digest
        What was noted when the bundle was made; without it, that part is not done.
    full
        Hash every raw file behind the result, not only the sample's own.

    Raises
    ------
    BundleError
        If the file is no bundle or was changed as a file.
    ConsoleError
        If any check came out wrong.
    """
    console = Console(highlight=False, soft_wrap=True)
    found = []
    for check in checks_of(settings, path, digest=digest, full=full):
        found.append(check)
        line = Text.assemble((f"{check.outcome:8}", _COLOURS[check.outcome]), f"  {check.what}")
        console.print(line.append(f": {check.detail}" if check.detail else ""))
    count = {name: sum(check.outcome == name for check in found) for name in _COLOURS}
    console.print(", ".join(f"{n} {name}" for name, n in count.items()))
    if digest is None and not settings.catalogue.is_file():
        console.print(
            "Without warehouse and digest this says that the file is whole, not who made it:"
            " compare the digest with the one noted, or verify it where it was made.",
            style="yellow",
        )
    if count["wrong"]:
        raise ConsoleError(
            f"{path}: {count['wrong']} check(s) came out wrong: do not rely on this bundle"
        )


def checks_of(
    settings: Settings, path: Path, *, digest: str | None = None, full: bool = False
) -> Iterator[Check]:
    """Yield the checks in order; where the entries are not what they should be, nothing follows."""
    with open_bundle(path) as bundle:
        yield Check("the file is byte for byte what its entries give", "right")
        what = "the digest is the one that was noted"
        if digest is None:
            yield Check(what, "not done", "none was given (--digest)")
        else:
            differs = digest.strip().lower() != bundle.digest
            yield verdict(what, [f"it is {bundle.digest}"] if differs else [])
        entries = check_entries(bundle)
        yield entries
        if entries.outcome == "wrong":
            return
        account = read_account(bundle)
        yield from _believed(settings, bundle, account, full=full)


def _believed(
    settings: Settings, bundle: Bundle, account: Account, *, full: bool
) -> Iterator[Check]:
    """Yield the checks of what the entries say; what breaks one is itself a finding."""
    parts: list[Callable[[], Iterator[Check]]] = [
        lambda: check_inside(bundle, account),
        lambda: iter([check_form(bundle, account, environment())]),
        lambda: _releases(bundle, account),
        lambda: _follows(settings, account),
        lambda: _against_the_warehouse(settings, bundle, account),
        lambda: _raw_files(settings, account, full=full),
        lambda: check_origins(settings, account),
        lambda: recompute(settings, bundle, account),
    ]
    for part in parts:
        try:
            yield from part()
        except (KeyError, TypeError, AttributeError, IndexError, OverflowError) as error:
            raise BundleError(
                f"an entry has not the form that bundles have ({error!r}): it was changed"
            ) from error


def _releases(bundle: Bundle, account: Account) -> Iterator[Check]:
    with tempfile.TemporaryDirectory() as folder:
        yield from check_releases(bundle, account, Path(folder))


def _follows(settings: Settings, account: Account) -> Iterator[Check]:
    """Yield the checks of what follows from rows: no raw file and no model is needed for them."""
    known = people(Catalogue(settings.catalogue)) if settings.catalogue.is_file() else {}
    yield from check_cross_validated(account, known)
    yield from check_figures(account, known)
    yield from check_panel(account)


def _against_the_warehouse(settings: Settings, bundle: Bundle, account: Account) -> Iterator[Check]:
    if not settings.catalogue.is_file():
        for what in ("digest", "steps", "rows", "release files"):
            yield Check(f"{what} against the warehouse", "not done", f"no {settings.catalogue}")
        return
    catalogue = Catalogue(settings.catalogue)
    noted = noted_bundle(catalogue, bundle.digest)
    yield verdict(
        "the warehouse has noted this digest",
        []
        if noted
        else [
            f"{settings.catalogue} has not: the bundle was changed together with its hashes, was"
            " made elsewhere, or after the backup that this warehouse was restored from"
        ],
        f"on {noted['made_at']:%Y-%m-%d %H:%M:%S %Z}" if noted else "",
    )
    subject = account.subject
    results = tuple((name, version) for name, version in subject["results"])
    evidence = gather(catalogue, Subject(subject["kind"], subject["id"], results))
    if not evidence.steps:
        yield Check("steps and rows", "wrong", f"{settings.catalogue} knows none of the results")
        return
    try:
        stored = account_of(settings, evidence, dict(account.environment))
    except ConsoleError as error:
        yield Check("release files are as in the data folder", "wrong", str(error))
        return
    yield from compare_steps(account, stored)
    yield from compare_tables(account, stored, current_versions(catalogue))
    if account.releases or stored.releases:
        wrong = [
            f"{release}/{name}"
            for release in sorted(account.releases.keys() | stored.releases.keys())
            for name in RELEASE_FILES
            if account.releases.get(release, {}).get(name)
            != stored.releases.get(release, {}).get(name)
        ]
        yield verdict("release files are as in the data folder", wrong)


def _raw_files(settings: Settings, account: Account, *, full: bool) -> Iterator[Check]:
    own = own_files(account)
    if not settings.landing.is_dir():
        reason = f"no {settings.landing}"
        yield Check("raw files have the recorded hashes", "not done", reason)
        return
    # Records of origin are looked at by themselves: they may have been corrected since.
    files = {key: sha for key, sha in account.files.items() if key[1] != PROVENANCE}
    wanted = files if full else own
    missing, wrong = [], []
    for (batch, name), sha256 in wanted.items():
        if not (settings.landing / batch / name).exists():
            missing.append(f"{batch}/{name}")
            continue
        try:
            raw_file(settings, batch, name, sha256)
        except ConsoleError as error:
            wrong.append(str(error))
    right = len(wanted) - len(missing)
    if right:
        yield verdict("raw files have the recorded hashes", wrong, f"{right} files")
    if missing:
        yield Check("raw files", "not done", f"{len(missing)} are not here, as {missing[0]}")
    if len(wanted) < len(files):
        others = len(files) - len(wanted)
        yield Check(f"{others} other raw files", "not done", "not asked for (--full)")
