"""Where the signals of a batch lie between the workers that make them and those who use them.

Belongs here: files of one row a sample, in a folder that all workers see. Does not belong here:
what the values are, lasting storage.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from cup_assets.methylome.betas import SampleSignal
    from cup_assets.methylome.layout import ArrayLayout

Matrix = NDArray[np.float32]

KINDS = ("beta", "detection_p", "log2_total")
_BYTES = 4  # of a float32


@dataclass(frozen=True)
class Shelf:
    """Room for ``n_samples`` samples, whichever array each of them is on.

    A file an array and kind, float32[n_samples, p] without a header: rows that nobody fills take
    no room on the disk. Nothing is synchronised with the disk: the files are to be deleted soon.
    """

    folder: Path
    n_samples: int

    def make(self, layout: ArrayLayout) -> None:
        """Make the files of an array; they are empty."""
        for kind in KINDS:
            with self._path(layout.content_hash, kind).open("xb") as file:
                file.truncate(self.n_samples * layout.n_probes * _BYTES)

    def put(self, position: int, content_hash: str, signal: SampleSignal) -> None:
        """Write the signal of the sample at a position.

        Raises
        ------
        OSError
            If the disk is full or the files are not there.
        """
        for kind in KINDS:
            values: Matrix = np.ascontiguousarray(getattr(signal, kind), dtype=np.float32)
            with self._path(content_hash, kind).open("r+b") as file:
                file.seek(position * values.nbytes)
                file.write(values.data)

    def take(self, content_hash: str, n_probes: int, positions: Sequence[int]) -> list[Matrix]:
        """Return beta, detection p and log2 total of the samples at ascending positions.

        Returns
        -------
        list of float32[p, n]
            Read-only and memory-mapped, each sample contiguous; readable as long as the folder
            exists. The files cannot be filled or taken from again.
        """
        return [self._take(self._path(content_hash, kind), n_probes, positions) for kind in KINDS]

    def _take(self, path: Path, n_probes: int, positions: Sequence[int]) -> Matrix:
        size = n_probes * _BYTES
        with path.open("r+b") as file:
            for row, position in enumerate(positions):
                if row != position:  # samples before it failed, or are on another array
                    file.seek(position * size)
                    values = file.read(size)
                    file.seek(row * size)
                    file.write(values)
        shape = (len(positions), n_probes)
        return np.asarray(np.memmap(path, dtype=np.float32, mode="r", shape=shape)).T

    def _path(self, content_hash: str, kind: str) -> Path:
        return self.folder / f"{kind}-{content_hash[:16]}"


def stacked(signals: Iterable[SampleSignal], n_samples: int, n_probes: int) -> list[Matrix]:
    """Return beta, detection p and log2 total of samples on one array, float32[p, n] each.

    The signals are asked for one by one, so that the caller may let go of each.
    """
    matrices = [np.empty((n_samples, n_probes), dtype=np.float32) for _ in KINDS]
    for row, signal in enumerate(signals):
        for kind, matrix in zip(KINDS, matrices, strict=True):
            matrix[row] = getattr(signal, kind)
    return [matrix.T for matrix in matrices]
