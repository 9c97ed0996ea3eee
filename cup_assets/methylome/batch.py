"""A batch of samples, each on its own: what one sample holds never depends on the others.

Belongs here: running the samples, gathering their results per array, and setting failures aside.
Does not belong here: the science of a sample, where its values lie meanwhile (`shelf`), storage.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from cup_assets.compute import Mapper, keep_freed_memory, serial
from cup_assets.methylome.betas import SampleSignal, process_pair
from cup_assets.methylome.errors import MaskError, MethylomeError, UnknownArrayError
from cup_assets.methylome.idat import Idat, read_idat
from cup_assets.methylome.layout import ArrayLayout, layout_of
from cup_assets.methylome.manifest import Manifest
from cup_assets.methylome.masks import NO_MASKS, Masks
from cup_assets.methylome.parameters import BetaParameters
from cup_assets.methylome.quality import QualityRow, sample_quality
from cup_assets.methylome.quality_parameters import QualityParameters
from cup_assets.methylome.recognition import recognise_array
from cup_assets.methylome.shelf import Shelf, stacked

Item = tuple[str, Path, Path]


@dataclass(frozen=True, eq=False)
class ArraySignals:
    """The samples of a batch that are on one array.

    Attributes
    ----------
    manifest : Manifest
        The array, p probes.
    sample_ids : n names, in the order of the items
    beta, detection_p, log2_total : float32[p, n]
        As in `SampleSignal`; each sample is contiguous (Fortran order). Where `process_batch` was
        given a scratch folder they are read-only, memory-mapped, and of no use without the folder.
    masked : pl.DataFrame
        ``sample_id``, ``reason``, ``n``: masked probes, one row a sample and reason, zeros
        included.
    quality : pl.DataFrame
        ``sample_id`` and the columns of `sample_quality`, one row a sample.
    """

    manifest: Manifest
    sample_ids: tuple[str, ...]
    beta: NDArray[np.float32]
    detection_p: NDArray[np.float32]
    log2_total: NDArray[np.float32]
    masked: pl.DataFrame
    quality: pl.DataFrame

    @property
    def probe_ids(self) -> pl.Series:
        """Probe ids in row order."""
        return self.manifest.probes["probe_id"]


@dataclass(frozen=True, eq=False)
class BatchSignals:
    """A processed batch.

    Attributes
    ----------
    arrays : tuple of ArraySignals
        One entry an array present, in the order of the array names.
    failed : tuple of (sample_id, error line)
        Samples that could not be processed, in the order of the items.
    """

    arrays: tuple[ArraySignals, ...]
    failed: tuple[tuple[str, str], ...]


def process_batch(
    items: Iterable[Item],
    manifests: Manifest | Sequence[Manifest],
    parameters: BetaParameters | None = None,
    *,
    quality: QualityParameters | None = None,
    masks: Masks = NO_MASKS,
    mapper: Mapper = serial,
    progress: Callable[[int, int], None] | None = None,
    scratch: Path | None = None,
) -> BatchSignals:
    """Read and normalise the samples of a batch.

    Parameters
    ----------
    items : iterable of (sample_id, Grn path, Red path)
    manifests : Manifest or sequence of them
        Candidates; each sample finds its own by its bead addresses.
    parameters, quality
        How to normalise and to judge.
    masks : Masks
        The content of the parameters' masks; both from `pin_masks`.
    mapper : Mapper
        Where the samples run.
    progress : callable(done, total)
    scratch : Path
        An empty folder for the samples' values (12 bytes a probe), which then neither travel
        between processes nor fill the memory; not used if the workers do not see it.

    Returns
    -------
    BatchSignals
        A sample that fails is set aside with its error; the others are processed.

    Raises
    ------
    MaskError
        If the parameters do not name the masks and their content: what is recorded with the betas
        would not say what was masked.
    """
    parameters = parameters or BetaParameters()
    if (parameters.masks, parameters.mask_sha256) != (masks.entries, masks.sha256):
        raise MaskError(
            f"the parameters name the masks {list(parameters.masks)}, given were "
            f"{list(masks.entries)} or another content of them; take both from pin_masks"
        )
    todo = list(items)
    candidates = [manifests] if isinstance(manifests, Manifest) else list(manifests)
    shelf = Shelf(scratch, len(todo)) if scratch and mapper.shares_disk else None
    task = _Task(
        layouts=tuple(layout_of(manifest) for manifest in candidates),
        parameters=parameters,
        judge=quality or QualityParameters(),
        probe_masks={m.content_hash: masks.codes(m) for m in candidates} if masks.entries else {},
        n_codes=max(masks.names) + 1,
        shelf=shelf,
    )
    if shelf:
        for layout in task.layouts:
            shelf.make(layout)
    found: dict[str, list[_Outcome]] = {}
    failed = []
    for (sample_id, _, _), outcome in zip(
        todo, mapper(task, enumerate(todo), progress), strict=True
    ):
        if isinstance(outcome, str):
            failed.append((sample_id, outcome))
        else:
            found.setdefault(outcome.content_hash, []).append(outcome)
    arrays = [
        _gather(manifest, found[manifest.content_hash], masks.names, shelf)
        for manifest in sorted(candidates, key=lambda each: (each.array, each.name))
        if manifest.content_hash in found
    ]
    return BatchSignals(tuple(arrays), tuple(failed))


@dataclass(eq=False)
class _Outcome:
    """What comes back of a sample; its signal is None where it lies on the shelf."""

    position: int
    sample_id: str
    content_hash: str
    quality: QualityRow
    masked: NDArray[np.int64]  # number of probes by the code of their mask
    signal: SampleSignal | None


@dataclass(frozen=True, eq=False)
class _Task:
    """The work on one sample, as it is sent to the workers."""

    layouts: tuple[ArrayLayout, ...]
    parameters: BetaParameters
    judge: QualityParameters
    probe_masks: dict[str, NDArray[np.uint8]]
    n_codes: int
    shelf: Shelf | None

    def __call__(self, numbered: tuple[int, Item]) -> _Outcome | str:
        """Return what came of a sample, or one line of error."""
        keep_freed_memory()
        position, (sample_id, grn_path, red_path) = numbered
        try:
            grn, red = read_idat(grn_path), read_idat(red_path)
            layout = _recognise(grn, self.layouts)
            probe_mask = self.probe_masks.get(layout.content_hash)
            signal = process_pair(grn, red, layout, self.parameters, probe_mask)
        except MethylomeError as error:
            return str(error)
        if self.shelf:
            self.shelf.put(position, layout.content_hash, signal)
        return _Outcome(
            position,
            sample_id,
            layout.content_hash,
            sample_quality(signal, layout, self.judge),
            np.bincount(signal.mask, minlength=self.n_codes),
            None if self.shelf else signal,
        )


# The last address orders this process met, with what they were recognised as: comparing with them
# is a hundred times faster than matching with every manifest anew for every sample.
_recognised: list[tuple[NDArray[np.int32], tuple[str, ...], str]] = []
_RECOGNISED_KEPT = 8


def _recognise(idat: Idat, layouts: tuple[ArrayLayout, ...]) -> ArrayLayout:
    by_hash = {layout.content_hash: layout for layout in layouts}
    for address, candidates, found in _recognised:
        if candidates == tuple(by_hash) and np.array_equal(address, idat.address):
            return by_hash[found]
    try:
        layout = recognise_array(idat.address, layouts)
    except UnknownArrayError as error:
        chip = f" ({idat.manifest_name})" if idat.manifest_name else ""
        raise UnknownArrayError(f"{idat.path.name}{chip}: {error}") from error
    _recognised.insert(0, (idat.address.copy(), tuple(by_hash), layout.content_hash))
    del _recognised[_RECOGNISED_KEPT:]
    return layout


def _gather(
    manifest: Manifest, outcomes: list[_Outcome], reasons: dict[int, str], shelf: Shelf | None
) -> ArraySignals:
    n_probes = manifest.probes.height
    if shelf:
        positions = [outcome.position for outcome in outcomes]
        matrices = shelf.take(manifest.content_hash, n_probes, positions)
    else:
        matrices = stacked(_handed_over(outcomes), len(outcomes), n_probes)
    masked = [
        (outcome.sample_id, reason, int(outcome.masked[code]))
        for outcome in outcomes
        for code, reason in reasons.items()
    ]
    rows = [{"sample_id": outcome.sample_id, **outcome.quality} for outcome in outcomes]
    beta, detection_p, log2_total = matrices
    return ArraySignals(
        manifest=manifest,
        sample_ids=tuple(outcome.sample_id for outcome in outcomes),
        beta=beta,
        detection_p=detection_p,
        log2_total=log2_total,
        masked=pl.DataFrame(masked, schema=["sample_id", "reason", "n"], orient="row"),
        quality=pl.DataFrame(rows, schema=_quality_schema(rows[0])),
    )


def _handed_over(outcomes: list[_Outcome]) -> Iterator[SampleSignal]:
    """Yield the signals and forget each, so that no more than one is in memory twice."""
    for outcome in outcomes:
        if outcome.signal is not None:
            yield outcome.signal
        outcome.signal = None


def _quality_schema(row: QualityRow) -> dict[str, type[pl.DataType]]:
    """Fix the column types, so that a column of nulls has one too."""
    texts = (
        "sample_id",
        "array",
        "verdict",
        "reasons",
        "predicted_sex",
        "sex_note",
        "not_measured",
    )
    return {name: pl.String if name in texts else pl.Float64 for name in row}
