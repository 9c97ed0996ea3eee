from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from cup_assets.classify.data import TrainingData
from cup_assets.classify.errors import ClassifyError, ReleaseError
from cup_assets.classify.metrics import metrics
from cup_assets.classify.models import MODELS
from cup_assets.classify.nested import nested_cv
from cup_assets.classify.release import Release
from cup_assets.classify.release_files import load_release, save_release
from cup_assets.classify.release_fit import champion, fit_release
from cup_assets_tests.classify.synthetic import QUICK, cohort, folds

NORMALISATION = {"method": "noob", "offset": 15.0, "bounds": (0, 1)}


@pytest.fixture(scope="module")
def data() -> TrainingData:
    return cohort(n=64, p=200)


def factors(data: TrainingData, rows: slice = slice(None)) -> dict[str, list[str]]:
    return {"material": data.material[rows].tolist()}


def _fit(data: TrainingData, model: str) -> Release:
    plan = folds(data)
    scores = nested_cv(data, model, plan, QUICK).scores
    return fit_release(
        data,
        model,
        plan,
        QUICK,
        version="2025-1",
        normalisation=NORMALISATION,
        replicates="best_detection",
        cv_metrics=metrics(scores, data.truth(), seed=1, bootstraps=20),
        input_manifest=[{"batch": "b1", "data_version": "abc"}],
    )


@pytest.fixture(scope="module")
def releases(data: TrainingData) -> dict[str, Release]:
    return {model: _fit(data, model) for model in sorted(MODELS)}


@pytest.fixture(scope="module")
def release(releases: dict[str, Release]) -> Release:
    return releases["svm"]


@pytest.fixture
def folder(release: Release, tmp_path: Path) -> Path:
    save_release(release, tmp_path / "releases" / "2025-1")
    return tmp_path / "releases" / "2025-1"


@pytest.mark.parametrize("model", sorted(MODELS))
def test_a_release_read_back_gives_the_same_bits(
    data: TrainingData, releases: dict[str, Release], model: str, tmp_path: Path
) -> None:
    digest = save_release(releases[model], tmp_path / "r")
    loaded = load_release(tmp_path / "r", digest=digest, normalisation=NORMALISATION)
    given = (data.X, data.probe_ids, factors(data), data.sample_ids)
    before, after = releases[model].predict(*given), loaded.predict(*given)
    assert_frame_equal(before.scores, after.scores, check_exact=True)
    assert_frame_equal(before.calls, after.calls, check_exact=True)
    assert loaded.record == releases[model].record
    assert (after.calls["class"] == pl.Series(data.y.tolist())).mean() > 0.95


@pytest.mark.parametrize("model", sorted(MODELS))
def test_a_sample_scores_the_same_bits_alone_in_a_batch_and_with_shuffled_probes(
    data: TrainingData, releases: dict[str, Release], model: str
) -> None:
    release = releases[model]
    batch = release.predict(data.X, data.probe_ids, factors(data), data.sample_ids).scores
    order = np.random.default_rng(1).permutation(len(data.probe_ids))
    for row in (0, 13, 40, 63):
        alone = release.predict(
            data.X[row : row + 1, order],
            data.probe_ids[order],
            factors(data, slice(row, row + 1)),
            data.sample_ids[row : row + 1],
        ).scores
        own = batch.filter(pl.col("sample_id") == data.sample_ids[row])
        assert_frame_equal(alone, own, check_exact=True)


def test_the_same_release_gives_the_same_files(
    data: TrainingData, release: Release, folder: Path, tmp_path: Path
) -> None:
    again = tmp_path / "again"
    save_release(_fit(data, "svm"), again)
    names = sorted(path.name for path in folder.iterdir())
    assert names == ["model.npz", "model_card.md", "release.json"]
    for name in names:
        assert (folder / name).read_bytes() == (again / name).read_bytes()
    save_release(load_release(folder), tmp_path / "copy")
    assert (tmp_path / "copy" / "release.json").read_bytes() == (
        folder / "release.json"
    ).read_bytes()


@pytest.mark.parametrize("name", ["model.npz", "model_card.md", "release.json"])
def test_a_changed_or_missing_file_is_refused_by_name(folder: Path, name: str) -> None:
    content = bytearray((folder / name).read_bytes())
    middle = len(content) // 2
    for changed in (content[:-1], content + b" x", b"", None):
        (folder / name).unlink(missing_ok=True)
        if changed is not None:
            (folder / name).write_bytes(changed)
        with pytest.raises(ReleaseError, match=name.replace(".", r"\.")):
            load_release(folder)
    content[middle] ^= 1
    (folder / name).write_bytes(content)
    with pytest.raises(ReleaseError, match=name.replace(".", r"\.")):
        load_release(folder)


def test_an_edited_threshold_is_refused(folder: Path) -> None:
    record = json.loads((folder / "release.json").read_text())
    record["parameters"]["match_threshold"] = 0.1
    (folder / "release.json").write_text(json.dumps(record))
    with pytest.raises(ReleaseError, match="was changed after release"):
        load_release(folder)


def test_another_digest_or_normalisation_is_refused(folder: Path) -> None:
    with pytest.raises(ReleaseError, match="not the recorded release"):
        load_release(folder, digest="0" * 64)
    with pytest.raises(ReleaseError, match="normalised with"):
        load_release(folder, normalisation={**NORMALISATION, "offset": 0.0})
    load_release(folder, normalisation=NORMALISATION)


