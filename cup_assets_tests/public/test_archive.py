"""An archive writes files into one folder, and nothing else anywhere."""

from __future__ import annotations

import gzip
import io
import tarfile
from pathlib import Path

import pytest

from cup_assets.public.archive import Limits, unpack
from cup_assets.public.errors import ArchiveError
from cup_assets_tests.public.cohorts import archive

GOOD = {"GSM1_1_R01C01_Grn.idat.gz": gzip.compress(b"IDAT" * 100), "readme.txt": b"hello"}


def wanted(name: str) -> bool:
    return name.endswith(("idat", "idat.gz"))


def member(name: str, kind: bytes = tarfile.REGTYPE, link: str = "") -> tarfile.TarInfo:
    found = tarfile.TarInfo(name)
    found.type, found.linkname = kind, link
    return found


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Return a folder to unpack into, inside of one in which nothing else may appear."""
    (tmp_path / "around" / "into").mkdir(parents=True)
    return tmp_path / "around" / "into"


def write(place: Path, content: bytes) -> Path:
    path = place.parents[1] / "GSE1_RAW.tar"
    path.write_bytes(content)
    return path


def test_wanted_members_are_written_and_the_others_counted(place: Path) -> None:
    found = unpack(write(place, archive(GOOD)), place, wanted)
    assert found.files == ["GSM1_1_R01C01_Grn.idat.gz"]
    assert found.others == 1
    assert (place / found.files[0]).read_bytes() == GOOD[found.files[0]]


def test_a_member_in_a_folder_is_written_under_its_last_name(place: Path) -> None:
    content = archive({"idats/a_Grn.idat": b"IDAT"}, [member("idats", tarfile.DIRTYPE)])
    assert unpack(write(place, content), place, wanted).files == ["a_Grn.idat"]
    assert [path.name for path in place.iterdir()] == ["a_Grn.idat"]


@pytest.mark.parametrize(
    "name",
    ["../a_Grn.idat", "x/../../a_Grn.idat", "/etc/a_Grn.idat", "..\\a_Grn.idat", "C:a_Grn.idat",
     "a\x1b[31m_Grn.idat"],
)  # fmt: skip
def test_a_path_out_of_the_archive_is_refused_with_all_of_it(name: str, place: Path) -> None:
    with pytest.raises(ArchiveError, match="not unpacked") as caught:
        unpack(write(place, archive({name: b"IDAT"})), place, wanted)
    assert str(caught.value).isprintable()
    assert list(place.iterdir()) == []
    assert [path.name for path in place.parent.iterdir()] == ["into"]


@pytest.mark.parametrize(
    ("kind", "link"),
    [
        (tarfile.SYMTYPE, "/etc/passwd"),
        (tarfile.LNKTYPE, "GSM1_1_R01C01_Grn.idat.gz"),
        (tarfile.CHRTYPE, ""),
        (tarfile.BLKTYPE, ""),
        (tarfile.FIFOTYPE, ""),
    ],
)
def test_links_and_devices_are_refused_wanted_or_not(kind: bytes, link: str, place: Path) -> None:
    for name in ("b_Red.idat", "notes.txt"):
        content = archive({}, [member(name, kind, link)])
        with pytest.raises(ArchiveError, match="a link, a device or a sparse file"):
            unpack(write(place, content), place, wanted)
    assert list(place.iterdir()) == []


def test_a_file_written_through_a_link_of_the_same_archive_never_leaves_the_folder(
    place: Path,
) -> None:
    secret = place.parent / "secret"
    link = member("a_Grn.idat", tarfile.SYMTYPE, str(secret))
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as tar:
        tar.addfile(link)
        through = member("a_Grn.idat")
        through.size = 4
        tar.addfile(through, io.BytesIO(b"IDAT"))
    with pytest.raises(ArchiveError):
        unpack(write(place, stream.getvalue()), place, wanted)
    assert not secret.exists()


def test_a_compressed_bomb_is_refused_alone_and_told(place: Path) -> None:
    bomb = {"bomb_Grn.idat.gz": gzip.compress(bytes(3_000_000))}
    found = unpack(write(place, archive({**bomb, **GOOD})), place, wanted, Limits(file=1_000_000))
    assert "larger than any IDAT file" in found.refused["bomb_Grn.idat.gz"]
    assert found.files == ["GSM1_1_R01C01_Grn.idat.gz"]
    assert not (place / "bomb_Grn.idat.gz").exists()


def test_a_damaged_or_doubled_gzip_file_is_refused_alone(place: Path) -> None:
    whole = gzip.compress(b"IDAT" * 1000)
    bad = {"cut_Grn.idat.gz": whole[:-9], "two_Grn.idat.gz": whole + whole}
    found = unpack(write(place, archive({**bad, **GOOD})), place, wanted)
    assert set(found.refused) == set(bad)
    assert len(found.files) == 1


@pytest.mark.parametrize(
    ("limits", "message"), [(Limits(members=1), "1 members"), (Limits(total=10), "10 bytes")]
)
def test_an_archive_with_too_much_in_it_is_refused(
    limits: Limits, message: str, place: Path
) -> None:
    with pytest.raises(ArchiveError, match=message):
        unpack(write(place, archive(GOOD)), place, wanted, limits)


def test_two_members_of_one_name_are_refused(place: Path) -> None:
    content = archive({"x/a_Grn.idat": b"1", "y/A_grn.idat": b"2"})
    with pytest.raises(ArchiveError, match="twice"):
        unpack(write(place, content), place, wanted)


@pytest.mark.parametrize("spoil", [lambda c: c[:700], lambda c: b"no archive", gzip.compress])
def test_what_is_no_plain_tar_archive_is_refused(spoil, place: Path) -> None:
    with pytest.raises(ArchiveError, match="no readable tar archive"):
        unpack(write(place, spoil(archive(GOOD))), place, wanted)
