"""What is put together of each candidate: nobody is lost, and planted markers come out."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from cup_assets.classify.data import TrainingData
from cup_assets.panels.importance import find_candidates
from cup_assets.panels.parameters import PanelError, PanelParameters
from cup_assets.panels.relevance import Relevance, marker_table, relevance

PARAMETERS = PanelParameters(
    sizes=(2,), candidates=40, screened=20, adjust=(), boruta_rounds=40,
    stability_halves=10, stability_chosen=6,
)  # fmt: skip


def cohort() -> TrainingData:
    """Return 90 samples of three classes; cg0..cg5 mark one class each, cg6 repeats cg0."""
    import polars as pl

    rng = np.random.default_rng(0)
    codes = rng.permutation(np.repeat([0, 1, 2], 30))
    X = rng.uniform(0.3, 0.5, (90, 50))
    for column in range(6):
        X[codes == column % 3, column] += 0.3 if column < 3 else -0.25
    X[:, 6] = X[:, 0] + rng.normal(0, 0.005, 90)
    samples = pl.DataFrame(
        {
            "sample_id": [f"s{row:02d}" for row in range(90)],
            "class": np.array(["a", "b", "c"])[codes],
        }
    )
    names = [f"cg{column}" for column in range(50)]
    return TrainingData.from_frame(samples, X.astype(np.float32), names)


@pytest.fixture(scope="module")
def found() -> Relevance:
    data = cohort()
    candidates = find_candidates(data, np.arange(90), PARAMETERS)
    return relevance(candidates, data.patient, PARAMETERS)


def test_every_candidate_has_a_row_and_every_judged_cluster_a_verdict(found: Relevance) -> None:
    assert found.table.height == 40
    assert found.table["probe_id"].n_unique() == 40
    assert found.table["verdict"].null_count() == 0
    assert found.effects.height == 3 * 40


def test_planted_markers_are_confirmed_with_their_class_and_direction(found: Relevance) -> None:
    markers = {row["probe_id"]: row for row in marker_table(found).iter_rows(named=True)}
    assert {f"cg{column}" for column in range(7)} <= set(markers)
    assert len(markers) <= 8
    for column in range(6):
        row = markers[f"cg{column}"]
        assert row["class"] == "abc"[column % 3]
        assert row["direction"] == ("hyper" if column < 3 else "hypo")
        assert row["fdr"] < 0.001


def test_a_twin_shares_verdict_and_cluster(found: Relevance) -> None:
    rows = {row["probe_id"]: row for row in found.table.iter_rows(named=True)}
    assert rows["cg0"]["cluster"] == rows["cg6"]["cluster"]
    assert rows["cg0"]["verdict"] == rows["cg6"]["verdict"]
    assert rows["cg0"]["frequency_of_cluster"] == 1


def test_clusters_beyond_those_that_boruta_is_asked_for_have_no_verdict() -> None:
    data = cohort()
    few = replace(PARAMETERS, boruta_candidates=5, boruta_rounds=3)
    table = relevance(find_candidates(data, np.arange(90), few), data.patient, few).table
    assert table.drop_nulls("verdict")["cluster"].n_unique() == 5
    assert table["verdict"].null_count() > 0


def test_an_odd_number_of_halves_is_refused_with_the_parameters() -> None:
    with pytest.raises(PanelError, match="stability_halves is 3"):
        PanelParameters(stability_halves=3)
