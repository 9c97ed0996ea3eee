"""An asset that is computed on Spark holds what it held when this process computed it."""

from __future__ import annotations

import pytest

from cup_assets.orchestration.conventions import cv_key
from cup_assets_tests.orchestration.chain import Chain

pytest.importorskip("pyspark", reason="pyspark is not installed (extra: spark)")

_ROWS = "FROM cv_scores WHERE model = 'logistic_regression' AND study = 'leaderboard'"


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*:DeprecationWarning:pyspark")
@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_a_cross_validation_on_spark_stores_the_same_scores(
    complete: Chain, monkeypatch: pytest.MonkeyPatch
) -> None:
    scores = f"SELECT * EXCLUDE (run_id) {_ROWS} ORDER BY ALL"
    before = complete.catalogue.query(scores)
    assert before.height
    monkeypatch.setenv("CUP_COMPUTE", "spark")
    monkeypatch.setenv("CUP_SPARK_MASTER", "local[2]")
    result = complete.run(
        "refresh_aggregates_now", only=[cv_key("logistic_regression")], tags={"cup/force": "true"}
    )
    assert result.success
    assert complete.one(f"SELECT DISTINCT run_id {_ROWS}") == result.run_id
    assert complete.catalogue.query(scores).equals(before)
