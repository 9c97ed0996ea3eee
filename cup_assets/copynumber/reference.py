"""The pool of normal controls that copy number is measured against.

Belongs here: which controls form a pool, its version, and the part of the regression that
depends on the controls alone. Does not belong here: the sample under study.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cup_assets.copynumber.bins import Bins, Index
from cup_assets.copynumber.errors import CnvError
from cup_assets.copynumber.moments import Moments, moments
from cup_assets.copynumber.parameters import CnvParameters

_FLAT_SD = 1e-3


@dataclass(frozen=True)
class ControlPool:
    """Normal controls of one array, in the order of their sample ids.

    Attributes
    ----------
    array : str
        Canonical name of the array.
    version : str
        Content hash of array, ids, sexes and intensities: other controls, another version.
    bins_key : str
        Key of the `Bins` whose autosomal probes the regression uses.
    sample_ids : tuple of str
    sexes : tuple of str or None
        ``F``, ``M`` or None.
    log2 : float32[k, p]
        log2 total intensity (M + U) of every probe of the array; NaN in all controls where any
        control lacks the probe.
    rows : int64[m]
        Manifest rows that the regression uses: autosomal probes in bins, measured in every
        control.
    moments : Moments
        Of the controls over ``rows``; the part of the regression that is the same for all
        samples.
    rejected : tuple of (sample_id, reason)
        Candidates that are no controls.
    warnings : tuple of str
        What every profile of this pool should say.
    """

    array: str
    version: str
    bins_key: str
    sample_ids: tuple[str, ...]
    sexes: tuple[str | None, ...]
    log2: NDArray[np.float32]
    rows: Index
    moments: Moments
    rejected: tuple[tuple[str, str], ...]
    warnings: tuple[str, ...]

    @property
    def n_controls(self) -> int:
        """Number of controls, k."""
        return len(self.sample_ids)

    @property
    def lacks(self) -> NDArray[np.bool_]:
        """Which probes of the array are left out because a control lacks them (bool[p])."""
        return np.asarray(np.isnan(self.log2[0]))


def make_pool(
    array: str,
    sample_ids: Sequence[str],
    sexes: Sequence[str | None],
    log2: NDArray[np.float32],
    bins: Bins,
    parameters: CnvParameters,
) -> ControlPool:
    """Form a pool from normal controls of one array; their order does not matter.

    Probes that a control lacks (NaN) are left out for the whole pool, which the pool's warnings
    say. A control that lacks more than ``max_missing_fraction`` of the probes is rejected, and
    as long as the controls together lack more, so is the one that lacks most.

    Parameters
    ----------
    array : str
        Canonical name of the array, for messages and the version.
    sample_ids, sexes : sequences of length k
    log2 : float32[k, p]
        log2 total intensities, same normalisation as the samples to be measured; NaN where the
        array's files do not carry the probe.
    bins : Bins
        Bins of the same array.
    parameters : CnvParameters

    Returns
    -------
    ControlPool
        Made again from its own ids, sexes and intensities, a pool has the same version.

    Raises
    ------
    CnvError
        If the shapes do not fit, an id occurs twice, fewer than ``min_controls`` usable controls
        remain, or no autosomal probe is measured in all of them.
    """
    _check_shapes(array, sample_ids, sexes, log2, bins)
    autosomal = autosomal_rows(bins)
    kept: list[int] = []
    rejected: list[tuple[str, str]] = []
    for i in sorted(range(len(sample_ids)), key=lambda i: sample_ids[i]):
        reason = _fault(log2[i], autosomal, parameters)
        if reason:
            rejected.append((sample_ids[i], reason))
        else:
            kept.append(i)
    kept, lacking = _few_lacking(kept, log2, parameters)
    rejected += [(sample_ids[i], "lacks probes that the other controls have") for i in lacking]
    if len(kept) < parameters.min_controls:
        unusable = f" ({len(rejected)} more are unusable)" if rejected else ""
        raise CnvError(
            f"copy number on {array} needs at least {parameters.min_controls} normal controls, "
            f"there are {len(kept)}{unusable}: add samples with role normal_control"
        )
    values = np.ascontiguousarray(log2[kept], np.float32)
    missing = np.asarray(np.isnan(values).any(axis=0))
    values[:, missing] = np.nan
    rows = autosomal[~missing[autosomal]]
    if not rows.size:
        raise CnvError(
            f"copy number on {array}: no autosomal probe is measured in all of {len(kept)} normal "
            "controls; check that they are of one array"
        )
    ids = tuple(sample_ids[i] for i in kept)
    of_sex = tuple(sexes[i] for i in kept)
    return ControlPool(
        array=array,
        version=_version(array, ids, of_sex, values),
        bins_key=bins.key,
        sample_ids=ids,
        sexes=of_sex,
        log2=values,
        rows=rows,
        moments=moments(np.take(values, rows, axis=1)),
        rejected=tuple(sorted(rejected)),
        warnings=_warnings(array, len(kept), int(missing.sum()), bins, parameters),
    )


def autosomal_rows(bins: Bins) -> Index:
    """Return the manifest rows of the probes in autosomal bins, ascending (int64[m])."""
    return np.sort(bins.probes[np.repeat(bins.autosomal, np.diff(bins.offsets))])


def missing_fault(values: NDArray[np.float32], parameters: CnvParameters) -> str | None:
    """Return why too few of an array's probes (float32[p]) are measured, or None."""
    missing = float(np.isnan(values).mean())
    if missing > parameters.max_missing_fraction or missing == 1:
        return (
            f"{missing:.1%} of the array's probes are not in the files, at most "
            f"{parameters.max_missing_fraction:.0%} may be missing"
        )
    return None


