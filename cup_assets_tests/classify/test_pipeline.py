from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cup_assets.classify import variances as module
from cup_assets.classify.errors import ClassifyError
from cup_assets.classify.pipeline import Pipeline, fit_pipeline
from cup_assets_tests.classify.synthetic import QUICK, cohort, with_other_rows

ALL = np.arange(120)
TRAIN = ALL[:90]


def _same(one: Pipeline, other: Pipeline) -> bool:
    names = ("columns", "probe_ids", "fill", "factors", "factor_of", "levels", "shift")
    return all(np.array_equal(getattr(one, name), getattr(other, name)) for name in names)


@settings(deadline=None, max_examples=10)
@given(st.integers(0, 2**31))
def test_whatever_the_test_rows_hold_the_fitted_steps_keep_their_bits(seed: int) -> None:
    data = cohort()
    replaced = with_other_rows(data, ALL[90:], seed)
    assert not np.array_equal(data.X, replaced.X, equal_nan=True)
    assert _same(fit_pipeline(data, TRAIN, QUICK), fit_pipeline(replaced, TRAIN, QUICK))


def test_a_probe_that_varies_only_among_test_rows_is_not_selected() -> None:
    data = cohort()
    X = data.X.copy()
    X[:, 7] = 0.5
    X[90:, 7] = (data.y[90:] == "class 0").astype(np.float32)
    fitted = fit_pipeline(replace(data, X=X), TRAIN, QUICK)
    assert 7 not in fitted.columns
    assert 7 in fit_pipeline(replace(data, X=X), ALL, QUICK).columns


def test_the_most_variable_training_probes_are_kept_in_the_order_of_the_matrix() -> None:
    data = replace(cohort(missing=0), material=np.array([""] * 120))
    fitted = fit_pipeline(data, TRAIN, QUICK)
    variance = data.X[TRAIN].astype(np.float64).var(axis=0)
    assert fitted.columns.tolist() == sorted(np.argsort(-variance)[:100].tolist())
    assert fitted.probe_ids.tolist() == data.probe_ids[fitted.columns].tolist()


def test_a_missing_beta_becomes_the_mean_of_the_training_rows() -> None:
    data = replace(cohort(missing=0.05), material=np.array([""] * 120))
    fitted = fit_pipeline(data, TRAIN, QUICK)
    mean = np.nanmean(data.X[TRAIN].astype(np.float64), axis=0)[fitted.columns]
    empty = np.full((1, 100), np.nan, dtype=np.float32)
    features = fitted.features(empty, np.empty((1, 0), dtype=np.str_))
    np.testing.assert_allclose(features[0], mean, rtol=1e-6)


def test_a_probe_missing_in_too_many_training_rows_is_not_used() -> None:
    data = cohort()
    X = data.X.copy()
    X[:, 3] = np.linspace(0, 1, 120)
    assert 3 in fit_pipeline(replace(data, X=X), TRAIN, QUICK).columns
    X[:40, 3] = np.nan
    assert 3 not in fit_pipeline(replace(data, X=X), TRAIN, QUICK).columns


def test_a_training_part_in_which_nothing_varies_is_refused() -> None:
    data = cohort()
    with pytest.raises(ClassifyError, match="no probe is measured and varies"):
        fit_pipeline(replace(data, X=np.full_like(data.X, 0.5)), TRAIN, QUICK)


def test_walking_over_small_blocks_finds_the_same_probes(monkeypatch: pytest.MonkeyPatch) -> None:
    data = cohort()
    whole = fit_pipeline(data, TRAIN, QUICK)
    monkeypatch.setattr(module, "_BLOCK", 64)
    blocks = fit_pipeline(data, TRAIN, QUICK)
    assert whole.columns.tolist() == blocks.columns.tolist()
    np.testing.assert_allclose(whole.shift, blocks.shift, atol=1e-12)


