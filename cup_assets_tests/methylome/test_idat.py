"""The reader returns what is in a file, and names what is wrong with one."""

from __future__ import annotations

import contextlib
import gzip
import io
import struct
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cup_assets.methylome import IdatError, idat, read_idat
from cup_assets.methylome.idat import MAX_BYTES
from cup_assets.methylome.idat_format import Field
from cup_assets.simulate.idat_writer import write_idat

quick = settings(
    deadline=None, max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.fixture
def good(tmp_path: Path) -> Path:
    path = tmp_path / "200_R01C01_Grn.idat"
    address = np.arange(10_000, 10_400, 2)
    write_idat(
        path,
        address,
        address % 977,
        address % 31,
        address % 20,
        barcode="200",
        position="R01C01",
        chip_type="BeadChip 8x5",
        scan_date=datetime(2021, 3, 4, 15, 6, 7),
    )
    return path


def offset_of(data: bytes, field: Field) -> tuple[int, int]:
    """Return where the table of contents names a field, and the offset it gives."""
    (n,) = struct.unpack_from("<i", data, 12)
    for i in range(n):
        code, offset = struct.unpack_from("<hq", data, 16 + 10 * i)
        if code == field:
            return 16 + 10 * i, offset
    raise LookupError(field)


def error_of(path: Path) -> str:
    """Return the refusal, which must be one line that names the file."""
    with pytest.raises(IdatError) as caught:
        read_idat(path)
    message = str(caught.value)
    assert message.startswith(f"{path.name}: ")
    assert "\n" not in message
    assert ";" in message, "a remedy follows the fault"
    return message


@quick
@given(
    beads=st.lists(
        st.tuples(
            st.integers(1, 2**31 - 1),
            st.integers(0, 65535),
            st.integers(0, 65535),
            st.integers(0, 255),
        ),
        min_size=1,
        max_size=40,
        unique_by=lambda bead: bead[0],
    ),
    gz=st.booleans(),
)
def test_every_bead_comes_back_as_it_was_written(tmp_path: Path, beads: list, gz: bool) -> None:
    columns = [list(column) for column in zip(*beads, strict=True)]
    path = tmp_path / "any.idat"
    write_idat(path, *columns, barcode="1", position="A", gz=gz)
    idat = read_idat(path)
    found = [idat.address, idat.mean, idat.sd, idat.n_beads]
    assert [column.tolist() for column in found] == columns
    assert [str(column.dtype) for column in found] == ["int32", "uint16", "uint16", "uint8"]


def test_the_text_fields_and_the_scan_date_are_read(good: Path) -> None:
    idat = read_idat(good)
    assert (idat.barcode, idat.position, idat.chip_type) == ("200", "R01C01", "BeadChip 8x5")
    assert idat.scan_date == "2021-03-04T15:06:07"
    assert [run.block_type for run in idat.run_info][:2] == ["Decoding", "Scan"]
    assert idat.mid_block.tolist() == idat.address.tolist()


def test_a_scan_date_in_another_regional_format_is_not_guessed(good: Path) -> None:
    data = good.read_bytes()
    assert data.count(b"3/4/2021 3:06:07 PM") == 4
    good.write_bytes(data.replace(b"3/4/2021 3:06:07 PM", b"03/04/2021 15:06:07"))
    assert read_idat(good).scan_date is None


def test_the_real_hm27_files_are_read(hm27_items: list[tuple[str, Path, Path]]) -> None:
    for sample, *paths in hm27_items:
        for path in paths:
            idat = read_idat(path)
            assert len(idat.address) == len(idat.mean) == len(idat.n_beads) == 55_300
            assert (idat.barcode, idat.position) == ("5318317007", sample)
            assert idat.chip_type == "BeadChip 12x1"
            assert idat.scan_date is not None
            assert idat.scan_date.startswith("2010-05-25T05:3") or sample == "C"
            assert len(idat.run_info) == 4
            assert 10 < np.median(idat.n_beads) < 30


def test_a_real_expression_file_is_refused_for_its_version(reference_data: Path) -> None:
    message = error_of(reference_data / "not_methylation" / "6016741005_A_Grn.idat")
    assert "version 1" in message
    assert "use version 3" in message


def test_a_real_genotyping_file_is_read_and_names_its_pool(reference_data: Path) -> None:
    idat = read_idat(reference_data / "not_methylation" / "4019585376_B_Red.idat.gz")
    assert idat.manifest_name == "HumanCNV370-Duo_v1-0_11246591_C.bpm"
    assert len(idat.address) == 381_079


def test_a_missing_file_is_refused_with_its_name(tmp_path: Path) -> None:
    assert "cannot be read" in error_of(tmp_path / "absent_Grn.idat")


def test_an_empty_file_is_refused_with_its_name(tmp_path: Path) -> None:
    for name, content in (("plain.idat", b""), ("packed.idat.gz", gzip.compress(b""))):
        (tmp_path / name).write_bytes(content)
        assert "is empty" in error_of(tmp_path / name)


def test_a_file_of_another_kind_is_refused_with_its_name(tmp_path: Path) -> None:
    path = tmp_path / "table_Grn.idat"
    path.write_text("probe\tbeta\n")
    assert "is not an IDAT file" in error_of(path)


@quick
@given(share=st.floats(0, 1, exclude_max=True))
def test_a_truncated_file_is_refused_with_its_name(good: Path, share: float) -> None:
    data = good.read_bytes()
    path = good.with_name("cut_Grn.idat")
    path.write_bytes(data[: int(share * len(data))])
    error_of(path)


@quick
@given(share=st.floats(0.05, 1, exclude_max=True))
def test_a_truncated_gzip_file_is_refused_with_its_name(good: Path, share: float) -> None:
    data = gzip.compress(good.read_bytes(), mtime=0)
    path = good.with_name("cut_Grn.idat.gz")
    path.write_bytes(data[: int(share * len(data))])
    assert "gzip" in error_of(path)


def test_a_corrupt_gzip_file_is_refused_with_its_name(good: Path) -> None:
    data = bytearray(gzip.compress(good.read_bytes(), mtime=0))
    data[-6] ^= 0xFF  # the checksum
    path = good.with_name("bad_Grn.idat.gz")
    path.write_bytes(data)
    assert "corrupt or truncated gzip" in error_of(path)


@quick
@given(st.data())
def test_no_damage_escapes_as_another_error(good: Path, data: st.DataObject) -> None:
    content = bytearray(good.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        # Mostly the header and the table of contents, where damage does most.
        at = data.draw(st.one_of(st.integers(0, 250), st.integers(0, len(content) - 1)))
        content[at] = data.draw(st.integers(0, 255))
    path = good.with_name("damaged_Grn.idat")
    path.write_bytes(content)
    with contextlib.suppress(IdatError):
        read_idat(path)


@pytest.mark.parametrize("version", [1, 2, 4, -1, 2**40])
def test_other_versions_are_refused(good: Path, version: int) -> None:
    data = bytearray(good.read_bytes())
    struct.pack_into("<q", data, 4, version)
    good.write_bytes(data)
    assert "use version 3" in error_of(good)


@pytest.mark.parametrize("count", [2**31 - 1, 0, -5])
def test_an_absurd_number_of_beads_is_refused_before_it_is_allocated(
    good: Path, count: int
) -> None:
    data = bytearray(good.read_bytes())
    struct.pack_into("<i", data, offset_of(data, Field.N_SNPS_READ)[1], count)
    good.write_bytes(data)
    assert f"{count:,} bead types" in error_of(good)


@pytest.mark.parametrize("count", [2**31 - 1, 0, -5])
def test_an_absurd_number_of_fields_is_refused(good: Path, count: int) -> None:
    data = bytearray(good.read_bytes())
    struct.pack_into("<i", data, 12, count)
    good.write_bytes(data)
    assert f"{count:,} fields" in error_of(good)


@pytest.mark.parametrize("field", [Field.MID_BLOCK, Field.RUN_INFO])
@pytest.mark.parametrize("count", [2**31 - 1, -5])
def test_an_absurd_count_inside_a_field_is_refused(good: Path, field: Field, count: int) -> None:
    data = bytearray(good.read_bytes())
    struct.pack_into("<i", data, offset_of(data, field)[1], count)
    good.write_bytes(data)
    error_of(good)


@pytest.mark.parametrize("offset", [10**12, -1, 0])
def test_a_field_outside_of_the_file_is_refused_by_name(good: Path, offset: int) -> None:
    data = bytearray(good.read_bytes())
    struct.pack_into("<q", data, offset_of(data, Field.MEAN)[0] + 2, offset)
    good.write_bytes(data)
    assert "field MEAN" in error_of(good)


def test_a_missing_field_is_refused_by_name(good: Path) -> None:
    data = bytearray(good.read_bytes())
    struct.pack_into("<h", data, offset_of(data, Field.N_BEADS)[0], 999)
    good.write_bytes(data)
    assert "has no field N_BEADS" in error_of(good)


def test_duplicate_addresses_are_refused_with_the_first(tmp_path: Path) -> None:
    path = tmp_path / "twice_Grn.idat"
    write_idat(path, [5, 9, 7, 9], [1] * 4, [1] * 4, [1] * 4, barcode="1", position="A")
    assert "1 bead addresses more than once (first 9)" in error_of(path)


def test_a_decompression_bomb_is_refused_without_unpacking_it(tmp_path: Path) -> None:
    path = tmp_path / "bomb_Grn.idat.gz"
    with gzip.GzipFile(path, "wb", compresslevel=1) as file:
        block = bytes(1 << 24)
        for _ in range((MAX_BYTES >> 24) + 1):
            file.write(block)
    assert "larger than any IDAT file" in error_of(path)


def test_no_more_room_is_asked_for_than_a_file_takes(good: Path) -> None:
    # A quarter of a gigabyte taken and given back for every file costs more than reading it.
    asked = []

    class Watched(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            asked.append(size)
            return super().read(size)

    content = good.read_bytes()
    assert idat._read_to_end(Watched(content), len(content)) == content
    assert asked == [len(content) + 1]
    assert idat._read_to_end(Watched(content), 10) == content  # what was expected was wrong


def test_a_gzip_file_of_two_parts_is_read_to_its_end(good: Path, tmp_path: Path) -> None:
    content = good.read_bytes()
    path = tmp_path / "parts_Grn.idat.gz"
    path.write_bytes(gzip.compress(content[:90]) + gzip.compress(content[90:]))
    np.testing.assert_array_equal(read_idat(path).mean, read_idat(good).mean)
