from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from cup_assets.classify.errors import ClassifyError
from cup_assets.classify.metrics import METRICS, metrics

CLASSES = ["a", "b", "c"]


def _frames(
    scores: np.ndarray, truth: list[str], patients: list[str] | None = None
) -> tuple[pl.DataFrame, pl.DataFrame]:
    names = [f"s{row:03d}" for row in range(len(scores))]
    classes = CLASSES[: scores.shape[1]]
    long = pl.DataFrame(
        {
            "repeat": [0] * scores.size,
            "sample_id": [name for name in names for _ in classes],
            "class": classes * len(names),
            "raw_score": np.full(scores.size, 1 / len(classes)),
            "score": scores.ravel(),
        }
    )
    known = pl.DataFrame({"sample_id": names, "class": truth, "patient_id": patients or names})
    return long, known


def _values(scores: np.ndarray, truth: list[str]) -> dict[tuple[str, str | None], float | None]:
    found = metrics(*_frames(scores, truth), seed=1, bootstraps=20)
    return {(row["metric"], row["class"]): row["value"] for row in found.to_dicts()}


def _random(n: int, seed: int) -> tuple[np.ndarray, list[str]]:
    generator = np.random.default_rng(seed)
    scores = generator.dirichlet([0.7] * 3, n)
    truth = [CLASSES[generator.choice(3, p=0.5 * row + 0.5 / 3)] for row in scores]
    truth[:3] = CLASSES
    return scores, truth


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 2**31), st.integers(10, 80))
def test_metrics_agree_with_scikit_learn(seed: int, n: int) -> None:
    from sklearn import metrics as theirs

    scores, truth = _random(n, seed)
    ours = _values(scores, truth)
    predicted = [CLASSES[code] for code in scores.argmax(axis=1)]
    expected = {
        "accuracy": theirs.accuracy_score(truth, predicted),
        "balanced_accuracy": theirs.balanced_accuracy_score(truth, predicted),
        "macro_f1": theirs.f1_score(truth, predicted, average="macro"),
        "weighted_f1": theirs.f1_score(truth, predicted, average="weighted"),
        "log_loss": theirs.log_loss(truth, scores, labels=CLASSES),
        "auc_hand_till": theirs.roc_auc_score(truth, scores, multi_class="ovo", average="macro"),
    }
    for name, value in expected.items():
        assert ours[name, None] == pytest.approx(value, abs=1e-9), name
    assert ours["error", None] == pytest.approx(1 - expected["accuracy"])
    recalls = theirs.recall_score(truth, predicted, average=None, labels=CLASSES)
    assert [ours["recall", name] for name in CLASSES] == pytest.approx(recalls.tolist())


SCORES = np.array([[0.95, 0.05, 0.0], [0.6, 0.4, 0.0], [0.1, 0.85, 0.05], [0.92, 0.0, 0.08]])
TRUTH = ["a", "b", "b", "c"]


def test_metrics_agree_with_a_calculation_by_hand() -> None:
    ours = _values(SCORES, TRUTH)
    assert ours["accuracy", None] == pytest.approx(0.5)
    squares = [0.05**2 * 2, 0.36 + 0.36, 0.01 + 0.15**2 + 0.05**2, 0.92**2 * 2]
    assert ours["brier", None] == pytest.approx(sum(squares) / 4)
    # Bins of the highest score: .6 wrong; .85 right; .95 right with .92 wrong.
    assert ours["ece", None] == pytest.approx((0.6 + 0.15 + abs(0.95 + 0.92 - 1)) / 4)
    assert ours["precision_at_90", None] == pytest.approx(0.5)
    assert ours["coverage_at_90", None] == pytest.approx(0.5)
    assert ours["coverage_at_99", None] == pytest.approx(0.25)
    assert ours["precision", "a"] == pytest.approx(1 / 3)
    assert ours["f1", "b"] == pytest.approx(2 / 3)
    assert ours["raw_brier", None] == pytest.approx(2 / 3)


def test_what_is_undefined_is_null_and_not_zero() -> None:
    ours = _values(SCORES, TRUTH)
    assert ours["precision", "c"] is None
    assert ours["f1", "c"] == 0
    assert ours["recall", "c"] == 0
    assert ours["raw_precision_at_90", None] is None
    assert ours["raw_coverage_at_90", None] == 0
    alone = _values(SCORES[:1], ["a"])
    assert alone["auc_hand_till", None] is None
    assert alone["recall", "b"] is None
    assert alone["balanced_accuracy", None] == 1


def test_no_threshold_splits_samples_of_equal_score() -> None:
    scores = np.array([[0.9, 0.1], [0.9, 0.1], [0.8, 0.2]])
    assert _values(scores, ["a", "b", "a"])["coverage_at_99", None] == 0
    assert _values(scores, ["a", "a", "b"])["coverage_at_99", None] == pytest.approx(2 / 3)


