"""A file arrives whole, and is the one that was meant, whatever the line and the server do."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest

from cup_assets.public.errors import ChangedError, PublicError, TransferError
from cup_assets.public.samples import RemoteFile
from cup_assets.public.transfer import Fetched, Ledger, download
from cup_assets.public.web import Manners, Web
from cup_assets_tests.public.server import Site

BODY = bytes(range(256)) * 2000


def remote(site: Site, *, checksum: bool = False, size: bool = True) -> RemoteFile:
    md5 = hashlib.md5(BODY, usedforsecurity=False).hexdigest() if checksum else None
    return RemoteFile(f"{site.url}/file", "file", len(BODY) if size else None, md5)


def test_a_file_arrives_with_its_digest(site: Site, web: Web, tmp_path: Path) -> None:
    site.put("/file", BODY, '"one"')
    seen: list[int] = []
    fetched = download(web, remote(site), tmp_path, progress=seen.append)
    assert (tmp_path / "file").read_bytes() == BODY
    assert fetched.sha256 == hashlib.sha256(BODY).hexdigest()
    assert (fetched.size, fetched.validator) == (len(BODY), '"one"')
    assert seen[-1] == len(BODY)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize("size", [True, False])
def test_a_transfer_that_breaks_off_goes_on_where_it_stopped(
    size: bool, site: Site, web: Web, tmp_path: Path
) -> None:
    site.put("/file", BODY, '"one"').faults = [("cut", 100_000), ("cut", 150_000)]
    download(web, remote(site, size=size), tmp_path)
    assert (tmp_path / "file").read_bytes() == BODY
    ranges = [asked.headers.get("Range") for asked in site.asked]
    assert ranges == [None, "bytes=100000-", "bytes=250000-"]
    assert site.asked[1].headers["If-Range"] == '"one"'


def test_a_line_that_breaks_ever_again_is_endured_as_long_as_something_arrives(
    site: Site, web: Web, tmp_path: Path
) -> None:
    site.put("/file", BODY, '"one"').faults = [("cut", 1000)] * 12
    download(web, remote(site), tmp_path)
    assert (tmp_path / "file").read_bytes() == BODY
    assert len(site.asked) == 13


def test_a_file_that_ends_too_early_is_not_whole_even_where_the_server_does_not_say_its_length(
    site: Site, web: Web, tmp_path: Path
) -> None:
    page = site.put("/file", BODY, '"one"')
    page.length, page.faults = False, [("cut", 1000)]
    download(web, remote(site), tmp_path)
    assert (tmp_path / "file").read_bytes() == BODY
    assert site.asked[-1].headers["Range"] == "bytes=1000-"


def test_a_later_run_goes_on_where_an_earlier_one_gave_up(
    site: Site, web: Web, tmp_path: Path, pauses: list[float]
) -> None:
    site.put("/file", BODY, '"one"').faults = [("cut", 1000), *[(503,)] * 9]
    with pytest.raises(TransferError, match=r"503; given up after 4 attempts: run the same"):
        download(web, remote(site), tmp_path)
    assert pauses == [1.0, 2.0, 4.0]
    assert (tmp_path / "file.part").stat().st_size == 1000
    assert not (tmp_path / "file").exists()
    site.pages["/file"].faults = []
    download(web, remote(site), tmp_path)
    assert (tmp_path / "file").read_bytes() == BODY
    assert site.asked[-1].headers["Range"] == "bytes=1000-"


def test_the_rest_of_a_file_that_has_changed_meanwhile_is_not_added_to_the_old_part(
    site: Site, web: Web, tmp_path: Path
) -> None:
    site.put("/file", BODY, '"one"').faults = [("cut", 1000), *[(503,)] * 9]
    with pytest.raises(TransferError):
        download(web, remote(site), tmp_path)
    site.put("/file", BODY[::-1], '"two"')
    fetched = download(web, remote(site), tmp_path)
    assert (tmp_path / "file").read_bytes() == BODY[::-1]
    assert fetched.validator == '"two"'


@pytest.mark.parametrize(("checksum", "asked"), [(False, None), (True, "bytes=1000-")])
def test_without_a_validator_only_a_checksum_allows_to_resume(
    checksum: bool, asked: str | None, site: Site, web: Web, tmp_path: Path
) -> None:
    page = site.put("/file", BODY)
    page.etag, page.faults = None, [("cut", 1000)]
    download(web, remote(site, checksum=checksum), tmp_path)
    assert (tmp_path / "file").read_bytes() == BODY
    assert site.asked[-1].headers.get("Range") == asked


def test_a_weak_etag_does_not_vouch_for_bytes(site: Site, web: Web, tmp_path: Path) -> None:
    site.put("/file", BODY, 'W/"one"').faults = [("cut", 1000)]
    download(web, remote(site), tmp_path)
    assert site.asked[-1].headers.get("Range") is None


def test_a_part_that_was_whole_already_is_only_checked(
    site: Site, web: Web, tmp_path: Path
) -> None:
    site.put("/file", BODY, '"one"').faults = [("cut", 1000), *[(503,)] * 9]
    with pytest.raises(TransferError):
        download(web, remote(site), tmp_path)
    site.pages["/file"].faults = []
    (tmp_path / "file.part").write_bytes(BODY)
    download(web, remote(site), tmp_path)
    assert (tmp_path / "file").read_bytes() == BODY


def test_a_busy_server_is_asked_again_and_a_busy_one_that_names_a_time_then(
    site: Site, web: Web, tmp_path: Path, pauses: list[float]
) -> None:
    soon = format_datetime(datetime.now(UTC) + timedelta(seconds=40), usegmt=True)
    page = site.put("/file", BODY)
    page.faults = [(503,), (429, {"Retry-After": "7"}), (503, {"Retry-After": soon})]
    download(web, remote(site), tmp_path)
    assert pauses[:2] == [1.0, 7.0]
    assert 30 < pauses[2] <= 40


@pytest.mark.parametrize("nonsense", ["", "soon", "-5", "Mon, 01 Jan 2001 00:00:00 -0000"])
def test_a_time_that_cannot_be_read_or_is_past_is_no_reason_to_wait_or_to_fail(
    nonsense: str, site: Site, web: Web, tmp_path: Path, pauses: list[float]
) -> None:
    site.put("/file", BODY).faults = [(503, {"Retry-After": nonsense})]
    download(web, remote(site), tmp_path)
    assert pauses == [1.0]


def test_a_pause_that_is_too_long_is_left_to_the_user(
    site: Site, web: Web, tmp_path: Path, pauses: list[float]
) -> None:
    site.put("/file", BODY).faults = [(503, {"Retry-After": "86400"})]
    with pytest.raises(TransferError, match="a pause of 86,400 s: run the same command again"):
        download(web, remote(site), tmp_path)
    assert pauses == []


@pytest.mark.parametrize(
    ("status", "message"), [(404, "is not there"), (403, "not open to everybody"), (400, "400")]
)
def test_a_refusal_is_final(
    status: int, message: str, site: Site, web: Web, tmp_path: Path
) -> None:
    site.put("/file", BODY).faults = [(status,)]
    with pytest.raises(TransferError, match=message) as caught:
        download(web, remote(site), tmp_path)
    assert "/file" in str(caught.value)
    assert len(site.asked) == 1


def test_a_server_that_is_not_there_is_named(tmp_path: Path, pauses: list[float]) -> None:
    with (
        Web(Manners(pace=0, retries=2), sleep=pauses.append) as web,
        pytest.raises(TransferError, match=r"127\.0\.0\.1:9/file: the connection failed"),
    ):
        download(web, RemoteFile("http://127.0.0.1:9/file", "file"), tmp_path)
    assert pauses == [1.0, 2.0]


def test_a_wrong_checksum_is_refused_and_nothing_of_it_kept(
    site: Site, web: Web, tmp_path: Path
) -> None:
    site.put("/file", BODY[:-1] + b"!")
    with pytest.raises(TransferError, match=r"MD5 is .* was announced"):
        download(web, remote(site, checksum=True), tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("other", [BODY + b"more", BODY[:-5]])
def test_another_size_than_the_announced_one_is_refused(
    other: bytes, site: Site, web: Web, tmp_path: Path
) -> None:
    site.put("/file", other)
    with pytest.raises(TransferError, match=rf"{len(other):,} bytes and {len(BODY):,} were"):
        download(web, remote(site), tmp_path)
    assert not (tmp_path / "file").exists()


def test_what_lies_there_unchanged_is_not_fetched_again(
    site: Site, web: Web, tmp_path: Path
) -> None:
    site.put("/file", BODY, '"one"')
    before = download(web, remote(site), tmp_path)
    assert download(web, remote(site), tmp_path, before) == before
    assert [asked.method for asked in site.asked] == ["GET", "HEAD"]
    (tmp_path / "file").write_bytes(BODY[::-1])
    download(web, remote(site), tmp_path, before)
    assert (tmp_path / "file").read_bytes() == BODY


def test_a_file_that_changed_between_two_fetches_is_noticed_even_after_it_was_removed(
    site: Site, web: Web, tmp_path: Path
) -> None:
    site.put("/file", BODY, '"one"')
    Ledger(tmp_path / "fetched.json").add(download(web, remote(site), tmp_path))
    (tmp_path / "file").unlink()
    site.put("/file", BODY[::-1], '"two"')
    ledger = Ledger(tmp_path / "fetched.json")
    later = download(web, remote(site), tmp_path, ledger.files["file"])
    with pytest.raises(ChangedError, match=r"has changed since .* --accept-changed"):
        ledger.add(later)
    changed = ledger.add(later, accept_changed=True)
    assert changed is not None
    assert changed.sha256 == hashlib.sha256(BODY).hexdigest()
    assert Ledger(tmp_path / "fetched.json").files["file"] == later


def test_a_damaged_ledger_is_named_and_not_taken_for_an_empty_one(tmp_path: Path) -> None:
    (tmp_path / "fetched.json").write_text('{"file": {"name": "file"}}')
    with pytest.raises(TransferError, match=r"fetched.json: is damaged"):
        Ledger(tmp_path / "fetched.json")


def test_an_address_that_is_none_is_one_line(web: Web, tmp_path: Path) -> None:
    with pytest.raises(PublicError):
        download(web, RemoteFile("http://[", "file"), tmp_path)


def test_requests_keep_their_distance(site: Site, pauses: list[float]) -> None:
    site.put("/page", "text")
    with Web(Manners(pace=100.0), sleep=pauses.append) as web:
        assert [web.text(f"{site.url}/page") for _ in range(3)] == ["text"] * 3
    assert [round(pause, -2) for pause in pauses] == [100.0, 200.0]


def test_a_record_holds_what_an_auditor_asks(site: Site, web: Web, tmp_path: Path) -> None:
    site.put("/file", BODY, '"one"')
    fetched = download(web, remote(site, checksum=True), tmp_path)
    md5 = hashlib.md5(BODY, usedforsecurity=False).hexdigest()
    assert fetched == Fetched(
        "file", f"{site.url}/file", len(BODY), hashlib.sha256(BODY).hexdigest(), md5, '"one"',
        fetched.fetched_at,
    )  # fmt: skip
    assert datetime.fromisoformat(fetched.fetched_at).tzinfo is not None
