"""From raw Illumina array files to beta values, one sample at a time.

Belongs here: IDAT and manifest reading, normalisation, detection, sample quality, identity.
Does not belong here: storage, Dagster, anything that needs a second sample to normalise the first.
"""

from cup_assets.methylome.batch import ArraySignals, BatchSignals, process_batch
from cup_assets.methylome.betas import SampleSignal, check_pair, process_pair
from cup_assets.methylome.errors import (
    IdatError,
    ManifestError,
    MaskError,
    MethylomeError,
    SignalError,
    UnknownArrayError,
)
from cup_assets.methylome.idat import Idat, RunInfo, read_idat
from cup_assets.methylome.identity import duplicates, snp_betas
from cup_assets.methylome.manifest import Manifest, load_manifest, load_manifests, read_manifest
from cup_assets.methylome.masks import MASK_REASONS, Masks, pin_masks, read_masks
from cup_assets.methylome.parameters import BetaParameters
from cup_assets.methylome.quality import predict_sex, sample_quality
from cup_assets.methylome.quality_parameters import QualityParameters
from cup_assets.methylome.recognition import recognise_array

__all__ = [
    "MASK_REASONS",
    "ArraySignals",
    "BatchSignals",
    "BetaParameters",
    "Idat",
    "IdatError",
    "Manifest",
    "ManifestError",
    "MaskError",
    "Masks",
    "MethylomeError",
    "QualityParameters",
    "RunInfo",
    "SampleSignal",
    "SignalError",
    "UnknownArrayError",
    "check_pair",
    "duplicates",
    "load_manifest",
    "load_manifests",
    "pin_masks",
    "predict_sex",
    "process_batch",
    "process_pair",
    "read_idat",
    "read_manifest",
    "read_masks",
    "recognise_array",
    "sample_quality",
    "snp_betas",
]
