"""A series is the same samples in the same words, whichever description of it was read."""

from __future__ import annotations

import gzip
import json
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from cup_assets.cohort.series_matrix import read_sample_columns
from cup_assets.public.errors import PublicError, TransferError
from cup_assets.public.fetch import carry_out
from cup_assets.public.miniml import read_miniml
from cup_assets.public.plan import make_plan
from cup_assets.public.registry import DESCRIPTIONS
from cup_assets.public.soft import read_soft
from cup_assets.public.web import Web
from cup_assets.public.words import facts_of, table_of
from cup_assets.simulate import SimulatedCohort
from cup_assets_tests.public.cohorts import (
    MATRIX,
    MINIML,
    PLACE,
    SOFT,
    Submitted,
    archive,
    family_miniml,
    family_soft,
    miniml_xml,
    series_matrix,
    serve_series,
    soft_lines,
    submitted,
)
from cup_assets_tests.public.server import Site

# Cc: no layout can carry it. Cs: no text. The rest is whatever people type.
words = st.text(st.characters(exclude_categories=("Cc", "Cs")), max_size=12)
tags = words.map(lambda text: text.replace(":", "").strip()).filter(
    lambda text: text.strip(' "') != ""
)
characteristics = st.builds("{}: {}".format, tags, words) | words.map(
    lambda text: text.replace(":", "")
)
series = st.lists(
    st.builds(
        Submitted,
        st.just(""),
        st.lists(characteristics, max_size=4).map(tuple),
        platform=st.sampled_from(["GPL13534", "GPL21145", "GPL570"]),
        source=words,
    ),
    min_size=1,
    max_size=4,
).map(lambda found: [replace(s, accession=f"GSM{i + 1}") for i, s in enumerate(found)])


def facts(table: pl.DataFrame | None) -> list[dict[str, str]]:
    assert table is not None
    return [facts_of(row) for row in table.sort("geo_accession").iter_rows(named=True)]


def from_matrix(samples: list[Submitted], folder: Path) -> pl.DataFrame | None:
    path = folder / "GSE1_series_matrix.txt"
    path.write_bytes(gzip.decompress(series_matrix(samples)))
    return read_sample_columns(path, also=("platform_id",))


def from_soft(samples: list[Submitted]) -> pl.DataFrame:
    text = "\n".join(soft_lines(samples)).encode()
    return table_of("s", read_soft("s", [text[i : i + 7] for i in range(0, len(text), 7)]))


def from_miniml(samples: list[Submitted]) -> pl.DataFrame:
    text = miniml_xml(samples).encode()
    return table_of("m", read_miniml("m", [text[i : i + 7] for i in range(0, len(text), 7)]))


@settings(max_examples=150, deadline=None)
@given(series)
def test_the_three_layouts_of_one_series_describe_the_same_samples(
    tmp_path_factory: pytest.TempPathFactory, samples: list[Submitted]
) -> None:
    matrix = facts(from_matrix(samples, tmp_path_factory.mktemp("m")))
    soft, miniml = from_soft(samples), from_miniml(samples)
    assert facts(soft) == facts(miniml) == matrix
    assert [list(said) for said in facts(soft)] == [list(said) for said in matrix]
    assert_frame_equal(soft, miniml, check_column_order=False)
    assert [said["geo_accession"] for said in matrix] == [s.accession for s in samples]
    assert [said["platform_id"] for said in matrix] == [s.platform for s in samples]


@pytest.mark.parametrize("read", [from_soft, from_miniml])
def test_a_characteristic_that_is_said_twice_is_kept_twice(read) -> None:
    sample = Submitted("GSM1", ("hpv: positive", "hpv: negative", "platform_id: GPL1"))
    (said,) = facts(read([sample]))
    assert said["hpv"] == "positive; negative"
    assert said["platform_id"] == "GPL13534"
    assert said["platform_id (characteristic)"] == "GPL1"


def test_a_characteristic_without_a_name_is_kept_in_every_layout(tmp_path: Path) -> None:
    samples = [Submitted("GSM1", ("tumour", "sex: F")), Submitted("GSM2", ("sex: M",))]
    for table in (from_matrix(samples, tmp_path), from_soft(samples), from_miniml(samples)):
        tumour, other = facts(table)
        assert (tumour["characteristics"], tumour["sex"]) == ("tumour", "F")
        assert "characteristics" not in other


@pytest.mark.parametrize("layout", DESCRIPTIONS)
def test_a_series_lands_with_the_same_sheet_whichever_description_is_there(
    layout: str, site: Site, web: Web, request_for, mini_cohort: SimulatedCohort
) -> None:
    samples = submitted(mini_cohort)
    samples[5].platform = "GPL570"
    serve_series(site, samples, layouts=("series_matrix",))
    alone = request_for()
    alone = replace(alone, landing=alone.landing / "other", downloads=alone.downloads / "other")
    (expected,) = carry_out(web, alone, make_plan(web, alone)).batches
    del site.pages[f"{PLACE}/matrix/"]
    serve_series(site, samples, layouts=(layout,))
    request = request_for()
    (batch,) = carry_out(web, request, make_plan(web, request)).batches
    sheet = (batch / "samplesheet.csv").read_bytes()
    assert sheet == (expected / "samplesheet.csv").read_bytes()
    record = json.loads((batch / "provenance.json").read_text())
    assert record["described_by"]["layout"] == layout
    urls = list(record["described_by"]["files"])
    assert len(urls) == (2 if layout == "series_matrix" else 1)  # a matrix a platform
    assert all(url.startswith(site.url + PLACE) for url in urls)
    left_out = [{"what": "GSM2300005", "why": "is on GPL570, which is not fetched"}]
    assert record["left_out"] == left_out


