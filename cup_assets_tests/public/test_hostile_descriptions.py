"""A description that strangers made is read within bounds, or refused in one line."""

from __future__ import annotations

import gzip
import tarfile
import tracemalloc
from collections.abc import Iterable, Iterator
from itertools import chain, repeat

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cup_assets.public import words
from cup_assets.public.errors import PublicError, TransferError
from cup_assets.public.miniml import read_miniml
from cup_assets.public.soft import read_soft
from cup_assets.public.streams import tar_member, unpacked
from cup_assets.public.words import table_of
from cup_assets_tests.public.cohorts import Submitted, archive, miniml_xml, soft_lines

SAMPLES = [Submitted(f"GSM{i}", ("tissue: tumour", f"age: {i}")) for i in range(1, 4)]
MB = 2**20


def soft(*lines: str) -> list[bytes]:
    return ["\n".join(lines).encode()]


def refused(read, pieces: Iterable[bytes]) -> str:
    with pytest.raises(PublicError) as caught:
        read("where", pieces)
    assert str(caught.value).startswith("where: ")
    assert "\n" not in str(caught.value)
    return str(caught.value)


def peak(read, pieces: Iterable[bytes]) -> int:
    tracemalloc.start()
    try:
        read(pieces)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def table(n_mb: int) -> Iterator[bytes]:
    yield b"!sample_table_begin\nID_REF\tVALUE\n"
    yield from repeat(b"cg00000029\t0.123456\t!^ = :\n" * (MB // 27), n_mb)


def test_tables_of_any_size_take_no_memory() -> None:
    head = "\n".join(soft_lines(SAMPLES[:1])).encode() + b"\n^SAMPLE = GSM9\n"
    file = chain([head], table(200), [b"!sample_table_end\n"])
    found: list[str] = []
    used = peak(lambda pieces: found.extend(s.name for s in read_soft("s", pieces)), file)
    assert found == ["GSM1", "GSM9"]
    assert used < 16 * MB


@given(st.integers(1, 400))
def test_a_soft_file_says_the_same_in_whatever_pieces_it_arrives(size: int) -> None:
    text = "\r\n".join(soft_lines(SAMPLES)).encode()
    pieces = [text[i : i + size] for i in range(0, len(text), size)]
    assert read_soft("s", pieces) == read_soft("s", [text])


@given(st.data())
def test_a_damaged_description_is_read_or_refused_in_one_line(data: st.DataObject) -> None:
    soft_file = "\n".join(soft_lines(SAMPLES)).encode()
    for whole, read in ((soft_file, read_soft), (miniml_xml(SAMPLES).encode(), read_miniml)):
        start, end = sorted(data.draw(st.tuples(*[st.integers(0, len(whole))] * 2)))
        pieces = [whole[:start], data.draw(st.binary(max_size=40)), whole[end:]]
        said = "where: "
        try:
            table_of("where", read("where", pieces))
        except PublicError as error:
            said = str(error)
        assert said.startswith("where: ")
        assert "\n" not in said


def test_an_endless_line_is_refused_in_a_table_and_elsewhere() -> None:
    endless = chain([b"^SAMPLE = GSM1\n!Sample_title = "], repeat(b"a" * MB))
    assert "a line of over 1,048,576 bytes" in refused(read_soft, endless)
    row = chain([b"^SAMPLE = GSM1\n!sample_table_begin\nID\n"], repeat(b"1\t" * MB))
    assert "a line of over 1,048,576 bytes" in refused(read_soft, row)


def test_a_table_without_an_end_is_refused() -> None:
    begun = ("^SAMPLE = GSM1", "!sample_table_begin", "ID_REF\tVALUE", "cg1\t0.5")
    assert "a table that does not end" in refused(read_soft, soft(*begun))
    assert "a table that does not end" in refused(read_soft, soft(*begun, "^SAMPLE = GSM2", ""))
    assert "a table that does not end" in refused(read_soft, soft(*begun, "!Sample_title = x", ""))
    assert "a table that does not end" in refused(read_soft, soft(*begun[:2]))
    assert len(read_soft("s", soft(*begun, "!sample_table_end"))) == 1
    assert len(read_soft("s", soft(*begun[:2], "!sample_table_end", "^SAMPLE = GSM2"))) == 2


def test_a_description_without_samples_or_without_some_of_them_is_refused() -> None:
    assert "names no samples" in refused(read_soft, soft("^SERIES = GSE1", "!Series_title = x"))
    assert "names no samples" in refused(read_miniml, [b"<MINiML><Series/></MINiML>"])
    lines = soft_lines(SAMPLES)
    less = lines[: lines.index("^SAMPLE = GSM3")]
    assert "lists 1 samples that it does not describe ('GSM3')" in refused(read_soft, soft(*less))
    odd = soft("!Series_sample_id = G\x1dS" + 3_000 * "M", "^SAMPLE = GSM1")
    assert len(refused(read_soft, odd)) < 200
    two = ("^SAMPLE = a", "!Sample_geo_accession = GSM1", "!Sample_geo_accession = GSM2")
    assert "one sample is 'GSM1' and 'GSM2'" in refused(read_soft, soft(*two))


def test_more_words_than_people_write_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    many = ["!Sample_characteristics_ch1 = a: b"] * 501
    assert "more about its samples" in refused(read_soft, soft("^SAMPLE = GSM1", *many))
    monkeypatch.setattr(words, "_MOST_TEXT", 1000)
    long = ["^SAMPLE = GSM1", *["!Sample_characteristics_ch1 = " + "a" * 100] * 11]
    assert "more about its samples" in refused(read_soft, soft(*long))
    monkeypatch.setattr(words, "_MOST_SAMPLES", 2)
    assert "over 2 samples" in refused(read_soft, soft(*["^SAMPLE = GSM1"] * 3))


def test_a_packed_file_that_is_cut_damaged_or_too_large_is_refused() -> None:
    packed = gzip.compress(b"x" * 5_000_000)
    assert sum(map(len, unpacked("w", [packed[:100], packed[100:]]))) == 5_000_000
    assert sum(map(len, unpacked("w", [packed + packed, b"\0" * 9]))) == 10_000_000
    assert max(map(len, unpacked("w", [packed]))) <= 2**18
    for blocks, fault in (
        ([packed[:-1]], "cut short"),
        ([packed[:2000]], "cut short"),
        ([packed[:50] + b"?" * 50 + packed[100:]], "damaged gzip"),
        ([packed + b"??"], "damaged gzip"),
        ([packed + b"?"], "cut short"),
        ([], "is empty"),
    ):
        with pytest.raises(TransferError, match=fault):
            list(unpacked("w", blocks))
    with pytest.raises(TransferError, match="unpacks to more than 4,999,999 bytes"):
        list(unpacked("w", [packed], most=4_999_999))


@pytest.mark.parametrize(
    "declared",
    [
        '<!DOCTYPE MINiML [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;">]>',
        '<!DOCTYPE MINiML [<!ENTITY a SYSTEM "file:///etc/hostname">]>',
        '<!DOCTYPE MINiML SYSTEM "http://127.0.0.1:9/x.dtd">',
    ],
)
def test_xml_with_a_document_type_is_refused_before_any_entity_is_read(declared: str) -> None:
    text = miniml_xml(SAMPLES).replace("<MINiML", f"{declared}\n<MINiML", 1)
    text = text.replace("tumour", "&b;" if "&a;" in declared else "&a;", 1)
    assert "has a document type" in refused(read_miniml, [text.encode()])


def test_xml_without_bounds_is_refused_within_bounds() -> None:
    def head() -> bytes:
        return b"<MINiML><Sample iid='GSM1'><Title"

    tag = chain([head() + b" x='"], repeat(b"a" * MB, 5000))
    assert "a tag that does not end" in refused(read_miniml, tag)
    text = chain([head() + b">"], repeat(b"a\n" * MB, 5000))
    assert "over 1,048,576 characters in one element" in refused(read_miniml, text)
    deep = chain([b"<MINiML>"], repeat(b"<a>" * 1000, 5000))
    assert "more than 64 deep" in refused(read_miniml, deep)
    other = chain(
        [b"<MINiML><Series>"], repeat(b"a" * 99 + b"\n", 200_000), [b"</Series></MINiML>"]
    )

    def read(pieces: Iterable[bytes]) -> None:
        assert "names no samples" in refused(read_miniml, pieces)

    assert peak(read, other) < 16 * MB


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (b"<html><body>down for maintenance</body></html>", "is no MINiML, it begins with 'html'"),
        (b"<MINiML><Sample></MINiML>", "no well-formed XML"),
        (b"<MINiML><Sample iid='GSM1'>", "no well-formed XML"),
        (b"<MINiML><Title>\xff</Title></MINiML>", "no well-formed XML"),
        (b'<?xml version="1.0" encoding="utf-7"?><MINiML/>', "no well-formed XML"),
        (b'<?xml version="1.0" encoding="nonsense"?><MINiML/>', "no well-formed XML"),
        (b"", "no well-formed XML"),
    ],
)
def test_what_is_no_miniml_is_refused_in_one_line(text: bytes, fault: str) -> None:
    assert fault in refused(read_miniml, [text])


