"""One walk over the matrix learns of each training part what a walk of its own would learn."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cup_assets.classify import variances as module
from cup_assets.classify.data import TrainingData
from cup_assets.classify.errors import ClassifyError
from cup_assets.classify.nested import nested_cv, outer_folds
from cup_assets.classify.pipeline import Pipeline, fit_pipeline, fit_pipelines
from cup_assets.classify.prepared import narrow, prepare
from cup_assets.classify.tuned import fit_tuned
from cup_assets.compute import local, serial
from cup_assets_tests.classify.synthetic import (
    QUICK,
    cohort,
    folds,
    with_copy_number,
    with_other_rows,
)

ALL = np.arange(120)


def _same(one: Pipeline, other: Pipeline) -> bool:
    names = ("columns", "probe_ids", "fill", "factors", "factor_of", "levels", "shift")
    alike = all(getattr(one, name).tobytes() == getattr(other, name).tobytes() for name in names)
    return alike and one.cnv.scale.tobytes() == other.cnv.scale.tobytes()


def _many_levels(missing: float = 0.05) -> TrainingData:
    """Return samples of three arrays and two materials, some of which are unknown."""
    data = cohort(missing=missing)
    generator = np.random.default_rng(4)
    material = np.where(generator.random(120) < 0.2, "", data.material)
    return replace(data, material=material, array=generator.choice(["450k", "epic", ""], 120))


def _parts(n_parts: int, seed: int) -> list[np.ndarray]:
    generator = np.random.default_rng(seed)
    return [
        np.sort(generator.choice(120, generator.integers(40, 120), False)) for _ in range(n_parts)
    ]


@settings(deadline=None, max_examples=15)
@given(
    st.integers(1, 8),
    st.integers(0, 2**31),
    st.sampled_from([(), ("material",), ("material", "array")]),
    st.integers(3, 600),
)
def test_every_part_gets_the_bits_of_a_walk_of_its_own(
    n_parts: int, seed: int, adjust: tuple[str, ...], n_probes: int
) -> None:
    data, parts = with_copy_number(_many_levels()), _parts(n_parts, seed)
    parameters = replace(QUICK, adjust=adjust, n_probes=n_probes)
    together = fit_pipelines(data, parts, parameters)
    for rows, fitted in zip(parts, together, strict=True):
        assert _same(fitted, fit_pipeline(data, rows, parameters))


@pytest.mark.parametrize("adjust", [(), ("material",), ("material", "array")])
def test_the_probes_are_those_whose_features_vary_most(adjust: tuple[str, ...]) -> None:
    data = _many_levels()
    for rows in _parts(4, seed=2):
        everything = fit_pipeline(data, rows, replace(QUICK, adjust=adjust, n_probes=500))
        features = everything.features_of(data, rows).astype(np.float64)
        best = np.sort(everything.columns[np.argsort(-features.var(axis=0))[:60]])
        fitted = fit_pipeline(data, rows, replace(QUICK, adjust=adjust, n_probes=60))
        assert fitted.columns.tolist() == best.tolist()
        mean = np.nanmean(data.X[rows].astype(np.float64), axis=0)
        np.testing.assert_allclose(fitted.fill, mean[fitted.columns], rtol=1e-12)


def test_of_equally_variable_probes_the_first_are_kept() -> None:
    data = cohort(missing=0)
    # The same probe four hundred times over, in every column of every block.
    X = np.repeat(data.X[:, 7:8], 400, axis=1)
    same = replace(data, X=X, probe_ids=data.probe_ids[:400])
    parameters = replace(QUICK, n_probes=30)
    for fitted in fit_pipelines(same, _parts(5, seed=1), parameters):
        assert fitted.columns.tolist() == list(range(30))


def test_how_the_walk_is_shared_out_changes_no_bit(monkeypatch: pytest.MonkeyPatch) -> None:
    data, parts = _many_levels(), _parts(5, seed=3)
    whole = fit_pipelines(data, parts, QUICK)
    monkeypatch.setattr(module, "_WALK", 64)
    monkeypatch.setattr(module, "_READ", 48)
    for mapper in (serial, local(2)):
        shared = fit_pipelines(data, parts, QUICK, mapper)
        assert all(_same(one, other) for one, other in zip(whole, shared, strict=True))


@dataclass
class _Watched:
    """Maps in this process and keeps what it was given."""

    shares_disk: bool = True

    def __post_init__(self) -> None:
        self.given: list[tuple[Any, list[Any]]] = []

    def __call__(
        self,
        function: Callable[[Any], Any],
        items: Sequence[Any],
        progress: Callable[[int, int], None] | None = None,
        on_result: Callable[[Any], None] | None = None,
    ) -> list[Any]:
        self.given.append((function, list(items)))
        return serial(function, items, progress, on_result)


def test_workers_are_given_the_mapped_file_and_folds_only_the_probes_that_they_keep(
    tmp_path: Path,
) -> None:
    data = cohort(n=64, p=3000)
    np.save(tmp_path / "X.npy", data.X)
    mapped = np.load(tmp_path / "X.npy", mmap_mode="r")
    mapper = _Watched()
    nested_cv(replace(data, X=mapped), "svm", folds(data), QUICK, mapper)
    (walk, ranges), (fold, items) = mapper.given
    assert np.shares_memory(walk.args[0], mapped)
    assert ranges == [(0, 3000)]
    few, kept = fold.args[0], [own.whole.columns for _, own in items]
    assert few.X.shape[1] < 600
    assert [len(columns) for columns in kept] == [100] * 4
    assert set(few.probe_ids.tolist()) < set(data.probe_ids.tolist())


def test_workers_without_this_machines_files_are_not_sent_the_matrix() -> None:
    mapper = _Watched(shares_disk=False)
    fit_pipelines(cohort(), _parts(2, seed=1), QUICK, mapper)
    assert not mapper.given


def test_a_part_prepared_with_others_gives_the_classifier_of_the_part_alone() -> None:
    data = cohort(n=64, p=300)
    splits = outer_folds(data, folds(data))
    prepared = prepare(data, [(split.train, split.inner) for split in splits], QUICK)
    few, own = narrow(data, prepared)
    assert few.X.shape[1] < 300
    split = splits[2]
    alone = fit_tuned(data, split.train, split.inner, "logistic_regression", QUICK, 7)
    among = fit_tuned(
        few, split.train, split.inner, "logistic_regression", QUICK, 7, prepared=own[2]
    )
    for part in ("model", "calibrator"):
        one, two = (getattr(fit, part).arrays() for fit in (alone, among))
        assert all(one[key].tobytes() == two[key].tobytes() for key in one)
    assert alone.pipeline.probe_ids.tolist() == among.pipeline.probe_ids.tolist()
    held = alone.pipeline.features_of(data, split.test)
    assert held.tobytes() == among.pipeline.features_of(few, split.test).tobytes()


def test_an_inner_fold_has_no_say_in_the_steps_learnt_without_it() -> None:
    data = with_copy_number(cohort(p=300))
    parts = [(split.train, split.inner) for split in outer_folds(data, folds(data))]
    (rows, groups), generator = parts[1], np.random.default_rng(8)
    for number, name in enumerate(np.unique(groups)):
        held, cnv = rows[groups == name], data.cnv.copy()
        cnv[held] += 3.0 * generator.normal(size=cnv[held].shape)
        other = replace(with_other_rows(data, held, seed=5), cnv=cnv)
        one, two = (prepare(of, parts, QUICK)[1] for of in (data, other))
        assert _same(one.without[number], two.without[number])
        assert not _same(one.without[number - 1], two.without[number - 1])
        assert not _same(one.whole, two.whole)


def test_a_part_without_samples_is_refused_and_no_part_needs_no_walk() -> None:
    data = cohort()
    with pytest.raises(ClassifyError, match="a training part holds no samples"):
        fit_pipelines(data, [ALL, ALL[:0]], QUICK)
    assert fit_pipelines(data, [], QUICK) == []
