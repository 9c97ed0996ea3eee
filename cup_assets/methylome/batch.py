"""A batch of samples, each on its own: what one sample holds never depends on the others.

Belongs here: running the samples, gathering their results per array, and setting failures aside.
Does not belong here: the science of a sample, storage.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from cup_assets.compute import Mapper, serial
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
        As in `SampleSignal`; each sample is contiguous (Fortran order).
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
    one = partial(
        _process_one,
        layouts=tuple(layout_of(manifest) for manifest in candidates),
        parameters=parameters,
        probe_masks={m.content_hash: masks.codes(m) for m in candidates} if masks.entries else {},
    )
    outcomes = mapper(one, todo, progress)
    found: dict[str, list[tuple[str, SampleSignal]]] = {}
    failed = []
    for (sample_id, _, _), outcome in zip(todo, outcomes, strict=True):
        if isinstance(outcome, str):
            failed.append((sample_id, outcome))
        else:
            found.setdefault(outcome[0], []).append((sample_id, outcome[1]))
    judge = quality or QualityParameters()
    arrays = [
        _gather(manifest, found[manifest.content_hash], judge, masks.names)
        for manifest in sorted(candidates, key=lambda each: (each.array, each.name))
        if manifest.content_hash in found
    ]
    return BatchSignals(tuple(arrays), tuple(failed))


def _process_one(
    item: Item,
    layouts: tuple[ArrayLayout, ...],
    parameters: BetaParameters,
    probe_masks: dict[str, NDArray[np.uint8]],
) -> tuple[str, SampleSignal] | str:
    """Return the content hash of the sample's array and its signal, or one line of error."""
    _, grn_path, red_path = item
    try:
        grn, red = read_idat(grn_path), read_idat(red_path)
        layout = _recognise(grn, layouts)
        probe_mask = probe_masks.get(layout.content_hash)
        return layout.content_hash, process_pair(grn, red, layout, parameters, probe_mask)
    except MethylomeError as error:
        return str(error)


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
    manifest: Manifest,
    samples: list[tuple[str, SampleSignal]],
    judge: QualityParameters,
    reasons: dict[int, str],
) -> ArraySignals:
    n = len(samples)
    beta, detection_p, log2_total = (
        np.empty((n, manifest.probes.height), dtype=np.float32) for _ in range(3)
    )
    masked: list[tuple[str, str, int]] = []
    rows: list[QualityRow] = []
    for i, (sample_id, signal) in enumerate(samples):
        beta[i], detection_p[i] = signal.beta, signal.detection_p
        log2_total[i] = signal.log2_total
        counts = np.bincount(signal.mask, minlength=max(reasons) + 1)
        masked += [(sample_id, reason, int(counts[code])) for code, reason in reasons.items()]
        rows.append({"sample_id": sample_id, **sample_quality(signal, manifest, judge)})
    return ArraySignals(
        manifest=manifest,
        sample_ids=tuple(sample_id for sample_id, _ in samples),
        beta=beta.T,
        detection_p=detection_p.T,
        log2_total=log2_total.T,
        masked=pl.DataFrame(masked, schema=["sample_id", "reason", "n"], orient="row"),
        quality=pl.DataFrame(rows, schema=_quality_schema(rows[0])),
    )


def _quality_schema(row: QualityRow) -> dict[str, type[pl.DataType]]:
    """Fix the column types, so that a column of nulls has one too."""
    texts = ("sample_id", "array", "verdict", "reasons", "predicted_sex", "sex_note", "not_measured")
    return {name: pl.String if name in texts else pl.Float64 for name in row}
