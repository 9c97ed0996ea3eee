"""A GDC project becomes batches: pairs found by their names, files held against their MD5."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cup_assets.cohort import take_inventory
from cup_assets.methylome import Manifest, process_batch, snp_betas
from cup_assets.public.errors import PublicError, TransferError
from cup_assets.public.fetch import carry_out
from cup_assets.public.plan import make_plan
from cup_assets.public.web import Web
from cup_assets.simulate import SimulatedCohort
from cup_assets_tests.public.cohorts import PROJECT, serve_project
from cup_assets_tests.public.conftest import landed
from cup_assets_tests.public.server import Site

Records = list[dict[str, Any]]


@pytest.fixture
def records(
    site: Site, mini_cohort: SimulatedCohort, mini_manifest: Manifest, tmp_path: Path
) -> Records:
    (tmp_path / "masked").mkdir()
    return serve_project(site, mini_cohort, mini_manifest, tmp_path / "masked")


def test_a_project_lands_with_the_labels_that_the_map_knows(
    records: Records, site: Site, web: Web, request_for, mini_manifest: Manifest
) -> None:
    request = request_for(PROJECT)
    plan = make_plan(web, request)
    assert len(site.asked_for("/gdc/files")) == 3  # eight records in pages of three
    assert plan.offer.n_bytes == sum(record["file_size"] for record in records)
    outcome = carry_out(web, request, plan)
    assert outcome.left_out == ()
    (batch,) = outcome.batches
    inventory = take_inventory(batch, request.landing, [mini_manifest])
    assert [p.line for p in inventory.problems if p.severity == "error"] == []
    rows = {row["sample_id"]: row for row in inventory.samples.to_dicts()}
    tumour, other = (rows[f"TCGA-00-1000-0{i}A-01D-0001-05"] for i in (0, 1))
    normal = rows["TCGA-00-1001-02A-01D-0001-05"]
    assert tumour["class"] == "lung_squamous_cell_carcinoma"
    assert normal["class"] == "normal"
    assert tumour["patient_id"] == other["patient_id"] == "TCGA-00-1000"
    assert (tumour["material"], other["material"]) == ("FFPE", None)
    assert {row["sex"] for row in rows.values()} == {"F"}
    record = json.loads((batch / "provenance.json").read_text())
    assert {file["md5"] for file in record["downloads"]} == {r["md5sum"] for r in records}


def test_masked_snp_probes_make_no_two_people_one(
    records: Records, web: Web, request_for, mini_manifest: Manifest
) -> None:
    request = request_for(PROJECT)
    (batch,) = carry_out(web, request, make_plan(web, request)).batches
    with (batch / "samplesheet.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    stems = [batch / f"{row['Sentrix_ID']}_{row['Sentrix_Position']}" for row in rows]
    items = [(stem.name, Path(f"{stem}_Grn.idat"), Path(f"{stem}_Red.idat")) for stem in stems]
    (signals,) = process_batch(items, mini_manifest).arrays
    names, betas = snp_betas(mini_manifest, signals.beta)
    assert len(names) > 0
    assert np.isnan(betas).all()


def test_one_file_with_a_wrong_checksum_lands_nothing(
    records: Records, site: Site, web: Web, request_for
) -> None:
    page = site.pages[f"/gdc/data/{records[3]['file_id']}"]
    good = page.body
    page.body = good[:-1] + bytes([good[-1] ^ 1])
    request = request_for(PROJECT)
    with pytest.raises(TransferError, match="MD5 is"):
        carry_out(web, request, make_plan(web, request))
    assert landed(request) == []
    page.body = good
    assert carry_out(web, request, make_plan(web, request)).n_samples == 4
    fetched = site.asked_for(f"/gdc/data/{records[0]['file_id']}")
    assert len(fetched) == 1, "what had arrived is not fetched again"


def test_a_busy_server_and_a_broken_line_do_not_stop_a_project(
    records: Records, site: Site, web: Web, request_for
) -> None:
    for number, record in enumerate(records):
        page = site.pages[f"/gdc/data/{record['file_id']}"]
        page.faults = [[(503,)], [("cut", 1000)], [(429, {"Retry-After": "1"})]][number % 3]
    request = request_for(PROJECT)
    assert carry_out(web, request, make_plan(web, request)).n_samples == 4


def test_what_cannot_be_used_is_left_out_with_its_reason(
    records: Records, web: Web, request_for
) -> None:
    records[1]["file_name"] = "something.idat"
    for record in records[2:4]:
        record["platform"] = "Illumina Human Methylation 27"
    for record in records[4:6]:
        record["annotations"] = [{"classification": "Redaction", "category": "Tumor type"}]
    plan = make_plan(web, request_for(PROJECT))
    assert [s.sample_id for s in plan.offer.samples] == ["TCGA-00-1001-03A-01D-0001-05"]
    told = {item.what: item.why for item in plan.offer.left_out}
    assert told == {
        "something.idat": "is not one of a Grn/Red pair",
        "TCGA-00-1000-00A-01D-0001-05": "has no Red file",
        "TCGA-00-1000-01A-01D-0001-05": (
            "is on Illumina Human Methylation 27 platform, which is not fetched"
        ),
        "TCGA-00-1001-02A-01D-0001-05": "is withdrawn by the GDC (Redaction: Tumor type)",
    }


def test_an_aliquot_that_was_measured_twice_gives_two_names(
    records: Records, web: Web, request_for
) -> None:
    for record in records[2:4]:
        record["associated_entities"] = records[0]["associated_entities"]
    names = [s.sample_id for s in make_plan(web, request_for(PROJECT)).offer.samples]
    assert len(set(names)) == 4
    assert sum(name.startswith("TCGA-00-1000-00A-01D-0001-05 (") for name in names) == 2


def test_several_diagnoses_of_a_case_are_told_and_fit_no_label(
    records: Records, web: Web, request_for
) -> None:
    for record in records[:2]:
        sample = dict(record["cases"][0]["samples"][0], sample_type="Metastatic")
        record["cases"][0]["samples"].append(sample)
    plan = make_plan(web, request_for(PROJECT))
    assert plan.labels[0].diagnosis is None
    assert plan.labels[0].unmapped["diagnosis"] == "sample_type: Primary Tumor; Metastatic"


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        ({"data": {"hits": [], "pagination": {"total": 0}}}, "no open masked IDAT files"),
        ({"data": {"hits": [], "pagination": {"total": 7}}}, "announces 7 files and lists 0"),
        ({"message": "sorry"}, "does not answer as the GDC documents it"),
    ],
)
def test_an_answer_that_is_not_as_documented_is_refused(
    answer: dict[str, Any], message: str, site: Site, web: Web, request_for
) -> None:
    site.queries["/gdc/files"] = lambda _: answer
    with pytest.raises(PublicError, match=message):
        make_plan(web, request_for(PROJECT))


@pytest.mark.parametrize("bad", ["../../landing/x", "not-a-uuid", None])
def test_an_identifier_from_the_server_never_becomes_a_path(
    bad: str | None, records: Records, web: Web, request_for
) -> None:
    records[0]["file_id"] = bad
    plan = make_plan(web, request_for(PROJECT))
    (item,) = plan.offer.left_out
    assert item.why == "has a file without a valid identifier or MD5"
    assert all(Path(file.name).name == file.name for file in plan.offer.downloads)