def test_without_ridge_the_material_shift_is_the_least_squares_one() -> None:
    data = cohort(missing=0)
    fitted = fit_pipeline(data, TRAIN, replace(QUICK, adjust_ridge=0.0))
    classes = (data.y[TRAIN, None] == np.unique(data.y)).astype(float)
    contrast = np.where(data.material[TRAIN] == "FFPE", 1.0, -1.0)[:, None]
    betas = data.X[np.ix_(TRAIN, fitted.columns)].astype(np.float64).clip(1e-3, 1 - 1e-3)
    m_values = np.log2(betas / (1 - betas))
    expected = np.linalg.lstsq(np.hstack([classes, contrast]), m_values, rcond=None)[0][-1]
    assert fitted.levels.tolist() == ["FFPE", "frozen"]
    assert fitted.factors.tolist() == ["material"]
    np.testing.assert_allclose(fitted.shift, [expected, -expected], atol=1e-9)


def _two_classes(material: np.ndarray, effect: float) -> tuple[np.ndarray, np.ndarray, Pipeline]:
    """M-values of class b lie 2 above class a, those of FFPE ``effect`` above frozen."""
    data = cohort(p=50, missing=0)
    y = np.where(ALL < 60, "a", "b")
    noise = np.random.default_rng(3).normal(0, 0.1, (120, 50))
    m_values = (y == "b")[:, None] * 2.0 + (material == "FFPE")[:, None] * effect + noise
    X = (1 / (1 + np.exp2(-m_values))).astype(np.float32)
    fitted = fit_pipeline(
        replace(data, X=X, y=y, family=y, material=material), ALL, replace(QUICK, n_probes=50)
    )
    features = fitted.features(X[:, fitted.columns], material[:, None]).astype(np.float64)
    return y, np.log2(features / (1 - features)), fitted


def test_material_confounded_with_class_is_left_alone_and_the_class_signal_stays() -> None:
    material = np.where(ALL < 60, "frozen", "FFPE")
    y, adjusted, fitted = _two_classes(material, effect=1.0)
    assert not fitted.shift.any()
    assert (adjusted[y == "b"].mean() - adjusted[y == "a"].mean()) == pytest.approx(3.0, abs=0.05)


def test_material_partly_confounded_is_removed_and_the_class_signal_stays() -> None:
    share = np.where(ALL < 60, 0.2, 0.8)
    material = np.where(np.random.default_rng(5).random(120) < share, "FFPE", "frozen")
    y, adjusted, _ = _two_classes(material, effect=1.0)
    for name in ("a", "b"):
        ffpe = adjusted[(y == name) & (material == "FFPE")].mean()
        frozen = adjusted[(y == name) & (material == "frozen")].mean()
        assert abs(ffpe - frozen) < 0.15
    assert (adjusted[y == "b"].mean() - adjusted[y == "a"].mean()) == pytest.approx(2.0, abs=0.1)


def test_one_frozen_sample_alone_moves_the_shift_less_than_least_squares_would() -> None:
    material = np.where(ALL == 0, "frozen", "FFPE")
    _, _, fitted = _two_classes(material, effect=1.0)
    difference = fitted.shift[0] - fitted.shift[1]
    assert 0.3 < difference.mean() < 0.7


def test_a_material_that_training_did_not_hold_is_not_adjusted() -> None:
    data = cohort(missing=0)
    fitted = fit_pipeline(data, TRAIN, QUICK)
    betas = data.X[90:, fitted.columns]
    assert np.array_equal(fitted.features(betas, np.array([["cryo DNA"]] * 30)), betas)
    assert fitted.known("material") == ["FFPE", "frozen"]
    assert fitted.known("site") == []


def test_the_features_of_a_sample_do_not_depend_on_its_company() -> None:
    data = cohort()
    fitted = fit_pipeline(data, TRAIN, QUICK)
    betas = data.X[:, fitted.columns]
    levels = data.levels(fitted.factors, ALL)
    together = fitted.features(betas, levels)
    for row in (0, 57, 119):
        alone = fitted.features(betas[row : row + 1], levels[row : row + 1])
        assert alone.tobytes() == together[row].tobytes()


