"""How many more patients: answers where the truth is known, refusals where there is none."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from cup_assets.classify.errors import ClassifyError
from cup_assets.classify.extrapolation import FITTED_SCHEMA, extrapolate, patients_needed
from cup_assets.classify.learning_curve import POINT_SCHEMA, LearningCurve

SIZES = np.array([60.0, 100.0, 160.0, 240.0, 320.0, 400.0])


def law(n: np.ndarray | float) -> np.ndarray:
    return np.asarray(0.03 + 0.12 * (np.asarray(n) / 100) ** -0.8)


def curve_of(errors: np.ndarray, sizes: np.ndarray = SIZES, n_test: int = 500) -> LearningCurve:
    """Return a curve whose bootstrap draws spread as binomial errors do."""
    generator = np.random.default_rng(7)
    spread = np.sqrt(np.clip(errors, 0.002, 1) * (1 - errors) / n_test)
    draws = np.clip(errors + generator.normal(0, 1, (301, len(errors))) * spread, 0, 1)
    draws[0] = errors
    points = pl.DataFrame(
        {
            "fraction": sizes / sizes.max(),
            "n_train_patients": sizes,
            "n_train_samples": sizes,
            "n_test_patients": [n_test] * len(sizes),
            "error": errors,
            "low": np.quantile(draws, 0.025, axis=0),
            "high": np.quantile(draws, 0.975, axis=0),
        },
        schema=POINT_SCHEMA,
    )
    return LearningCurve(points, draws, int(sizes.max() * 1.25))


def sampled(seed: int, n_test: int = 1500) -> LearningCurve:
    generator = np.random.default_rng(seed)
    return curve_of(generator.binomial(n_test, law(SIZES)) / n_test, n_test=n_test)


def test_a_curve_without_noise_is_extrapolated_to_the_truth() -> None:
    found = extrapolate(curve_of(law(SIZES)), seed=1)
    assert found.refused is None
    assert found.fitted.schema == FITTED_SCHEMA
    assert found.fitted["n_patients"][-1] == pytest.approx(800), "twice the largest and no farther"
    np.testing.assert_allclose(
        found.fitted["error"], law(found.fitted["n_patients"].to_numpy()), atol=5e-4
    )
    needed = patients_needed(found, float(law(600)))
    assert needed.n_patients == pytest.approx(600, rel=0.02)
    assert needed.low is not None
    assert needed.low <= 600
    assert needed.high is None or needed.high >= 600
    assert needed.more == needed.n_patients - 500  # type: ignore[operator]
    assert needed.answer.startswith("An error of 5.9% takes about ")
    assert f"{needed.more} more than the cohort's 500." in needed.answer
    within = patients_needed(found, float(law(300)))
    assert within.more == 0
    assert within.answer.endswith(": the cohort's 500 are enough.")


def test_the_interval_at_twice_the_size_holds_the_truth_nearly_always() -> None:
    told = held = 0
    for seed in range(40):
        found = extrapolate(sampled(seed), seed=1)
        if found.refused is None:
            last = found.fitted.row(-1, named=True)
            told += 1
            held += last["low"] <= law(800.0) <= last["high"]
    assert told >= 30, "a lawful curve is seldom refused"
    assert held / told >= 0.85


def test_an_error_already_reached_takes_no_more_patients() -> None:
    needed = patients_needed(extrapolate(curve_of(law(SIZES)), seed=1), float(law(200)))
    assert needed.n_patients == pytest.approx(200, rel=0.03)
    assert needed.more == 0


def test_beyond_twice_the_largest_part_nothing_is_claimed() -> None:
    found = extrapolate(curve_of(law(SIZES)), seed=1)
    needed = patients_needed(found, float(law(1000)))
    assert (needed.n_patients, needed.more, needed.high) == (None, None, None)
    assert "takes more than 800 patients" in needed.answer
    never = patients_needed(found, 0.01)
    assert (never.n_patients, never.low) == (None, None)
    assert never.answer == (
        "An error of 1.0% takes more than 800 patients; farther the curve does not reach."
    )


@pytest.mark.parametrize(
    ("errors", "sizes", "why"),
    [
        (law(SIZES[:3]), SIZES[:3], "it has 3 sizes of the 4 it needs"),
        (law(SIZES[2:]), SIZES[2:], r"span less than a factor of 3 \(160 to 400\)"),
        (np.full(6, 0.1), SIZES, "does not fall beyond doubt"),
        (law(SIZES)[::-1], SIZES, "does not fall beyond doubt"),
        (
            np.array([0.3, 0.05, 0.25, 0.05, 0.25, 0.05]),
            SIZES,
            r"explains \d+% of the variance of the errors",
        ),
        (
            np.array([0.22, 0.21, 0.2, 0.19, 0.18, 0.02]),
            SIZES,
            "the law fitted without the largest part misses|explains",
        ),
    ],
)
def test_a_curve_that_no_law_describes_is_refused_with_the_reason(
    errors: np.ndarray, sizes: np.ndarray, why: str
) -> None:
    import re

    found = extrapolate(curve_of(errors, sizes), seed=1)
    assert found.refused is not None
    assert re.search(why, found.refused)
    assert found.fitted.is_empty()
    needed = patients_needed(found, 0.05)
    assert needed.n_patients is None
    assert needed.answer == f"The curve does not tell: {found.refused}."


def test_the_law_that_the_last_part_contradicts_is_refused_for_that() -> None:
    errors = np.append(law(SIZES[:-1]), 0.04)
    found = extrapolate(curve_of(errors, n_test=3000), seed=1)
    assert found.refused == (
        "the law fitted without the largest part misses the error of the largest part"
    )


def test_a_negative_error_is_never_predicted() -> None:
    found = extrapolate(curve_of(0.2 * (SIZES / 60) ** -1.5), seed=1)
    assert found.refused is None
    assert (found.fitted["low"] >= 0).all()


def test_the_same_seed_gives_the_same_answer() -> None:
    one, two = (extrapolate(sampled(3), seed=1).fitted for _ in range(2))
    assert one.equals(two)


@pytest.mark.parametrize("error", [0.0, 1.0, 5.0])
def test_an_error_that_is_no_share_is_refused(error: float) -> None:
    with pytest.raises(ClassifyError, match="between 0 and 1"):
        patients_needed(extrapolate(sampled(1), seed=1), error)
