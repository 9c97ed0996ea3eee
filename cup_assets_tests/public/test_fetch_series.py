"""A GEO series becomes batches that the intake takes, or nothing at all."""

from __future__ import annotations

import csv
import gzip
import json
import random
import tarfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from cup_assets.cohort import observe_batches, take_inventory
from cup_assets.methylome import Manifest
from cup_assets.public import fetch as fetching
from cup_assets.public.errors import ChangedError, PublicError, TransferError
from cup_assets.public.fetch import carry_out
from cup_assets.public.geo import files_by_sample
from cup_assets.public.plan import Request, make_plan
from cup_assets.public.web import Web
from cup_assets.simulate import SimulatedCohort
from cup_assets_tests.public.cohorts import (
    ARCHIVE,
    MATRIX,
    PLACE,
    archive,
    serve_series,
    submitted,
)
from cup_assets_tests.public.conftest import first, landed
from cup_assets_tests.public.server import Site

BOMB = gzip.compress(bytes(2**26 + 1), compresslevel=1)


def sheet(folder: Path) -> list[dict[str, str]]:
    with (folder / "samplesheet.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def wait_for(what: Callable[[], bool]) -> bool:
    """Give the server's thread the time to notice."""
    for _ in range(200):
        if what():
            return True
        time.sleep(0.02)
    return False


def provenance(folder: Path) -> dict:
    return json.loads((folder / "provenance.json").read_text())


def test_the_plan_says_what_would_come_and_transfers_no_archive(
    site: Site, web: Web, request_for, mini_cohort: SimulatedCohort
) -> None:
    serve_series(site, submitted(mini_cohort))
    request = request_for()
    plan = make_plan(web, request)
    assert [s.sample_id for s in plan.offer.samples] == [f"GSM230000{i}" for i in range(6)]
    assert plan.offer.n_bytes == len(site.pages[ARCHIVE].body)
    assert plan.offer.n_files == 12
    assert [said.diagnosis for said in plan.labels] == [
        "normal",
        "hpv-positive squamous cell carcinoma",
        "hpv-negative squamous cell carcinoma",
        None,
        "normal",
        "hpv-positive squamous cell carcinoma",
    ]
    assert plan.n_diagnosed == 5
    assert plan.labels[3].unmapped == {
        "diagnosis": "tissue type: OSCC lesion; hpv status: not tested",
        "sex": "gender: unknown to us",
    }
    assert any("6 samples are offered and the registry expects 21" in w for w in plan.warnings)
    assert not site.asked_for(ARCHIVE)
    assert landed(request) == []


def test_what_stands_above_the_table_is_all_that_is_read_of_a_series_matrix(
    site: Site, web: Web, request_for, mini_cohort: SimulatedCohort
) -> None:
    samples = submitted(mini_cohort)
    serve_series(site, samples)
    table = random.Random(1).randbytes(2**24)
    whole = gzip.decompress(site.pages[MATRIX].body) + table
    site.put(MATRIX, gzip.compress(whole, compresslevel=1))
    assert len(make_plan(web, request_for()).offer.samples) == len(samples)
    assert wait_for(lambda: site.left_early == [MATRIX])


def test_batches_land_with_sheet_and_provenance_and_pass_the_intake(
    site: Site, web: Web, request_for, mini_cohort: SimulatedCohort, mini_manifest: Manifest
) -> None:
    serve_series(site, submitted(mini_cohort))
    request = request_for()
    outcome = carry_out(web, request, make_plan(web, request))
    assert (outcome.n_samples, outcome.n_diagnosed, outcome.left_out) == (6, 5, ())
    (batch,) = outcome.batches
    assert landed(request) == [first()] == [batch.name]
    (seen,) = observe_batches(request.landing)
    assert seen.marked
    rows = sheet(batch)
    assert [row["role"] for row in rows] == ["reference"] * 6
    assert {row["cohort"] for row in rows} == {row["site"] for row in rows} == {"GSE87053"}
    unknown = next(row for row in rows if row["Sample_ID"] == "GSM2300003")
    assert (unknown["diagnosis"], unknown["sex"]) == ("", "")
    assert unknown["source: hpv status"] == "not tested"

    inventory = take_inventory(batch, request.landing, [mini_manifest])
    assert [p.line for p in inventory.problems if p.severity == "error"] == []
    assert inventory.samples.height == 6
    classes = dict(inventory.samples["sample_id", "class"].iter_rows())
    assert classes["GSM2300001"] == "hpv_positive_squamous_cell_carcinoma"
    assert classes["GSM2300003"] is None

    record = provenance(batch)
    (archived,) = record["downloads"]
    assert archived["url"] == site.url + ARCHIVE
    assert archived["size"] == len(site.pages[ARCHIVE].body)
    assert record["registry"]["accepted_unverified"] is True
    assert record["registry"]["sha256"] == request.entry.version
    assert {"column": "sex", "source": "gender: unknown to us", "n_samples": 1} in record[
        "unmapped"
    ]
    assert record["samples"]["GSM2300003"]["source"]["hpv status"] == "not tested"
    assert [path.name for path in request.folder.glob("*RAW*")] == []


def test_an_unverified_cohort_needs_a_word(
    site: Site, web: Web, request_for, mini_cohort: SimulatedCohort
) -> None:
    serve_series(site, submitted(mini_cohort))
    request = request_for(accept_unverified=False)
    plan = make_plan(web, request)
    with pytest.raises(PublicError, match=r"is not verified \(.*--accept-unverified"):
        carry_out(web, request, plan)
    assert not site.asked_for(ARCHIVE)
    assert landed(request) == []


def test_several_platforms_are_several_matrices_and_batches_and_strange_ones_are_listed(
    site: Site, web: Web, request_for, mini_cohort: SimulatedCohort
) -> None:
    samples = submitted(mini_cohort)
    samples[4].platform = "GPL21145"
    samples[5].platform = "GPL570"
    serve_series(site, samples)
    request = request_for()
    request = replace(request, entry=replace(request.entry, arrays=("450k", "epic")))
    plan = make_plan(web, request)
    assert len(plan.offer.samples) == 5
    (strange,) = plan.offer.left_out
    assert (strange.what, strange.why) == ("GSM2300005", "is on GPL570, which is not fetched")
    outcome = carry_out(web, request, plan)
    assert [len(sheet(batch)) for batch in outcome.batches] == [4, 1]
    assert strange in outcome.left_out


def test_a_large_cohort_is_divided_and_the_batches_get_their_numbers(
    site: Site, web: Web, request_for, mini_cohort: SimulatedCohort
) -> None:
    samples = submitted(mini_cohort, 20)
    serve_series(site, samples)
    request = request_for(batch_size=8)
    outcome = carry_out(web, request, make_plan(web, request))
    assert len(outcome.batches) > 1
    assert landed(request) == [f"GSE87053-{i:02}" for i in range(1, len(outcome.batches) + 1)]
    rows = [row for batch in outcome.batches for row in sheet(batch)]
    assert sorted(row["Sample_ID"] for row in rows) == [s.accession for s in samples]
    assert {provenance(b)["of"] for b in outcome.batches} == {len(outcome.batches)}


def test_a_sample_without_both_files_is_listed_and_the_others_land(
    site: Site, web: Web, request_for, mini_cohort: SimulatedCohort
) -> None:
    samples = submitted(mini_cohort)
    for name in [n for n in samples[1].files if "_Red" in n]:
        del samples[1].files[name]
    samples[2].files = dict.fromkeys(samples[2].files, BOMB)  # two bombs
    serve_series(site, samples)
    request = request_for()
    outcome = carry_out(web, request, make_plan(web, request))
    told = {item.what: item.why for item in outcome.left_out}
    assert told["GSM2300001"] == "has no Red file that can be used"
    assert told["GSM2300002"] == "has no Grn and no Red file that can be used"
    assert sum("larger than any IDAT file" in why for why in told.values()) == 2
    assert outcome.n_samples == 4
    assert len(provenance(outcome.batches[0])["left_out"]) == 4


def test_files_belong_to_the_sample_they_begin_with_and_a_doubled_colour_to_nobody() -> None:
    names = ["GSM1_a_Grn.idat.gz", "GSM1_a_Red.idat", "GSM12-b_Grn.idat", "GSM2_c_Red.idat.gz"]
    more = ["GSM2_d_Red.idat.gz", "gsm2_Green.idat", "GSM3.txt.gz", "readme_Grn.idat", "GSM4.idat"]
    assert files_by_sample([*names, *more]) == {
        "GSM1": {"Grn": "GSM1_a_Grn.idat.gz", "Red": "GSM1_a_Red.idat"},
        "GSM12": {"Grn": "GSM12-b_Grn.idat"},
        "GSM2": {"Grn": "gsm2_Green.idat"},
    }


def test_of_two_samples_on_one_position_the_second_is_left_out(
    site: Site, web: Web, request_for, mini_cohort: SimulatedCohort
) -> None:
    samples = submitted(mini_cohort)
    samples[5].files = {
        name.replace(samples[4].accession, samples[5].accession): data
        for name, data in samples[4].files.items()
    }
    serve_series(site, samples)
    request = request_for()
    outcome = carry_out(web, request, make_plan(web, request))
    (item,) = outcome.left_out
    assert item.what == "GSM2300005"
    assert item.why.endswith("as GSM2300004")
    assert outcome.n_samples == 5


def test_files_with_names_of_their_own_get_the_scanners_names_back(
    site: Site, web: Web, request_for, mini_cohort: SimulatedCohort, mini_manifest: Manifest
) -> None:
    samples = submitted(mini_cohort)
    for number, sample in enumerate(samples):
        sample.files = {
            f"{sample.accession}_tumour{number}_{'Red' if '_Red' in name else 'Grn'}.idat.gz": data
            for name, data in sample.files.items()
        }
    serve_series(site, samples)
    request = request_for()
    outcome = carry_out(web, request, make_plan(web, request))
    inventory = take_inventory(outcome.batches[0], request.landing, [mini_manifest])
    assert inventory.samples.height == 6


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


def test_without_a_list_of_files_the_archive_itself_is_asked_for_its_size(
    site: Site, web: Web, request_for, mini_cohort: SimulatedCohort
) -> None:
    serve_series(site, submitted(mini_cohort))
    del site.pages[f"{PLACE}/suppl/filelist.txt"]
    request = request_for()
    plan = make_plan(web, request)
    assert plan.offer.n_bytes == len(site.pages[ARCHIVE].body)
    assert plan.offer.n_files is None
    assert carry_out(web, request, plan).n_samples == 6


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
