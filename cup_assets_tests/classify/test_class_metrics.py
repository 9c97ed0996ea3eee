"""Metrics per class and per family, and the intervals of shares that the bootstrap cannot judge."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from cup_assets.classify.errors import ClassifyError
from cup_assets.classify.metrics import CLASS_METRICS, METRICS, family_metrics, metrics

CLASSES = ["acinic", "secretory", "warthin"]
FAMILY = {"acinic": "salivary", "secretory": "salivary", "warthin": "benign"}
SCORES = [[0.95, 0.05, 0.0], [0.6, 0.4, 0.0], [0.05, 0.95, 0.0], [0.08, 0.0, 0.92]]
TRUTH = ["acinic", "secretory", "secretory", "acinic"]

Found = dict[tuple[str, str | None], tuple[float | None, float | None, float | None]]


def long_form(scores: np.ndarray, repeat: int = 0) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "repeat": [repeat] * scores.size,
            "sample_id": [f"s{row:03d}" for row in range(len(scores)) for _ in CLASSES],
            "class": CLASSES * len(scores),
            "raw_score": np.full(scores.size, 1 / 3),
            "score": scores.ravel(),
        }
    )


def known(truth: list[str], patients: list[str] | None = None) -> pl.DataFrame:
    names = [f"s{row:03d}" for row in range(len(truth))]
    return pl.DataFrame({"sample_id": names, "class": truth, "patient_id": patients or names})


def read(frame: pl.DataFrame) -> Found:
    return {(name, of): (value, low, high) for name, of, value, low, high in frame.iter_rows()}


def scored(seed: int, n: int = 60) -> tuple[pl.DataFrame, pl.DataFrame]:
    generator = np.random.default_rng(seed)
    scores = generator.dirichlet([0.4] * 3, n)
    truth = [CLASSES[generator.choice(3, p=0.7 * row + 0.1)] for row in scores]
    truth[:3] = CLASSES
    return long_form(scores), known(truth)


def test_class_metrics_agree_with_a_calculation_by_hand() -> None:
    found = read(metrics(long_form(np.array(SCORES)), known(TRUTH), seed=1, bootstraps=20))
    values = {key: value for key, (value, _, _) in found.items()}
    assert values["recall", "acinic"] == pytest.approx(1 / 2)
    assert values["precision", "acinic"] == pytest.approx(1 / 2)
    assert values["specificity", "acinic"] == pytest.approx(1 / 2)
    assert values["specificity", "warthin"] == pytest.approx(3 / 4)
    squares = [0.05**2, 0.6**2, 0.05**2, 0.92**2]
    assert values["class_brier", "acinic"] == pytest.approx(sum(squares) / 4)
    losses = -np.log([0.95, 0.08])
    assert values["class_log_loss", "acinic"] == pytest.approx(losses.mean())
    assert values["class_precision_at_90", "acinic"] == 1
    assert values["class_precision_at_90", "warthin"] == 0
    assert values["class_coverage_at_90", "acinic"] == 1
    assert values["class_coverage_at_90", "secretory"] == pytest.approx(1 / 2)
    assert values["class_log_loss", "warthin"] is None, "no sample of this class"
    assert values["recall", "warthin"] is None


@settings(deadline=None, max_examples=10)
@given(st.integers(0, 2**31))
def test_brier_is_the_sum_over_classes_and_log_loss_their_mean_by_size(seed: int) -> None:
    scores, truth = scored(seed)
    found = read(metrics(scores, truth, seed=1, bootstraps=2))
    per_class = [found["class_brier", name][0] for name in CLASSES]
    assert found["brier", None][0] == pytest.approx(sum(v for v in per_class if v is not None))
    sizes = dict(truth["class"].value_counts().iter_rows())
    total = sum((found["class_log_loss", name][0] or 0) * n for name, n in sizes.items())
    assert found["log_loss", None][0] == pytest.approx(total / len(truth))


def test_overall_and_class_metrics_never_share_a_name() -> None:
    # A reader that filters by metric alone must not meet both.
    table = metrics(*scored(1), seed=1, bootstraps=20)
    names = table.group_by("metric").agg(pl.col("class").is_null().n_unique().alias("kinds"))
    assert set(names["kinds"]) == {1}
    raw = {f"raw_{name}" for name in (*METRICS, *CLASS_METRICS)}
    assert set(names["metric"]) == {*METRICS, *CLASS_METRICS, *raw}


def test_family_metrics_are_those_of_the_summed_scores() -> None:
    found = read(
        family_metrics(long_form(np.array(SCORES)), known(TRUTH), FAMILY, seed=1, bootstraps=20)
    )
    # The second sample is secretory, called acinic: the wrong class of the right family.
    assert found["family_error", None][0] == pytest.approx(1 / 4)
    assert found["family_recall", "salivary"][0] == pytest.approx(3 / 4)
    losses = -np.log([1.0, 1.0, 1.0, 0.08])
    assert found["family_log_loss", None][0] == pytest.approx(losses.mean())
    assert found["family_brier", None][0] == pytest.approx(2 * 0.92**2 / 4)
    assert found["raw_family_coverage_at_90", None][0] == 0
    assert {of for _, of in found} == {None, "salivary", "benign"}


def test_families_of_one_class_each_have_the_metrics_of_the_classes() -> None:
    scores, truth = scored(3)
    alone = family_metrics(scores, truth, {name: name for name in CLASSES}, seed=1, bootstraps=50)
    renamed = pl.col("metric").str.replace("family_", "")
    assert_frame_equal(
        alone.with_columns(renamed), metrics(scores, truth, seed=1, bootstraps=50), abs_tol=1e-12
    )


def test_a_family_is_never_judged_worse_than_its_classes() -> None:
    scores, truth = scored(4)
    by_class = read(metrics(scores, truth, seed=1, bootstraps=20))
    by_family = read(family_metrics(scores, truth, FAMILY, seed=1, bootstraps=20))
    loss, family_loss = by_class["log_loss", None][0], by_family["family_log_loss", None][0]
    assert loss is not None
    assert family_loss is not None
    assert family_loss < loss


def test_a_class_without_a_family_is_refused() -> None:
    with pytest.raises(ClassifyError, match="'warthin' has no family: add it to the taxonomy"):
        family_metrics(*scored(1), {"acinic": "x", "secretory": "x"}, seed=1)


def test_ten_patients_all_right_leave_the_exact_doubt_and_not_none() -> None:
    scores = long_form(np.tile([0.8, 0.1, 0.1], (10, 1)))
    found = read(metrics(scores, known(["acinic"] * 10), seed=1, bootstraps=100))
    # Clopper and Pearson: 10 of 10 right are compatible with a chance down to .025^(1/10).
    assert found["recall", "acinic"] == pytest.approx((1.0, 0.025**0.1, 1.0))
    assert found["error", None] == pytest.approx((0.0, 0.0, 1 - 0.025**0.1))
    assert found["coverage_at_90", None] == pytest.approx((0.0, 0.0, 1 - 0.025**0.1))
    assert found["macro_f1", None] == (1.0, None, None)


def test_copies_of_a_patient_leave_as_much_doubt_as_the_patient() -> None:
    scores = long_form(np.tile([0.8, 0.1, 0.1], (12, 1)))
    patients = [f"p{row // 3}" for row in range(12)]
    found = read(metrics(scores, known(["acinic"] * 12, patients), seed=1, bootstraps=100))
    assert found["accuracy", None][1] == pytest.approx(0.025 ** (1 / 4))


def test_a_metric_is_the_mean_over_the_repeats_that_define_it() -> None:
    # Repeats of the scheme cross_array hold different samples, and so different classes.
    first = long_form(np.array(SCORES)).filter(pl.col("sample_id").is_in(["s000", "s001"]))
    second = long_form(np.array(SCORES), 1).filter(pl.col("sample_id").is_in(["s000", "s003"]))
    both = read(metrics(pl.concat([first, second]), known(TRUTH), seed=1, bootstraps=20))
    assert both["recall", "secretory"][0] == 0, "tested in the first repeat only"
    assert both["recall", "acinic"][0] == pytest.approx((1 + 1 / 2) / 2)


def test_no_scores_are_refused() -> None:
    scores, truth = scored(1)
    with pytest.raises(ClassifyError, match="no scores to judge"):
        metrics(scores.clear(), truth, seed=1)
