"""The page about the cohort shows what it is given, in both languages, and nothing else."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime

import polars as pl
import pytest

from cup_assets.report import ReportError
from cup_assets.report.cohort_page import SHOWN_SAMPLES, cohort_page
from cup_assets.report.cohort_report import CohortReport, Made, Picture
from cup_assets.report.language import LANGUAGES

AT = datetime(2026, 3, 3, 14, 5, tzinfo=UTC)
ESTIMATES = {"value": pl.Float64, "low": pl.Float64, "high": pl.Float64}
PNG = b"\x89PNG\r\n\x1a\n0"

REPORT = CohortReport(
    date=AT,
    simulated=False,
    counts={
        "batches": 2, "samples": 1204, "patients": 1100, "diagnostic": 9, "reference": 1169,
        "reference_patients": 1091, "classes": 1,
    },
    composition=pl.DataFrame(
        [("acinic_cell_carcinoma", "salivary", 1169, 1091, 700, 469, 3, 2)],
        schema=["class", "family", "samples", "patients", "ffpe", "frozen", "sites", "batches"],
        orient="row",
    ),
    excluded=pl.DataFrame({"kind": ["quality", "no diagnosis"], "samples": [31, 4]}),
    quality=pl.DataFrame(
        [("B1", "450k", 600, 590, 6, 3, 1)],
        schema=["batch", "arrays", "samples", "pass", "warn", "fail", "unread"],
        orient="row",
    ),
    not_passed=pl.DataFrame(
        {"sample_id": ["S<1>"], "batch": ["B1"], "verdict": ["fail"], "reasons": ["a & b"]}
    ),
    boards={
        "stratified": pl.DataFrame(
            [("svm", "error", 0.0234, 0.01, 0.0362), ("svm", "log_loss", 0.0461, None, None)],
            schema={"model": pl.String, "metric": pl.String, **ESTIMATES},
            orient="row",
        )
    },
    tested={"stratified": 1169},
    released=("r1", "svm"),
    ablations=pl.DataFrame(
        [("svm · none", "svm · smote", "error", -0.0125, -0.02, 0.004, 0.2501)],
        schema=["a", "b", "metric", "difference", "low", "high", "p_holm"],
        orient="row",
    ),
    needed=["An error of 5% takes about 40 patients."],
    curve=pl.DataFrame(
        [("svm", "ranked", 10, "error", 0.111, 0.09, 0.13)],
        schema={"model": pl.String, "selector": pl.String, "size": pl.Int64, "metric": pl.String,
                **ESTIMATES},
        orient="row",
    ),
    recommended=10,
    agreement=pl.DataFrame(
        [("clusters", "kmeans", 1169, 0.591, 0.51, 0.66)],
        schema=["kind", "method", "n", "accuracy", "low", "high"],
        orient="row",
    ),
    pictures={"board": [Picture("leaderboard", PNG)]},
    made=[Made("datasets/reference", "a" * 64, "3", "run-1", AT)],
    missing=["evaluation/novelty"],
)  # fmt: skip


def words(page: str) -> str:
    """Return what a reader sees, without tags."""
    bare = re.sub(r"<style>.*?</style>", "", page, flags=re.DOTALL)
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", bare))


@pytest.mark.parametrize("code", LANGUAGES)
def test_the_page_loads_nothing_and_is_the_same_bytes_again(code: str) -> None:
    page = cohort_page(REPORT, code)
    assert page == cohort_page(REPORT, code)
    assert f'<html lang="{code}">' in page
    sources = re.findall(r'(?:src|href)="([^"]*)"', page)
    assert sources
    assert all(source.startswith("data:image/png;base64,") for source in sources)


def test_every_figure_stands_on_the_page_as_the_language_writes_it() -> None:
    english, french = (words(cohort_page(REPORT, code)) for code in LANGUAGES)
    for said in ("1,204", "2.3% [1.0–3.6]", "0.046", "−0.013 [−0.020; +0.004]", "0.250", "11.1%",
                 "59.1%", "10 CpGs", "An error of 5%", "evaluation/novelty", "run-1"):  # fmt: skip
        assert said in english, said
    for said in ("2,3", "0,046", "0,250", "carcinome à cellules acineuses", "Illisibles", "31"):
        assert said in french, said


def test_a_figure_without_an_interval_has_no_brackets() -> None:
    assert "0.046 [" not in words(cohort_page(REPORT, "en"))


def test_what_a_sheet_says_cannot_become_markup() -> None:
    page = cohort_page(REPORT, "en")
    assert "S&lt;1&gt;" in page
    assert "S<1>" not in page


def test_a_reason_that_has_no_words_here_is_shown_as_it_is_stored() -> None:
    shown = words(cohort_page(REPORT, "fr"))
    assert "contrôle qualité non conforme" in shown
    assert "no diagnosis" in shown


def test_more_samples_than_are_shown_are_counted() -> None:
    n = SHOWN_SAMPLES + 3
    many = pl.concat([REPORT.not_passed] * n)
    page = words(cohort_page(replace(REPORT, not_passed=many), "en"))
    assert f"The first {SHOWN_SAMPLES} of {n}" in page


def test_a_section_of_which_nothing_is_known_is_not_on_the_page() -> None:
    bare = replace(REPORT, boards={}, pictures={}, curve=REPORT.curve.clear(), released=None)
    page = words(cohort_page(bare, "en"))
    assert "Classifiers compared" not in page
    assert "Small panels" not in page
    assert "none yet" in page


def test_simulated_samples_are_announced() -> None:
    assert "SIMULATED" not in cohort_page(REPORT, "en")
    assert "SIMULATED" in cohort_page(replace(REPORT, simulated=True), "en")


def test_a_language_without_texts_is_refused() -> None:
    with pytest.raises(ReportError, match="'de'"):
        cohort_page(REPORT, "de")
