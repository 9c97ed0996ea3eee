"""Scores of panels are kept by all that they are made of, and taken over by it alone."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cup_assets.classify.data import TrainingData
from cup_assets.classify.nested import outer_folds
from cup_assets.compute import local, serial
from cup_assets.orchestration import panel_scores
from cup_assets.orchestration.conventions import PANELS
from cup_assets.orchestration.fold_store import FoldStore
from cup_assets.orchestration.panel_scores import keep_each, score_keys
from cup_assets.panels import PanelParameters
from cup_assets.panels.fold_choice import choose_in_fold, fold_tasks, narrow_choices
from cup_assets.panels.judge import JudgeTask, PanelScores, judge_panels, judge_tasks
from cup_assets.warehouse import Catalogue
from cup_assets_tests.classify.synthetic import QUICK, cohort, folds
from cup_assets_tests.orchestration.chain import Chain

PANEL = PanelParameters(sizes=(3, 6), random_draws=1, bootstraps=10)
LIGHT = replace(QUICK, logistic_c=(10.0,), logistic_l1=(), calibration_c=(1.0,))
MODEL = "logistic_regression"


def work_of(data: TrainingData) -> tuple[TrainingData, list[JudgeTask]]:
    splits = outer_folds(data, folds(data, outer=3))[:2]
    few, tasks = fold_tasks(data, splits, PANEL, serial)
    few, chosen = narrow_choices(few, [choose_in_fold(few, PANEL, task) for task in tasks])
    return few, judge_tasks(chosen)


@pytest.fixture(scope="module")
def data() -> TrainingData:
    return cohort(n=60, p=120, classes=3)


@pytest.fixture(scope="module")
def made(data: TrainingData) -> tuple[TrainingData, list[JudgeTask]]:
    return work_of(data)


def keys(made: tuple[TrainingData, list[JudgeTask]], **other: Any) -> list[str]:
    few, tasks = made
    asked = {"model": MODEL, "sizes": PANEL.sizes, "evaluation": LIGHT} | other
    return score_keys(other.pop("data", few), tasks=tasks, **asked)  # type: ignore[arg-type]


def test_every_task_has_a_name_of_its_own_that_stays_the_same(
    data: TrainingData, made: tuple[TrainingData, list[JudgeTask]]
) -> None:
    assert len(set(keys(made))) == len(made[1]) == 2 * 3
    assert keys(work_of(replace(data))) == keys(made)


def test_whatever_scores_are_made_of_changes_the_name(
    data: TrainingData, made: tuple[TrainingData, list[JudgeTask]]
) -> None:
    own = set(keys(made))
    assert not own & set(keys(made, model="svm"))
    assert not own & set(keys(made, sizes=(3,)))
    assert not own & set(keys(made, evaluation=replace(LIGHT, seed=2)))
    assert own == set(keys(made, evaluation=replace(LIGHT, bootstraps=7)))
    few, tasks = made
    X = few.X.copy()
    X[0, 0] = 0.123
    assert not own & set(keys((replace(few, X=X), tasks)))
    pipeline = replace(tasks[0].cpgs.whole, fill=tasks[0].cpgs.whole.fill + 1e-9)
    shifted = replace(tasks[0], cpgs=replace(tasks[0].cpgs, whole=pipeline))
    assert own - set(keys((few, [shifted, *tasks[1:]]))) == {keys(made)[0]}


@dataclass(frozen=True)
class _Elsewhere:
    """Stands for workers that do not see this machine's disk."""

    shares_disk: bool = False

    def __call__(
        self, function: Any, items: Any, progress: Any = None, on_result: Any = None
    ) -> Any:
        return serial(function, items, progress, on_result)


@pytest.mark.parametrize("mapper", [serial, local(2), _Elsewhere()])
def test_scores_are_kept_as_they_are_made_and_read_back_to_the_last_bit(
    mapper: Any, made: tuple[TrainingData, list[JudgeTask]], tmp_path: Path
) -> None:
    few, tasks = made
    store = FoldStore(tmp_path / "kept", PanelScores)
    store.prepare()
    named = list(zip(keys(made), tasks, strict=True))[:2]
    work = partial(judge_panels, few, MODEL, PANEL.sizes, LIGHT)
    found = keep_each(store, mapper, work, named, lambda *_: None)
    assert [one.selector for one in found] == ["ranked", "top_variance"]
    for (key, _), scores in zip(named, found, strict=True):
        again = store.load(key)
        assert again is not None
        assert again.scores.equals(scores.scores)
        assert (again.selector, again.draw, again.outer_fold) == (scores.selector, 0, 0)
    assert np.isfinite(found[0].scores["score"].to_numpy()).all()


@pytest.mark.slow
def test_a_run_takes_over_what_an_earlier_one_made_and_a_forced_one_does_not(
    complete: Chain, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = complete.catalogue.query("SELECT model, size, metric, value FROM panel_curve")

    def refused(*_: Any) -> PanelScores:
        raise AssertionError("scores are made again")

    monkeypatch.setattr(panel_scores, "judge_panels", refused)
    complete.parameters("boruta_rounds = 20", "boruta_rounds = 19")
    assert complete.run("refresh_aggregates_now", only=[PANELS]).success
    after = complete.catalogue.query("SELECT model, size, metric, value FROM panel_curve")
    assert after.equals(before)
    forced = complete.run("refresh_aggregates_now", only=[PANELS], tags={"cup/force": "true"})
    assert not forced.success


def test_the_tables_of_the_panels_belong_together(complete_data: Path) -> None:
    query = Catalogue(complete_data / "warehouse" / "cup.duckdb").query
    recommended = query("SELECT * FROM panel_recommended")
    assert recommended["scope"].to_list() == ["family", "overall"]
    size = recommended["size"][1]
    panel = query("SELECT * FROM panels WHERE panel_id = ?", [f"ranked_{size}"])
    assert panel.height == size
    assert panel["chosen_in"].is_between(0, 1).all()
    votes = query(
        "SELECT probe_id, count(*) / (SELECT count(DISTINCT outer_fold) FROM panel_choices)"
        " FROM panel_choices WHERE rank <= ? GROUP BY 1", [size],
    )  # fmt: skip
    shares = dict(votes.iter_rows())
    assert panel["chosen_in"].to_list() == pytest.approx(
        [shares.get(name, 0) for name in panel["probe_id"]]
    )
    judged = query("SELECT DISTINCT panel_id FROM panel_performance")["panel_id"]
    differential = query("SELECT DISTINCT panel_id FROM panels WHERE separates IS NOT NULL")
    assert set(judged) == set(differential["panel_id"])
