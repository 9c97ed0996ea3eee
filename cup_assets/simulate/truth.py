"""Write what is true of a simulated cohort, as Parquet beside its files.

Belongs here: the truth's tables. Does not belong here: how it was drawn.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import polars as pl

from cup_assets.simulate.classes import CLASSES
from cup_assets.simulate.copy_number import Segment
from cup_assets.simulate.design import CohortDesign
from cup_assets.simulate.effects import SharedEffects
from cup_assets.simulate.hashing import Floats
from cup_assets.simulate.methylation import Methylome
from cup_assets.simulate.people import Sample

_PARTS = ".betas"
_ROWS_AT_ONCE = 50_000
_SEGMENT_SCHEMA = {
    "sample_id": pl.String,
    "chrom": pl.String,
    "start": pl.Int64,
    "end": pl.Int64,
    "copies": pl.Int64,
    "log2": pl.Float64,
    "kind": pl.String,
    "region": pl.String,
}


def samples_frame(samples: Sequence[Sample]) -> pl.DataFrame:
    """Return one row a sample: identity, true and labelled class and sex, purity, mistakes."""
    return pl.DataFrame(
        [
            {
                "sample_id": sample.sample_id,
                "batch": sample.batch,
                "sentrix_id": sample.sentrix_id,
                "sentrix_position": sample.sentrix_position,
                "patient_id": sample.patient_id,
                "person": sample.person,
                "role": sample.role,
                "true_class": sample.diagnosis,
                "labelled_class": sample.label or None,
                "true_family": family_of(sample.diagnosis),
                "sex": sample.sex,
                "labelled_sex": sample.labelled_sex,
                "purity": float(sample.purity),
                "material": sample.material,
                "site": sample.site,
                "duplicate_of": sample.duplicate_of,
                "swapped": sample.swapped,
                "degraded": sample.degraded,
                "exchanged": sample.exchanged,
                "unconverted": sample.unconverted,
                "few_beads": sample.few_beads,
            }
            for sample in samples
        ],
        schema_overrides={"duplicate_of": pl.String, "labelled_class": pl.String},
    )


def family_of(diagnosis: str) -> str:
    """Return the family of a diagnosis; ``normal`` for normal tissue."""
    return CLASSES[diagnosis].family if diagnosis in CLASSES else diagnosis


def segments_frame(
    design: CohortDesign, segments: Mapping[str, Sequence[Segment]], samples: Sequence[Sample]
) -> pl.DataFrame:
    """Return the copy-number segments of every sample.

    Returns
    -------
    pl.DataFrame
        ``copies`` in the tumour cells; ``log2``: expected ratio of the sample's DNA to normal
        DNA of the same sex, diluted by purity; ``kind`` neutral, arm or focal; ``region``: the
        arm or gene of the event.
    """
    rows = [
        (
            sample.sample_id,
            part.chrom,
            part.start,
            part.end,
            part.copies if sample.purity else part.normal_copies,
            expected_log2(design, sample.purity, part.copies, part.normal_copies),
            part.kind,
            part.region,
        )
        for sample in samples
        for part in segments[sample.sample_id]
    ]
    return pl.DataFrame(rows, schema=_SEGMENT_SCHEMA, orient="row")


def expected_log2(design: CohortDesign, purity: float, copies: int, normal_copies: int) -> float:
    """Return the log2 ratio to normal DNA of the same sex that the design aims at."""
    mixed = purity * copies + (1 - purity) * normal_copies
    # A locus gone in pure tumour still shows the cross-hybridisation of the others.
    return float(design.copy_number * np.log2(max(mixed / normal_copies, 0.02)))


def probes_frame(methylome: Methylome, samples: Sequence[Sample]) -> pl.DataFrame:
    """Return the informative probes: ``probe_id``, ``level``, ``group``, ``shift`` of beta."""
    ids = methylome.layout.probes["probe_id"]
    diagnoses = sorted({sample.diagnosis for sample in samples})
    levels = dict.fromkeys(pair for name in diagnoses for pair in methylome.levels(name))
    frames = []
    for level, group in levels:
        shift = methylome.shift(level, group)
        rows = np.flatnonzero(shift)
        frames.append(
            pl.DataFrame({"probe_id": ids[rows], "shift": shift[rows]}).select(
                "probe_id", pl.lit(level).alias("level"), pl.lit(group).alias("group"), "shift"
            )
        )
    return (
        pl.concat(frames)
        if frames
        else pl.DataFrame(
            schema={
                "probe_id": pl.String,
                "level": pl.String,
                "group": pl.String,
                "shift": pl.Float32,
            }
        )
    )


def effects_frame(
    effects: SharedEffects, methylome: Methylome, samples: Sequence[Sample]
) -> pl.DataFrame:
    """Return the shared technical effects: ``probe_id`` and one column ``kind/group/m|u`` each.

    Values are log2 offsets of the methylated (m) and unmethylated (u) signal.
    """
    groups = dict.fromkeys(("batch", sample.batch) for sample in samples)
    groups |= dict.fromkeys(("site", sample.site) for sample in samples)
    groups["ffpe", "FFPE"] = None
    columns = {
        f"{kind}/{group}/{allele}": effects.offset(kind, group, allele)
        for kind, group in groups
        for allele in ("m", "u")
    }
    return pl.DataFrame({"probe_id": methylome.layout.probes["probe_id"], **columns})


def keep_betas(truth: Path, sample: Sample, betas: Floats) -> None:
    """Set one sample's true betas aside until `collect_betas` puts all samples together."""
    folder = truth / _PARTS
    folder.mkdir(exist_ok=True)
    np.save(folder / f"{sample.sample_id}.npy", np.round(betas, 4))


def collect_betas(truth: Path, probe_ids: pl.Series, samples: Sequence[Sample]) -> None:
    """Write ``betas.parquet``: ``probe_id`` and one float32 column a sample.

    A block of probes is in memory at a time, whatever the number of samples.
    """
    import pyarrow.parquet as pq

    parts = {
        sample.sample_id: np.load(truth / _PARTS / f"{sample.sample_id}.npy", mmap_mode="r")
        for sample in samples
    }
    writer = None
    for start in range(0, len(probe_ids), _ROWS_AT_ONCE):
        rows = slice(start, start + _ROWS_AT_ONCE)
        block = pl.DataFrame(
            {"probe_id": probe_ids[rows], **{k: np.array(v[rows]) for k, v in parts.items()}}
        ).to_arrow()
        writer = writer or pq.ParquetWriter(
            truth / "betas.parquet", block.schema, compression="zstd"
        )
        writer.write_table(block)
    if writer:
        writer.close()
    shutil.rmtree(truth / _PARTS)
