"""The stored genotypes: of whom, and where they contradict the sample sheets.

Belongs here: reading the SNP betas of stored samples, and comparing. Does not belong here: what
agreement means (`cup_assets.methylome.identity`) and what follows from it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

from cup_assets.methylome import ArraySignals, snp_betas
from cup_assets.methylome.identity import (
    CONFLICT_SCHEMA,
    PAIR_SCHEMA,
    duplicates,
    identity_conflicts,
)
from cup_assets.orchestration.resources import Platform
from cup_assets.orchestration.training import stack_betas

_STORED = (
    'SELECT s.sample_id, s.batch, s.patient_id, m."array"'
    " FROM samples s JOIN batches b USING (batch) JOIN sample_measures m USING (sample_id, batch)"
    " WHERE b.state <> 'retracted'"
    " AND m.files_sha256 = s.grn_sha256 || '+' || s.red_sha256 ORDER BY s.sample_id"
)


def stored_samples(platform: Platform) -> pl.DataFrame:
    """Return every sample with betas of its files, whatever its role and verdict."""
    return platform.catalogue.query(_STORED)


def identities(platform: Platform, samples: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Compare the genotypes of all samples, over arrays and batches.

    Parameters
    ----------
    platform
        Where the betas are.
    samples
        Frame with ``sample_id``, ``batch``, ``array``, ``patient_id``.

    Returns
    -------
    pairs, conflicts
        As `cup_assets.methylome.identity.duplicates` and `identity_conflicts` return them.
    """
    parameters = platform.parameters.quality
    names = _snp_names(platform)
    if samples.is_empty() or not names:
        return pl.DataFrame(schema=PAIR_SCHEMA), pl.DataFrame(schema=CONFLICT_SCHEMA)
    betas = _read_snps(platform, samples, names)
    pairs = duplicates(
        samples["sample_id"].to_list(),
        betas,
        parameters.same_identity,
        parameters.min_identity_probes,
    )
    return pairs, identity_conflicts(samples, betas, parameters)


def conflicts_of_batch(
    platform: Platform, samples: pl.DataFrame, arrays: Sequence[ArraySignals]
) -> pl.DataFrame:
    """Compare a batch that is not stored yet with itself and with every stored sample.

    Parameters
    ----------
    platform
        Where the stored betas are.
    samples
        The batch's samples: ``sample_id``, ``batch``, ``patient_id``.
    arrays
        Their signals.

    Returns
    -------
    pl.DataFrame
        As `identity_conflicts` returns it, a row for each sample of the batch and each sample that
        it is in conflict with.
    """
    own = [snp_betas(array.manifest, array.beta) for array in arrays]
    names = sorted({name for found, _ in own for name in found} | set(_snp_names(platform)))
    measured = [sample for array in arrays for sample in array.sample_ids]
    if not names or not measured:
        return pl.DataFrame(schema=CONFLICT_SCHEMA)
    mine = np.full((len(names), len(measured)), np.nan, dtype=np.float32)
    place = {name: row for row, name in enumerate(names)}
    start = 0
    for found, betas in own:
        mine[[place[name] for name in found], start : start + betas.shape[1]] = betas
        start += betas.shape[1]
    here = pl.DataFrame({"sample_id": measured}).join(
        samples.select("sample_id", "patient_id"), on="sample_id", how="left", maintain_order="left"
    )
    others = stored_samples(platform).filter(
        ~pl.col("batch").is_in(samples["batch"].unique().implode())
    )
    theirs = _read_snps(platform, others, names) if others.height else mine[:, :0]
    everyone = pl.concat([here, others.select("sample_id", "patient_id")])
    return identity_conflicts(
        here,
        mine,
        platform.parameters.quality,
        (everyone, np.concatenate([mine, theirs], axis=1)),
    )


def identity_notes(platform: Platform, cases: pl.DataFrame) -> pl.DataFrame:
    """Say what a reader of the cases' scores must know about who they are.

    Cases are compared with every sample that is stored now, not only with those that were when they
    landed or when the reference set was made.

    Returns
    -------
    pl.DataFrame
        ``sample_id``, ``said``: that the genotypes contradict the sample sheet, that the classifier
        has learnt from the same person, or both; cases without such a note are left out.
    """
    conflicts = _conflicts_of_cases(platform, cases)
    learnt = platform.catalogue.query(_LEARNT_FROM)
    contradicting = conflicts.join(
        learnt.select(other="sample_id", learnt=pl.lit(value=True)), on="other", how="left"
    ).select(
        "sample_id",
        said=pl.format(
            "{}{}",
            "note",
            pl.when("learnt").then(pl.lit(", which the classifier learnt from")).otherwise(
                pl.lit("")
            ),
        ),
    )  # fmt: skip
    of_patient = (
        stored_samples(platform)
        .filter(pl.col("sample_id").is_in(cases["sample_id"].implode()))
        .join(learnt, on="patient_id", suffix="_learnt")
        .filter(pl.col("sample_id") != pl.col("sample_id_learnt"))
        .select(
            "sample_id",
            said=pl.format("the classifier learnt from {} of the same patient", "sample_id_learnt"),
        )
    )
    notes = pl.concat([contradicting, of_patient]).sort("sample_id", "said")
    return notes.group_by("sample_id", maintain_order=True).agg(pl.col("said").str.join("; "))


_LEARNT_FROM = (
    "SELECT s.sample_id, s.patient_id FROM dataset_members d"
    " JOIN samples s USING (sample_id, batch) WHERE d.included AND s.patient_id IS NOT NULL"
    " ORDER BY s.sample_id"
)


def with_notes(calls: pl.DataFrame, notes: pl.DataFrame) -> pl.DataFrame:
    """Add the notes of `identity_notes` to the column ``note`` of calls, null where none is."""
    both = pl.concat_str("note", "said", separator="; ", ignore_nulls=True)
    return (
        calls.join(notes, on="sample_id", how="left", maintain_order="left")
        .with_columns(note=pl.when(both != "").then(both))
        .drop("said")
    )


def _conflicts_of_cases(platform: Platform, cases: pl.DataFrame) -> pl.DataFrame:
    names, everyone = _snp_names(platform), stored_samples(platform)
    if not names or cases.is_empty():
        return pl.DataFrame(schema=CONFLICT_SCHEMA)
    mine = everyone.filter(pl.col("sample_id").is_in(cases["sample_id"].implode()))
    return identity_conflicts(
        mine,
        _read_snps(platform, mine, names),
        platform.parameters.quality,
        (everyone, _read_snps(platform, everyone, names)),
    )


def _snp_names(platform: Platform) -> list[str]:
    names = platform.catalogue.query(
        "SELECT DISTINCT name FROM probes WHERE kind = 'rs' ORDER BY name"
    )
    return names["name"].to_list()


def _read_snps(
    platform: Platform, samples: pl.DataFrame, names: Sequence[str]
) -> NDArray[np.float32]:
    """Return float32[n_snps, n_samples]; NaN where masked, or where the array lacks the SNP."""
    replicates = platform.parameters.cohort.replicates
    _, betas = stack_betas(platform, samples, names, replicates, absent_as_nan=True)
    return np.ascontiguousarray(betas.T)
