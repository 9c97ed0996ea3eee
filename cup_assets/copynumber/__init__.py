"""Copy number from total intensities: bins, control pools, segments and calls.

Belongs here: intensities of one sample and of normal controls in, profile out. Does not belong
here: IDAT files, storage, pictures.
"""

from cup_assets.copynumber.bins import BIN_LAYOUT_SCHEMA, Bins, make_bins
from cup_assets.copynumber.errors import CnvError
from cup_assets.copynumber.parameters import CnvParameters
from cup_assets.copynumber.profile import profile_sample
from cup_assets.copynumber.reference import ControlPool, make_pool
from cup_assets.copynumber.result import (
    BINS_SCHEMA,
    CALLS_SCHEMA,
    SEGMENTS_SCHEMA,
    SUMMARY_SCHEMA,
    CnvProfile,
    no_call_profile,
)

__all__ = [
    "BINS_SCHEMA",
    "BIN_LAYOUT_SCHEMA",
    "CALLS_SCHEMA",
    "SEGMENTS_SCHEMA",
    "SUMMARY_SCHEMA",
    "Bins",
    "CnvError",
    "CnvParameters",
    "CnvProfile",
    "ControlPool",
    "make_bins",
    "make_pool",
    "no_call_profile",
    "profile_sample",
]
