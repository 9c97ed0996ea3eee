"""Boruta, the forest behind it, and stability selection on CpGs whose information is known."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from cup_assets.compute import local
from cup_assets.panels.boruta import BorutaSettings, boruta
from cup_assets.panels.forest import BINS, binned, forest_importance
from cup_assets.panels.parameters import PanelError
from cup_assets.panels.stability import stability

INFORMATIVE = np.arange(0, 60, 5)


def planted(seed: int, n: int = 120) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Return 60 CpGs of which 12 are shifted in one of four classes each."""
    rng = np.random.default_rng(seed)
    codes = rng.permutation(np.repeat(np.arange(4), n // 4))
    X = rng.normal(0.5, 0.1, (n, 60))
    for at, column in enumerate(INFORMATIVE):
        X[codes == at % 4, column] += 0.2
    return X.astype(np.float32), codes


def test_boruta_confirms_what_carries_information_and_rejects_noise() -> None:
    X, codes = planted(0)
    done: list[tuple[int, int]] = []
    result = boruta(X, codes, BorutaSettings(rounds=60), progress=lambda *at: done.append(at))
    assert (result.verdict[INFORMATIVE] == "confirmed").all()
    others = np.delete(result.verdict, INFORMATIVE)
    assert (others == "confirmed").sum() <= 1
    assert (others == "rejected").mean() > 0.8
    assert result.importance[INFORMATIVE].min() > np.delete(result.importance, INFORMATIVE).max()
    assert done == [(at, 60) for at in range(1, result.rounds + 1)]


def test_boruta_confirms_nothing_where_labels_say_nothing() -> None:
    X, codes = planted(1)
    shuffled = np.random.default_rng(5).permutation(codes)
    result = boruta(X, shuffled, BorutaSettings(rounds=40))
    assert (result.verdict == "confirmed").sum() <= 1


def test_boruta_says_the_same_for_any_number_of_workers() -> None:
    X, codes = planted(2, n=40)
    one, two = (boruta(X, codes, BorutaSettings(rounds=5), local(workers)) for workers in (1, 2))
    assert one.verdict.tolist() == two.verdict.tolist()
    assert one.importance.tobytes() == two.importance.tobytes()


def test_boruta_without_two_classes_is_refused() -> None:
    with pytest.raises(PanelError, match="at least two classes"):
        boruta(np.ones((4, 2), np.float32), np.zeros(4, np.int64), BorutaSettings())


def test_bins_keep_the_order_of_values_and_are_about_equally_full() -> None:
    X = np.random.default_rng(0).uniform(0, 1, (640, 3)).astype(np.float32)
    bins = binned(X)
    for column in range(3):
        order = np.argsort(X[:, column])
        assert (np.diff(bins[order, column].astype(int)) >= 0).all()
        assert set(np.bincount(bins[:, column], minlength=BINS).tolist()) == {20}


def test_equal_values_share_a_bin() -> None:
    X = np.array([[0.0], [0.5], [0.5], [0.5], [1.0]], np.float32)
    assert len(set(binned(X)[1:4, 0].tolist())) == 1
    assert len(set(binned(X)[:, 0].tolist())) == 3


def test_the_forest_finds_the_same_features_important_as_scikit_learns() -> None:
    from sklearn.ensemble import RandomForestClassifier

    X, codes = planted(3, n=200)
    ours = forest_importance(binned(X), codes, 4, 400, 5, 1)
    theirs = (
        RandomForestClassifier(400, max_depth=5, class_weight="balanced_subsample", random_state=1)
        .fit(X, codes)
        .feature_importances_
    )
    assert ours.sum() == pytest.approx(1)
    assert ours == pytest.approx(theirs, abs=0.025)
    assert np.corrcoef(ours, theirs)[0, 1] > 0.97


def test_a_rare_class_counts_as_much_as_a_common_one() -> None:
    rng = np.random.default_rng(4)
    codes = np.repeat([0, 1, 2], [90, 90, 12])
    X = rng.normal(0.5, 0.1, (192, 40)).astype(np.float32)
    X[codes == 0, 0] += 0.4
    X[codes == 2, 1] += 0.4
    importance = forest_importance(binned(X), codes, 3, 200, 4, 1)
    assert importance[1] > 0.5 * importance[0]


def select(
    X: NDArray[np.float32], codes: NDArray[np.int64], clusters: NDArray[np.int64], **how: int
):  # type: ignore[no-untyped-def]
    names = [f"cg{column}" for column in range(X.shape[1])]
    patients = np.array([f"p{row // 2}" for row in range(len(codes))])
    settings = {"chosen": 12, "halves": 20, "seed": 1} | how
    return stability(X, codes, patients, names, clusters, **settings)  # type: ignore[arg-type]


def test_informative_cpgs_are_chosen_from_nearly_all_halves_and_noise_is_not() -> None:
    X, codes = planted(5)
    X, codes = np.repeat(X, 2, axis=0), np.repeat(codes, 2)
    table = select(X, codes, np.arange(60)).table
    assert table["frequency"].to_numpy()[INFORMATIVE].min() > 0.9
    assert np.delete(table["frequency"].to_numpy(), INFORMATIVE).max() < 0.6


def test_a_cluster_is_stable_where_its_members_take_turns() -> None:
    X, codes = planted(6)
    X, codes = np.repeat(X, 2, axis=0), np.repeat(codes, 2)
    rng = np.random.default_rng(0)
    twins = np.hstack([X, X + rng.normal(0, 0.02, X.shape).astype(np.float32)])
    found = select(twins, codes, np.tile(np.arange(60), 2), chosen=12).table
    alone = found["frequency"].to_numpy()[INFORMATIVE]
    together = found["frequency_of_cluster"].to_numpy()[INFORMATIVE]
    assert (together >= alone).all()
    assert together.mean() > alone.mean()


def test_samples_of_a_patient_stay_together_and_halves_complement_each_other() -> None:
    from cup_assets.panels.stability import _halves

    codes = np.repeat([0, 1], [20, 9])
    patients = np.array([f"p{row // 2}" for row in range(29)])
    one, other = _halves(codes, patients, np.random.default_rng(0))
    assert sorted([*one, *other]) == list(range(29))
    assert not set(patients[one]) & set(patients[other])
    assert abs((codes[one] == 0).sum() - 10) <= 1


def test_the_bound_on_false_choices_is_that_of_meinshausen_and_buehlmann() -> None:
    X, codes = planted(7)
    found = select(np.repeat(X, 2, axis=0), np.repeat(codes, 2), np.arange(60), chosen=6)
    assert found.expected_false(0.9) == pytest.approx(36 / (0.8 * 60))
    with pytest.raises(PanelError, match=r"above 0\.5"):
        found.expected_false(0.5)


def test_an_odd_number_of_halves_is_refused() -> None:
    X, codes = planted(8)
    with pytest.raises(PanelError, match="even"):
        select(X, codes, np.arange(60), halves=3)
