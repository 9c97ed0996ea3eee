"""Probes x samples matrices as Parquet files beside the catalogue.

Belongs here: names, atomic writing, reading back. Does not belong here: which batches and probes
a training table is made of (`cup_assets.cohort.matrix`).

A file is named after its data version and never overwritten: the catalogue's transaction decides
which file counts, so that a kill at any moment leaves the old or the new state.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import polars as pl
from numpy.typing import NDArray

# Up to so many probes only the parts of a file that hold them are decoded: the 65 SNP probes, which
# stand together in a manifest, are then read ten times faster.
_FEW = 20_000


@dataclass(frozen=True)
class MatrixFile:
    """One stored matrix.

    Attributes
    ----------
    batch, array_name
        The batch, and the array type of its samples in this file.
    kind
        ``betas``, ``detection_p`` or ``log2_total``.
    path
        Relative to the warehouse folder, with ``/``.
    """

    batch: str
    array_name: str
    kind: str
    path: str
    n_probes: int
    n_samples: int

    SCHEMA: ClassVar[dict[str, Any]] = {
        "batch": pl.String,
        "array_name": pl.String,
        "kind": pl.String,
        "path": pl.String,
        "n_probes": pl.Int32,
        "n_samples": pl.Int32,
    }

    def row(self) -> dict[str, Any]:
        """Return the row of the table ``matrices``."""
        return {name: getattr(self, name) for name in self.SCHEMA}


def write_matrix(
    warehouse: Path,
    *,
    batch: str,
    array_name: str,
    kind: str,
    version: str,
    probe_ids: Sequence[str] | pl.Series,
    sample_ids: Sequence[str],
    values: NDArray[np.float32],
) -> MatrixFile:
    """Write a probes x samples float32 matrix; NaN is stored as null.

    The file appears under its name only when it is complete (temporary file, fsync, rename).

    Raises
    ------
    OSError
        If the disk is full; the temporary file is removed.
    """
    folder = warehouse / "matrices" / batch
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{kind}-{array_name}-{version[:16]}.parquet"
    columns = [pl.Series("probe_id", probe_ids, dtype=pl.String)]
    columns += [
        pl.Series(name, values[:, i], dtype=pl.Float32, nan_to_null=True)
        for i, name in enumerate(sample_ids)
    ]
    write_atomically(pl.DataFrame(columns), path)
    relative = path.relative_to(warehouse).as_posix()
    return MatrixFile(batch, array_name, kind, relative, values.shape[0], values.shape[1])


def write_atomically(frame: pl.DataFrame, path: Path) -> None:
    """Write Parquet (zstd) so that the name only ever stands for a complete file."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        frame.write_parquet(temporary, compression="zstd", compression_level=1)
        with temporary.open("rb") as written:
            os.fsync(written.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def read_matrix(
    path: Path,
    *,
    samples: Sequence[str] | None = None,
    probes: Sequence[str] | pl.Series | None = None,
) -> tuple[list[str], list[str], NDArray[np.float32]]:
    """Read a matrix back.

    Parameters
    ----------
    path
        A file that `write_matrix` wrote.
    samples, probes
        What to read, in this order; default: everything as stored.

    Returns
    -------
    probe_ids, sample_ids, values
        Values are probes x samples float32, NaN where missing; each sample is contiguous (Fortran
        order).

    Raises
    ------
    KeyError
        If a probe asked for is not in the file.
    """
    file = pl.scan_parquet(path)
    if samples is not None:
        file = file.select("probe_id", *samples)
    if probes is not None and len(probes) <= _FEW:
        wanted = pl.Series("probe_id", probes, dtype=pl.String)
        file = file.filter(pl.col("probe_id").is_in(wanted.implode()))
    frame = file.collect()
    found, rows = frame["probe_id"], None
    if probes is not None:
        found = pl.Series("probe_id", probes, dtype=pl.String)
        index = frame.select("probe_id").with_row_index("row")
        at = found.to_frame().join(index, on="probe_id", how="left", maintain_order="left")["row"]
        if absent := at.null_count():
            first = found.filter(at.is_null())[0]
            raise KeyError(f"{path.name} has no probe {first} ({absent} missing)")
        rows = at.to_numpy()
    names = frame.columns[1:]
    # Each sample contiguous, and no second copy of a table of hundreds of samples.
    values = np.empty((len(names), len(found)), dtype=np.float32).T
    for i, name in enumerate(names):
        column = frame[name].to_numpy()
        values[:, i] = column if rows is None else column[rows]
    return found.to_list(), names, values


def betas_view(paths: Sequence[Path]) -> str:
    """Return the SQL of the view ``betas(sample_id, probe_id, beta)`` over matrix files.

    Masked betas (null in the files) are no rows of the view; ``masked_betas`` counts them with
    their reason.
    """
    if not paths:
        select = (
            "SELECT ''::VARCHAR AS sample_id, ''::VARCHAR AS probe_id, 0::FLOAT AS beta WHERE FALSE"
        )
    else:
        select = " UNION ALL ".join(
            "SELECT sample_id, probe_id, beta FROM (UNPIVOT (FROM read_parquet('{}'))"
            " ON COLUMNS(* EXCLUDE probe_id) INTO NAME sample_id VALUE beta)".format(
                str(path).replace("'", "''")
            )
            for path in paths
        )
    return f"CREATE OR REPLACE VIEW betas AS {select}"
