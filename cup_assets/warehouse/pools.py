"""Matrices of normal-control pools, one file a version, kept for ever.

Belongs here: writing and reading them. Does not belong here: which samples form a pool.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from cup_assets.warehouse.matrices import write_atomically


def write_pool_matrix(
    warehouse: Path,
    array_name: str,
    version: str,
    sample_ids: Sequence[str],
    log2_total: NDArray[np.float32],
) -> str:
    """Write log2 total intensities, float32[k, p]; return the path relative to the warehouse.

    A version that is already there is not written again: its name is its content.
    """
    path = warehouse / "pools" / f"{array_name}-{version}.parquet"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        frame = pl.DataFrame(
            [pl.Series(n, row) for n, row in zip(sample_ids, log2_total, strict=True)]
        )
        write_atomically(frame, path)
    return path.relative_to(warehouse).as_posix()


def read_pool_matrix(path: Path) -> tuple[list[str], NDArray[np.float32]]:
    """Read a pool back: sample ids, and float32[k, p]."""
    frame = pl.read_parquet(path)
    return frame.columns, np.ascontiguousarray(frame.to_numpy().T, dtype=np.float32)


def write_normal_betas(
    warehouse: Path,
    array_name: str,
    version: str,
    rows: NDArray[np.int64],
    mean: NDArray[np.float32],
) -> str:
    """Write the mean betas of normal controls at some probes; return the relative path.

    Parameters
    ----------
    warehouse : Path
    array_name, version : str
        The version is a hash of the content: what is there is not written again.
    rows : int64[m]
        Manifest rows of the probes.
    mean : float32[m]
    """
    path = warehouse / "pools" / f"{array_name}-normal-betas-{version}.parquet"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(pl.DataFrame({"row": rows, "mean": mean}), path)
    return path.relative_to(warehouse).as_posix()


def read_normal_betas(path: Path) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Read them back: rows, means."""
    frame = pl.read_parquet(path)
    return frame["row"].to_numpy(), frame["mean"].to_numpy()
