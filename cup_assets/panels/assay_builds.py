"""An assay panel in the coordinates of another genome build.

Belongs here: the same CpGs and amplicons at other places, and which of them cannot be laid there.
Does not belong here: the choice, which is made in one build (assay).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import polars as pl

from cup_assets.genome import CHROMOSOMES
from cup_assets.panels.assay import AssayPanel
from cup_assets.panels.parameters import PanelError
from cup_assets.panels.windows import Target, Windows

_PLACE = r"^(?:chr)?([0-9XY]+):([1-9][0-9]*)$"


def builds_of(places: pl.DataFrame) -> list[str]:
    """Return the genome builds of a frame of places (`places_by_build`)."""
    return [name for name in places.columns if name not in ("probe_id", "genes")]


def best_build(places: pl.DataFrame, names: Sequence[str]) -> str:
    """Return the build in which most of the CpGs have one certain place; the newest of equals.

    Raises
    ------
    PanelError
        Where no build is known.
    """
    some = places.filter(pl.col("probe_id").is_in(list(names)))
    counts = {
        build: int(some[build].cast(pl.String).str.contains(_PLACE).sum())
        for build in builds_of(places)
    }
    if not counts:
        raise PanelError("the manifests name no genome build: amplicons cannot be laid")
    return max(sorted(counts, reverse=True), key=counts.__getitem__)


def laid_in(
    panel: AssayPanel, places: pl.DataFrame, build: str
) -> tuple[AssayPanel, dict[str, str]]:
    """Return the panel in another build, and by amplicon why it cannot be laid there.

    An amplicon is left out of which a CpG has no certain place in the build or shares its place
    with another one, whose CpGs lie on several chromosomes there or farther apart than the
    technology can cover, or which would overlap one that was chosen before it: a build may turn
    pieces of the genome round, or move them.
    """
    if build == panel.build:
        return panel, {}
    parts = pl.col(build).cast(pl.String).str.extract_groups(_PLACE)
    found = places.select(
        "probe_id",
        new_chrom=parts.struct.field("1"),
        new_pos=parts.struct.field("2").cast(pl.Int64),
    ).with_columns(known=pl.col("new_chrom").is_in(CHROMOSOMES))
    moved = panel.targets.join(found, on="probe_id", how="left", maintain_order="left")
    lost = _not_laid(moved, panel.windows["amplicon"].to_list(), panel)
    kept = moved.filter(~pl.col("amplicon").is_in(list(lost))).with_columns(
        chrom="new_chrom", start=pl.col("new_pos") - 1, end=pl.col("new_pos") + 1
    )
    spans = kept.group_by("amplicon", maintain_order=True).agg(
        pl.col("chrom").first(),
        pl.col("start").min(),
        pl.col("end").max(),
        cpgs=pl.col("probe_id").sort_by("start"),
    )
    windows = (
        panel.windows.select("amplicon", "genes")
        .join(spans, on="amplicon", maintain_order="left")
        .select(*panel.windows.columns)
    )
    targets = kept.select(*panel.targets.columns)
    return replace(panel, build=build, targets=targets, windows=windows), lost


def _not_laid(moved: pl.DataFrame, amplicons: Sequence[str], panel: AssayPanel) -> dict[str, str]:
    """Return why amplicons cannot be laid, asked in the order in which they were chosen."""
    longest = panel.technology.window(panel.material)
    laid = Windows(longest, len(amplicons))
    lost = {}
    members = moved.partition_by("amplicon", as_dict=True)
    for amplicon in amplicons:
        own = members[amplicon,].sort("new_pos", "probe_id")
        unknown = own.filter(~pl.col("known").fill_null(False))["probe_id"].sort()
        first, last = own.row(0, named=True), own.row(-1, named=True)
        if unknown.len():
            lost[amplicon] = f"{unknown[0]} has no certain place there"
            continue
        if own["new_chrom"].n_unique() > 1:
            lost[amplicon] = "its CpGs lie on several chromosomes there"
            continue
        span = (first["new_chrom"], first["new_pos"] - 1, last["new_pos"] + 1)
        if (length := span[2] - span[1]) > longest:
            lost[amplicon] = (
                f"its CpGs lie {length} bp apart there, at most {longest} can be covered"
            )
        elif own["new_pos"].is_duplicated().any():
            lost[amplicon] = "two of its CpGs have the same place there"
        elif (other := laid.taken(*span)) is not None:
            lost[amplicon] = f"it overlaps amplicon {other.members[0]} there"
        else:
            laid.open(Target(amplicon, *span))
    return lost
