"""What made a release call a case."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from cup_assets.classify.data import TrainingData
from cup_assets.classify.drivers import DRIVER_SCHEMA, drivers, explain_calls
from cup_assets.classify.errors import ReleaseError
from cup_assets.classify.explain import explainer
from cup_assets.classify.models import MODELS
from cup_assets.classify.release import Release
from cup_assets.classify.release_files import load_release, save_release
from cup_assets.classify.release_fit import fit_release
from cup_assets_tests.classify.synthetic import QUICK, cohort, folds

PARAMETERS = replace(QUICK, network_epochs=5, logistic_l1=(), trees=20)


@pytest.fixture(scope="module")
def data() -> TrainingData:
    return cohort(n=48, p=120)


@pytest.fixture(scope="module")
def releases(data: TrainingData) -> dict[str, Release]:
    nothing = pl.DataFrame(schema=["metric", "class", "value", "low", "high"])
    return {
        model: fit_release(
            data, model, folds(data), PARAMETERS, version="r1", normalisation={},
            replicates="mean", cv_metrics=nothing, input_manifest=[],
        )
        for model in MODELS
    }  # fmt: skip


def explained(release: Release, data: TrainingData, rows: list[int], top: int) -> pl.DataFrame:
    factors = {"material": data.material[rows].tolist()}
    given = (data.X[rows], data.probe_ids, factors)
    calls = release.predict(*given, data.sample_ids[rows]).calls
    return drivers(release, *given, calls, top)


@pytest.mark.parametrize("model", sorted(MODELS))
def test_a_case_has_the_same_drivers_by_itself_in_a_batch_and_from_files(
    data: TrainingData, releases: dict[str, Release], model: str, tmp_path: Path
) -> None:
    release = releases[model]
    batch = explained(release, data, [3, 17, 40, 5], 6)
    alone = explained(release, data, [40], 6)
    assert_frame_equal(batch.filter(sample_id="s040"), alone, check_exact=True)
    save_release(release, tmp_path / "r")
    assert_frame_equal(
        explained(load_release(tmp_path / "r"), data, [40], 6), alone, check_exact=True
    )


@pytest.mark.parametrize("model", sorted(MODELS))
def test_the_drivers_of_a_case_lead_from_the_base_to_its_score(
    data: TrainingData, releases: dict[str, Release], model: str
) -> None:
    release = releases[model]
    found = explained(release, data, [7], 10_000)
    first = found.row(0, named=True)
    called = release.predict(
        data.X[7:8], data.probe_ids, {"material": [data.material[7]]}, data.sample_ids[7:8]
    )
    assert first["class"] == called.calls["class"][0]
    assert found["contribution"].sum() == pytest.approx(first["output"] - first["base"], abs=1e-4)
    own = called.scores.filter(pl.col("class") == first["class"])
    if first["quantity"] == "raw_score":
        assert first["output"] == own["raw_score"][0]
        assert first["floor_gap"] is None
    else:
        assert first["floor_gap"] == pytest.approx(0, abs=1e-9)
    assert found["rank"].to_list() == list(range(1, found.height + 1))


def test_what_was_not_measured_has_no_value(
    data: TrainingData, releases: dict[str, Release]
) -> None:
    release = releases["logistic_regression"]
    lost = str(release.probe_ids[0])
    X = data.X.copy()
    X[:, data.probe_ids == lost] = np.nan
    found = explained(release, replace(data, X=X), [1, 2, 9, 22], 10_000)
    own = found.filter(feature=lost)
    assert own.height
    assert own["value"].null_count() == own.height
    known = found.filter(pl.col("feature") != lost)
    assert known.filter(pl.col("value").is_null()).height < known.height / 10


def test_a_case_that_was_not_scored_has_no_drivers(
    data: TrainingData, releases: dict[str, Release]
) -> None:
    X = data.X.copy()
    X[4, :100] = np.nan
    found = explained(releases["svm"], replace(data, X=X), [4, 6], 3)
    assert found["sample_id"].to_list() == ["s006"] * 3
    none = explained(releases["svm"], data, [], 3)
    assert none.is_empty()
    assert none.schema == DRIVER_SCHEMA


def test_samples_of_the_reference_are_stored_only_where_they_are_needed(
    releases: dict[str, Release],
) -> None:
    for model, release in releases.items():
        background = release.background
        assert background is not None
        kernel = model == "svm" and "anchors" in release.classifier.model.arrays()
        assert bool(len(background.rows)) == (model == "neural_network" or kernel)


def test_a_score_below_the_floor_is_told(data: TrainingData, releases: dict[str, Release]) -> None:
    release = releases["logistic_regression"]
    own = release.classifier
    high = replace(own, calibrator=replace(own.calibrator, floor=0.1))
    found = explained(replace(release, classifier=high), data, [7], 3)
    usual = explained(release, data, [7], 3)
    assert found["floor_gap"].min() > 0.01  # type: ignore[operator]
    assert found["output"].to_list() == usual["output"].to_list()


def test_a_release_without_background_says_so(
    data: TrainingData, releases: dict[str, Release], tmp_path: Path
) -> None:
    bare = replace(releases["random_forest"], background=None)
    for use in (
        lambda: explained(bare, data, [1], 3),
        lambda: save_release(bare, tmp_path / "r"),
    ):
        with pytest.raises(ReleaseError, match="r1 has no background to explain scores by"):
            use()
    assert not (tmp_path / "r").exists()


def test_a_forest_explains_without_any_sample(
    data: TrainingData, releases: dict[str, Release]
) -> None:
    release = releases["random_forest"]
    assert release.background is not None
    own = explainer(release.classifier, release.background)
    shares = np.bincount(np.searchsorted(release.classifier.classes, data.y)) / len(data.y)
    # Its trees draw equally from all classes, which here are of one size.
    np.testing.assert_allclose(own.base, shares, atol=0.05)


@pytest.mark.parametrize("model", sorted(MODELS))
def test_what_speaks_against_the_next_best_class_adds_up_to_the_gap(
    data: TrainingData, releases: dict[str, Release], model: str
) -> None:
    release = releases[model]
    given = (data.X[7:9], data.probe_ids, {"material": data.material[7:9].tolist()})
    found = release.predict(*given, data.sample_ids[7:9])
    made_of, against = explain_calls(release, *given, found.calls, found.scores, 10_000)
    assert_frame_equal(made_of, drivers(release, *given, found.calls, 10_000), check_exact=True)
    assert release.background is not None
    own = explainer(release.classifier, release.background)
    classes = release.classifier.classes.tolist()
    for row, case in enumerate(found.calls.iter_rows(named=True)):
        part = against.filter(sample_id=case["sample_id"])
        scores = found.scores.filter(sample_id=case["sample_id"]).sort("score", descending=True)
        others = scores.filter(pl.col("class") != case["class"])["class"].to_list()
        assert part["against"].unique().to_list() == others[:1]
        named, other = classes.index(case["class"]), classes.index(others[0])
        output = own.output(release.features(*given)[0][row])
        gap = (output[named] - own.base[named]) - (output[other] - own.base[other])
        assert part["difference"].sum() == pytest.approx(gap, abs=1e-4)
        largest = part["difference"].abs()
        assert largest.to_list() == sorted(largest, reverse=True)
        assert (part["contribution"] - part["contribution_against"]).to_list() == pytest.approx(
            part["difference"].to_list()
        )
