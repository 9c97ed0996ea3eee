"""Probes x samples matrices as Parquet files beside the catalogue.

Belongs here: names, atomic writing, reading back. Does not belong here: which batches and probes
a training table is made of (`cup_assets.cohort.matrix`).

A file is named after its data version and never overwritten: the catalogue's transaction decides
which file counts, so that a kill at any moment leaves the old or the new state.

Layout: a text column ``probe_id`` and a float32 column a sample, in row groups of 65,536 probes,
plain values compressed by LZ4. Betas are quotients of half a million different intensities, which
nothing compresses well: zstd saves 12 % against LZ4, and takes a third longer to write and three
times as long to read. (Files written until then are zstd in one row group; they read alike.)
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import polars as pl
from numpy.typing import NDArray

# Up to so many probes only the parts of a file that hold them are decoded: the 65 SNP probes, which
# stand together in a manifest, are then read ten times faster.
_FEW = 20_000
# What is in memory while a file is written: so many probes of all samples.
_ROW_GROUP = 65_536


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


@dataclass(frozen=True, eq=False)
class Matrix:
    """What is to be stored.

    Attributes
    ----------
    array_name, kind
        As in `MatrixFile`.
    probe_ids, sample_ids
        Of the p rows and n columns.
    values : float32[p, n]
        NaN where missing; may be memory-mapped.
    """

    array_name: str
    kind: str
    probe_ids: Sequence[str] | pl.Series
    sample_ids: Sequence[str]
    values: NDArray[np.float32]


def write_matrix(warehouse: Path, batch: str, version: str, matrix: Matrix) -> MatrixFile:
    """Write a matrix of a batch; NaN is stored as null.

    The file appears under its name only when it is complete (temporary file, fsync, rename). No
    more than a row group of the values is copied.

    Raises
    ------
    OSError
        If the disk is full; the temporary file is removed.
    """
    import pyarrow as pa
    from pyarrow.parquet import ParquetWriter

    folder = warehouse / "matrices" / batch
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{matrix.kind}-{matrix.array_name}-{version[:16]}.parquet"
    samples, values = matrix.sample_ids, matrix.values
    probes = pl.Series("probe_id", matrix.probe_ids, dtype=pl.String).to_arrow().cast(pa.string())
    schema = pa.schema([("probe_id", pa.string()), *((name, pa.float32()) for name in samples)])
    with (
        _complete(path) as temporary,
        ParquetWriter(
            temporary, schema, compression="lz4", use_dictionary=False, write_statistics=False
        ) as file,
    ):
        for start in range(0, len(probes), _ROW_GROUP):
            rows = slice(start, start + _ROW_GROUP)
            columns = [
                pa.array(np.ascontiguousarray(values[rows, i]), pa.float32(), from_pandas=True)
                for i in range(len(samples))
            ]
            file.write_table(pa.Table.from_arrays([probes[rows], *columns], schema=schema))
    relative = path.relative_to(warehouse).as_posix()
    return MatrixFile(batch, matrix.array_name, matrix.kind, relative, *values.shape)


def write_atomically(frame: pl.DataFrame, path: Path) -> None:
    """Write a table as Parquet (zstd) so that the name only ever stands for a complete file."""
    with _complete(path) as temporary:
        frame.write_parquet(temporary, compression="zstd", compression_level=1)


@contextmanager
def _complete(path: Path) -> Iterator[Path]:
    """Give a temporary name to write to, and that of ``path`` to what was written, once on disk."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        yield temporary
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
        # Filled by polars first: numpy's way to missing values takes twice as long.
        column = frame[name].fill_null(float("nan")).to_numpy()
        values[:, i] = column if rows is None else column.take(rows)
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
