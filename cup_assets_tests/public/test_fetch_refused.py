"""What may go wrong with a GEO series leaves nothing half landed, and is said in one line."""

from __future__ import annotations

import tarfile
from dataclasses import replace
from pathlib import Path

import pytest

from cup_assets.cohort import observe_batches
from cup_assets.public import fetch as fetching
from cup_assets.public.errors import ChangedError, PublicError, TransferError
from cup_assets.public.fetch import carry_out
from cup_assets.public.plan import Request, make_plan
from cup_assets.public.web import Web
from cup_assets.simulate import SimulatedCohort
from cup_assets_tests.public.cohorts import ARCHIVE, archive, serve_series, submitted
from cup_assets_tests.public.conftest import first, landed, provenance
from cup_assets_tests.public.server import Site


def test_a_hostile_archive_lands_nothing_and_writes_nothing_anywhere_else(
    site: Site, web: Web, request_for, mini_cohort: SimulatedCohort, tmp_path: Path
) -> None:
    samples = submitted(mini_cohort)
    files = {name: data for sample in samples for name, data in sample.files.items()}
    link = tarfile.TarInfo("GSM1_x_Grn.idat")
    link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
    for raw in (archive(files | {"../../landing/x_Grn.idat": b"1"}), archive(files, [link])):
        serve_series(site, samples, raw)
        request = request_for(accept_changed=True)
        with pytest.raises(PublicError, match="not unpacked"):
            carry_out(web, request, make_plan(web, request))
        assert landed(request) == []
    assert sorted(path.name for path in tmp_path.iterdir()) == ["downloads"]


def test_an_interrupted_fetch_leaves_nothing_in_the_landing_folder_and_is_completed_later(
    site: Site, web: Web, request_for, mini_cohort: SimulatedCohort, monkeypatch
) -> None:
    serve_series(site, submitted(mini_cohort))
    size = len(site.pages[ARCHIVE].body)
    site.pages[ARCHIVE].faults = [("cut", size // 2), *[(503,)] * 9]
    request = request_for()
    with pytest.raises(TransferError):
        carry_out(web, request, make_plan(web, request))
    assert landed(request) == []
    site.pages[ARCHIVE].faults = []

    def stopped(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(fetching, "land", stopped)
    with pytest.raises(KeyboardInterrupt):
        carry_out(web, request, make_plan(web, request))
    assert landed(request) == []
    monkeypatch.undo()
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    carry_out(web, request, make_plan(web, request))
    assert landed(request) == [first()]
    gets = [asked for asked in site.asked_for(ARCHIVE) if asked.method == "GET"]
    ranges = [asked.headers.get("Range") for asked in gets]
    assert ranges == [None, *[f"bytes={size // 2}-"] * 4]


def test_a_landing_that_breaks_off_is_hidden_and_cleared_away_by_the_next_fetch(
    site: Site, web: Web, request_for, mini_cohort: SimulatedCohort, monkeypatch
) -> None:
    serve_series(site, submitted(mini_cohort))
    request = request_for()
    real = fetching.land

    def full(landing: Path, *rest: object) -> None:
        monkeypatch.setattr("cup_assets.public.landing.write_json", broken)
        real(landing, *rest)

    def broken(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(fetching, "land", full)
    with pytest.raises(OSError, match="No space left"):
        carry_out(web, request, make_plan(web, request))
    assert observe_batches(request.landing) == ()
    assert [name[0] for name in landed(request)] == ["."]
    monkeypatch.undo()
    carry_out(web, request, make_plan(web, request))
    assert landed(request) == [first()]


def test_what_has_landed_is_not_overwritten(
    site: Site, web: Web, request_for, mini_cohort: SimulatedCohort
) -> None:
    serve_series(site, submitted(mini_cohort))
    request = request_for()
    plan = make_plan(web, request)
    (batch,) = carry_out(web, request, plan).batches
    before = {path.name: path.stat().st_mtime_ns for path in batch.iterdir()}
    with pytest.raises(PublicError, match="is there already"):
        carry_out(web, request, plan)
    assert {path.name: path.stat().st_mtime_ns for path in batch.iterdir()} == before


def test_a_series_that_changed_since_it_was_fetched_is_refused_until_a_person_accepts_it(
    site: Site, web: Web, request_for, mini_cohort: SimulatedCohort, tmp_path: Path
) -> None:
    samples = submitted(mini_cohort)
    serve_series(site, samples)
    request = request_for()
    (batch,) = carry_out(web, request, make_plan(web, request)).batches
    batch.rename(tmp_path / "withdrawn")
    serve_series(site, samples[:-1])
    with pytest.raises(ChangedError, match="has changed since"):
        carry_out(web, request, make_plan(web, request))
    assert landed(request) == []
    accepted = replace(request, accept_changed=True)
    outcome = carry_out(web, accepted, make_plan(web, accepted))
    assert [file.name for file in outcome.changed] == ["GSE87053_RAW.tar"]
    (old,) = provenance(outcome.batches[0])["changed_since"]
    assert old["sha256"] == provenance(tmp_path / "withdrawn")["downloads"][0]["sha256"]


def test_a_disk_that_is_too_small_is_told_before_anything_is_transferred(
    site: Site, web: Web, request_for, mini_cohort: SimulatedCohort, monkeypatch
) -> None:
    serve_series(site, submitted(mini_cohort))
    request = request_for()
    plan = make_plan(web, request)
    need = 2 * len(site.pages[ARCHIVE].body)
    usage = type("Usage", (), {"free": need})
    monkeypatch.setattr("cup_assets.public.landing.shutil.disk_usage", lambda _: usage)
    with pytest.raises(PublicError, match="GB are needed and"):
        carry_out(web, request, plan)
    assert not site.asked_for(ARCHIVE)


def test_a_series_without_raw_files_or_that_is_not_there_is_refused_in_one_line(
    site: Site, web: Web, request_for, mini_cohort: SimulatedCohort
) -> None:
    request = request_for()
    with pytest.raises(
        PublicError, match=r"lists no series matrix; .*soft.gz: is not there; .*check the accession"
    ):
        make_plan(web, request)
    samples = submitted(mini_cohort)
    for sample in samples:
        sample.files = {"table.txt.gz": b"betas"}
    serve_series(site, samples)
    with pytest.raises(PublicError, match="cannot be fetched as raw data"):
        make_plan(web, request)


def test_two_fetches_of_one_cohort_do_not_run_side_by_side(
    site: Site, web: Web, request_for, mini_cohort: SimulatedCohort
) -> None:
    import fcntl

    serve_series(site, submitted(mini_cohort))
    request: Request = request_for()
    plan = make_plan(web, request)
    with (request.folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(PublicError, match="another `cup fetch` is at work"):
            carry_out(web, request, plan)
