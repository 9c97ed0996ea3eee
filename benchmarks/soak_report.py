"""What a soak showed: a table of slopes with their intervals, and a picture.

Belongs here: reading ``soak.csv``. Does not belong here: measuring (`soak`).
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from cup_assets.report import style

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COSTS = {
    "run_seconds": "wall seconds of a run",
    "cpu_per_batch": "CPU seconds a batch, all processes",
    "tick_seconds": "seconds of a landing tick",
}
MEMORY = {
    "daemon_mb": "daemon, MB",
    "webserver_mb": "web server, MB",
    "code_server_mb": "code server, MB",
}
SIZES = {
    "catalogue_mb": "database, MB",
    "matrices_mb": "matrices, MB",
    "dagster_mb": "Dagster storage, MB",
    "reports_mb": "reports, MB",
    "files": "files (landing left out)",
}
WARMED_UP = 5  # batches: the first reads manifests, makes the pool, fills caches
WINDOW = 5  # batches share the processors: their CPU time is told apart only on average


def slope(x: np.ndarray, y: np.ndarray) -> tuple[float, float, float]:
    """Return the Theil-Sen slope and its 95 % interval."""
    from scipy.stats import theilslopes

    found = theilslopes(y, x, 0.95)
    return float(found.slope), float(found.low_slope), float(found.high_slope)


def measured(folder: Path) -> pl.DataFrame:
    rows = pl.read_csv(folder / "soak.csv")
    cpu = rows["cpu_seconds"].diff(WINDOW) / WINDOW
    return rows.with_columns(cpu_per_batch=cpu)


def report(folder: Path) -> None:
    rows = measured(folder)
    verdict = folder / "verdict.txt"
    print(verdict.read_text() if verdict.exists() else f"after {rows.height} batches (not over):")
    print(f"{'':38s}{'first':>9s}{'last':>9s}{'per 100 batches (95 %)':>30s}")
    for name, label in (COSTS | MEMORY | SIZES).items():
        known = rows[WARMED_UP:].select("done", name).drop_nulls()
        if known.height < 8:
            continue
        x, y = known["done"].to_numpy(), known[name].to_numpy().astype(float)
        n = max(1, len(y) // 10)
        middle, low, high = (100 * value for value in slope(x, y))
        span = f"{middle:+.2f} ({low:+.2f} to {high:+.2f})"
        text = f"{label:38s}{np.median(y[:n]):9.2f}{np.median(y[-n:]):9.2f}{span:>30s}"
        if name in SIZES and np.ptp(y):
            text += f"   R2 of a line {np.corrcoef(x, y)[0, 1] ** 2:.4f}"
        print(text)
    (folder / "soak.png").write_bytes(soak_plot(rows))
    print(f"picture: {folder / 'soak.png'}")


@style.picture
def soak_plot(rows: pl.DataFrame) -> Figure:
    """Draw cost, memory and sizes against the number of batches."""
    figure = style.new_figure(7.2)
    panels = figure.subplots(2, 2, sharex=True)
    colours = (style.ACCENT, style.LOSS, "#009E73", "#CC79A7")
    x = rows["done"].to_numpy()
    groups = (
        ("Cost of a batch, s", {name: COSTS[name] for name in ("run_seconds", "cpu_per_batch")}),
        ("Memory, MB", MEMORY),
        ("Storage, MB", {name: SIZES[name] for name in list(SIZES)[:4]}),
        ("A landing tick, s", {"tick_seconds": COSTS["tick_seconds"]}),
    )
    for axes, (title, names) in zip(panels.flat, groups, strict=True):
        for colour, (name, label) in zip(colours, names.items(), strict=False):
            axes.plot(x, rows[name].to_numpy(), ".", ms=4, color=colour, label=label.split(",")[0])
        axes.set_title(title)
        axes.set_ylim(bottom=0)
        style.grid(axes)
        if len(names) > 1:
            axes.legend(frameon=False, fontsize=8)
    for axes in panels[1]:
        axes.set_xlabel("batches done")
    style.entitle(
        figure,
        f"Soak: {rows.height} batches through the landing sensor",
        "Each point is a batch, when it was done.",
    )
    return figure
