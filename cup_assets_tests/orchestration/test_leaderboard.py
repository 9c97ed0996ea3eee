"""The leaderboard of a cohort whose scores are known: what is stored, and what people read."""

from __future__ import annotations

from pathlib import Path

import dagster as dg
import numpy as np
import polars as pl
import pytest

from cup_assets.classify.metrics import METRICS
from cup_assets.classify.models import MODELS
from cup_assets.classify.release_fit import champion
from cup_assets.orchestration.assets.leaderboard import leaderboard
from cup_assets.orchestration.conventions import LEADERBOARD, REFERENCE, cv_key
from cup_assets.orchestration.resources import Platform
from cup_assets.warehouse import AssetVersion, Catalogue, Recipe, Write

FAMILY = {"acinic": "salivary", "secretory": "salivary", "warthin": "benign"}
CLASSES = sorted(FAMILY)
N = 24
SAMPLES = [f"s{row:02d}" for row in range(N)]
CODES = np.arange(N) % 3
# The only sample of the second site whose class the first site lacks.
UNTESTED = SAMPLES[N - 1]
MISLABELLED = SAMPLES[4]
BEST = "svm"


def sure(right: np.ndarray, top: float) -> np.ndarray:
    """Return scores float64[n, 3] of which the true class is the highest where it is right."""
    called = np.where(right, CODES, (CODES + 1) % 3)
    scores = np.full((N, 3), (1 - top) / 2)
    scores[np.arange(N), called] = top
    return scores


