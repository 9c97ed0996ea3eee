"""A GEO series becomes batches that the intake takes, or nothing at all."""

from __future__ import annotations

import csv
import gzip
import random
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from cup_assets.cohort import observe_batches, take_inventory
from cup_assets.methylome import Manifest
from cup_assets.public.errors import PublicError
from cup_assets.public.fetch import carry_out
from cup_assets.public.geo import files_by_sample
from cup_assets.public.plan import make_plan
from cup_assets.public.web import Web
from cup_assets.simulate import SimulatedCohort
from cup_assets_tests.public.cohorts import (
    ARCHIVE,
    MATRIX,
    PLACE,
    serve_series,
    submitted,
)
from cup_assets_tests.public.conftest import first, landed, provenance
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
