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


def laid_in(panel: AssayPanel, places: pl.DataFrame, build: str) -> tuple[AssayPanel, list[str]]:
    """Return the panel in another build, and a line about each amplicon that is not as it was.

    An amplicon of which a CpG has no certain place in the build, whose CpGs lie on several
    chromosomes there or farther apart than the technology can cover, is left out.
    """
    if build == panel.build:
        return panel, []
    parts = pl.col(build).cast(pl.String).str.extract_groups(_PLACE)
    found = places.select(
        "probe_id",
        new_chrom=parts.struct.field("1"),
        new_pos=parts.struct.field("2").cast(pl.Int64),
    ).with_columns(known=pl.col("new_chrom").is_in(CHROMOSOMES))
    moved = panel.targets.join(found, on="probe_id", how="left", maintain_order="left")
    longest = panel.technology.window(panel.material)
    notes = []
    for row in (
        moved.group_by("amplicon", maintain_order=True)
        .agg(
            lost=pl.col("probe_id").filter(~pl.col("known").fill_null(False)),
            chroms=pl.col("new_chrom").n_unique(),
            length=pl.col("new_pos").max() - pl.col("new_pos").min() + 2,
        )
        .iter_rows(named=True)
    ):
        if row["lost"]:
            why = f"{row['lost'][0]} has no certain place there"
        elif row["chroms"] > 1:
            why = "its CpGs lie on several chromosomes there"
        elif row["length"] > longest:
            why = f"its CpGs lie {row['length']} bp apart there, at most {longest} can be covered"
        else:
            continue
        notes.append(f"amplicon {row['amplicon']} is not laid in {build}: {why}")
    out = [note.split()[1] for note in notes]
    kept = moved.filter(~pl.col("amplicon").is_in(out)).with_columns(
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
    return replace(panel, build=build, targets=targets, windows=windows), notes
