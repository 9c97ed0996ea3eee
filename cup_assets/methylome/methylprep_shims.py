"""What methylprep 1.7.1 needs to run unchanged on today's pandas and on any array.

Belongs here: a patched pandas for as long as methylprep runs, its own manifest layout, its idea of
an array type. Does not belong here: what is asked of it (`reference_engine`).
"""

from __future__ import annotations

import io
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from cup_assets.methylome.manifest import Manifest

# Columns that it demands and never reads.
_UNUSED = ("Strand", "OLD_Genome_Build", "OLD_CHR", "OLD_MAPINFO", "OLD_Strand")


@dataclass(frozen=True)
class ArrayCounts:
    """Stands for methylprep's array type, which knows the row counts of five manifests only."""

    num_probes: int
    num_controls: int


@contextmanager
def methylprep_running() -> Iterator[None]:
    """Let methylprep run; leave pandas, numpy, warnings and environment as they were.

    It calls ``DataFrame.append``, gone since pandas 2. At its import it switches off all
    FutureWarnings and sets ``NUMEXPR_MAX_THREADS``; it changes numpy's error state while it runs.
    The patch is the process's, so that no other thread may use pandas meanwhile.
    """
    import pandas as pd

    threads = os.environ.get("NUMEXPR_MAX_THREADS")
    had_append = "append" in vars(pd.DataFrame)
    try:
        if not had_append:
            pd.DataFrame.append = _append
        with warnings.catch_warnings(), np.errstate():
            warnings.simplefilter("ignore")
            yield
    finally:
        if not had_append:
            del pd.DataFrame.append
        if threads is None:
            os.environ.pop("NUMEXPR_MAX_THREADS", None)
        else:
            os.environ["NUMEXPR_MAX_THREADS"] = threads


def methylprep_manifest(manifest: Manifest) -> Any:
    """Return methylprep's own object of a manifest; call it within `methylprep_running`."""
    from methylprep import Manifest as TheirManifest

    counts = ArrayCounts(manifest.probes.height, manifest.controls.height)
    return TheirManifest(counts, io.BytesIO(manifest_text(manifest)), verbose=False)


def manifest_text(manifest: Manifest) -> bytes:
    """Return a manifest as methylprep reads it: the header line, the probes, then the controls.

    Its reader starts at the header line, counts the probes' rows, and takes the rows after them
    for controls; Illumina's own file has a [Heading] before and a [Controls] line between.
    """
    probes = manifest.probes.select(
        IlmnID="probe_id",
        AddressA_ID="address_a",
        AddressB_ID="address_b",
        Infinium_Design_Type="design",
        Color_Channel="channel",
        Genome_Build=pl.lit(manifest.build),
        CHR="chrom",
        MAPINFO="pos",
        **{name: pl.lit(None, dtype=pl.String) for name in _UNUSED},
    )
    empty = {name: pl.lit("") for name in probes.columns[4:]}
    controls = manifest.controls.select(
        pl.col("address").alias("IlmnID"), "kind", "color", "label", **empty
    )
    return (probes.write_csv() + controls.write_csv(include_header=False)).encode()


def _append(self: Any, other: Any) -> Any:
    import pandas as pd

    return pd.concat([self, other])
