"""Whatever could change a fold's result changes its name; what could not leaves it alone."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import numpy as np
import pytest

from cup_assets.classify.data import TrainingData
from cup_assets.classify.nested import OuterFold, outer_folds
from cup_assets.classify.parameters import EvaluationParameters
from cup_assets.orchestration import fold_keys
from cup_assets.orchestration.fold_keys import JUDGING
from cup_assets_tests.classify.synthetic import cohort, folds

DATA = replace(
    cohort(n=24, p=20), cnv=np.full((24, 1), 0.5, np.float32), cnv_names=np.array(["9p"])
)
SPLITS = outer_folds(DATA, folds(DATA, outer=3, inner=2))
DEFAULTS = EvaluationParameters()
OTHERS: dict[str, Any] = {
    "schemes": ("stratified",),
    "adjust": ("array",),
    "strategy": "none",
    "network_device": "cuda",
    "released_model": "svm",
}
"""Other values of the parameters that hold names."""


def keys(
    data: TrainingData = DATA,
    parameters: EvaluationParameters = DEFAULTS,
    splits: list[OuterFold] = SPLITS,
    model: str = "svm",
    features: str = "betas",
) -> list[str]:
    return list(fold_keys.fold_keys(data, model, parameters, features, splits).values())


def another(name: str) -> Any:
    """Return another value of a parameter."""
    value = getattr(DEFAULTS, name)
    if name in OTHERS:
        return OTHERS[name]
    return (*value, 7) if isinstance(value, tuple) else value + type(value)(1)


@pytest.mark.parametrize("name", [field.name for field in fields(EvaluationParameters)])
def test_every_parameter_counts_but_those_that_only_judge(name: str) -> None:
    if name == "logistic_mix":
        changed = replace(DEFAULTS, logistic_mix=0.5)
    elif name == "network_dropout":
        changed = replace(DEFAULTS, network_dropout=(0.1,))
    else:
        changed = replace(DEFAULTS, **{name: another(name)})
    assert (keys(parameters=changed) == keys()) == (name in JUDGING)


def test_the_parameters_said_to_judge_are_parameters() -> None:
    assert {field.name for field in fields(EvaluationParameters)} > JUDGING


@pytest.mark.parametrize("name", [field.name for field in fields(TrainingData)])
def test_every_array_of_the_data_counts_to_its_last_value(name: str) -> None:
    values = getattr(DATA, name)
    if values.dtype.kind == "U":
        other = values.astype("<U20")
        other[:] = np.where(other == other[-1], "other", other)
    else:
        other = values.copy()
        other[-1, -1] = np.nextafter(np.float32(0.5), np.float32(1))
    assert set(keys(data=replace(DATA, **{name: other}))).isdisjoint(keys())


def test_how_wide_texts_are_stored_does_not_count() -> None:
    wide = replace(DATA, batch=DATA.batch.astype("<U40"), y=DATA.y.astype("<U50"))
    assert keys(data=wide) == keys()


def test_model_features_and_each_side_of_a_split_count() -> None:
    assert len({*keys(), *keys(model="xgboost"), *keys(features="cnv")}) == 9
    split = SPLITS[0]
    changes = {
        "repeat": 1,
        "outer_fold": 9,
        "test": split.test[1:],
        "train": np.concatenate([split.train[:-1], split.test[:1]]),
        "inner": 1 - split.inner,
    }
    for name, value in changes.items():
        (key,) = keys(splits=[replace(split, **{name: value})])
        assert key not in keys(), name


def test_code_and_libraries_count(monkeypatch: pytest.MonkeyPatch) -> None:
    before = keys()
    found = fold_keys.libraries()
    assert {"python", "numpy", "scikit-learn", "torch"} <= {name for name in found if found[name]}
    assert found["xgboost"] or found["xgboost-cpu"]
    monkeypatch.setattr(fold_keys, "libraries", lambda: found | {"scipy": "0"})
    assert set(keys()).isdisjoint(before)
    monkeypatch.undo()
    monkeypatch.setattr(fold_keys, "_SOURCE", "another")
    assert set(keys()).isdisjoint(before)