def _check_shapes(
    array: str,
    sample_ids: Sequence[str],
    sexes: Sequence[str | None],
    log2: NDArray[np.float32],
    bins: Bins,
) -> None:
    expected = (len(sample_ids), bins.n_array_probes)
    if log2.shape != expected or len(sexes) != len(sample_ids):
        raise CnvError(
            f"control pool of {array}: intensities of shape {log2.shape} and {len(sexes)} sexes "
            f"for {len(sample_ids)} samples and {bins.n_array_probes} probes; a pool holds "
            "samples of one array only"
        )
    repeated = sorted({i for i in sample_ids if list(sample_ids).count(i) > 1})
    if repeated:
        raise CnvError(f"control pool of {array}: sample {repeated[0]} occurs more than once")


def _fault(values: NDArray[np.float32], autosomal: Index, parameters: CnvParameters) -> str | None:
    if np.isinf(values).any():
        return "intensities that are not finite"
    if fault := missing_fault(values, parameters):
        return fault
    measured = values[autosomal]
    measured = measured[~np.isnan(measured)]
    if not measured.size or float(measured.std()) < _FLAT_SD:
        return "all intensities are equal"
    return None


def _few_lacking(
    kept: list[int], log2: NDArray[np.float32], parameters: CnvParameters
) -> tuple[list[int], list[int]]:
    """Divide controls into those that lack few probes together, and the others.

    The one that lacks most goes first, so that one poor scan does not take its probes away from
    every sample.
    """
    lacking = {i: np.isnan(log2[i]) for i in kept}
    by_number = sorted(kept, key=lambda i: int(lacking[i].sum()))
    together = np.zeros(log2.shape[1], np.bool_)
    few: list[int] = []
    for i in by_number:
        together |= lacking[i]
        if float(together.mean()) > parameters.max_missing_fraction:
            break
        few.append(i)
    return [i for i in kept if i in few], by_number[len(few) :]


def _warnings(
    array: str, n_controls: int, n_missing: int, bins: Bins, parameters: CnvParameters
) -> tuple[str, ...]:
    warnings = []
    if n_controls < parameters.advised_controls:
        warnings.append(
            f"only {n_controls} normal controls on {array}, at least "
            f"{parameters.advised_controls} are advised: profiles are noisier"
        )
    if n_missing:
        warnings.append(
            f"{n_missing} of {bins.n_array_probes} probes are left out for all samples: a normal "
            "control's files lack them"
        )
    return tuple(warnings)


def _version(
    array: str,
    sample_ids: tuple[str, ...],
    sexes: tuple[str | None, ...],
    values: NDArray[np.float32],
) -> str:
    digest = hashlib.sha256(repr((array, sample_ids, sexes, values.shape)).encode())
    digest.update(np.ascontiguousarray(values, "<f4").data)
    return digest.hexdigest()[:16]