def test_a_release_is_never_overwritten_and_a_failed_one_leaves_nothing(
    release: Release, folder: Path
) -> None:
    with pytest.raises(ReleaseError, match="never overwritten"):
        save_release(release, folder)
    broken = replace(release, record={**release.record, "n_samples": float("nan")})
    with pytest.raises(ValueError, match="JSON"):
        save_release(broken, folder.parent / "broken")
    assert [path.name for path in folder.parent.iterdir()] == [folder.name]


def test_a_sample_that_lacks_too_many_probes_is_not_scored(
    data: TrainingData, release: Release
) -> None:
    X = data.X[:3].copy()
    X[1, :150] = np.nan
    given = factors(data, slice(3)) | {"array": ["450k", "hm27", None]}
    found = release.predict(X, data.probe_ids, given, data.sample_ids[:3])
    released = np.isin(data.probe_ids, release.probe_ids)
    missing = np.isnan(X[:, released]).mean(axis=1)
    np.testing.assert_allclose(found.calls["missing"], missing)
    assert found.calls["sample_id"].to_list() == ["s000", "s001", "s002"]
    refused = found.calls.row(1, named=True)
    assert (refused["call"], refused["class"], refused["score"]) == ("no_match", None, None)
    assert refused["note"] == (
        f"not scored: {missing[1]:.0%} of the probes missing, on array hm27 (limit 20%)"
    )
    assert found.scores["sample_id"].unique().sort().to_list() == ["s000", "s002"]
    assert found.calls["note"].to_list()[::2] == [None, None]


def test_an_unknown_material_is_scored_unadjusted_and_says_so(
    data: TrainingData, release: Release
) -> None:
    given = {"material": ["cryo DNA", None], "site": ["anywhere", None]}
    found = release.predict(data.X[:2], data.probe_ids, given, data.sample_ids[:2])
    unknown = "material 'unknown' not adjusted (known: FFPE, frozen)"
    assert found.calls["note"].to_list() == [
        "material 'cryo DNA' not adjusted (known: FFPE, frozen)",
        unknown,
    ]
    nothing = release.predict(data.X[:2], data.probe_ids, {}, data.sample_ids[:2])
    assert nothing.calls["note"].to_list() == [unknown, unknown]
    assert nothing.scores["score"].to_list() == found.scores["score"].to_list()


def test_no_samples_give_empty_frames(data: TrainingData, release: Release) -> None:
    found = release.predict(data.X[:0], data.probe_ids, {}, [])
    assert found.scores.is_empty()
    assert found.calls.is_empty()
    whole = release.predict(
        data.X[:2], data.probe_ids, factors(data, slice(2)), data.sample_ids[:2]
    )
    assert found.calls.schema == whole.calls.schema
    assert found.scores.schema == whole.scores.schema


def test_tables_that_do_not_fit_are_refused(data: TrainingData, release: Release) -> None:
    given = (factors(data, slice(2)), data.sample_ids[:2])
    with pytest.raises(ReleaseError, match="do not fit"):
        release.predict(data.X[:3], data.probe_ids, *given)
    with pytest.raises(ReleaseError, match="named twice"):
        release.predict(data.X[:2], [data.probe_ids[0]] * 200, *given)
    with pytest.raises(ReleaseError, match="not M-values"):
        release.predict(data.X[:2] * 5 - 2, data.probe_ids, *given)


def test_the_card_states_classes_metrics_and_limits(release: Release, folder: Path) -> None:
    card = (folder / "model_card.md").read_text()
    assert "| class 3 | family 1 | 16 |" in card
    value = next(row["value"] for row in release.record["metrics"] if row["metric"] == "log_loss")
    assert f"| log_loss | {value:.3f} |" in card
    assert "not a medical device" in card
    assert "Adjusted for (samples): material: FFPE " in card
    assert "replicate probes: best_detection" in card
    assert release.record["probe_list_sha256"] in card


def test_the_champion_has_the_lowest_calibrated_log_loss_unless_pinned() -> None:
    frame = pl.DataFrame(
        {
            "model": ["svm", "svm", "random_forest", "logistic_regression"],
            "metric": ["log_loss", "accuracy", "log_loss", "log_loss"],
            "value": [0.2, 0.0, 0.3, None],
        }
    )
    assert champion(frame) == "svm"
    assert champion(frame, pinned="random_forest") == "random_forest"
    with pytest.raises(ClassifyError, match="was not evaluated"):
        champion(frame, pinned="logistic_regression")
    with pytest.raises(ClassifyError, match="several log losses"):
        champion(pl.concat([frame, frame]))
    with pytest.raises(ClassifyError, match="no model has a log loss"):
        champion(frame[:0])


def test_folds_that_do_not_hold_out_every_sample_are_refused(data: TrainingData) -> None:
    plan = folds(data).filter(pl.col("outer_fold") != 1)
    with pytest.raises(ClassifyError, match="held out by no outer fold"):
        fit_release(
            data,
            "svm",
            plan,
            QUICK,
            version="v",
            normalisation={},
            replicates="mean",
            cv_metrics=pl.DataFrame(),
            input_manifest=[],
        )
