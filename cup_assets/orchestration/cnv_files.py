"""What a batch's copy-number profiles look like: pictures, pages, and exports for genome browsers.

Belongs here: which pictures and files there are, and their names. Does not belong here: formats
(`cup_assets.copynumber.export`), drawing (`cup_assets.report`).
"""

from __future__ import annotations

import hashlib
import html
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import polars as pl

from cup_assets.compute import Mapper
from cup_assets.copynumber import CnvProfile
from cup_assets.copynumber.export import bedgraph_text, seg_text
from cup_assets.orchestration.control_pools import manifest_of
from cup_assets.orchestration.resources import Platform
from cup_assets.report import arm_heatmap, gene_places, genome_plot
from cup_assets.report.interactive_genome import (
    LIBRARY,
    genes_of_bins,
    interactive_genome,
    library,
)

INDEX = "index.html"


def batch_files(
    batch: str,
    profiles: Sequence[CnvProfile],
    genes: Mapping[str, pl.DataFrame],
    bin_genes: Mapping[str, pl.DataFrame],
    array_of: Mapping[str, str],
    mapper: Mapper,
) -> dict[str, bytes]:
    """Return file name -> content of all files of a batch.

    Parameters
    ----------
    batch : str
    profiles : sequence of CnvProfile
        Those without a profile are listed with their reason.
    genes : mapping of array to frame
        Where the called genes lie.
    bin_genes : mapping of array to frame
        ``chrom``, ``start``, ``names``: the genes of each bin.
    array_of : mapping of sample to array
    mapper : Mapper
        Where the pages are drawn.

    Returns
    -------
    dict of str to bytes
        A page and a bedGraph file a sample, a SEG file a genome build, and an index.
    """
    called = [profile for profile in profiles if profile.called]
    arrays = [array_of[profile.sample_id] for profile in called]
    pages = mapper(
        _page,
        [(p, genes[a], bin_genes[a]) for p, a in zip(called, arrays, strict=True)],
    )
    files: dict[str, bytes] = {}
    for profile, page in zip(called, pages, strict=True):
        name = file_name(profile.sample_id)
        files[f"{name}.html"] = page
        track = bedgraph_text(profile.bins, profile.sample_id, profile.build)
        files[f"{name}.{profile.build}.bedgraph"] = track.encode()
    for build in sorted({profile.build for profile in called}):
        segments = pl.concat(p.segments for p in called if p.build == build)
        files[f"{file_name(batch)}.{build}.seg"] = seg_text(segments).encode()
    return files | {INDEX: _index(batch, profiles).encode()}


def keep_library(folder: Path) -> None:
    """Put the pages' drawing library beside the batches' folders, unless it is there."""
    path = folder / LIBRARY
    content = library()
    if path.exists() and path.stat().st_size == len(content):
        return
    folder.mkdir(parents=True, exist_ok=True)
    staged = folder / f".{LIBRARY}"
    staged.write_bytes(content)
    staged.replace(path)


def file_name(sample_id: str) -> str:
    """Return a name that any file system takes, and that no other sample has."""
    plain = re.sub(r"[^A-Za-z0-9._-]", "_", sample_id)
    if plain == sample_id and not plain.startswith("."):
        return plain
    return f"{plain.lstrip('.')}-{hashlib.sha256(sample_id.encode()).hexdigest()[:8]}"


def _page(item: tuple[CnvProfile, pl.DataFrame, pl.DataFrame]) -> bytes:
    profile, genes, bin_genes = item
    names = profile.bins.join(bin_genes, on=["chrom", "start"], how="left", maintain_order="left")[
        "names"
    ]
    title = f"{profile.sample_id}: purity {_purity(profile)}"
    return interactive_genome(
        profile.bins, profile.segments, profile.calls, title, profile.build, genes,
        names.fill_null("").to_list(),
    )  # fmt: skip


def _purity(profile: CnvProfile) -> str:
    purity = profile.purity
    if purity.low is None or purity.high is None:
        return "unknown"
    interval = f"{purity.low:.0%}-{purity.high:.0%}"
    return f"{purity.value:.0%} ({interval})" if purity.value is not None else interval


def _index(batch: str, profiles: Sequence[CnvProfile]) -> str:
    rows = []
    for profile in profiles:
        name = html.escape(profile.sample_id)
        if profile.reason is not None:
            cells = (name, "no call", html.escape(profile.reason))
        else:
            link = f'<a href="{file_name(profile.sample_id)}.html">{name}</a>'
            cells = (link, f"{profile.altered_fraction:.0%}", _purity(profile))
        rows.append("<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>")
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8">'
        f"<title>Copy number of {html.escape(batch)}</title>"
        "<style>body{font-family:sans-serif}td,th{padding:.2em 1em;text-align:left}</style>"
        f"<h1>Copy number of {html.escape(batch)}</h1><table><tr><th>sample</th>"
        f"<th>altered</th><th>purity, or why there is no profile</th></tr>{''.join(rows)}</table>"
        "</html>\n"
    )


def gene_places_of(platform: Platform, samples: pl.DataFrame) -> dict[str, pl.DataFrame]:
    """Return array -> where the called genes lie, for the pictures."""
    genes = platform.parameters.cnv.genes
    return {
        array: gene_places(manifest_of(platform, array).probes, genes)
        for array in samples["array"].unique().sort()
    }


def bin_genes_of(
    platform: Platform, profiles: list[CnvProfile], array_of: Mapping[str, str]
) -> dict[str, pl.DataFrame]:
    """Return array -> the genes of its bins, for the pages."""
    of_array: dict[str, list[pl.DataFrame]] = {}
    for profile in profiles:
        places = profile.bins.select("chrom", "start", "end")
        of_array.setdefault(array_of[profile.sample_id], []).append(places)
    found = {}
    for array, frames in of_array.items():
        places = pl.concat(frames).unique(maintain_order=True)
        names = genes_of_bins(manifest_of(platform, array).probes, places)
        found[array] = places.drop("end").with_columns(names=pl.Series(names, dtype=pl.String))
    return found


def batch_pictures(
    samples: pl.DataFrame,
    profiles: list[CnvProfile],
    calls: pl.DataFrame,
    genes: Mapping[str, pl.DataFrame],
    mapper: Mapper,
) -> dict[str, bytes]:
    """Draw the arms of the batch, and the genomes of diagnostic cases and of the most altered."""
    called = [profile for profile in profiles if profile.called]
    if not called:
        return {}
    most = max(called, key=lambda profile: profile.altered_fraction or 0.0)
    diagnostic = set(samples.filter(pl.col("role") == "diagnostic")["sample_id"])
    array_of = dict(samples["sample_id", "array"].iter_rows())
    drawn = [
        (profile, genes[array_of[profile.sample_id]])
        for profile in called
        if profile is most or profile.sample_id in diagnostic
    ]
    # Drawing a genome takes longer than profiling it, and a batch may hold many cases.
    genomes = mapper(_draw_genome, drawn)
    return {"arms": arm_heatmap(calls.filter(pl.col("kind") == "arm"))} | {
        f"genome {profile.sample_id}": picture
        for (profile, _), picture in zip(drawn, genomes, strict=True)
    }


def _draw_genome(item: tuple[CnvProfile, pl.DataFrame]) -> bytes:
    profile, genes = item
    return genome_plot(
        profile.bins, profile.segments, profile.calls, profile.sample_id, profile.build, genes
    )
