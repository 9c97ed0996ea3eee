"""A case's page says what the catalogue holds: its numbers, its versions, and no patient."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest

from cup_assets.orchestration.case_report import CaseReportError, read_cases
from cup_assets.orchestration.conventions import REPORTS
from cup_assets.orchestration.resources import Platform
from cup_assets.report.case_page import SHOWN_CPGS, case_page
from cup_assets.report.case_report import CaseReport
from cup_assets.report.language import LANGUAGES, Language
from cup_assets_tests.orchestration.chain import NAME, Chain

ENGLISH = Language.of("en")


def cases_of(chain: Chain, only: str | None = None) -> list[CaseReport]:
    return read_cases(Platform(data=str(chain.data)), "beta", [only] if only else None)


def change(chain: Chain, *statements: str) -> None:
    with duckdb.connect(chain.settings.catalogue) as connection:
        for statement in statements:
            connection.execute(statement)


def rows(chain: Chain, sql: str, *values: Any) -> list[dict[str, Any]]:
    return chain.catalogue.query(sql, values).to_dicts()


def cells(page: str) -> list[list[str]]:
    """Return the rows of all tables of a page as the words in their cells."""
    found = re.findall(r"<tr>(.*?)</tr>", page, re.DOTALL)
    return [
        [
            re.sub(r"<[^>]+>", "", cell).strip()
            for cell in re.findall(r"<t[dh][^>]*>(.*?)</t[dh]>", row, re.DOTALL)
        ]
        for row in found
    ]


def test_every_case_has_its_pages_and_they_are_what_is_recorded(complete: Chain) -> None:
    result = complete.run("predict_batch", "beta", only=[REPORTS], tags={"cup/force": "true"})
    assert result.success
    folder = complete.settings.reports / "cases" / "beta"
    recorded = rows(complete, "SELECT * FROM case_reports")
    cases = rows(complete, "SELECT sample_id FROM samples WHERE role = 'diagnostic'")
    assert {(row["sample_id"], row["language"]) for row in recorded} == {
        (case["sample_id"], code) for case in cases for code in LANGUAGES
    }
    for row in recorded:
        content = (folder / row["file"]).read_bytes()
        assert hashlib.sha256(content).hexdigest() == row["page_sha256"]
        assert len(content) == row["page_bytes"]
        assert f'href="{row["file"]}"' in (folder / "index.html").read_text()
    (event,) = result.asset_materializations_for_node("diagnosis__reports")
    assert str(event.metadata["pages"].value).endswith("/reports/cases/beta/index.html")
    before = {file: file.read_bytes() for file in folder.iterdir()}
    assert complete.run("predict_batch", "beta", only=[REPORTS], tags={"cup/force": "true"}).success
    assert {file: file.read_bytes() for file in folder.iterdir()} == before


def test_no_page_names_a_patient(complete: Chain) -> None:
    known = rows(complete, "SELECT DISTINCT patient_id FROM samples")
    patients = {row["patient_id"] for row in known}
    first = rows(complete, "SELECT sample_id, patient_id FROM samples WHERE role = 'diagnostic'")[0]
    # Somebody has typed it where anything can be typed.
    change(
        complete,
        "INSERT INTO verdict_overrides SELECT sample_id, batch, 'warn',"
        f" 'asked for by the ward of {first['patient_id']}', 'A. N.', '2026-01-02', '', ''"
        f" FROM samples WHERE sample_id = '{first['sample_id']}'",
    )
    assert len(patients) > 2
    for case in cases_of(complete):
        for code in LANGUAGES:
            page = case_page(case, code)
            assert not [name for name in (*patients, NAME) if name in page]
            assert ("asked for by the ward of …" in page) == (case.sample_id == first["sample_id"])


def test_the_numbers_on_a_page_are_those_of_the_tables(complete: Chain) -> None:
    for case in cases_of(complete):
        name, page = case.sample_id, case_page(case, "en")
        table = cells(page)
        (call,) = rows(complete, "SELECT * FROM predictions WHERE sample_id = ?", name)
        scores = rows(
            complete,
            'SELECT * FROM prediction_scores WHERE sample_id = ? ORDER BY score DESC, "class"',
            name,
        )
        assert len(scores) == 3
        for row in scores:
            found = [line for line in table if line[0] == ENGLISH.class_name(row["class"])]
            assert [line[-1] for line in found] == [ENGLISH.score(row["score"], 0.9)]
        families = pl.DataFrame(scores).with_columns(
            family=pl.col("class").replace_strict(
                {
                    row["class"]: row["family"]
                    for row in rows(complete, 'SELECT DISTINCT "class", family FROM samples')
                }
            )
        )
        for family, total in families.group_by("family").agg(pl.col("score").sum()).iter_rows():
            found = [line for line in table if line[0] == ENGLISH.family_name(family)]
            assert ENGLISH.score(total, 0.9) in [line[-1] for line in found]
        other = next(row for row in scores if row["class"] != call["class"])
        assert f"the scores are {call['score'] - other['score']:.3f} apart" in page
        assert ENGLISH.percent(call["typicality"], 1, 0.05) in page

        drivers = rows(
            complete, "SELECT * FROM prediction_cpgs WHERE sample_id = ? ORDER BY rank", name
        )[:SHOWN_CPGS]
        assert drivers
        for row in drivers:
            line = [
                row["feature"],
                row["gene"] or "–",
                ENGLISH.number(row["value"], 3),
                ENGLISH.number(row["contribution"], 4, sign=True),
            ]
            assert line in table
        opposed = rows(
            complete,
            "SELECT * FROM prediction_differential WHERE sample_id = ? ORDER BY rank",
            name,
        )[:SHOWN_CPGS]
        assert opposed
        for row in opposed:
            assert (row["class"], row["against"]) == (call["class"], other["class"])
            numbers = (row["contribution"], row["contribution_against"], row["difference"])
            (line,) = [
                line for line in table if line and line[0] == row["feature"] and len(line) == 7
            ]
            assert line[3:6] == [ENGLISH.number(value, 4, sign=True) for value in numbers]
            speaks = row["class"] if row["difference"] > 0 else row["against"]
            assert line[6] == ENGLISH.class_name(speaks)
        for row in rows(complete, "SELECT * FROM case_neighbours WHERE sample_id = ?", name):
            place, label = str(row["place"]), ENGLISH.class_name(row["class"])
            (line,) = [line for line in table if line[:3] == [place, row["neighbour"], label]]
            assert line[-1] == f"{row['distance']:.2f}"
        altered = rows(
            complete,
            "SELECT * FROM cnv_calls WHERE sample_id = ? AND call NOT IN ('neutral', 'no_call')",
            name,
        )
        for row in altered:
            log2 = ENGLISH.number(row["log2"], 2, sign=True)
            said = [ENGLISH.region(row["region"]), row["kind"], row["call"], log2]
            assert [*said, ENGLISH.percent(row["confidence"])] in table
        (sample,) = rows(complete, "SELECT * FROM samples WHERE sample_id = ?", name)
        assert [sample["grn"], sample["grn_sha256"]] in table
        assert [sample["red"], sample["red_sha256"]] in table
        assert str(call["run_id"]) in page
        assert str(call["release"]) in page


def test_the_date_of_a_page_is_that_of_the_call(complete: Chain) -> None:
    case = cases_of(complete)[0]
    (made,) = rows(
        complete,
        "SELECT materialised_at FROM asset_versions v JOIN predictions p"
        " ON v.run_id = p.run_id AND v.data_version = p.data_version"
        " WHERE asset = 'diagnosis/predictions' AND sample_id = ?",
        case.sample_id,
    )
    assert case.date == made["materialised_at"]
    assert ENGLISH.date(made["materialised_at"]) in case_page(case, "en")


def test_a_case_that_failed_quality_control_is_not_given_a_score(complete: Chain) -> None:
    first = cases_of(complete)[0].sample_id
    change(
        complete,
        f"""UPDATE sample_measures SET verdict = 'fail', failed_fraction = 0.36,
            reasons = 'share of failed probes 36.0% is above 25%' WHERE sample_id = '{first}'""",
        f"""UPDATE predictions SET "class" = NULL, score = NULL, family = NULL, family_score = NULL,
            typicality = NULL, missing = NULL, call = 'no_match', note = 'not scored: failed'
            ' quality control: share of failed probes 36.0% is above 25%'
            WHERE sample_id = '{first}'""",
        *(
            f"DELETE FROM {table} WHERE sample_id = '{first}'"
            for table in ("prediction_scores", "prediction_cpgs", "prediction_differential")
        ),
    )
    (case,) = cases_of(complete, first)
    assert case.state == "failed_quality"
    page = case_page(case, "en")
    assert "Quality control: failed" in page
    assert ["Failed probes", "36.0%"] in cells(page)
    assert "Runner-up" not in page
    assert "Échec".lower() in case_page(case, "fr").lower()


def test_a_case_that_cannot_be_read_has_a_page_that_says_why(complete: Chain) -> None:
    first = cases_of(complete)[0].sample_id
    change(
        complete,
        f"INSERT INTO failed_samples SELECT sample_id, batch, 'the file ends early', '', ''"
        f" FROM samples WHERE sample_id = '{first}'",
        *(
            f"DELETE FROM {table} WHERE sample_id = '{first}'"
            for table in ("sample_measures", "predictions")
        ),
    )
    (case,) = cases_of(complete, first)
    assert case.state == "unreadable"
    assert "the file ends early" in case_page(case, "fr")


def test_a_case_without_profile_or_map_has_a_page_that_says_so(complete: Chain) -> None:
    change(complete, "DELETE FROM case_neighbours", "DELETE FROM landscape",
           "DELETE FROM cnv_profiles", "DELETE FROM cnv_bins")  # fmt: skip
    for case in cases_of(complete):
        assert (case.copy_number, case.genome, case.reference_map) == (None, None, None)
        page = case_page(case, "en")
        assert "There is no copy-number profile" in page
        assert "There is no reference map with this case." in page
        assert case.state in ("match", "family_only", "no_match", "family_only_unlike")


def test_what_was_found_with_earlier_files_is_not_on_the_page(complete: Chain) -> None:
    first = cases_of(complete)[0].sample_id
    change(complete, f"UPDATE samples SET grn_sha256 = 'new' WHERE sample_id = '{first}'")
    (case,) = cases_of(complete, first)
    assert case.state == "not_scored"
    assert (case.quality, case.copy_number, case.drivers, case.neighbours) == (None, None, None, ())


def test_a_page_by_an_earlier_release_says_that_it_is_earlier(complete: Chain) -> None:
    change(complete, "UPDATE releases SET is_current = FALSE")
    for case in cases_of(complete):
        assert "This is not the current release any more." in case_page(case, "en")


def test_a_call_of_which_nothing_is_recorded_has_no_page(complete: Chain) -> None:
    change(complete, "DELETE FROM asset_versions WHERE asset = 'diagnosis/classifier'")
    with pytest.raises(CaseReportError, match="diagnosis/classifier is not recorded"):
        cases_of(complete)


def test_names_of_files_hold_nothing_but_pseudonym_and_language(complete: Chain) -> None:
    complete.run("predict_batch", "beta", only=[REPORTS], tags={"cup/force": "true"})
    folder: Path = complete.settings.reports / "cases" / "beta"
    samples = {case.sample_id for case in cases_of(complete)}
    assert {file.name for file in folder.iterdir()} == {"index.html"} | {
        f"{sample}.{code}.html" for sample in samples for code in LANGUAGES
    }
