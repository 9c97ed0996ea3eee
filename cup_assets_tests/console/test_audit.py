"""An audit leads from a score back to the bytes that it was made of."""

from __future__ import annotations

import re

import duckdb
import pytest

from cup_assets.classify.models import MODELS
from cup_assets.cohort.array_files import file_digest
from cup_assets.console.audit import run_audit
from cup_assets.console.errors import ConsoleError
from cup_assets.settings import Settings
from cup_assets.warehouse import Catalogue


@pytest.fixture
def case(platform: Settings) -> dict[str, str]:
    rows = Catalogue(platform.catalogue).query(
        "SELECT s.sample_id, s.batch, grn, red, p.release, p.score, p.run_id, p.data_version"
        " FROM predictions p JOIN samples s USING (sample_id) ORDER BY sample_id"
    )
    return rows.row(0, named=True)


def test_an_audit_names_files_code_parameters_and_runs_down_to_the_hashes(
    platform: Settings, case: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    run_audit(platform, case["sample_id"])
    printed = capsys.readouterr().out
    for name in ("grn", "red"):
        _, digest = file_digest(platform.landing / case["batch"] / case[name])
        assert f"{case[name]}  sha256 {digest}" in printed
        assert f"file/{case[name]}  {digest}" in printed
    for step in (
        f"diagnosis/predictions[{case['batch']}]  {case['data_version']}",
        "diagnosis/classifier  ",
        "evaluation/leaderboard  ",
        "evaluation/cv/random_forest  ",
        "datasets/reference  ",
        f"normalised/betas[{case['batch']}]  ",
        f"raw/idats[{case['batch']}]  ",
    ):
        assert step in printed
    time = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC"
    assert re.search(rf"run {case['run_id']}, started {time}, ended {time}\n", printed)
    assert "start not recorded" not in printed
    assert '"detection_p": 0.05' in printed  # parameters of the betas
    assert '"trees": 20' in printed  # and those of the models
    assert f"release {case['release']}: " in printed
    assert f"{case['score']:.6f}" in printed


def test_the_full_audit_reaches_every_file_of_every_batch(
    platform: Settings, case: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    run_audit(platform, case["sample_id"], full=True)
    printed = capsys.readouterr().out
    for file in platform.landing.rglob("*.idat"):
        assert f"file/{file.name}  {file_digest(file)[1]}" in printed
    assert "more inputs" not in printed


def test_a_reference_sample_is_audited_by_its_cross_validation(
    platform: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    member = Catalogue(platform.catalogue).query(
        "SELECT min(sample_id) FROM dataset_members WHERE included"
    )
    run_audit(platform, member.item())
    printed = capsys.readouterr().out
    for model in MODELS:
        assert f"evaluation/cv/{model}  " in printed


def test_a_case_that_was_not_scored_is_audited_with_its_note(
    platform: Settings, case: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    with duckdb.connect(platform.catalogue) as connection:
        connection.execute(
            'UPDATE predictions SET "class" = NULL, score = NULL, family = NULL,'
            " family_score = NULL, call = 'no_match', note = 'not scored: failed'"
            " WHERE sample_id = ?",
            [case["sample_id"]],
        )
    run_audit(platform, case["sample_id"])
    assert "no_match (not scored: failed)" in capsys.readouterr().out


def test_an_unknown_sample_is_an_error(platform: Settings) -> None:
    with pytest.raises(ConsoleError, match="no sample NOBODY"):
        run_audit(platform, "NOBODY")