def test_99_right_of_100_are_covered() -> None:
    scores = np.column_stack([np.linspace(0.6, 0.99, 100), 1 - np.linspace(0.6, 0.99, 100)])
    truth = ["a"] * 100
    truth[60] = "b"
    assert _values(scores, truth)["coverage_at_99", None] == pytest.approx(1)
    truth[61] = "b"
    assert _values(scores, truth)["coverage_at_99", None] == pytest.approx(0.38)


def test_a_score_of_zero_for_the_truth_costs_a_finite_loss() -> None:
    assert _values(np.array([[1.0, 0.0]]), ["b"])["log_loss", None] == pytest.approx(
        34.54, abs=0.01
    )


def test_every_metric_has_its_raw_form_and_an_interval_around_it() -> None:
    scores, truth = _random(80, 5)
    found = metrics(*_frames(scores, truth), seed=1, bootstraps=300)
    overall = found.filter(pl.col("class").is_null())
    assert set(overall["metric"]) == {*METRICS, *(f"raw_{name}" for name in METRICS)}
    assert not overall["metric"].is_duplicated().any()
    accuracy = found.row(by_predicate=pl.col("metric") == "accuracy", named=True)
    spread = np.sqrt(accuracy["value"] * (1 - accuracy["value"]) / 80)
    assert accuracy["high"] - accuracy["low"] == pytest.approx(2 * 1.96 * spread, rel=0.25)


def test_no_interval_leaves_its_own_value_out() -> None:
    for seed in range(30):
        generator = np.random.default_rng(seed)
        scores = generator.dirichlet([0.3] * 3, 60)
        # True chances: the data's calibration error is noise, and that of a draw more of it.
        truth = [CLASSES[generator.choice(3, p=row)] for row in scores]
        found = metrics(*_frames(scores, truth), seed=1, bootstraps=100).drop_nulls("low")
        assert found.filter(~pl.col("value").is_between("low", "high")).is_empty()


def test_copies_of_a_patient_do_not_narrow_the_interval() -> None:
    scores, truth = _random(40, 5)
    once = metrics(*_frames(scores, truth), seed=1, bootstraps=300)
    patients = [f"p{row:03d}" for row in range(40)] * 3
    thrice = metrics(*_frames(np.vstack([scores] * 3), truth * 3, patients), seed=1, bootstraps=300)
    assert_frame_equal(once, thrice, abs_tol=1e-9)
    as_if = metrics(*_frames(np.vstack([scores] * 3), truth * 3), seed=1, bootstraps=300)
    width = (pl.col("high") - pl.col("low")).filter(pl.col("metric") == "accuracy")
    assert as_if.select(width).item() < 0.75 * thrice.select(width).item()


def test_a_class_of_one_patient_leaves_nearly_everything_open() -> None:
    scores, truth = _random(30, 5)
    truth = ["a" if name == "c" else name for name in truth[:-1]] + ["c"]
    found = metrics(*_frames(scores, truth), seed=1, bootstraps=300)
    by_name = {row["metric"]: row for row in found.filter(pl.col("class") == "c").to_dicts()}
    assert by_name["f1"]["value"] is not None
    assert by_name["f1"]["low"] is None
    recall = by_name["recall"]
    expected = (0.025, 1) if recall["value"] == 1 else (0, 0.975)
    assert (recall["low"], recall["high"]) == pytest.approx(expected)


def test_repeats_are_averaged_and_the_same_seed_gives_the_same_frame() -> None:
    one, truth = _frames(SCORES, TRUTH)
    other = _frames(SCORES[:, [1, 0, 2]], TRUTH)[0].with_columns(pl.lit(1).alias("repeat"))
    both = metrics(pl.concat([one, other.cast(one.schema)]), truth, seed=1, bootstraps=20)
    first, second = (
        metrics(frame, truth, seed=1, bootstraps=20).filter(pl.col("metric") == "accuracy")["value"]
        for frame in (one, other)
    )
    mean = both.filter(pl.col("metric") == "accuracy")["value"]
    assert mean[0] == pytest.approx((first[0] + second[0]) / 2)
    again = metrics(pl.concat([one, other.cast(one.schema)]), truth, seed=1, bootstraps=20)
    assert_frame_equal(both, again, check_exact=True)


def test_scores_and_truth_that_do_not_fit_are_refused() -> None:
    scores, truth = _frames(SCORES, TRUTH)
    with pytest.raises(ClassifyError, match="one row for each sample and class"):
        metrics(scores[:-1], truth, seed=1)
    with pytest.raises(ClassifyError, match="'s003' has no single true class"):
        metrics(scores, truth[:-1], seed=1)
    with pytest.raises(ClassifyError, match="'s003' has no single true class"):
        metrics(scores, truth.with_columns(pl.col("class").replace("c", "z")), seed=1)
