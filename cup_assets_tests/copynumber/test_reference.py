from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cup_assets.copynumber import Bins, CnvError, CnvParameters, ControlPool, make_pool
from cup_assets.copynumber.reference import autosomal_rows
from cup_assets_tests.copynumber.synthetic import PARAMETERS, Array

_SEXES = ["F", "M", "F", "M", "F", None]


def _controls(array: Array, k: int) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    return np.stack([array.sample(500 + i, _SEXES[i] or "F") for i in range(k)])


def _pool(array: Array, bins: Bins, k: int = 6) -> ControlPool:
    ids = [f"n{i}" for i in range(k)]
    return make_pool("test", ids, _SEXES[:k], _controls(array, k), bins, PARAMETERS)


@settings(deadline=None, max_examples=10)
@given(order=st.permutations(range(6)))
def test_the_order_of_the_controls_does_not_matter(
    array: Array, bins: Bins, order: list[int]
) -> None:
    log2 = _controls(array, 6)[order]
    ids, sexes = [f"n{i}" for i in order], [_SEXES[i] for i in order]
    shuffled = make_pool("test", ids, sexes, log2, bins, PARAMETERS)
    straight = _pool(array, bins)
    assert shuffled.version == straight.version
    assert shuffled.sexes == straight.sexes
    assert shuffled.moments.gram.tobytes() == straight.moments.gram.tobytes()


def test_the_gram_matrix_is_that_of_the_centred_autosomal_probes(array: Array, bins: Bins) -> None:
    pool = _pool(array, bins)
    x = pool.log2[:, autosomal_rows(bins)].astype(np.float64)
    x -= x.mean(axis=1, keepdims=True)
    np.testing.assert_allclose(pool.moments.gram, x @ x.T, rtol=1e-6)


def test_any_other_content_is_another_version(array: Array, bins: Bins) -> None:
    log2 = _controls(array, 6)
    ids = [f"n{i}" for i in range(6)]
    version = _pool(array, bins).version
    changed = log2.copy()
    changed[2, 17] += 0.5
    assert make_pool("test", ids, _SEXES, changed, bins, PARAMETERS).version != version
    assert make_pool("other", ids, _SEXES, log2, bins, PARAMETERS).version != version
    assert make_pool("test", ids, ["M"] * 6, log2, bins, PARAMETERS).version != version


def test_fewer_than_four_controls_are_refused_with_the_remedy(array: Array, bins: Bins) -> None:
    with pytest.raises(CnvError, match=r"at least 4 normal controls, there are 3.*normal_control"):
        _pool(array, bins, 3)
    assert _pool(array, bins, 4).n_controls == 4


def test_a_failed_normal_is_no_control_and_said_so(array: Array, bins: Bins) -> None:
    log2 = _controls(array, 6)
    log2[1] = 0
    log2[4, 3] = -np.inf
    ids = [f"n{i}" for i in range(6)]
    pool = make_pool("test", ids, _SEXES, log2, bins, PARAMETERS)
    assert pool.sample_ids == ("n0", "n2", "n3", "n5")
    assert dict(pool.rejected) == {
        "n1": "all intensities are equal",
        "n4": "intensities that are not finite",
    }
    log2[2] = 1
    with pytest.raises(CnvError, match=r"there are 3 \(3 more are unusable\)"):
        make_pool("test", ids, _SEXES, log2, bins, PARAMETERS)


def _lacking(array: Array, shares: dict[int, float]) -> np.ndarray:
    """Six controls; those named lack a share of the probes, each its own."""
    log2 = _controls(array, 6)
    rng = np.random.default_rng(8)
    for i, share in shares.items():
        log2[i, rng.choice(log2.shape[1], int(share * log2.shape[1]), replace=False)] = np.nan
    return log2


def test_probes_that_a_control_lacks_are_left_out_for_all_and_said_so(
    array: Array, bins: Bins
) -> None:
    log2 = _lacking(array, {1: 0.01, 4: 0.02})
    gone = np.isnan(log2).any(axis=0)
    pool = make_pool("test", [f"n{i}" for i in range(6)], _SEXES, log2, bins, PARAMETERS)
    assert pool.n_controls == 6
    assert pool.lacks.tolist() == gone.tolist()
    assert pool.rows.tolist() == [row for row in autosomal_rows(bins) if not gone[row]]
    x = log2[:, pool.rows].astype(np.float64)
    x -= x.mean(axis=1, keepdims=True)
    np.testing.assert_allclose(pool.moments.gram, x @ x.T, rtol=1e-6)
    assert f"{gone.sum()} of 30000 probes are left out for all samples" in pool.warnings[1]
    assert pool.version != _pool(array, bins).version


def test_a_pool_made_again_from_what_it_kept_is_the_same(array: Array, bins: Bins) -> None:
    log2 = _lacking(array, {0: 0.04, 1: 0.2, 2: 0.04, 5: 0.05})
    ids = [f"n{i}" for i in range(6)]
    once = make_pool("test", ids, _SEXES, log2, bins, PARAMETERS)
    again = make_pool("test", once.sample_ids, once.sexes, once.log2, bins, PARAMETERS)
    assert again.version == once.version
    assert again.warnings == once.warnings
    assert again.moments.gram.tobytes() == once.moments.gram.tobytes()


def test_controls_that_lack_too_many_probes_alone_or_together_are_rejected(
    array: Array, bins: Bins
) -> None:
    log2 = _lacking(array, {0: 0.04, 1: 0.2, 2: 0.04, 5: 0.05})
    ids = [f"n{i}" for i in range(6)]
    pool = make_pool("test", ids, _SEXES, log2, bins, PARAMETERS)
    assert pool.sample_ids == ("n0", "n2", "n3", "n4")
    assert dict(pool.rejected) == {
        "n1": "20.0% of the array's probes are not in the files, at most 10% may be missing",
        "n5": "lacks probes that the other controls have",
    }


def test_controls_without_a_common_autosomal_probe_are_refused(array: Array, bins: Bins) -> None:
    log2 = _controls(array, 4)
    half = np.arange(log2.shape[1]) % 2 == 0
    log2[:2, half] = np.nan
    log2[2:, ~half] = np.nan
    lenient = CnvParameters(max_missing_fraction=1)
    with pytest.raises(CnvError, match="no autosomal probe is measured in all of 4 normal"):
        make_pool("test", list("abcd"), _SEXES[:4], log2, bins, lenient)


def test_fewer_controls_than_advised_carry_a_warning(array: Array, bins: Bins) -> None:
    assert _pool(array, bins).warnings == (
        "only 6 normal controls on test, at least 16 are advised: profiles are noisier",
    )
    assert array.pool(16).warnings == ()


def test_controls_of_another_array_or_twice_the_same_are_refused(array: Array, bins: Bins) -> None:
    log2 = _controls(array, 6)
    with pytest.raises(CnvError, match="one array only"):
        make_pool("test", [f"n{i}" for i in range(6)], _SEXES, log2[:, 1:], bins, PARAMETERS)
    with pytest.raises(CnvError, match="sample n0 occurs more than once"):
        make_pool("test", ["n0"] * 6, _SEXES, log2, bins, PARAMETERS)
