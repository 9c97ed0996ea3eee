"""An assay panel as files: BED for genome browsers and designers of primers, CSV to order by.

Belongs here: text. Does not belong here: where it is kept.
"""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from cup_assets.genome import CHROMOSOMES, chromosome_lengths
from cup_assets.panels.assay import AssayPanel
from cup_assets.panels.assay_builds import builds_of, laid_in


def targets_bed(panel: AssayPanel) -> str:
    """Return the CpGs as BED: 0-based, half-open, the C and the G, named after the probes."""
    return _bed(panel, "CpGs", panel.targets.rename({"probe_id": "name"}))


def windows_bed(panel: AssayPanel) -> str:
    """Return the windows as BED, with the technology's flank on each side."""
    flank = panel.technology.flank
    windows = panel.windows.with_columns(
        pl.max_horizontal(pl.col("start") - flank, 0).alias("start"), pl.col("end") + flank
    )
    if flank:
        lengths = chromosome_lengths(panel.build)
        length = pl.col("chrom").replace_strict(lengths, return_dtype=pl.Int64)
        windows = windows.with_columns(pl.min_horizontal("end", length).alias("end"))
    what = f"windows with {flank} bp on each side" if flank else "windows"
    return _bed(panel, what, windows.rename({"amplicon": "name"}))


def order_csv(panel: AssayPanel, lost: Mapping[str, str] | None = None) -> str:
    """Return a line an amplicon: (amplicon, chrom, start, end, build, ...), as for `windows`.

    ``start`` and ``end`` are 0-based, half-open, of the window that must lie between the primers;
    ``longest_amplicon`` is the limit in bp, primers included.

    Parameters
    ----------
    panel
    lost
        Amplicons that cannot be laid in this build, and why (`laid_in`): they have a line without
        a place, and the reason in ``note``, so that nobody orders a part of a panel for the whole.
    """
    missing = pl.DataFrame(
        {"amplicon": list(lost or {}), "note": list((lost or {}).values())},
        schema={"amplicon": pl.String, "note": pl.String},
    )
    lines = pl.concat([panel.windows, missing], how="diagonal").sort(
        pl.col("amplicon").str.strip_prefix("A").cast(pl.Int64)
    )
    return lines.select(
        "amplicon",
        pl.concat_str(pl.lit("chr"), "chrom").alias("chrom"),
        "start",
        "end",
        pl.lit(panel.build).alias("build"),
        pl.lit(panel.technology.name).alias("technology"),
        pl.lit(panel.material).alias("material"),
        pl.lit(panel.technology.amplicon[panel.material]).alias("longest_amplicon"),
        pl.col("cpgs").list.join(";"),
        "genes",
        "note",
    ).write_csv()


def panel_files(panel: AssayPanel, places: pl.DataFrame) -> dict[str, bytes]:
    """Return all files of a panel by name: BED and CSV in every build, and who was left out, why.

    Parameters
    ----------
    places
        Of all CpGs, a column a build (`cup_assets.cohort.places.places_by_build`).
    """
    texts = {"left_out.csv": panel.left_out.write_csv()}
    for build in builds_of(places):
        here, lost = laid_in(panel, places, build)
        said = "".join(
            f"# amplicon {name} is not laid in {build}: {why}\n" for name, why in lost.items()
        )
        texts[f"targets_{build}.bed"] = said + targets_bed(here)
        texts[f"windows_{build}.bed"] = said + windows_bed(here)
        texts[f"order_{build}.csv"] = order_csv(here, lost)
    return {name: text.encode() for name, text in texts.items()}


def _bed(panel: AssayPanel, what: str, places: pl.DataFrame) -> str:
    head = (
        f"# {what} of {panel.technology.title}, {panel.material}, genome build {panel.build},"
        " 0-based half-open\n"
    )
    rows = places.sort(pl.col("chrom").cast(pl.Enum(CHROMOSOMES)), "start", "name")
    return head + "".join(
        f"chr{chrom}\t{start}\t{end}\t{name}\n"
        for chrom, start, end, name in rows.select("chrom", "start", "end", "name").iter_rows()
    )
