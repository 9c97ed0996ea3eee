"""Genomic bins of an array: groups of neighbouring probes whose median is one measurement.

Belongs here: which probes of an array form which bin, and which probes lie in a called gene.
Does not belong here: intensities.
"""

from __future__ import annotations

import hashlib
import heapq
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from cup_assets.copynumber.errors import CnvError
from cup_assets.copynumber.parameters import CnvParameters
from cup_assets.genome import AUTOSOMES, CHROMOSOMES, chromosome_arms, chromosome_lengths

Index = NDArray[np.int64]

BIN_LAYOUT_SCHEMA = {
    "chrom": pl.String,
    "arm": pl.String,
    "start": pl.Int64,
    "end": pl.Int64,
    "n_probes": pl.Int32,
}

_GENE_REACH = 1_000_000
_ROWS_AT_ONCE = 20_000


@dataclass(frozen=True)
class GenePlace:
    """Where a called gene lies on an array.

    Attributes
    ----------
    rows : int64[...]
        Manifest rows of its probes.
    chrom, arm : str
    centre : int
        Median position of its probes (base pairs).
    """

    rows: Index
    chrom: str
    arm: str
    centre: int


@dataclass(frozen=True)
class Bins:
    """The bins of one array in one genome build.

    Attributes
    ----------
    build : str
        ``hg19`` or ``hg38``.
    key : str
        Hash of the probes (names, places) and of the bins: pools and profiles of different keys
        do not fit together.
    n_array_probes : int
        Number of probes of the array, p.
    frame : pl.DataFrame
        `BIN_LAYOUT_SCHEMA`, one row a bin in genome order; ``start`` and ``end`` are 0-based and
        half-open base pairs. No bin reaches over a centromere.
    probes : int64[m]
        Row of each binned probe in the manifest, in genome order.
    offsets : int64[n_bins + 1]
        Bin ``i`` holds ``probes[offsets[i]:offsets[i + 1]]``.
    sex_probes : dict of str to int64[...]
        Manifest rows of the probes on "X" and on "Y".
    genes : dict of str to GenePlace
        The called genes that have probes on the array.
    """

    build: str
    key: str
    n_array_probes: int
    frame: pl.DataFrame
    probes: Index
    offsets: Index
    sex_probes: dict[str, Index]
    genes: dict[str, GenePlace]

    @property
    def autosomal(self) -> NDArray[np.bool_]:
        """Which bins lie on an autosome (bool[n_bins])."""
        return self.frame["chrom"].is_in(AUTOSOMES).to_numpy()


def make_bins(probes: pl.DataFrame, build: str, parameters: CnvParameters) -> Bins:
    """Divide an array's probes into bins.

    Tiles of ``tile_size`` are merged, the one with the fewest probes first and into its neighbour
    with fewer probes, until each holds ``min_probes`` (conumee2's rule). Arms, gaps wider than
    the widest bin and excluded regions are never bridged. SNP probes are left out: their
    intensity follows the genotype.

    Parameters
    ----------
    probes : pl.DataFrame
        Probes of a manifest in manifest order: ``probe_id``, ``chrom``, ``pos``, ``genes``,
        ``kind``.
    build : str
        ``hg19`` or ``hg38``, in which ``pos`` is given.
    parameters : CnvParameters

    Returns
    -------
    Bins

    Raises
    ------
    CnvError
        If no autosomal bin results (too few probes with a position).
    ValueError
        If the build is unknown.
    """
    placed = _placed_probes(probes, build, parameters)
    widest = _widest_bin(placed.height, build, parameters)
    starts, ends, counts, members = [], [], [], []
    layout: list[tuple[str, str]] = []
    for (chrom, arm), group in placed.group_by("chrom", "arm", maintain_order=True):
        pos = group["pos"].to_numpy()
        rows = group["row"].to_numpy()
        breaks = (np.diff(pos) > widest) | (np.diff(group["stretch"].to_numpy()) != 0)
        for stretch in np.split(np.arange(pos.size), np.flatnonzero(breaks) + 1):
            tile = pos[stretch] // parameters.tile_size
            first = int(tile[0])
            edges = _merge_tiles(np.bincount(tile - first), parameters.min_probes)
            low = (edges + first) * parameters.tile_size
            cuts = np.searchsorted(tile, edges + first)
            for left, right, start, end in zip(cuts, cuts[1:], low, low[1:], strict=False):
                if right - left >= parameters.min_probes and end - start <= widest:
                    starts.append(int(start))
                    ends.append(int(end))
                    counts.append(int(right - left))
                    members.append(rows[stretch[left:right]])
                    layout.append((str(chrom), str(arm)))
    frame = pl.DataFrame(
        {
            "chrom": [chrom for chrom, _ in layout],
            "arm": [arm for _, arm in layout],
            "start": starts,
            "end": ends,
            "n_probes": counts,
        },
        schema=BIN_LAYOUT_SCHEMA,
    )
    if not frame["chrom"].is_in(AUTOSOMES).any():
        raise CnvError(
            f"no copy-number bins on {build}: {placed.height} of {probes.height} probes have a "
            "usable position; check the CHR and MAPINFO columns of the manifest"
        )
    return Bins(
        build=build,
        key=_key(probes, build, frame),
        n_array_probes=probes.height,
        frame=frame,
        probes=np.concatenate(members),
        offsets=np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
        sex_probes={
            chrom: placed.filter(pl.col("chrom") == chrom)["row"].to_numpy() for chrom in ("X", "Y")
        },
        genes=_gene_places(placed, parameters.genes),
    )


