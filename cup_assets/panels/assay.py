"""The CpGs of a panel that a technology can measure, grouped in amplicons.

Belongs here: the choice, and why each other CpG is left out. Does not belong here: the order of
importance (select), how well the panel works (assay_accuracy), files for people (assay_files).

Of the genome's sequence nothing is known here: whether primers without CpGs and SNPs exist beside a
window is for the design of the primers to find out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from cup_assets.genome import CHROMOSOMES
from cup_assets.panels.parameters import PanelError
from cup_assets.panels.technology import Technology
from cup_assets.panels.windows import Target, Window, Windows

TARGET_SCHEMA = {
    "order": pl.Int64,
    "probe_id": pl.String,
    "amplicon": pl.String,
    "chrom": pl.String,
    "start": pl.Int64,
    "end": pl.Int64,
    "class": pl.String,
    "difference": pl.Float64,
    "genes": pl.String,
}
LEFT_OUT_SCHEMA = {"order": pl.Int64, "probe_id": pl.String, "reason": pl.String}
WINDOW_SCHEMA = {
    "amplicon": pl.String,
    "chrom": pl.String,
    "start": pl.Int64,
    "end": pl.Int64,
    "cpgs": pl.List(pl.String),
    "genes": pl.String,
}


@dataclass(frozen=True, eq=False)
class AssayPanel:
    """CpGs to measure with a technology.

    Attributes
    ----------
    technology, material, build
    targets
        (order, probe_id, amplicon, chrom, start, end, class, difference, genes) of the chosen, in
        the order of importance; order counts from 1 in the list that was chosen from. Places are
        0-based, half-open, of the C and the G. The class is the one that the CpG tells best from
        the others, by the difference of mean beta.
    windows
        (amplicon, chrom, start, end, cpgs, genes): from the first to the last CpG of each
        amplicon, in the order in which they were chosen; primers lie outside. Windows never
        overlap.
    left_out
        (order, probe_id, reason) of every other CpG of the list.
    """

    technology: Technology
    material: str
    build: str
    targets: pl.DataFrame
    windows: pl.DataFrame
    left_out: pl.DataFrame


def assay_panel(
    ordered: pl.DataFrame,
    places: pl.DataFrame,
    effects: pl.DataFrame,
    excluded: Mapping[str, str],
    technology: Technology,
    size: int,
    build: str = "hg38",
    material: str = "FFPE",
) -> AssayPanel:
    """Choose the CpGs of a panel for a technology, the most important first.

    CpGs are taken in their order, but one that lies in the window of an amplicon chosen already,
    within the next ``technology.look_ahead`` places, goes before one that needs an amplicon of its
    own. Once there are no amplicons left, only such CpGs are taken. Where an amplicon gives one
    value, its CpGs all mark the same class by the same direction: the mean of others would say
    nothing.

    Parameters
    ----------
    ordered
        Frame with ``probe_id``, the most important CpG first (`order_cpgs`).
    places
        ``probe_id``, a column named after the build with ``chrom:pos`` (1-based), ``genes``
        (`cup_assets.cohort.places.places_by_build`).
    effects
        (probe_id, class, difference, ...) of `class_effects`.
    excluded
        Reason against each CpG that must not be used, as a SNP under the probe or cross-reaction.
    technology
    size
        Most CpGs.
    build
        Genome build of the places.
    material
        Material of the DNA, which limits the length of amplicons.

    Raises
    ------
    PanelError
        Where nothing can be chosen, or the input does not fit.
    """
    longest = technology.window(material)
    if size < 1:
        raise PanelError(f"size is {size}: a panel has at least 1 CpG")
    if build not in places.columns:
        builds = sorted(set(places.columns) - {"probe_id", "genes"})
        raise PanelError(f"no place is known in {build}: use {' or '.join(builds) or 'no build'}")
    for name, frame in (("ordered list", ordered), ("places", places)):
        if (doubled := frame["probe_id"].is_duplicated()).any():
            raise PanelError(f"{frame['probe_id'].filter(doubled)[0]} is twice in the {name}")
    listed = _described(ordered, places, effects, build)
    reasons = _unfit(listed, excluded, technology, build)
    fit = listed.filter(~pl.col("probe_id").is_in(list(reasons)))
    windows, others = _grouped(_targets(fit, technology), technology, longest, size)
    if not windows:
        why = pl.Series(list(reasons.values()), dtype=pl.String).value_counts(sort=True)
        most = f"; most often: {why.item(0, 0)}" if why.height else ""
        raise PanelError(
            f"none of {listed.height} CpGs can be measured by {technology.title}{most}"
        )
    return _result(listed, windows, reasons | others, technology, material, build)


def unfit_cpgs(
    names: pl.DataFrame,
    places: pl.DataFrame,
    effects: pl.DataFrame,
    excluded: Mapping[str, str],
    technology: Technology,
    build: str,
) -> dict[str, str]:
    """Return the reason against each CpG of a frame (probe_id) that cannot be measured even alone.

    The other arguments are those of `assay_panel`.
    """
    return _unfit(_described(names, places, effects, build), excluded, technology, build)


def _described(
    ordered: pl.DataFrame, places: pl.DataFrame, effects: pl.DataFrame, build: str
) -> pl.DataFrame:
    """Return (order, probe_id, place, chrom, pos, class, difference, genes)."""
    parts = pl.col("place").str.extract_groups(r"^(?:chr)?([0-9XY]+):([1-9][0-9]*)$")
    strongest = (
        effects.filter(pl.col("difference").is_not_nan())
        .sort(pl.col("difference").abs(), "class", descending=[True, False])
        .unique("probe_id", keep="first", maintain_order=True)
        .select("probe_id", "class", "difference")
    )
    genes = pl.col("genes") if "genes" in places.columns else pl.lit(None, dtype=pl.String)
    found = places.select("probe_id", pl.col(build).cast(pl.String).alias("place"), genes=genes)
    return (
        ordered.select("probe_id")
        .with_row_index("order", offset=1)
        .join(found, on="probe_id", how="left", maintain_order="left")
        .join(strongest, on="probe_id", how="left", maintain_order="left")
        .with_columns(
            parts.struct.field("1").alias("chrom"),
            parts.struct.field("2").cast(pl.Int64).alias("pos"),
        )
    )


def _unfit(
    listed: pl.DataFrame, excluded: Mapping[str, str], technology: Technology, build: str
) -> dict[str, str]:
    """Return the reason against each CpG that could not be measured even alone."""
    reasons = {}
    for row in listed.iter_rows(named=True):
        name, place, difference = row["probe_id"], row["place"], row["difference"]
        if name in excluded:
            reasons[name] = f"excluded: {excluded[name]}"
        elif not name.startswith("cg"):
            reasons[name] = "measures no CpG"
        elif place is None:
            reasons[name] = f"its place in {build} is unknown"
        elif " / " in place:
            reasons[name] = f"its place in {build} is not certain: {place}"
        elif row["chrom"] not in CHROMOSOMES:
            reasons[name] = f"{place} in {build} is no place on a chromosome"
        elif difference is None:
            reasons[name] = "its effect is unknown"
        elif abs(difference) < technology.least_effect:
            least = f"{technology.title} needs {technology.least_effect:g}"
            # Rounded down: .249 must not be called .25.
            shown = int(abs(difference) * 1000) / 1000
            reasons[name] = f"its largest difference of mean beta is {shown:.3f}, {least}"
    return reasons


def _targets(fit: pl.DataFrame, technology: Technology) -> list[Target]:
    """Return the CpGs in order, as what an amplicon has to cover."""
    return [
        Target(
            row["probe_id"],
            row["chrom"],
            row["pos"] - 1,
            row["pos"] + 1,
            f"{row['class']}, {'hyper' if row['difference'] > 0 else 'hypo'}methylated"
            if technology.resolution == "amplicon"
            else "",
        )
        for row in fit.iter_rows(named=True)
    ]


def _grouped(
    waiting: list[Target], technology: Technology, longest: int, size: int
) -> tuple[list[Window], dict[str, str]]:
    """Return the amplicons, and the reason against each CpG that has none."""
    windows = Windows(longest, technology.max_amplicons)
    reasons: dict[str, str] = {}
    measured: dict[tuple[str, int], str] = {}
    waiting = list(waiting)
    while waiting and len(measured) < size:
        at, home = _next(waiting, windows, technology.look_ahead)
        target = waiting.pop(at)
        if (same := measured.get((target.chrom, target.start))) is not None:
            reasons[target.name] = f"is the same CpG as {same}"
            continue
        if home is not None:
            windows.join(home, target)
        elif (other := windows.taken(target.chrom, target.start, target.end)) is not None:
            why = f", which gives one value for: {other.says}" if other.says else ""
            reasons[target.name] = f"has no room beside amplicon {_amplicon(other)}{why}"
            continue
        elif windows.full:
            reasons[target.name] = (
                f"needs an amplicon of its own, and all {technology.max_amplicons} are used"
            )
            continue
        else:
            windows.open(target)
        measured[target.chrom, target.start] = target.name
    reasons |= {target.name: f"the panel has its {size} CpGs" for target in waiting}
    return windows.in_order(), reasons


def _next(waiting: list[Target], windows: Windows, look_ahead: int) -> tuple[int, Window | None]:
    """Return the position of the CpG to decide on next, and the window that can take it in."""
    for at, target in enumerate(waiting[: look_ahead + 1]):
        if (home := windows.home(target)) is not None:
            return at, home
    return 0, None


def _amplicon(window: Window) -> str:
    return f"A{window.number:03d}"


def _result(
    listed: pl.DataFrame,
    windows: list[Window],
    reasons: Mapping[str, str],
    technology: Technology,
    material: str,
    build: str,
) -> AssayPanel:
    amplicon_of = {name: _amplicon(window) for window in windows for name in window.members}
    names = pl.col("probe_id")
    chosen = listed.filter(names.is_in(list(amplicon_of))).with_columns(
        names.replace_strict(amplicon_of, return_dtype=pl.String).alias("amplicon"),
        (pl.col("pos") - 1).alias("start"),
        (pl.col("pos") + 1).alias("end"),
    )
    targets = chosen.select(pl.col(name).cast(kind) for name, kind in TARGET_SCHEMA.items())
    left = listed.filter(names.is_in(list(reasons))).with_columns(
        names.replace_strict(reasons, return_dtype=pl.String).alias("reason")
    )
    spans = (
        targets.group_by("amplicon")
        .agg(
            pl.col("chrom").first(),
            pl.col("start").min(),
            pl.col("end").max(),
            pl.col("probe_id").sort_by("start").alias("cpgs"),
            pl.col("genes").str.split(";").explode().drop_nulls().unique().sort().str.join(";"),
        )
        .sort(pl.col("amplicon").str.strip_prefix("A").cast(pl.Int64))
    )
    return AssayPanel(
        technology,
        material,
        build,
        targets,
        spans.select(*WINDOW_SCHEMA),
        left.select(pl.col(name).cast(kind) for name, kind in LEFT_OUT_SCHEMA.items()),
    )
