"""What the platform knows of its reference samples, for those who ask outside of a run.

Belongs here: reading it as one object, with a clear error where it is not there. Does not belong
here: the assets that make it, what is asked of it.
"""

from __future__ import annotations

from dataclasses import dataclass

import dagster as dg
import polars as pl

from cup_assets.classify.data import TrainingData
from cup_assets.compute import Mapper
from cup_assets.orchestration.conventions import REFERENCE
from cup_assets.orchestration.headless import HeadlessError
from cup_assets.orchestration.inputs import require
from cup_assets.orchestration.resources import Platform
from cup_assets.orchestration.training import load_training_data, read_folds
from cup_assets.panels.parameters import PanelParameters
from cup_assets.settings import Settings

_PROBES = (
    'SELECT "array", probe_id, name, chrom, pos, build, genes, gene_parts, island FROM probes'
    ' WHERE name IN (SELECT unnest(?)) AND "array" IN'
    ' (SELECT "array" FROM dataset_members WHERE included)'
)


@dataclass(frozen=True, eq=False)
class Reference:
    """The reference samples.

    Attributes
    ----------
    data
        Their betas and classes.
    folds
        (scheme, repeat, outer_fold, inner_fold, sample_id) of the stratified scheme.
    probes
        (array, probe_id, name, chrom, pos, build, genes, gene_parts, island) of the probes in
        ``data``, on the arrays of the samples.
    parameters
        Of panels.
    version
        Data version of ``datasets/reference``.
    mapper
        How to compute in parallel.
    """

    data: TrainingData
    folds: pl.DataFrame
    probes: pl.DataFrame
    parameters: PanelParameters
    version: str
    mapper: Mapper


def read_reference(settings: Settings) -> Reference:
    """Read what ``datasets/reference`` holds.

    Raises
    ------
    HeadlessError
        If it has not been made, did not pass its checks, or files of a member changed since.
    """
    platform = Platform(data=str(settings.data), workers=settings.workers, compute=settings.compute)
    try:
        version = require(platform, REFERENCE).data_version
        data = load_training_data(platform)
    except dg.Failure as failure:
        raise HeadlessError(f"{failure.description} (run `cup materialize`)") from failure
    return Reference(
        data,
        read_folds(platform),
        platform.catalogue.query(_PROBES, [data.probe_ids.tolist()]),
        platform.parameters.panels,
        version,
        platform.mapper,
    )