def _placed_probes(probes: pl.DataFrame, build: str, parameters: CnvParameters) -> pl.DataFrame:
    """Return usable probes in genome order with their arm and their side of excluded regions."""
    karyotype = pl.Enum(CHROMOSOMES)
    frame = (
        probes.lazy()
        .select(pl.int_range(pl.len()).alias("row"), "chrom", "pos", "genes", "kind")
        .filter(
            pl.col("chrom").is_in(CHROMOSOMES),
            pl.col("pos").is_not_null(),
            pl.col("kind").ne_missing("rs"),
        )
        .drop("kind")
        .with_columns(arm=_arm(build), stretch=pl.lit(0))
        .filter(pl.col("arm").is_not_null())
        .collect()
    )
    for region_build, chrom, start, end in parameters.excluded_regions:
        if region_build == build:
            here, pos = pl.col("chrom") == chrom, pl.col("pos")
            frame = frame.filter(~(here & pos.is_between(start, end, closed="left"))).with_columns(
                stretch=pl.col("stretch") + (here & (pos >= end)).cast(pl.Int32)
            )
    return frame.sort(pl.col("chrom").cast(karyotype), "pos", "row")


def _arm(build: str) -> pl.Expr:
    """Return the arm of each probe, null where it lies on none."""
    arms = chromosome_arms(build)
    arm = pl.lit(None, pl.String)
    # Chained, not joined: a join of half a million rows costs several times their memory.
    for chrom, name, start, end in arms.iter_rows():
        here = pl.col("pos").is_between(start, end, closed="left") & (pl.col("chrom") == chrom)
        arm = pl.when(here).then(pl.lit(name)).otherwise(arm)
    return arm


def _widest_bin(n_probes: int, build: str, parameters: CnvParameters) -> int:
    genome = sum(chromosome_lengths(build).values())
    expected = genome / max(n_probes, 1) * parameters.min_probes
    return max(parameters.max_bin_size, int(parameters.max_bin_spread * expected))


def _merge_tiles(counts: NDArray[np.int64], min_probes: int) -> Index:
    """Return the first tile of each bin, and the end of the last (int64[n_bins + 1])."""
    count = counts.tolist()
    size = len(count)
    before = list(range(-1, size - 1))
    after = list(range(1, size + 1))
    small = [(n, i) for i, n in enumerate(count) if n < min_probes]
    heapq.heapify(small)
    while small:
        n, i = heapq.heappop(small)
        if count[i] != n:
            continue
        left, right = before[i], after[i]
        if left < 0 and right == size:
            break
        into_left = right == size or (left >= 0 and count[left] <= count[right])
        keep, gone = (left, i) if into_left else (i, right)
        count[keep] += count[gone]
        count[gone] = -1
        after[keep] = after[gone]
        if after[gone] < size:
            before[after[gone]] = keep
        if count[keep] < min_probes:
            heapq.heappush(small, (count[keep], keep))
    return np.array([i for i, n in enumerate(count) if n >= 0] + [size], np.int64)


def _gene_places(placed: pl.DataFrame, genes: tuple[str, ...]) -> dict[str, GenePlace]:
    """Find the probes that the manifest gives to each gene.

    A symbol may stand on probes far away (paralogues, old annotation): only those of the gene's
    most frequent arm within 1 Mb of their median position count.
    """
    annotated = (
        # Most probes have none of these genes: only the few candidates are split.
        placed.filter(pl.col("genes").str.contains_any(list(genes)))
        .with_columns(gene=pl.col("genes").str.split(";").list.unique())
        .explode("gene")
        .filter(pl.col("gene").is_in(genes))
    )
    places = {}
    for (gene,), of_gene in sorted(annotated.group_by("gene")):
        tally = of_gene.group_by("arm").len().sort("len", "arm", descending=[True, False])
        of_arm = of_gene.filter(pl.col("arm") == tally["arm"][0]).sort("pos", "row")
        centre = int(np.median(of_arm["pos"].to_numpy()))
        near = of_arm.filter((pl.col("pos") - centre).abs() <= _GENE_REACH)
        places[str(gene)] = GenePlace(
            near["row"].to_numpy(), str(near["chrom"][0]), str(near["arm"][0]), centre
        )
    return places


def _key(probes: pl.DataFrame, build: str, frame: pl.DataFrame) -> str:
    digest = hashlib.sha256(build.encode())
    for column in (probes["probe_id"], probes["chrom"], probes["pos"].cast(pl.String)):
        # In parts: whole columns as Python strings would be the stage's peak of memory.
        for start in range(0, column.len(), _ROWS_AT_ONCE):
            part = column.slice(start, _ROWS_AT_ONCE).fill_null("").to_list()
            digest.update(("\n" * (start > 0) + "\n".join(part)).encode())
    digest.update(frame.write_csv().encode())
    return digest.hexdigest()[:16]
