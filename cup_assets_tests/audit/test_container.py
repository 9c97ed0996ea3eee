"""A bundle is exactly its entries: whatever is changed, added or hidden in the file is refused."""

from __future__ import annotations

import io
import shutil
import subprocess
import zipfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cup_assets.audit.container import MANIFEST, open_bundle, write_bundle, wrong_entries
from cup_assets.audit.errors import BundleError

ENTRIES: dict[str, bytes | Path] = {
    "tables/scores.json": b'[{"score": 0.5}]\n',
    "release/r1/model.npz": bytes(range(256)),
    "subject.json": b"{}\n",
    "empty.txt": b"",
}


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a bundle; read only."""
    path = tmp_path_factory.mktemp("bundle") / "bundle.zip"
    write_bundle(path, ENTRIES)
    return path


def rewritten(source: Path, target: Path, change: dict[str, bytes | None]) -> Path:
    """Write the bundle anew, with some entries replaced, added or (None) left out.

    The manifest stays as it was: who mends that, too, is only found out by the warehouse.
    """
    with zipfile.ZipFile(source) as archive:
        entries = {name: archive.read(name) for name in archive.namelist()}
    changed = {**entries, **change}
    return write_plain(target, {name: data for name, data in changed.items() if data is not None})


def write_plain(target: Path, entries: dict[str, bytes]) -> Path:
    """Write any entries in the container's own form."""
    with zipfile.ZipFile(target, "w") as archive:
        for name, data in sorted(entries.items()):
            info = zipfile.ZipInfo(name)
            info.create_system, info.external_attr = 3, 0o100640 << 16
            archive.writestr(info, data)
    return target


def problems(path: Path) -> list[str]:
    with open_bundle(path) as found:
        return wrong_entries(found)


def test_entries_are_read_back_and_the_digest_is_that_of_the_manifest(bundle: Path) -> None:
    with open_bundle(bundle) as found:
        assert {name: found.read(name) for name in ENTRIES} == ENTRIES
        assert found.digest == write_bundle(bundle.with_name("again.zip"), ENTRIES)
        assert wrong_entries(found) == []


def test_the_same_entries_are_the_same_bytes_whatever_their_order_and_source(
    bundle: Path, tmp_path: Path
) -> None:
    file = tmp_path / "model"
    file.write_bytes(bytes(range(256)))
    turned = dict(reversed(ENTRIES.items())) | {"release/r1/model.npz": file}
    write_bundle(tmp_path / "again.zip", turned)
    assert (tmp_path / "again.zip").read_bytes() == bundle.read_bytes()


@pytest.mark.skipif(shutil.which("sha256sum") is None, reason="needs sha256sum")
def test_the_manifest_is_one_that_sha256sum_checks(bundle: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(bundle) as archive:
        archive.extractall(tmp_path)
    run = subprocess.run(
        ["sha256sum", "--check", "--strict", "--quiet", MANIFEST], cwd=tmp_path, check=False
    )
    assert run.returncode == 0


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.differing_executors])
@given(data=st.data())
def test_a_byte_changed_anywhere_in_the_file_is_refused(bundle: Path, data: st.DataObject) -> None:
    content = bytearray(bundle.read_bytes())
    place = data.draw(st.integers(0, len(content) - 1))
    content[place] ^= data.draw(st.integers(1, 255))
    changed = bundle.with_name("changed.zip")
    changed.write_bytes(content)
    with pytest.raises(BundleError):
        problems(changed)


@pytest.mark.parametrize("name", sorted(ENTRIES))
def test_an_entry_changed_together_with_its_container_is_named(
    bundle: Path, tmp_path: Path, name: str
) -> None:
    changed = rewritten(bundle, tmp_path / "changed.zip", {name: b"something else"})
    assert problems(changed) == [f"{name} was changed"]


def test_entries_added_removed_or_renamed_are_named(bundle: Path, tmp_path: Path) -> None:
    path = tmp_path / "changed.zip"
    assert problems(rewritten(bundle, path, {"more.txt": b"x"})) == ["more.txt is not listed"]
    assert problems(rewritten(bundle, path, {"subject.json": None})) == [
        "subject.json is listed, and not there"
    ]
    assert problems(rewritten(bundle, path, {"subject.json": None, "subject2.json": b"{}\n"})) == [
        "subject.json is listed, and not there",
        "subject2.json is not listed",
    ]


@pytest.mark.parametrize(
    "manifest", [b"", b"x\n", b"\xff", b"0  subject.json\n"], ids=["empty", "word", "bytes", "hash"]
)
def test_a_manifest_that_is_none_lists_nothing(
    bundle: Path, tmp_path: Path, manifest: bytes
) -> None:
    assert problems(rewritten(bundle, tmp_path / "changed.zip", {MANIFEST: manifest}))


@pytest.mark.parametrize(
    "name", ["../../etc/passwd", "/etc/passwd", "a\\b", "a/../b", "C:evil", ".hidden", "a//b", "ä"]
)
def test_names_that_lead_elsewhere_are_refused_on_both_ways(tmp_path: Path, name: str) -> None:
    with pytest.raises(BundleError, match="name"):
        write_bundle(tmp_path / "bundle.zip", {name: b"x"})
    path = write_plain(tmp_path / "hostile.zip", {name: b"x", MANIFEST: b""})
    with pytest.raises(BundleError, match="is named"):
        problems(path)


def test_a_bomb_is_refused_before_anything_is_inflated(tmp_path: Path) -> None:
    path = tmp_path / "bomb.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(MANIFEST, b"")
        archive.writestr("zeros", b"\0" * 10_000_000, zipfile.ZIP_DEFLATED)
    with pytest.raises(BundleError, match="zeros is compressed"):
        problems(path)


def test_a_name_that_occurs_twice_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "twice.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a", b"good")
        with pytest.warns(UserWarning, match="Duplicate name"):
            archive.writestr("a", b"bad")
    with pytest.raises(BundleError, match="two entries are named a"):
        problems(path)


def test_bytes_before_between_or_after_entries_are_refused(bundle: Path, tmp_path: Path) -> None:
    content = bundle.read_bytes()
    path = tmp_path / "more.zip"
    for changed in (b"#!/bin/sh\n" + content, content + b"more"):
        path.write_bytes(changed)
        with pytest.raises(BundleError):
            problems(path)
    with zipfile.ZipFile(bundle) as archive:
        entries = {name: archive.read(name) for name in archive.namelist()}
    write_plain(path, entries)
    assert path.read_bytes() == content
    with zipfile.ZipFile(path, "a") as archive:
        archive.comment = b"hidden"
    with pytest.raises(BundleError, match="not byte for byte"):
        problems(path)


@pytest.mark.parametrize("content", [b"", b"PK", b"not a zip at all" * 100])
def test_what_is_no_archive_is_refused_in_one_line(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "file.zip"
    path.write_bytes(content)
    with pytest.raises(BundleError, match="damaged or no bundle") as refused:
        problems(path)
    assert "\n" not in str(refused.value)


def test_an_archive_without_a_manifest_is_no_bundle(tmp_path: Path) -> None:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("a", b"")
    path = tmp_path / "other.zip"
    path.write_bytes(stream.getvalue())
    with pytest.raises(BundleError, match="it is not a bundle"):
        problems(path)


def test_a_file_that_is_not_there_is_said_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="cannot be read: No such file"):
        problems(tmp_path / "none.zip")