def _three_factors(n: int = 240) -> tuple[np.ndarray, dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Return M-values of two classes with an effect of every level of three factors."""
    generator = np.random.default_rng(11)
    y = np.where(np.arange(n) % 2 == 0, "a", "b")
    factors = {
        "material": generator.choice(["FFPE", "frozen"], n),
        "array": generator.choice(["450k", "epic", "epicv2"], n),
        "site": generator.choice(["one", "two"], n),
    }
    effects = {
        level: generator.normal(0, 0.5, 30)
        for names in factors.values()
        for level in np.unique(names)
    }
    m_values = (y == "b")[:, None] * 1.5 + generator.normal(0, 0.2, (n, 30))
    for names in factors.values():
        for level in np.unique(names):
            m_values += (names == level)[:, None] * effects[level]
    return m_values, {"y": y, "family": y} | factors, effects


def _adjusted(adjust: tuple[str, ...]) -> tuple[np.ndarray, Pipeline, dict[str, np.ndarray]]:
    m_values, columns, _ = _three_factors()
    X = (1 / (1 + np.exp2(-m_values))).astype(np.float32)
    data = replace(cohort(n=240, p=30, missing=0), X=X, **columns)  # type: ignore[arg-type]
    parameters = replace(QUICK, n_probes=30, adjust=adjust, adjust_ridge=0.0)
    fitted = fit_pipeline(data, np.arange(160), parameters)
    features = fitted.features_of(data, np.arange(160, 240)).astype(np.float64)
    return np.log2(features / (1 - features)), fitted, columns


def _difference(values: np.ndarray, names: np.ndarray, y: np.ndarray) -> float:
    """Return the largest mean difference of levels, over probes, among held-out samples."""
    held, own = names[160:], y[160:]
    values = values.copy()
    for name in ("a", "b"):
        values[own == name] -= values[own == name].mean(axis=0)
    means = np.array([values[held == level].mean(axis=0) for level in np.unique(held)])
    return float(np.abs(means - means.mean(axis=0)).max())


def test_several_factors_are_taken_away_at_once_from_samples_never_seen() -> None:
    raw, _, columns = _adjusted(())
    adjusted, fitted, _ = _adjusted(("material", "array", "site"))
    for name in ("material", "array", "site"):
        assert _difference(raw, columns[name], columns["y"]) > 0.5
        assert _difference(adjusted, columns[name], columns["y"]) < 0.2, name
    y = columns["y"][160:]
    assert (adjusted[y == "b"].mean() - adjusted[y == "a"].mean()) == pytest.approx(1.5, abs=0.15)
    assert fitted.factors.tolist() == ["material", "array", "site"]
    assert fitted.known("array") == ["450k", "epic", "epicv2"]
    assert fitted.known("site") == ["one", "two"]
    for factor in range(3):
        np.testing.assert_allclose(
            fitted.shift[fitted.factor_of == factor].sum(axis=0), 0, atol=1e-9
        )


def test_only_what_is_named_is_adjusted_for() -> None:
    adjusted, fitted, columns = _adjusted(("array",))
    assert fitted.factors.tolist() == ["array"]
    assert _difference(adjusted, columns["material"], columns["y"]) > 0.5
    _, plain, _ = _adjusted(())
    assert not len(plain.levels)
    with pytest.raises(ClassifyError, match="cannot be adjusted for 'batch': use material, array"):
        replace(QUICK, adjust=("batch",))


def test_the_order_of_the_factors_does_not_matter() -> None:
    one, _, _ = _adjusted(("material", "array", "site"))
    other, _, _ = _adjusted(("site", "material", "array"))
    np.testing.assert_allclose(one, other, atol=1e-5)


def test_an_unknown_level_of_one_factor_leaves_the_others_adjusted() -> None:
    _, fitted, _ = _adjusted(("material", "array"))
    betas = np.full((1, len(fitted.columns)), 0.5, dtype=np.float32)
    known = fitted.features(betas, np.array([["FFPE", "hm27"]]))
    shift = fitted.shift[fitted.levels == "FFPE"][0]
    np.testing.assert_allclose(known[0], 1 / (1 + np.exp2(shift)), rtol=1e-5)


def test_shifts_are_about_the_mean_of_the_levels_where_some_samples_have_none() -> None:
    data = cohort(missing=0)
    material = data.material.copy()
    material[::3] = ""
    fitted = fit_pipeline(replace(data, material=material), TRAIN, QUICK)
    assert np.abs(fitted.shift).max() > 0.1
    np.testing.assert_allclose(fitted.shift.sum(axis=0), 0, atol=1e-9)
