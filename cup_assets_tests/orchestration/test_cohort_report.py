"""The cohort's page says what the catalogue holds."""

from __future__ import annotations

import hashlib

from cup_assets.orchestration.cohort_report import newer_than, read_cohort
from cup_assets.orchestration.conventions import RAW
from cup_assets.orchestration.resources import Platform
from cup_assets_tests.orchestration.chain import Chain


def test_the_report_holds_the_catalogues_figures_and_the_files_their_hashes(
    complete: Chain,
) -> None:
    report = read_cohort(Platform(data=str(complete.settings.data)))
    one = complete.one
    assert report.missing == []
    assert report.counts["samples"] == one("SELECT count(*) FROM samples")
    assert report.counts["reference"] == one("SELECT count(*) FROM dataset_members WHERE included")
    assert report.composition["samples"].sum() + report.excluded["samples"].sum() == one(
        "SELECT count(*) FROM dataset_members"
    )
    verdicts = report.quality.select("pass", "warn", "fail", "unread").sum().row(0)
    assert sum(verdicts) == report.counts["samples"]
    stored = complete.catalogue.query(
        "SELECT scheme, model, metric, value FROM cv_metrics"
        " WHERE study = 'leaderboard' AND \"class\" IS NULL"
    )
    for scheme, board in report.boards.items():
        shown = board["model", "metric", "value"]
        found = shown.join(stored.filter(scheme=scheme), on=["model", "metric"], validate="1:1")
        assert found.height == shown.height > 0
        assert found["value"].equals(found["value_right"])
    assert report.pictures["board"]
    pages = complete.catalogue.query("SELECT * FROM cohort_reports ORDER BY language")
    assert pages["language"].to_list() == ["en", "fr"]
    folder = complete.settings.reports / "cohort"
    for row in pages.iter_rows(named=True):
        content = (folder / row["file"]).read_bytes()
        assert hashlib.sha256(content).hexdigest() == row["page_sha256"]
        assert b"patient_id" not in content


def test_the_page_is_of_today_until_a_sheet_changes(complete: Chain) -> None:
    platform = Platform(data=str(complete.settings.data))
    page = complete.catalogue.current("evaluation/report")
    assert page is not None
    assert newer_than(platform, page) == []
    complete.write_sheet("beta", complete.sheet("beta").head(6))
    assert complete.run("take_inventory", "beta", only=[RAW]).success
    assert newer_than(platform, page) == ["raw/idats[beta]"]


def test_no_name_of_a_patient_is_on_the_page(complete: Chain) -> None:
    page = (complete.settings.reports / "cohort" / "cohort.en.html").read_text()
    patients = complete.catalogue.query("SELECT DISTINCT patient_id FROM samples")["patient_id"]
    assert patients.len()
    assert not [name for name in patients.drop_nulls() if name in page]
