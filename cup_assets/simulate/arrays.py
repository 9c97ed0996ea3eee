"""The simulated arrays: which loci each carries, its bead addresses and its controls.

Belongs here: array layouts, simulated or taken from a user's manifest. Does not belong here: the
manifest file (`manifest_writer`), what a locus is (`loci`), intensities (`signal`).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl

from cup_assets.simulate.controls import control_probes
from cup_assets.simulate.errors import SimulationError
from cup_assets.simulate.hashing import generator
from cup_assets.simulate.loci import loci

Stratum = tuple[str, str, str | None]

_STRATA: tuple[Stratum, ...] = (
    ("cg", "I", "Grn"),
    ("cg", "I", "Red"),
    ("cg", "II", None),
    ("ch", "II", None),
    ("rs", "I", "Grn"),
    ("rs", "I", "Red"),
    ("rs", "II", None),
)
# Probes in each stratum, replicates included. 450k: counted on the real manifest; EPIC and
# EPICv2: their published totals (142,262 + 723,656 and 128,295 + 808,760 probes of Type I + II).
_COUNTS = {
    "mini": (1_130, 2_180, 8_548, 77, 9, 16, 40),
    "450k": (46_289, 89_187, 346_945, 3_091, 9, 16, 40),
    "epic": (49_932, 92_306, 720_689, 2_932, 9, 15, 35),
    "epicv2": (45_000, 83_270, 805_806, 2_914, 9, 16, 40),
}
# EPICv2 measures some loci two or three times.
_TWICE, _THRICE = 3_886, 1_255
_FIRST_REPLICATED = 10_000
_MIN_ADDRESS, _MAX_ADDRESS = 10_600_000, 99_900_000


@dataclass(frozen=True)
class _Format:
    descriptor: str
    build: str
    chip_type: str
    positions: tuple[str, ...]
    n_bead_types: int


_TWELVE = tuple(f"R{row:02d}C{column:02d}" for column in (1, 2) for row in range(1, 7))
_EIGHT = tuple(f"R{row:02d}C01" for row in range(1, 9))
_FORMATS = {
    "mini": _Format("CupMini_v1_SIMULATED.bpm", "hg19", "BeadChip 12x8", _TWELVE, 15_800),
    "450k": _Format(
        "HumanMethylation450_SIMULATED_v1-2.bpm", "hg19", "BeadChip 12x8", _TWELVE, 622_399
    ),
    "epic": _Format(
        "MethylationEPIC_v-1-0_B5_SIMULATED.bpm", "hg19", "BeadChip 8x5", _EIGHT, 1_052_641
    ),
    "epicv2": _Format("EPIC-8v2-0_A1_SIMULATED.bpm", "hg38", "BeadChip 8x5", _EIGHT, 1_105_209),
}
ARRAYS = tuple(_FORMATS)


@dataclass(frozen=True, eq=False)
class ArrayLayout:
    """An array as the simulator sees it.

    Attributes
    ----------
    name
        ``mini``, ``450k``, ``epic``, ``epicv2``, or the name of the user's manifest.
    descriptor
        Descriptor file name, as the manifest's heading gives it.
    build
        ``hg19`` or ``hg38``.
    chip_type, positions
        Chip format in the IDAT header, and the Sentrix positions of a chip.
    probes
        ``probe_id``, ``name``, ``design``, ``channel``, ``address_a``, ``address_b``, ``chrom``,
        ``pos``, ``genes``, ``kind`` (and ``strand`` on simulated arrays), in manifest order.
    controls
        ``address``, ``kind``, ``color``, ``label``.
    spare
        int32; bead types that the scanner reports and the manifest does not list.
    source
        The user's manifest file; None for a simulated array.
    """

    name: str
    descriptor: str
    build: str
    chip_type: str
    positions: tuple[str, ...]
    probes: pl.DataFrame
    controls: pl.DataFrame
    spare: npt.NDArray[np.int32]
    source: Path | None = None


@lru_cache(maxsize=2)
def array_layout(array: str) -> ArrayLayout:
    """Return the layout of a simulated array; the same for every cohort.

    Raises
    ------
    SimulationError
        If the array is not one of `ARRAYS`.
    """
    if array not in _FORMATS:
        raise SimulationError(f"unknown array {array!r}: use one of {', '.join(ARRAYS)}")
    form = _FORMATS[array]
    frames = [
        loci(*stratum, _indices(array, number), form.build)
        for number, stratum in enumerate(_STRATA)
    ]
    probes = pl.concat(frames)
    probes = _with_replicates(probes) if array == "epicv2" else _with_plain_ids(probes)
    probes = probes.sort("probe_id")
    type_one = (probes["design"] == "I").to_numpy()
    kinds = control_probes(array)
    addresses = _addresses(array, form.n_bead_types)
    ends = np.cumsum([len(probes), int(type_one.sum()), len(kinds)])
    if ends[-1] > form.n_bead_types:
        raise SimulationError(f"array {array}: {ends[-1]} beads do not fit {form.n_bead_types}")
    address_a, address_b_values, control_addresses, spare = np.split(addresses, ends)
    address_b = np.zeros(len(probes), dtype=np.int32)
    address_b[type_one] = address_b_values
    probes = probes.with_columns(
        pl.Series("address_a", address_a),
        pl.when(pl.Series(type_one)).then(pl.Series(address_b)).alias("address_b"),
    )
    columns = ["probe_id", "name", "design", "channel", "address_a", "address_b"]
    return ArrayLayout(
        name=array,
        descriptor=form.descriptor,
        build=form.build,
        chip_type=form.chip_type,
        positions=form.positions,
        probes=probes.select(
            *columns, "chrom", "pos", "genes", "gene_parts", "island", "kind", "strand"
        ),
        controls=kinds.insert_column(0, pl.Series("address", control_addresses)),
        spare=spare,
    )


def manifest_layout(manifest: Path) -> ArrayLayout:
    """Return the layout that a user's manifest file describes.

    Raises
    ------
    ManifestError
        If the file is not an Illumina manifest.
    """
    from cup_assets.methylome.manifest import read_manifest

    described = read_manifest(manifest)
    return ArrayLayout(
        name=described.array,
        descriptor=described.name,
        build=described.build,
        chip_type="BeadChip 12x8",
        positions=_TWELVE,
        probes=described.probes,
        controls=described.controls,
        spare=np.zeros(0, dtype=np.int32),
        source=manifest,
    )


def _indices(array: str, stratum: int) -> npt.NDArray[np.int64]:
    """Return the numbers of an array's loci in one stratum.

    Newer arrays keep most loci of the older ones and add their own, as the real ones do: EPIC
    keeps 93 % of 450k, EPICv2 80 % of both.
    """
    n = {name: counts[stratum] for name, counts in _COUNTS.items()}
    if _STRATA[stratum][:2] == ("cg", "II"):
        n["epicv2"] -= _TWICE + 2 * _THRICE
    if array in ("mini", "450k"):
        return np.arange(n[array])
    if array == "epic":
        kept = min(int(0.93 * n["450k"]), n["epic"])
        return np.concatenate([np.arange(kept), np.arange(n["450k"], n["450k"] + n["epic"] - kept)])
    added_by_epic = max(0, n["epic"] - int(0.93 * n["450k"]))
    kept = min(int(0.80 * n["450k"]), n["epicv2"])
    shared = min(int(0.80 * added_by_epic), n["epicv2"] - kept)
    own = n["epicv2"] - kept - shared
    first_own = n["450k"] + added_by_epic
    return np.concatenate(
        [
            np.arange(kept),
            np.arange(n["450k"], n["450k"] + shared),
            np.arange(first_own, first_own + own),
        ]
    )


def _with_plain_ids(probes: pl.DataFrame) -> pl.DataFrame:
    return probes.with_columns(probe_id=pl.col("name"))


def _with_replicates(probes: pl.DataFrame) -> pl.DataFrame:
    """Repeat some loci and name every probe as EPICv2 does: strand, design, replicate number."""
    twice = pl.col("index").is_between(
        _FIRST_REPLICATED, _FIRST_REPLICATED + _TWICE + _THRICE, closed="left"
    )
    thrice = pl.col("index").is_between(
        _FIRST_REPLICATED, _FIRST_REPLICATED + _THRICE, closed="left"
    )
    on_type_two = (pl.col("kind") == "cg") & (pl.col("design") == "II")
    copies = [probes.with_columns(replicate=pl.lit(1))]
    copies.append(probes.filter(on_type_two & twice).with_columns(replicate=pl.lit(2)))
    copies.append(probes.filter(on_type_two & thrice).with_columns(replicate=pl.lit(3)))
    return pl.concat(copies).with_columns(
        probe_id=pl.format(
            "{}_{}C{}{}",
            "name",
            pl.when(pl.col("top")).then(pl.lit("T")).otherwise(pl.lit("B")),
            pl.when(pl.col("design") == "I").then(pl.lit(1)).otherwise(pl.lit(2)),
            "replicate",
        )
    )


def _addresses(array: str, n: int) -> npt.NDArray[np.int32]:
    rng = generator(0, f"addresses of {array}")
    drawn = rng.integers(_MIN_ADDRESS, _MAX_ADDRESS, size=n + n // 20 + 1000, dtype=np.int32)
    return rng.permutation(distinct(drawn))[:n]


def distinct(addresses: npt.NDArray[np.int32]) -> npt.NDArray[np.int32]:
    """Return the distinct addresses, ascending (several times faster than ``np.unique``)."""
    ordered = np.sort(addresses)
    return ordered[np.diff(ordered, prepend=ordered[0] - 1) > 0]
