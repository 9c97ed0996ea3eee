"""What is told of a fetched batch's record names nobody, and is the record's."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cup_assets.public.fetch import carry_out
from cup_assets.public.plan import make_plan
from cup_assets.public.record import as_note, from_note, head_of, parts_of, read_record
from cup_assets.public.registry import ColumnRule
from cup_assets.public.web import Web
from cup_assets.simulate import SimulatedCohort
from cup_assets_tests.public.cohorts import PROJECT, serve_project, serve_series, submitted
from cup_assets_tests.public.server import Site

SURNAME = "Quickbury"


def record_in(batch: Path):
    path = batch / "provenance.json"
    found = read_record(path, hashlib.sha256(path.read_bytes()).hexdigest())
    assert found is not None
    return found


def test_of_a_series_the_head_names_no_sample_and_a_part_only_the_words_of_its_labels(
    site: Site, web: Web, request_for, mini_cohort: SimulatedCohort
) -> None:
    samples = submitted(mini_cohort)
    for number, sample in enumerate(samples):
        sample.characteristics += (f"donor: {SURNAME} {number}", f"age: 5{number}")
        sample.files = {n.replace("_2", f"_{SURNAME}_2", 1): c for n, c in sample.files.items()}
    del samples[5].files[next(iter(samples[5].files))]
    serve_series(site, samples)
    request = request_for()
    entry = request.entry
    columns = {**entry.columns, "patient_id": ColumnRule(column="donor", values={"x": "y"})}
    request = replace(request, entry=replace(entry, columns=columns))
    (batch,) = carry_out(web, request, make_plan(web, request)).batches
    record = record_in(batch)
    head = head_of(record)
    assert "GSM" not in json.dumps(head)
    assert SURNAME in json.dumps(record)
    assert head["accession"] == "GSE87053"
    assert head["described_by"]["layout"] == "series_matrix"
    (archive,) = head["downloads"]
    assert archive["sha256"]
    assert (head["n_samples"], head["n_left_out"], head["n_downloads"]) == (5, 1, 1)
    parts = parts_of(record, ["GSM2300003", "SIM-1"])
    assert parts == {
        "GSM2300003": {
            "source": {
                "platform_id": "GPL13534",
                "tissue type": "OSCC lesion",
                "hpv status": "not tested",
                "gender": "unknown to us",
            },
            "n_withheld": 5,  # title, accession, source, donor, age
            "unmapped": {
                "diagnosis": "tissue type: OSCC lesion; hpv status: not tested",
                "sex": "gender: unknown to us",
            },
            "downloads": {},
        }
    }
    assert from_note(as_note(head)) == head


def test_of_a_project_a_part_has_its_own_files_and_the_head_none(
    site: Site, web: Web, request_for, mini_cohort: SimulatedCohort, mini_manifest, tmp_path: Path
) -> None:
    serve_project(site, mini_cohort, mini_manifest, tmp_path)
    request = request_for(PROJECT)
    (batch, *_) = carry_out(web, request, make_plan(web, request)).batches
    record = record_in(batch)
    head = head_of(record)
    assert head["downloads"] == []
    assert head["n_downloads"] == 2 * len(record["samples"])
    name = min(record["samples"])
    (part,) = parts_of(record, [name]).values()
    assert set(part["downloads"]) == {"Grn", "Red"}
    assert part["downloads"]["Grn"]["md5"]
    assert "case" not in part["source"]  # the patient's name
    assert part["source"]["sample_type"]


GOOD = {"accession": "GSE1", "samples": {"S1": {"files": {"Grn": "a"}, "source": {"b": "c"}}}}


def written(folder: Path, content: object) -> tuple[Path, str]:
    path = folder / "provenance.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path, hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize(
    "content",
    [
        *("", "{", "[]", "null", '"text"', "[" * 100_000),
        *({}, {"accession": "GSE1"}, {**GOOD, "samples": []}, {**GOOD, "samples": {"S1": "x"}}),
        *({**GOOD, "downloads": {"a": 1}}, {**GOOD, "downloads": ["x"]}, {**GOOD, "left_out": 1}),
        {**GOOD, "label_columns": [["b"]]},
        {**GOOD, "samples": {"S1": {"files": {"Grn": []}}}},
        {**GOOD, "samples": {"S1": {"source": "x"}}},
    ],
)
def test_what_is_no_record_is_none(content: object, tmp_path: Path) -> None:
    assert read_record(*written(tmp_path, content)) is None
    path, digest = written(tmp_path, GOOD)
    assert read_record(path, digest) == GOOD
    assert read_record(path, "0" * 64) is None
    assert read_record(tmp_path / "gone", digest) is None


values = st.recursive(
    st.none() | st.integers(0, 9) | st.sampled_from(["S1", "a", "b"]),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(
            st.sampled_from(["S1", "name", "source", "files", "Grn"]), inner, max_size=3
        )
    ),
    max_leaves=8,
)
fields = st.sampled_from(["samples", "downloads", "changed_since", "unmapped", "label_columns"])


@given(st.dictionaries(fields, values))
def test_a_record_that_is_accepted_can_be_told_of(
    tmp_path_factory: pytest.TempPathFactory, changes: dict[str, object]
) -> None:
    record = read_record(*written(tmp_path_factory.mktemp("r"), {**GOOD, **changes}))
    if record is not None:
        assert from_note(as_note(head_of(record))) == head_of(record)
        json.dumps(parts_of(record, ["S1"]))
