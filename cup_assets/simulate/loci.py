"""The simulated genome of measured loci: a locus' name, chromosome and position from its number.

Belongs here: what a locus is on every array. Does not belong here: which loci an array carries
(`arrays`), their methylation (`methylation`).

Every attribute is computed from the number alone, so a small array costs no more than its own
loci, and arrays that share loci agree on them.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import polars as pl

from cup_assets.genome import chromosome_arms
from cup_assets.methylome.manifest_annotation import OPEN_SEA
from cup_assets.simulate.genes import GENES
from cup_assets.simulate.hashing import Keys, uniform

# Probes a chromosome on the HumanMethylation450 manifest: the realistic share of each.
_SHARE = {
    **{"1": 45219, "2": 33542, "3": 24412, "4": 19678, "5": 23467, "6": 35272, "7": 28300},
    **{"8": 20127, "9": 9465, "10": 23470, "11": 27941, "12": 23786, "13": 11776, "14": 14573},
    **{"15": 14554, "16": 20828, "17": 26825, "18": 5736, "19": 24710, "20": 10182, "21": 4077},
    **{"22": 8093, "X": 10750, "Y": 314},
}
_CHROMS = np.array(list(_SHARE))
_CODE = {name: code for code, name in enumerate(_SHARE)}
# Nothing is measurable on the short arms of the acrocentric chromosomes.
DARK_ARMS = ("13p", "14p", "15p", "21p", "22p")
# The measurable part of Y, in base pairs of either build: the rest is repeats.
_Y_SPAN = (2_650_000, 28_500_000)
_TELOMERE = 60_000

# The first loci of every design lie at the genes of interest, and the next ones of Type II on Y,
# so that even the smallest array sees focal events and can tell the sexes.
N_GENE_LOCI = {"II": 560, "I": 70}
N_Y_LOCI = 60

# Clusters of neighbouring loci: CpG islands.
_N_ISLANDS = 27_000
_ISLAND_SHARE = 0.45
_ISLAND_WIDTH = 1_500
# What lies where along them, up to which base pair: the island and its shores, the start of its
# gene.
_RELATIONS = ((250, "N_Shore"), (1_250, "Island"), (1_500, "S_Shore"))
_PARTS = ((550, "TSS1500"), (750, "TSS200"), (1_000, "5'UTR"), (1_200, "1stExon"), (1_500, "Body"))

# Numbers of cg names: a bijection modulo 28 million (the factor is coprime to it), so that names
# are unique and look evenly drawn; locus 0 of Type II is cg00000029.
_CG_MODULUS, _CG_FACTOR, _CG_FIRST = 28_000_000, 17_320_507, 29
_RS_MODULUS, _RS_FACTOR, _RS_FIRST = 9_000_000, 5_012_347, 1_000_003
# Where each stratum's numbers start among the loci of its kind.
_STRATUM_START = {
    ("cg", "II", None): 0,
    ("cg", "I", "Grn"): 1_400_000,
    ("cg", "I", "Red"): 1_600_000,
    ("ch", "II", None): 0,
    ("rs", "II", None): 0,
    ("rs", "I", "Grn"): 100,
    ("rs", "I", "Red"): 200,
}
_KIND_START = {"cg": 0, "ch": 1 << 40, "rs": 2 << 40}


def loci(
    kind: str, design: str, channel: str | None, indices: npt.NDArray[np.int64], build: str
) -> pl.DataFrame:
    """Return the loci of one stratum (kind, design and colour) by their numbers in it.

    Parameters
    ----------
    kind, design, channel : str, str, str or None
        ``cg``/``ch``/``rs``; ``I``/``II``; ``Grn``/``Red`` for Type I.
    indices : ndarray of int64, shape (n,)
        Numbers of the loci in the stratum.
    build : str
        ``hg19`` or ``hg38``: the same locus lies at the corresponding place of each.

    Returns
    -------
    pl.DataFrame
        ``name``, ``design``, ``channel``, ``chrom``, ``pos`` (int64, 1-based), ``genes``
        (null where none), ``gene_parts`` and ``island`` (as a parsed manifest has them), ``kind``,
        ``strand`` ("F"/"R"), ``top`` (bool), ``index``.
    """
    ordinals = indices + _STRATUM_START[kind, design, channel]
    keys = (ordinals + _KIND_START[kind]).astype(np.uint64)
    chrom, position, gene, offset = _places(keys, build)
    if kind == "cg":
        moved = _place_at_genes(design, indices, keys, build, chrom, position, gene)
        offset[moved] = -1
    return pl.DataFrame(
        {
            "name": _names(kind, ordinals, chrom),
            "design": [design] * len(indices),
            "channel": pl.Series([channel] * len(indices), dtype=pl.String),
            "chrom": _CHROMS[chrom],
            "pos": position,
            "genes": _gene_names(gene),
            "gene_parts": _gene_parts(gene, offset),
            "island": [place or OPEN_SEA for place in _along_island(offset, _RELATIONS)],
            "kind": [kind] * len(indices),
            "strand": np.where(uniform(keys, "strand") < 0.5, "F", "R"),
            "top": uniform(keys, "top") < 0.5,
            "index": indices,
        }
    )


def _names(kind: str, ordinals: npt.NDArray[np.int64], chrom: npt.NDArray[np.int64]) -> list[str]:
    if kind == "cg":
        return [f"cg{n:08d}" for n in (ordinals * _CG_FACTOR + _CG_FIRST) % _CG_MODULUS]
    if kind == "rs":
        return [f"rs{n}" for n in (ordinals * _RS_FACTOR) % _RS_MODULUS + _RS_FIRST]
    numbers = 100_003 + ordinals * 8_009
    return [f"ch.{_CHROMS[c]}.{n}F" for n, c in zip(numbers, chrom, strict=True)]


def _places(keys: Keys, build: str) -> tuple[npt.NDArray[np.int64], ...]:
    """Return chromosome code, position, the island's gene, and how many bp inside the island.

    Gene and bp are -1 where there is none.
    """
    in_island = uniform(keys, "in island") < _ISLAND_SHARE
    island = (uniform(keys, "island") * _N_ISLANDS).astype(np.uint64)
    place_key = np.where(in_island, island + np.uint64(1 << 50), keys)
    edges = np.cumsum(list(_SHARE.values())) / sum(_SHARE.values())
    chrom = np.searchsorted(edges, uniform(place_key, "chromosome"), side="right")
    position = _along(chrom, uniform(place_key, "along"), build)
    offset = (uniform(keys, "in the island") * _ISLAND_WIDTH).astype(np.int64)
    has_gene = in_island & (uniform(place_key, "has gene") < 0.8)
    gene = np.where(has_gene, island.astype(np.int64), -1)
    within = np.where(in_island, offset, -1)
    return chrom, position + np.where(in_island, offset, 0), gene, within


def _along(
    chrom: npt.NDArray[np.int64], fraction: npt.NDArray[np.float32], build: str
) -> npt.NDArray[np.int64]:
    """Spread fractions over the measurable arms of each chromosome."""
    arms = chromosome_arms(build)
    position = np.zeros(len(chrom), dtype=np.int64)
    for code, name in enumerate(_CHROMS):
        spans = [
            (start + _TELOMERE, end - _TELOMERE)
            for _, arm, start, end in arms.filter(pl.col("chrom") == name).iter_rows()
            if arm not in DARK_ARMS
        ]
        if name == "Y":
            spans = [_Y_SPAN]
        here = np.flatnonzero(chrom == code)
        # Arm and place in the arm from one number, with the hg19 shares of the arms, so that a
        # locus stays on its arm in the other build.
        shares = np.cumsum(_arm_shares(str(name)))
        arm_of = np.minimum(np.searchsorted(shares, fraction[here], "right"), len(spans) - 1)
        lower = np.concatenate([[0.0], shares[:-1]])
        within = (fraction[here] - lower[arm_of]) / (shares - lower)[arm_of]
        starts, ends = np.array(spans).T
        position[here] = (starts[arm_of] + within * (ends - starts)[arm_of]).astype(np.int64)
    return position


def _arm_shares(chrom: str) -> npt.NDArray[np.float64]:
    if chrom == "Y":
        return np.ones(1)
    arms = chromosome_arms("hg19").filter(
        pl.col("chrom") == chrom, ~pl.col("arm").is_in(list(DARK_ARMS))
    )
    lengths = (arms["end"] - arms["start"]).to_numpy()
    return np.asarray(lengths / lengths.sum())


def _place_at_genes(
    design: str,
    indices: npt.NDArray[np.int64],
    keys: Keys,
    build: str,
    chrom: npt.NDArray[np.int64],
    position: npt.NDArray[np.int64],
    gene: npt.NDArray[np.int64],
) -> npt.NDArray[np.bool_]:
    """Move the first loci of a design to the genes of interest and to Y (in place); say which."""
    n_gene_loci = N_GENE_LOCI[design]
    fraction = uniform(keys, "in the gene").astype(np.float64)
    for row in np.flatnonzero(indices < n_gene_loci):
        number = int(indices[row]) % len(GENES)
        start, end = GENES[number].span(build)
        chrom[row] = _CODE[GENES[number].chrom]
        position[row] = int(start + fraction[row] * (end - start))
        gene[row] = -2 - number
    if design == "II":
        on_y = np.flatnonzero((indices >= n_gene_loci) & (indices < n_gene_loci + N_Y_LOCI))
        chrom[on_y] = _CODE["Y"]
        position[on_y] = _along(chrom[on_y], fraction[on_y].astype(np.float32), build)
        gene[on_y] = -1
        n_gene_loci += N_Y_LOCI
    return indices < n_gene_loci


def _gene_names(gene: npt.NDArray[np.int64]) -> list[str | None]:
    # Genes of the simulated islands carry a name that no one can take for a real gene.
    return [
        None if g == -1 else f"SIMGENE{g}" if g >= 0 else GENES[-2 - g].name for g in gene.tolist()
    ]


def _gene_parts(gene: npt.NDArray[np.int64], offset: npt.NDArray[np.int64]) -> list[str | None]:
    # Of the genes of interest only the body is covered: which end is their start is not said.
    parts = _along_island(np.where(gene < -1, _ISLAND_WIDTH - 1, offset), _PARTS)
    names = zip(_gene_names(gene), parts, strict=True)
    return [None if name is None else f"{name}:{part}" for name, part in names]


def _along_island(
    offset: npt.NDArray[np.int64], names: tuple[tuple[int, str], ...]
) -> list[str | None]:
    ends = [end for end, _ in names]
    at = np.where(offset < 0, len(names), np.searchsorted(ends, offset, side="right"))
    known = [*(name for _, name in names), None]
    return [known[place] for place in at.tolist()]
