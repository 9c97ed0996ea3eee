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

from cup_assets.copynumber.bins import Bins
from cup_assets.copynumber.errors import CnvError
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
        log2 total intensity (M + U) of every probe of the array.
    mean : float64[k]
        Mean over the autosomal probes.
    gram : float64[k, k]
        Scalar products of the controls, centred, over the autosomal probes.
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
    mean: NDArray[np.float64]
    gram: NDArray[np.float64]
    rejected: tuple[tuple[str, str], ...]
    warnings: tuple[str, ...]

    @property
    def n_controls(self) -> int:
        """Number of controls, k."""
        return len(self.sample_ids)


def make_pool(
    array: str,
    sample_ids: Sequence[str],
    sexes: Sequence[str | None],
    log2: NDArray[np.float32],
    bins: Bins,
    parameters: CnvParameters,
) -> ControlPool:
    """Form a pool from normal controls of one array; their order does not matter.

    Parameters
    ----------
    array : str
        Canonical name of the array, for messages and the version.
    sample_ids, sexes : sequences of length k
    log2 : float32[k, p]
        log2 total intensities, same normalisation as the samples to be measured.
    bins : Bins
        Bins of the same array.
    parameters : CnvParameters

    Returns
    -------
    ControlPool

    Raises
    ------
    CnvError
        If the shapes do not fit, an id occurs twice, or fewer than ``min_controls`` usable
        controls remain.
    """
    _check_shapes(array, sample_ids, sexes, log2, bins)
    autosomal = autosomal_mask(bins)
    kept: list[int] = []
    rejected: list[tuple[str, str]] = []
    for i in sorted(range(len(sample_ids)), key=lambda i: sample_ids[i]):
        reason = _fault(log2[i], autosomal)
        if reason:
            rejected.append((sample_ids[i], reason))
        else:
            kept.append(i)
    if len(kept) < parameters.min_controls:
        unusable = f" ({len(rejected)} more are unusable)" if rejected else ""
        raise CnvError(
            f"copy number on {array} needs at least {parameters.min_controls} normal controls, "
            f"there are {len(kept)}{unusable}: add samples with role normal_control"
        )
    warnings = []
    if len(kept) < parameters.advised_controls:
        warnings.append(
            f"only {len(kept)} normal controls on {array}, at least "
            f"{parameters.advised_controls} are advised: profiles are noisier"
        )
    values = np.ascontiguousarray(log2[kept], np.float32)
    ids = tuple(sample_ids[i] for i in kept)
    of_sex = tuple(sexes[i] for i in kept)
    mean = np.array([masked_mean(row, autosomal) for row in values])
    return ControlPool(
        array=array,
        version=_version(array, ids, of_sex, values),
        bins_key=bins.key,
        sample_ids=ids,
        sexes=of_sex,
        log2=values,
        mean=mean,
        gram=_gram(values, mean, autosomal),
        rejected=tuple(rejected),
        warnings=tuple(warnings),
    )


def autosomal_mask(bins: Bins) -> NDArray[np.float64]:
    """Return 1.0 for the array's probes in autosomal bins, 0.0 for the others (float64[p])."""
    mask = np.zeros(bins.n_array_probes)
    per_probe = np.repeat(bins.autosomal, np.diff(bins.offsets))
    mask[bins.probes[per_probe]] = 1.0
    return mask


def masked_mean(values: NDArray[np.float32], mask: NDArray[np.float64]) -> float:
    """Return the mean of the values where the mask is 1."""
    return dot(values, mask) / float(mask.sum())


def dot(values: NDArray[np.float32], weights: NDArray[np.float64]) -> float:
    """Return the scalar product in double precision.

    Not BLAS: its result would depend on the number of threads.
    """
    return float(np.add.reduce(values * weights))


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


def _fault(values: NDArray[np.float32], autosomal: NDArray[np.float64]) -> str | None:
    if not np.isfinite(values).all():
        return "intensities that are not finite"
    if float(values[autosomal > 0].std()) < _FLAT_SD:
        return "all intensities are equal"
    return None


def _gram(
    values: NDArray[np.float32], mean: NDArray[np.float64], autosomal: NDArray[np.float64]
) -> NDArray[np.float64]:
    k = len(values)
    gram = np.empty((k, k))
    for i in range(k):
        centred = (values[i] - mean[i]) * autosomal
        for j in range(i + 1):
            # `centred` sums to zero, so the other factor needs no centring.
            gram[i, j] = gram[j, i] = dot(values[j], centred)
    return gram


def _version(
    array: str,
    sample_ids: tuple[str, ...],
    sexes: tuple[str | None, ...],
    values: NDArray[np.float32],
) -> str:
    digest = hashlib.sha256(repr((array, sample_ids, sexes, values.shape)).encode())
    digest.update(np.ascontiguousarray(values, "<f4").data)
    return digest.hexdigest()[:16]
