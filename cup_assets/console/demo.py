"""``cup demo`` and ``cup simulate``.

Belongs here: simulating into a folder, and showing what came out. Does not belong here: the
simulation itself, and the demo's parameters (``demo_parameters.toml``).
"""

from __future__ import annotations

import time
from dataclasses import replace
from importlib.resources import files
from pathlib import Path

from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from cup_assets.cohort.schemes import SCHEMES
from cup_assets.compute import make_file_mapper
from cup_assets.console.errors import ConsoleError
from cup_assets.console.materialise import run_materialize
from cup_assets.console.wide import wide_console
from cup_assets.settings import Settings
from cup_assets.simulate import (
    CohortDesign,
    SimulatedCohort,
    design_from_options,
    simulate_cohort,
)
from cup_assets.warehouse import Catalogue

Estimate = tuple[float | None, float | None, float | None]

_SHOWN_BESIDE = (
    ("balanced_accuracy", ".1%"),
    ("macro_f1", ".3f"),
    ("brier", ".3f"),
    ("log_loss", ".3f"),
)
_SHOWN = ("error", *(metric for metric, _ in _SHOWN_BESIDE))


def run_demo(settings: Settings) -> None:
    """Simulate once, bring everything up to date, print the leaderboard and where things are."""
    console = wide_console()
    started = time.monotonic()
    if (settings.data / "truth" / "design.json").exists():
        console.print(f"The simulated cohort is already in {settings.data}.")
    elif settings.landing.exists() and any(p.is_dir() for p in settings.landing.iterdir()):
        raise ConsoleError(
            f"{settings.landing} already holds batches, and simulated cases must not mix with real"
            " ones: set CUP_DATA to an empty folder for the demo"
        )
    else:
        _simulate(settings, settings.data, CohortDesign.demo(), console)
    _write_parameters(settings, console)
    run_materialize(settings)
    catalogue = Catalogue(settings.catalogue)
    console.print(leaderboard(catalogue))
    console.print(predictions(catalogue))
    console.print(
        f"All of it is SIMULATED data. Done in {time.monotonic() - started:.0f} s.\n"
        f"  database  {settings.catalogue}\n"
        f"  pictures  {settings.reports / 'pictures'}\n"
        f"  releases  {settings.releases}\n"
        f"Next:\n"
        f"  make ui                       the lineage and every picture, on http://127.0.0.1:3000\n"
        f"  .venv/bin/cup audit {_some_case(catalogue)}      from a score back to the raw files",
        soft_wrap=True,
    )


def run_simulate(
    settings: Settings,
    folder: Path,
    *,
    batches: int | None = None,
    first_number: int = 1,
    array: str = "mini",
    samples: int | None = None,
    seed: int = 1,
    gz: bool = False,
    manifest: Path | None = None,
) -> None:
    """Write a simulated cohort and say what is where."""
    design = design_from_options(array=array, samples=samples, seed=seed, gz=gz, manifest=manifest)
    design = replace(design, first_number=first_number, batches=batches or design.batches)
    console = Console(highlight=False)
    cohort = _simulate(settings, folder, design, console)
    console.print(
        f"SIMULATED cohort in {cohort.folder}: {len(cohort.batches)} batches in landing/, the"
        " array's manifest in manifests/, the truth in truth/\n"
        f"Next: CUP_DATA={cohort.folder} cup materialize   (or copy its batches to another cohort's"
        " landing folder)",
        soft_wrap=True,
    )


def leaderboard(catalogue: Catalogue) -> Table:
    """Return the models' metrics, scheme by scheme, best calibrated log loss first."""
    rows = catalogue.query(
        "SELECT model, scheme, metric, value, low, high FROM cv_metrics"
        " WHERE \"class\" IS NULL AND study = 'leaderboard' AND list_contains(?, metric)",
        [list(_SHOWN)],
    )
    table = Table(title="Leaderboard: nested cross-validation, calibrated (95 % interval)")
    for title in ("scheme", "model", "error", "", *(name for name, _ in _SHOWN_BESIDE)):
        table.add_column(title, justify="left" if title in ("model", "scheme", "") else "right")
    found: dict[str, dict[str, dict[str, Estimate]]] = {}
    for model, scheme, metric, value, low, high in rows.iter_rows():
        found.setdefault(scheme, {}).setdefault(model, {})[metric] = (value, low, high)
    for scheme in sorted(found, key=SCHEMES.index):
        models = sorted(found[scheme].items(), key=lambda item: _log_loss(item[1]))
        for place, (model, values) in enumerate(models):
            error, low, high = values.get("error", (None, None, None))
            interval = "" if low is None or high is None else f"{low:.1%} to {high:.1%}"
            beside = [_cell(values.get(metric), shape) for metric, shape in _SHOWN_BESIDE]
            first = "" if place else scheme
            table.add_row(first, model, _cell((error, low, high), ".1%"), interval, *beside)
        table.add_section()
    return table


def _log_loss(values: dict[str, Estimate]) -> float:
    value = values.get("log_loss", (None, None, None))[0]
    return float("inf") if value is None else value


def _cell(estimate: Estimate | None, shape: str) -> str:
    return "undefined" if estimate is None or estimate[0] is None else format(estimate[0], shape)


def predictions(catalogue: Catalogue) -> Table:
    """Return how the diagnostic cases were called by the current release."""
    rows = catalogue.query(
        "SELECT call, count(DISTINCT sample_id) AS n FROM predictions JOIN releases USING (release)"
        " WHERE releases.is_current GROUP BY call ORDER BY call"
    )
    table = Table(title="Diagnostic cases, current release")
    table.add_column("call")
    table.add_column("cases", justify="right")
    for call, n in rows.iter_rows():
        table.add_row(call, str(n))
    return table


def _write_parameters(settings: Settings, console: Console) -> None:
    """Make the demo small, unless somebody has chosen parameters for this folder."""
    if settings.parameters.exists():
        console.print(f"Parameters are those of {settings.parameters}.")
        return
    text = files("cup_assets.console").joinpath("demo_parameters.toml").read_text("utf-8")
    settings.parameters.write_text(text, encoding="utf-8")
    console.print(
        f"Smaller than by default, to take minutes: {settings.parameters} says what (3 x 3 folds"
        " instead of 5 x 5, 2,000 probes instead of 10,000, and more).",
        soft_wrap=True,
    )


def _some_case(catalogue: Catalogue) -> str:
    rows = catalogue.query("SELECT sample_id FROM predictions ORDER BY sample_id LIMIT 1")
    return str(rows["sample_id"][0]) if rows.height else "SAMPLE_ID"


def _simulate(
    settings: Settings, folder: Path, design: CohortDesign, console: Console
) -> SimulatedCohort:
    with Progress(console=console, transient=True) as progress:
        bar = progress.add_task("simulating IDAT files", total=None)
        return simulate_cohort(
            folder,
            design,
            make_file_mapper(settings),
            lambda done, total: progress.update(bar, completed=done, total=total),
        )