def long_form(scores: np.ndarray, raw: np.ndarray, scheme: str, **marks: str) -> pl.DataFrame:
    folds = np.arange(N) % 2 if scheme == "stratified" else (np.arange(N) >= N // 2).astype(int)
    return pl.DataFrame(
        {
            "scheme": [scheme] * 3 * N,
            "repeat": [0] * 3 * N,
            "outer_fold": np.repeat(folds, 3),
            "sample_id": np.repeat(SAMPLES, 3),
            "class": CLASSES * N,
            "raw_score": raw.ravel(),
            "score": scores.ravel(),
        }
    ).with_columns(**{name: pl.lit(value) for name, value in marks.items()})


def scores_of(model: str, study: str = "leaderboard") -> pl.DataFrame:
    """Return good stratified scores, of one model the best, and poor ones of the held-out sites."""
    right = np.array([name != MISLABELLED for name in SAMPLES])
    top = 0.95 if model == BEST else 0.8
    marks = {"model": model, "strategy": "class_weight", "features": "betas", "study": study}
    both = [
        long_form(sure(right, top), sure(right, 0.5), "stratified", **marks),
        long_form(sure(CODES == 0, 0.6), sure(CODES == 0, 0.5), "leave_site_out", **marks),
    ]
    untested = (pl.col("scheme") == "leave_site_out") & (pl.col("sample_id") == UNTESTED)
    return pl.concat(both).filter(~untested)


def calibrations_of(model: str) -> pl.DataFrame:
    columns = ["model", "scheme", "repeat", "outer_fold", "sample_id", "class"]
    scores = scores_of(model)
    return pl.concat(
        scores.select(*columns, calibrator=pl.lit(name), score=(1 - by) * pl.col("score") + by / 3)
        for name, by in (("platt", 0.0), ("isotonic", 0.5), ("temperature", 1.0))
    )


def stored(data: Path) -> Catalogue:
    """Return a catalogue that holds what the leaderboard is made of, and nothing else."""
    catalogue = Catalogue(data / "warehouse" / "cup.duckdb")
    members = pl.DataFrame(
        {
            "sample_id": [*SAMPLES, "left out"],
            "included": [True] * N + [False],
            "batch": "b1",
            "class": [*(CLASSES[code] for code in CODES), "acinic"],
            "person": [*SAMPLES, "left out"],
        }
    ).with_columns(family=pl.col("class").replace_strict(FAMILY))
    parts = pl.DataFrame(
        {
            "scheme": "leave_site_out",
            "repeat": 0,
            "outer_fold": [0, 1],
            "held_out": ["Lyon", "Nancy"],
            "n_train": [12, 12],
            "n_test": [12, 11],
            "n_not_used": [0, 1],
        }
    )
    not_used = pl.DataFrame(
        {
            "scheme": ["leave_site_out"],
            "repeat": [0],
            "outer_fold": [1],
            "sample_id": [UNTESTED],
            "class": ["warthin"],
            "part": ["test"],
            "reason": ["no sample of its class is left to train on"],
        }
    )
    tables = {"dataset_members": members, "scheme_parts": parts, "scheme_not_used": not_used}
    keep(catalogue, REFERENCE, Write(tables))
    for model in MODELS:
        tables = {"cv_scores": scores_of(model), "cv_calibrations": calibrations_of(model)}
        keep(catalogue, cv_key(model), Write(tables, key={"model": model}))
    # What a study stores is no part of the leaderboard.
    keep(
        catalogue,
        dg.AssetKey(["evaluation", "ablations"]),
        Write(
            {"cv_scores": scores_of(BEST, "ablations").with_columns(score=pl.lit(1 / 3))},
            key={"study": "ablations"},
        ),
    )
    return catalogue


def keep(catalogue: Catalogue, asset: dg.AssetKey, write: Write) -> None:
    recipe = Recipe(asset.to_user_string(), "1", {}, {})
    catalogue.store(recipe, write, run_id="run", data_version="v1", summary={"findings": []})


@pytest.fixture(scope="module")
def catalogue(tmp_path_factory: pytest.TempPathFactory) -> Catalogue:
    data = tmp_path_factory.mktemp("leaderboard")
    (data / "parameters.toml").write_text("[evaluation]\nbootstraps = 20\n")
    catalogue = stored(data)
    with pytest.MonkeyPatch.context() as patch, dg.DagsterInstance.ephemeral() as instance:
        patch.setenv("CUP_WORKERS", "1")
        made = dg.materialize(
            [leaderboard], instance=instance, resources={"platform": Platform(data=str(data))}
        )
    assert made.success
    return catalogue


@pytest.fixture(scope="module")
def version(catalogue: Catalogue) -> AssetVersion:
    found = catalogue.current(LEADERBOARD.to_user_string())
    assert found is not None
    return found


def test_every_model_is_judged_under_every_scheme_raw_and_calibrated(catalogue: Catalogue) -> None:
    overall = catalogue.query('SELECT * FROM cv_metrics WHERE "class" IS NULL')
    assert set(overall["study"]) == {"leaderboard"}
    names = {*METRICS, *(f"raw_{name}" for name in METRICS)}
    found = overall.group_by("model", "scheme").agg(pl.col("metric"))
    assert found.height == 2 * len(MODELS)
    assert all(set(row) == names and len(row) == len(names) for row in found["metric"])
    error = dict(
        overall.filter(pl.col("metric") == "error", pl.col("model") == BEST)
        .select("scheme", "value")
        .iter_rows()
    )
    assert error == pytest.approx({"stratified": 1 / 24, "leave_site_out": 15 / 23})


def test_families_are_judged_beside_classes(catalogue: Catalogue) -> None:
    found = catalogue.query(
        "SELECT value FROM cv_family_metrics WHERE metric = 'family_error' AND family IS NULL"
        " AND scheme = 'stratified'"
    )
    # The one mistake is secretory called warthin: another family.
    assert found["value"].to_list() == pytest.approx([1 / 24] * len(MODELS))
    families = catalogue.query("SELECT DISTINCT family FROM cv_family_metrics ORDER BY family")
    assert families["family"].to_list() == ["benign", "salivary", None]


def test_the_champion_is_that_of_the_stratified_scheme(catalogue: Catalogue) -> None:
    table = catalogue.query(
        "SELECT * FROM cv_metrics WHERE scheme = 'stratified' AND study = 'leaderboard'"
    )
    assert champion(table) == BEST


def test_calibration_is_told_before_after_and_by_other_ways(catalogue: Catalogue) -> None:
    found = catalogue.query(
        "SELECT calibrator, metric, value FROM cv_calibration_metrics"
        f" WHERE model = '{BEST}' AND scheme = 'stratified'"
    )
    losses = {name: value for name, metric, value in found.iter_rows() if metric == "log_loss"}
    assert set(losses) == {"none", "ridge", "platt", "isotonic", "temperature"}
    assert losses["ridge"] == losses["platt"], "the same scores"
    assert losses["temperature"] == pytest.approx(np.log(3)), "a third for each class"
    assert losses["ridge"] < losses["isotonic"] < losses["temperature"]
    assert losses["ridge"] < losses["none"]
    assert set(found["metric"]) == {"log_loss", "brier", "ece"}


def test_models_are_compared_pair_by_pair_within_the_stratified_scheme(
    catalogue: Catalogue,
) -> None:
    found = catalogue.query("SELECT * FROM cv_comparisons")
    assert (set(found["study"]), set(found["scheme"])) == ({"leaderboard"}, {"stratified"})
    pairs = len(MODELS) * (len(MODELS) - 1) // 2
    assert found.height == pairs * found["metric"].n_unique()
    losses = found.filter(pl.col("metric") == "log_loss", pl.col("b") == BEST)
    assert (losses["difference"] > 0).all()
    assert set(losses["b_better"]) == {N - 1}, "all but the sample with the wrong label"


def test_labels_are_doubted_by_the_stratified_scores_alone(catalogue: Catalogue) -> None:
    doubts = catalogue.query("SELECT sample_id, suggested FROM label_doubts")
    assert doubts.rows() == [(MISLABELLED, "warthin")]


def test_the_notes_say_what_was_not_tested_and_why(version: AssetVersion) -> None:
    notes = version.summary["notes"]
    tested = notes["what each scheme tested"]
    assert "| leave_site_out | 2 | 24 | 23 | 1 | 1 x no sample of its class is left" in tested
    assert "| stratified | 2 | 24 | 24 | 0 |" in tested
    assert "| cross_array | 0 | 24 | 0 | 24 | no fold could be tested |" in tested
    held_out = notes["error by what is held out"]
    assert "| leave_site_out | Lyon | 12 | 12 | 0.667 (" in held_out
    assert "| leave_site_out | Nancy | 12 | 11 | 0.636 (" in held_out


def test_each_scheme_has_its_ranking_the_best_first(version: AssetVersion) -> None:
    notes = version.summary["notes"]
    assert {"by model, stratified", "by model, leave_site_out"} <= set(notes)
    calibrated, raw = notes["by model, stratified"].split("Before calibration:")
    lines = calibrated.split("\n")
    assert lines[2].startswith("| model | error |")
    assert lines[4].startswith(f"| {BEST} | 0.042 (")
    assert "family error" in lines[2]
    assert "raw log loss" in raw
    assert "sum over classes of (score - truth)², from 0 to 2" in notes["definitions"]


def test_the_pictures_are_those_of_the_model_to_be_released(catalogue: Catalogue) -> None:
    folder = catalogue.path.parent.parent / "reports" / "pictures"
    names = {file.stem for file in (folder / LEADERBOARD.to_user_string()).rglob("*.png")}
    assert {"leaderboard", "comparison", "reject_option"} <= names
    assert {"reliability_stratified", "reliability_leave_site_out"} <= names
    assert {"confusion_of_classes", "confusion_of_families"} <= names
