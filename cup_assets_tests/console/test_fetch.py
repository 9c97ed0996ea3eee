"""`cup fetch` as a user meets it."""

from __future__ import annotations

from pathlib import Path

import pytest

from cup_assets.console.errors import ConsoleError
from cup_assets.console.fetch import run_fetch, run_list
from cup_assets.public.errors import PublicError
from cup_assets.public.registry import load_registry
from cup_assets.public.web import Manners
from cup_assets.settings import Settings
from cup_assets.simulate import SimulatedCohort
from cup_assets_tests.console.conftest import Cup
from cup_assets_tests.public.cohorts import ARCHIVE, SOFT, serve_series, submitted
from cup_assets_tests.public.server import Site, serving

HASTY = Manners(pace=0.0)


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with serving() as found:
        yield found


@pytest.fixture
def settings(site: Site, tmp_path: Path) -> Settings:
    return Settings(tmp_path, geo_url=f"{site.url}/geo", gdc_url=f"{site.url}/gdc")


def test_a_dry_run_prints_what_would_come_and_brings_nothing(
    site: Site, settings: Settings, mini_cohort: SimulatedCohort, capsys: pytest.CaptureFixture[str]
) -> None:
    serve_series(site, submitted(mini_cohort))
    run_fetch(settings, "gse87053", dry_run=True, manners=HASTY)
    printed = capsys.readouterr().out
    size = len(site.pages[ARCHIVE].body) / 1e6
    assert f"1 download, {size:,.1f} MB with 12 IDAT files" in printed
    assert "described by the series matrix: it is there" in printed
    assert "6 samples: 6 on 450k" in printed
    assert "diagnosis: 5 mapped, 1 not" in printed
    assert "2  hpv-positive squamous cell carcinoma" in printed
    assert "diagnosis      1  tissue type: OSCC lesion; hpv status: not tested" in printed
    assert "6 samples are offered and the registry expects 21" in printed
    assert "not verified: " in printed
    assert "nothing was fetched" in printed
    assert not site.asked_for(ARCHIVE)
    assert not settings.landing.exists()


def test_where_the_label_map_is_empty_the_source_is_shown_to_make_one_from(
    site: Site, settings: Settings, mini_cohort: SimulatedCohort, monkeypatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    from dataclasses import replace

    serve_series(site, submitted(mini_cohort))
    entry = replace(load_registry()["GSE87053"], labels=())
    monkeypatch.setattr("cup_assets.console.fetch.load_registry", lambda: {"GSE87053": entry})
    run_fetch(settings, "GSE87053", dry_run=True, manners=HASTY)
    printed = capsys.readouterr().out
    assert "tissue type: OSCC lesion (4), Adjacent Normal (2)" in printed
    assert "0 mapped, 6 not" in printed


def test_a_fetch_needs_the_flag_and_then_says_what_landed(
    site: Site, settings: Settings, mini_cohort: SimulatedCohort, capsys: pytest.CaptureFixture[str]
) -> None:
    serve_series(site, submitted(mini_cohort))
    with pytest.raises(PublicError, match="--accept-unverified"):
        run_fetch(settings, "GSE87053", manners=HASTY)
    run_fetch(settings, "GSE87053", accept_unverified=True, manners=HASTY)
    printed = capsys.readouterr().out
    assert "6 samples (5 with a diagnosis) landed in 1 batch: GSE87053-01" in printed
    assert (settings.landing / "GSE87053-01" / "_COMPLETE").exists()


def test_without_a_series_matrix_it_says_what_was_read_instead(
    site: Site, settings: Settings, mini_cohort: SimulatedCohort, capsys: pytest.CaptureFixture[str]
) -> None:
    serve_series(site, submitted(mini_cohort), layouts=("soft",))
    run_fetch(settings, "GSE87053", dry_run=True, manners=HASTY)
    printed = capsys.readouterr().out
    assert f"described by the SOFT family file: {site.url}" in printed
    assert "/matrix/: lists no series matrix\n" in printed
    assert f"    {site.url}{SOFT}\n" in printed
    assert "diagnosis: 5 mapped, 1 not" in printed


def test_without_an_accession_the_list_is_pointed_to(settings: Settings) -> None:
    with pytest.raises(ConsoleError, match="cup fetch --list"):
        run_fetch(settings, None)


def test_the_list_has_every_entry_and_ones_own_over_the_packaged_ones(
    settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    own = settings.data / "accessions"
    own.mkdir()
    (own / "GSE38266.yaml").write_text(
        "accession: GSE38266\nsource: geo\ntitle: Looked at\narrays: [450k]\nverified: true\n"
        "licence: asked for\ncitation: theirs\n"
    )
    run_list(settings)
    lines = {line.split()[0]: line.split() for line in capsys.readouterr().out.splitlines()}
    assert lines.keys() >= load_registry().keys()
    assert lines["GSE38266"][-3:] == ["yes", "Looked", "at"]
    assert lines["GSE95036"][4] == "no"


def test_the_command_takes_addresses_from_the_environment_and_errors_are_one_line(
    cup: Cup, site: Site
) -> None:
    run = cup("fetch", "GSE87053", "--dry-run", CUP_GEO_URL=f"{site.url}/geo", NO_PROXY="127.0.0.1")
    assert run.returncode == 1
    (line,) = run.stderr.strip().splitlines()
    assert line.startswith(f"cup: {site.url}/geo/series/GSE87nnn/GSE87053/matrix/: lists no series")
