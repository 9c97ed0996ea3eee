"""What models find important on patients that they have not seen, where it is known."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping
from typing import Any, cast

import numpy as np
import polars as pl
import pytest

from cup_assets.classify.data import Ints, TrainingData
from cup_assets.classify.models.random_forest import Forest
from cup_assets.classify.parameters import EvaluationParameters
from cup_assets.classify.pipeline import Pipeline, fit_pipeline
from cup_assets.compute import Mapper
from cup_assets.panels import held_out
from cup_assets.panels.held_out import patient_folds
from cup_assets.panels.importance import find_candidates
from cup_assets.panels.model_importance import (
    MODEL_METHODS,
    ModelImportance,
    model_importance,
    shared_ranks,
)
from cup_assets.panels.parameters import PanelError, PanelParameters
from cup_assets.panels.permutation import votes_lost

QUICK = PanelParameters(
    sizes=(5,), candidates=80, screened=20, trees=40, importance_folds=3,
    elastic_net_strengths=(0.5, 0.2),
)  # fmt: skip


def scored(data: TrainingData, of_cluster: Mapping[str, int] | None = None) -> ModelImportance:
    candidates = find_candidates(data, np.arange(len(data.y)), QUICK)
    names = candidates.pipeline.probe_ids.tolist()
    clusters = {name: (of_cluster or {}).get(name, 100 + at) for at, name in enumerate(names)}
    return model_importance(data, candidates, clusters, QUICK)


@pytest.fixture(scope="module")
def found(cohort: TrainingData) -> ModelImportance:
    return scored(cohort)


def best(found: ModelImportance, method: str, of_class: str | None, n: int) -> set[str]:
    rows = found.table.filter(
        (pl.col("method") == method) & pl.col("class").eq_missing(of_class)
    ).sort("rank", "probe_id")
    return set(rows["probe_id"].head(n))


def test_the_planted_cpgs_come_first_for_every_model(
    found: ModelImportance, informative: list[str]
) -> None:
    for method in ("forest_permutation", "forest_shap"):
        assert best(found, method, None, 12) == set(informative)
    sparse = found.table.filter((pl.col("method") == "elastic_net") & (pl.col("rank") <= 4))
    assert set(sparse["probe_id"]) == set(informative)
    assert set(found.table["method"]) == set(MODEL_METHODS)


def test_a_class_finds_its_own_marks_in_shap_values_and_coefficients(
    found: ModelImportance, informative: list[str]
) -> None:
    for at, name in enumerate(("acinic", "adenoid", "nut")):
        own = informative[4 * at : 4 * at + 4]
        assert best(found, "elastic_net", name, 4) == set(own)
        rows = found.table.filter((pl.col("method") == "forest_shap") & (pl.col("class") == name))
        # What marks another class speaks against this one, but less.
        score = dict(rows["probe_id", "score"].iter_rows())
        others = [score[mark] for mark in informative if mark not in own]
        assert np.mean([score[mark] for mark in own]) > 1.3 * np.mean(others)


def test_each_method_ranks_every_candidate_once_a_class_and_equals_alike(
    found: ModelImportance,
) -> None:
    classes = {None, "acinic", "adenoid", "nut"}
    for (method,), rows in found.table.group_by("method"):
        assert set(rows["class"]) == (classes - {None} if method == "elastic_net" else classes)
        for _, part in rows.group_by("class"):
            assert part["probe_id"].n_unique() == part.height == 80
            expected = part["score"].rank("min", descending=True)
            assert part["rank"].to_list() == expected.to_list()
    zeros = found.table.filter((pl.col("method") == "elastic_net") & (pl.col("score") == 0))
    assert zeros.height > 80
    assert zeros.group_by("class").agg(pl.col("rank").n_unique())["rank"].to_list() == [1, 1, 1]


def test_labels_that_say_nothing_make_no_cpg_important_on_held_out_patients(
    cohort: TrainingData,
) -> None:
    # Impurity would praise whatever the trees split on.
    patients, of = np.unique(cohort.patient, return_inverse=True)
    drawn = np.random.default_rng(3).permutation(np.resize(np.unique(cohort.y), len(patients)))
    rows = found_rows(scored(dataclasses.replace(cohort, y=drawn[of])), "forest_permutation")
    assert abs(rows["score"].mean()) < 0.0005  # type: ignore[operator, arg-type]
    assert rows["score"].max() < 0.01  # type: ignore[operator]


def found_rows(found: ModelImportance, method: str) -> pl.DataFrame:
    return found.table.filter((pl.col("method") == method) & pl.col("class").is_null())


def test_the_copies_of_a_cpg_are_shuffled_together(cohort: TrainingData) -> None:
    X = cohort.X.copy()
    X[:, 20:26] = X[:, [0]]
    copies = ["cg00000000", *(f"cg{at:08d}" for at in range(20, 26))]
    data = dataclasses.replace(cohort, X=X)
    alone, together = scored(data), scored(data, dict.fromkeys(copies, 1))
    one, all_of_them = (
        found_rows(found, "forest_permutation").filter(pl.col("probe_id").is_in(copies))["score"]
        for found in (alone, together)
    )
    assert all_of_them.n_unique() == 1
    assert all_of_them[0] > 3 * one.max()  # type: ignore[operator]


def test_shuffling_costs_the_votes_that_rest_on_the_shuffled_values() -> None:
    # One split on column 1 at .5: class 0 below, class 1 above.
    forest = Forest(
        roots=np.array([0]), feature=np.array([1, -1, -1]), threshold=np.array([0.5, 0.0, 0.0]),
        left=np.array([1, 0, 0]), right=np.array([2, 0, 0]),
        value=np.array([[0.5, 0.5], [1.0, 0.0], [0.0, 1.0]]), cover=np.ones(3, np.int32),
    )  # fmt: skip
    codes = np.repeat([0, 1], 200)
    features = np.stack([codes, codes], axis=1).astype(np.float32)
    lost = votes_lost(forest, features, codes, np.array([0, 1]), 2, rounds=20, seed=1)
    assert (lost[:, 0] == 0).all()
    # A shuffled value is that of the other class in half of the cases.
    assert lost[:, 1].mean() == pytest.approx(0.5, abs=0.02)


def test_a_cluster_is_shuffled_as_a_whole_wherever_a_tree_asks_for_it() -> None:
    # The first split asks for column 0, the leaves below it are told apart by column 1.
    forest = Forest(
        roots=np.array([0]), feature=np.array([0, 1, 1, -1, -1, -1, -1]),
        threshold=np.array([0.5, 0.5, 0.5, 0.0, 0.0, 0.0, 0.0]),
        left=np.array([1, 3, 5, 0, 0, 0, 0]), right=np.array([2, 4, 6, 0, 0, 0, 0]),
        value=np.array([[0.5, 0.5]] * 3 + [[1.0, 0.0], [0.0, 1.0]] * 2), cover=np.ones(7, np.int32),
    )  # fmt: skip
    codes = np.repeat([0, 1], 200)
    features = np.stack([codes, codes], axis=1).astype(np.float32)
    apart = votes_lost(forest, features, codes, np.array([0, 1]), 2, rounds=20, seed=1)
    assert (apart[:, 0] == 0).all()
    joint = votes_lost(forest, features, codes, np.array([0, 0]), 1, rounds=20, seed=1)
    assert joint[:, 0].mean() == pytest.approx(0.5, abs=0.02)


def test_patients_stay_together_and_every_sample_is_held_out_once() -> None:
    codes = np.repeat([0, 1, 2], [20, 12, 3])
    patients = np.array([f"p{row // 2}" for row in range(35)])
    parts = patient_folds(codes, patients, 5, seed=1)
    assert sorted(np.concatenate(parts)) == list(range(35))
    for rows in parts:
        assert not set(patients[rows]) & set(np.delete(patients, rows))
        assert (codes[rows] == 0).sum() == 4
    assert len(patient_folds(codes[:4], patients[:4], 5, seed=1)) == 2
    with pytest.raises(PanelError, match="one patient"):
        patient_folds(codes[:2], patients[:2], 5, seed=1)


def test_what_is_held_out_has_no_part_in_what_is_learnt(cohort: TrainingData) -> None:
    seen: list[tuple[set[int], set[int]]] = []

    def watch(data: TrainingData, rows: Ints, parameters: EvaluationParameters) -> Pipeline:
        seen.append((set(rows.tolist()), set(range(len(data.y))) - set(rows.tolist())))
        return fit_pipeline(data, rows, parameters)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(held_out, "fit_pipeline", watch)
        scored(cohort)
    assert len(seen) == 3
    assert sorted(at for _, rest in seen for at in rest) == list(range(len(cohort.y)))
    for training, rest in seen:
        assert not {cohort.patient[at] for at in training} & {cohort.patient[at] for at in rest}


def backwards(
    function: Callable[[Any], Any], items: Iterable[Any], progress: object = None
) -> list[Any]:
    """Work on the last item first, as other processes may."""
    return [function(item) for item in reversed(list(items))][::-1]


def test_the_result_does_not_depend_on_who_is_done_first(
    cohort: TrainingData, found: ModelImportance
) -> None:
    candidates = find_candidates(cohort, np.arange(len(cohort.y)), QUICK)
    names = candidates.pipeline.probe_ids.tolist()
    clusters = {name: at for at, name in enumerate(names)}
    again = model_importance(cohort, candidates, clusters, QUICK, cast(Mapper, backwards))
    assert again.table.equals(found.table)
    assert again.strength == found.strength


def test_equal_scores_share_the_best_of_their_ranks() -> None:
    rows = [("a", 0.0), ("b", 2.0), ("c", 0.0), ("d", 1.0)]
    frame = pl.DataFrame(
        [(name, "m", None, score, 0) for name, score in rows],
        schema=["probe_id", "method", "class", "score", "rank"], orient="row",
    )  # fmt: skip
    assert shared_ranks(frame)["rank"].to_list() == [3, 1, 3, 2]


def test_strengths_that_do_not_fall_are_refused() -> None:
    for strengths in ((), (0.1, 0.5), (0.5, 0.5), (1.5, 0.5), (0.5, 0.0)):
        with pytest.raises(PanelError, match="elastic_net_strengths is"):
            PanelParameters(elastic_net_strengths=strengths)
    with pytest.raises(PanelError, match="importance_folds is 1"):
        PanelParameters(importance_folds=1)
    with pytest.raises(PanelError, match="elastic_net_mix is 0"):
        PanelParameters(elastic_net_mix=0.0)