def test_of_an_archive_only_one_plain_member_of_bounded_size_is_read() -> None:
    def member(tar: bytes, most: int = 100) -> bytes:
        pieces = [tar[i : i + 100] for i in range(0, len(tar), 100)]
        return b"".join(tar_member("w", pieces, "f.xml", most))

    whole = archive({"GSM1-tbl-1.txt": b"1" * 700, "some/f.xml": b"<a/>", "later": b"2"})
    assert member(whole) == b"<a/>"
    link = tarfile.TarInfo("f.xml")
    link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
    device = tarfile.TarInfo("null")
    device.type = tarfile.CHRTYPE
    for tar, fault in (
        (archive({}, [link]), "no plain file"),
        (archive({}, [device]), "a link or a device"),
        (archive({"f.xml": b"1" * 101}), "no plain file of at most 100 bytes"),
        (archive({"a": b"1"}), "holds no f.xml"),
        (whole[:900], "damaged or cut short"),
        (b"no archive at all" * 100, "no readable tar archive"),
    ):
        with pytest.raises(TransferError, match=fault):
            member(tar)


def test_a_long_name_of_an_archive_is_passed_over_without_memory() -> None:
    head = tarfile.TarInfo("././@LongLink")
    head.type, head.size = tarfile.GNUTYPE_LONGNAME, 2**32
    pieces = chain([head.tobuf()], repeat(b"a" * MB, 100))

    def read(pieces: Iterable[bytes]) -> None:
        with pytest.raises(TransferError, match="cut short"):
            list(tar_member("w", pieces, "f.xml", 100))

    assert peak(read, pieces) < 8 * MB
