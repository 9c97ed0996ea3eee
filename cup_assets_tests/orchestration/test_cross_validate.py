"""What is finished is not computed again, and nothing is taken over that could differ."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from cup_assets.classify import nested
from cup_assets.classify.nested import CvResult
from cup_assets.orchestration.conventions import cv_key
from cup_assets_tests.classify.synthetic import with_other_rows
from cup_assets_tests.orchestration.chain import Chain
from cup_assets_tests.orchestration.resumed import DATA, PLAN, QUICKER, run


@pytest.fixture
def fits(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return a list that grows by one with each outer fold that is computed in this process."""
    counted: list[int] = []
    fit = nested.fit_tuned

    def counting(*given: Any, **named: Any) -> Any:
        counted.append(1)
        return fit(*given, **named)

    monkeypatch.setattr(nested, "fit_tuned", counting)
    return counted


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> CvResult:
    """Return the result of a run that nothing interrupted and that found nothing stored."""
    return run(tmp_path_factory.mktemp("whole"))[0]


def stored(data: Path) -> list[Path]:
    return sorted((data / "cache" / "folds").glob("*.zip"))


def same(one: CvResult, other: CvResult) -> bool:
    """Tell whether two results are equal to the last bit."""
    return all(
        getattr(one, name).equals(getattr(other, name))
        for name in ("scores", "choices", "calibrations")
    )


def test_a_killed_run_is_taken_up_at_the_fold_at_which_it_died(
    tmp_path: Path, whole: CvResult, fits: list[int]
) -> None:
    child = subprocess.run(
        [sys.executable, "-m", "cup_assets_tests.orchestration.resumed", str(tmp_path), "5"],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
        cwd=Path(__file__).resolve().parents[2],
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert child.returncode == -signal.SIGKILL, child.stderr[-2000:]
    assert len(stored(tmp_path)) == 5
    result, log = run(tmp_path)
    assert len(fits) == 3
    assert log.said == [
        "logistic_regression, stratified, class_weight, betas: 5 of 8 outer folds are taken over"
        " from an earlier run"
    ]
    assert same(result, whole)


def test_workers_store_what_they_finish_themselves_and_the_result_is_the_same(
    tmp_path: Path, whole: CvResult, fits: list[int]
) -> None:
    result, _ = run(tmp_path, workers=2)
    assert not fits, "computed in this process"
    assert len(stored(tmp_path)) == 8
    assert same(result, whole)
    assert same(run(tmp_path)[0], whole)
    assert not fits


def test_what_only_judges_the_scores_changes_no_fold_and_what_fits_changes_all(
    tmp_path: Path, whole: CvResult, fits: list[int]
) -> None:
    run(tmp_path)
    del fits[:]
    result, _ = run(tmp_path, replace(QUICKER, bootstraps=9, match_threshold=0.5))
    assert (len(fits), same(result, whole)) == (0, True)
    run(tmp_path, replace(QUICKER, calibration_c=(0.1,)))
    assert len(fits) == 8


def test_other_values_of_a_sample_and_another_division_are_computed_anew(
    tmp_path: Path, fits: list[int]
) -> None:
    half = PLAN.filter(pl.col("repeat") == 0)
    run(tmp_path, folds=half)
    del fits[:]
    run(tmp_path)
    assert len(fits) == 4, "a further repeat costs its own folds only"
    del fits[:]
    first = half.filter(outer_fold=1, inner_fold=0)["sample_id"][0]
    patient = DATA.sample_ids[DATA.patient == DATA.patient[DATA.sample_ids == first]].tolist()
    moved = half.with_columns(
        inner_fold=pl.when(pl.col("sample_id").is_in(patient) & (pl.col("outer_fold") == 1))
        .then(1)
        .otherwise("inner_fold")
    )
    run(tmp_path, folds=moved)
    assert len(fits) == 1, "one inner fold of one outer fold changed"
    del fits[:]
    run(tmp_path, folds=half, data=with_other_rows(DATA, np.array([63]), seed=1))
    assert len(fits) == 4


def test_a_forced_run_computes_what_is_stored(
    tmp_path: Path, whole: CvResult, fits: list[int]
) -> None:
    run(tmp_path)
    result, log = run(tmp_path, force=True)
    assert len(fits) == 16
    assert not log.said
    assert same(result, whole)


def test_a_damaged_fold_is_computed_again_with_a_warning_and_the_others_are_not(
    tmp_path: Path, whole: CvResult, fits: list[int]
) -> None:
    run(tmp_path)
    del fits[:]
    cut, flipped, *_ = stored(tmp_path)
    cut.write_bytes(cut.read_bytes()[:1000])
    content = bytearray(flipped.read_bytes())
    content[300] ^= 1  # one bit within a table
    flipped.write_bytes(content)
    result, log = run(tmp_path)
    assert len(fits) == 2
    one, other = sorted(text for text in log.said if text.startswith("warning"))
    assert str(cut) in one
    assert str(flipped) in other
    assert same(result, whole)
    assert same(run(tmp_path)[0], whole)
    assert len(fits) == 2, "mended"


def test_an_asset_whose_intervals_alone_are_to_change_takes_over_every_fold(
    complete: Chain, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = complete.catalogue.query("SELECT * FROM cv_scores WHERE model = 'svm' ORDER BY ALL")

    def refuse(*_: object) -> None:
        raise AssertionError("a fold was computed")

    monkeypatch.setattr(nested, "fit_tuned", refuse)
    complete.parameters("bootstraps = 10", "bootstraps = 11")
    assert complete.run("refresh_aggregates_now", only=[cv_key("svm")]).success
    after = complete.catalogue.query("SELECT * FROM cv_scores WHERE model = 'svm' ORDER BY ALL")
    assert after.drop("run_id", "data_version").equals(before.drop("run_id", "data_version"))
    assert not after.equals(before)
