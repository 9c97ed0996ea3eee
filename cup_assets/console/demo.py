"""``cup demo`` and ``cup simulate``.

Belongs here: simulating into a folder, and showing what came out. Does not belong here: the
simulation itself.
"""

from __future__ import annotations

import time
from pathlib import Path

from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from cup_assets.compute import make_mapper
from cup_assets.console.errors import ConsoleError
from cup_assets.console.materialise import run_materialize
from cup_assets.settings import Settings
from cup_assets.simulate import (
    CohortDesign,
    SimulatedCohort,
    design_from_options,
    simulate_cohort,
)
from cup_assets.warehouse import Catalogue

_SHOWN = ("error", "balanced_accuracy", "macro_f1", "auc_hand_till", "brier", "log_loss")


def run_demo(settings: Settings) -> None:
    """Simulate once, bring everything up to date, print the leaderboard and where things are."""
    console = Console(highlight=False)
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
    array: str,
    samples: int | None,
    seed: int,
    gz: bool,
    manifest: Path | None,
) -> None:
    """Write a simulated cohort and say what is where."""
    design = design_from_options(array=array, samples=samples, seed=seed, gz=gz, manifest=manifest)
    console = Console(highlight=False)
    cohort = _simulate(settings, folder, design, console)
    console.print(
        f"SIMULATED cohort in {cohort.folder}: {len(cohort.batches)} batches in landing/, the"
        " array's manifest in manifests/, the truth in truth/\n"
        f"Next: CUP_DATA={cohort.folder} cup materialize",
        soft_wrap=True,
    )


def leaderboard(catalogue: Catalogue) -> Table:
    """Return the models' metrics, best calibrated log loss first, 95 % intervals beside."""
    rows = catalogue.query(
        "SELECT model, scheme, metric, value, low, high FROM cv_metrics"
        ' WHERE "class" IS NULL AND list_contains(?, metric)',
        [list(_SHOWN)],
    )
    table = Table(title="Leaderboard (nested cross-validation, calibrated, 95 % interval)")
    table.add_column("model")
    for metric in _SHOWN:
        table.add_column(metric, justify="right")
    found: dict[tuple[str, str], dict[str, tuple[float, float, float]]] = {}
    for model, scheme, metric, value, low, high in rows.iter_rows():
        found.setdefault((model, scheme), {})[metric] = (value, low, high)
    worst = (float("inf"),) * 3
    for (model, scheme), values in sorted(
        found.items(), key=lambda item: item[1].get("log_loss", worst)[0]
    ):
        cells = [_cell(values.get(metric)) for metric in _SHOWN]
        table.add_row(f"{model} ({scheme})", *cells)
    return table


def _cell(values: tuple[float | None, float | None, float | None] | None) -> str:
    if values is None or values[0] is None:
        return "undefined"
    value, low, high = values
    return f"{value:.3f}" if low is None or high is None else f"{value:.3f} ({low:.3f}–{high:.3f})"


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
            make_mapper(settings),
            lambda done, total: progress.update(bar, completed=done, total=total),
        )