def test_words_stand_in_one_order_whichever_description_was_read(
    site: Site, web: Web, request_for, mini_cohort: SimulatedCohort
) -> None:
    samples = submitted(mini_cohort)
    samples[0].platform = "GPL21145"  # in a matrix of its own
    samples[0].characteristics = samples[0].characteristics[::-1]
    serve_series(site, samples, layouts=DESCRIPTIONS)
    request = request_for()
    entry = replace(request.entry, arrays=("450k", "epic"))
    orders = []
    for layout in DESCRIPTIONS:
        asked = replace(request, entry=replace(entry, description=layout))
        offer = make_plan(web, asked).offer
        orders.append([list(sample.facts.items()) for sample in offer.samples])
    assert len(orders[0]) == 6
    assert orders[0] == orders[1] == orders[2]


def test_the_first_description_that_is_there_is_read_and_the_record_says_why(
    site: Site, web: Web, request_for, mini_cohort: SimulatedCohort
) -> None:
    samples = submitted(mini_cohort)
    serve_series(site, samples, layouts=DESCRIPTIONS)
    by = make_plan(web, request_for()).offer.described_by
    assert by is not None
    assert (by.layout, by.why) == ("series_matrix", "it is there")
    site.pages[f"{PLACE}/matrix/"].body = b'<a href="../">up</a>'
    by = make_plan(web, request_for()).offer.described_by
    assert by is not None
    assert (by.layout, by.why) == ("soft", f"{site.url}{PLACE}/matrix/: lists no series matrix")
    assert not site.asked_for(MINIML)
    del site.pages[SOFT]
    by = make_plan(web, request_for()).offer.described_by
    assert by is not None
    assert by.layout == "miniml"
    assert by.why.endswith(f"lists no series matrix; {site.url}{SOFT}: is not there")


@pytest.mark.parametrize("layout", ["soft", "miniml"])
def test_an_entry_that_asks_for_a_description_gets_that_one_or_none(
    layout: str, site: Site, web: Web, request_for, mini_cohort: SimulatedCohort
) -> None:
    serve_series(site, submitted(mini_cohort), layouts=DESCRIPTIONS)
    request = request_for()
    request = replace(request, entry=replace(request.entry, description=layout))
    by = make_plan(web, request).offer.described_by
    assert by is not None
    assert (by.layout, by.why) == (layout, "the registry's entry asks for it")
    del site.pages[{"soft": SOFT, "miniml": MINIML}[layout]]
    with pytest.raises(PublicError, match=r"family.* is not there: check the accession"):
        make_plan(web, request)
    assert not site.asked_for(MATRIX)


def test_a_description_that_is_damaged_makes_no_room_for_the_next(
    site: Site, web: Web, request_for, mini_cohort: SimulatedCohort
) -> None:
    samples = submitted(mini_cohort)
    serve_series(site, samples, layouts=("soft", "miniml"))
    site.put(SOFT, family_soft(samples)[:-9])
    with pytest.raises(TransferError, match=r"_family\.soft\.gz: is a gzip file that is cut short"):
        make_plan(web, request_for())
    assert not site.asked_for(MINIML)


def test_a_family_file_that_breaks_off_is_taken_up_where_it_broke(
    site: Site, web: Web, request_for, mini_cohort: SimulatedCohort
) -> None:
    serve_series(site, submitted(mini_cohort), layouts=("soft",))
    site.pages[SOFT].faults = [("cut", 300), (503,), ("cut", 200)]
    told: list[tuple[int, int | None]] = []
    plan = make_plan(web, request_for(), lambda _, done, total: told.append((done, total)))
    assert len(plan.offer.samples) == 6
    ranges = [asked.headers.get("Range") for asked in site.asked_for(SOFT)]
    assert ranges == [None, "bytes=300-", "bytes=300-", "bytes=500-"]
    assert told[-1] == (len(site.pages[SOFT].body),) * 2


def test_a_family_file_that_changes_while_it_is_read_is_refused(
    site: Site, web: Web, request_for, mini_cohort: SimulatedCohort
) -> None:
    serve_series(site, submitted(mini_cohort), layouts=("soft",))
    site.pages[SOFT].faults = [("cut", 300)]
    request = request_for()

    def told(_: str, done: int, __: int | None) -> None:
        site.pages[SOFT].etag = '"another"'

    with pytest.raises(TransferError, match="changed while it was read"):
        make_plan(web, request, told)


def test_what_is_behind_the_xml_in_a_miniml_archive_is_not_read(
    site: Site, web: Web, request_for, mini_cohort: SimulatedCohort
) -> None:
    samples = submitted(mini_cohort)
    serve_series(site, samples, layouts=("miniml",))
    cut = family_miniml(samples)
    site.put(MINIML, gzip.compress(gzip.decompress(cut)[:-30_000]))
    assert len(make_plan(web, request_for()).offer.samples) == 6
    site.put(MINIML, family_miniml(samples, tables_first=True))
    assert len(make_plan(web, request_for()).offer.samples) == 6
    site.put(MINIML, gzip.compress(archive({"other.xml": b"<MINiML/>"})))
    with pytest.raises(TransferError, match=r"holds no GSE87053_family\.xml"):
        make_plan(web, request_for())
