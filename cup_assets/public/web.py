"""Asking a server politely: pace, retries, and the few kinds of answer that are understood.

Belongs here: one request and what to do when it fails. Does not belong here: files on disk
(`transfer`), what the answers mean (`geo`, `gdc`).

A server that is busy (429, 5xx) or breaks off is asked again after a pause that doubles, or that
the server names itself (Retry-After, RFC 9110 section 10.2.3); every other refusal is final.
"""

from __future__ import annotations

import threading
import time
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar

import httpx

from cup_assets.public.errors import AbsentError, PublicError, TransferError

_AGAIN = frozenset({408, 425, 429, 500, 502, 503, 504})
_MOST_TEXT = 2**26
_T = TypeVar("_T")


@dataclass(frozen=True)
class Manners:
    """How a server is treated.

    Attributes
    ----------
    pace
        Least seconds between two requests; NCBI asks for at most three requests a second.
    retries
        How often a request is repeated that made no progress.
    first_pause, longest_pause
        Seconds before the first repetition, doubled each time, and the most that is waited, also
        where the server asks for more.
    timeout
        Seconds without a byte after which a transfer counts as broken off.
    """

    pace: float = 0.34
    retries: int = 5
    first_pause: float = 1.0
    longest_pause: float = 120.0
    timeout: float = 60.0


class Interrupted(Exception):  # noqa: N818 - not an error yet: the request is repeated
    """A request that may be repeated, whether it brought anything, and when."""

    def __init__(self, why: str, *, progress: bool = False, after: float | None = None) -> None:
        super().__init__(why)
        self.why, self.progress, self.after = why, progress, after


class Web:
    """One client for all requests of a fetch; may be used by several threads."""

    def __init__(
        self,
        manners: Manners = Manners(),
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.manners = manners
        self._sleep = sleep
        self._turn = threading.Lock()
        self._next = 0.0
        self._client = httpx.Client(
            follow_redirects=True,
            timeout=httpx.Timeout(manners.timeout),
            # A transfer is resumed by bytes: they must be those of the file.
            headers={"Accept-Encoding": "identity", "User-Agent": "cup-assets (cup fetch)"},
        )

    def __enter__(self) -> Web:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def repeat(self, what: str, once: Callable[[], _T]) -> _T:
        """Call ``once`` until it is not `Interrupted`.

        Raises
        ------
        TransferError
            If it was interrupted too often without progress, or is asked to wait too long.
        """
        failures = 0
        while True:
            try:
                return once()
            except Interrupted as fault:
                failures = 1 if fault.progress else failures + 1
                self._pause(what, fault, failures)

    def _pause(self, what: str, fault: Interrupted, failures: int) -> None:
        pause = self.manners.first_pause * 2 ** (failures - 1)
        if fault.after is not None and fault.after > self.manners.longest_pause:
            raise TransferError(
                f"{what}: {fault.why}, and asks for a pause of {fault.after:,.0f} s: run the same"
                " command again later, what has arrived is kept"
            ) from fault
        if failures > self.manners.retries:
            raise TransferError(
                f"{what}: {fault.why}; given up after {failures} attempts: run the same command"
                " again later, what has arrived is kept"
            ) from fault
        wait = pause if fault.after is None else max(fault.after, pause)
        self._sleep(min(wait, self.manners.longest_pause))

    @contextmanager
    def ask(self, method: str, url: str, **options: Any) -> Iterator[httpx.Response]:
        """Open one answer; its body is not read yet.

        Raises
        ------
        Interrupted
            If it may be asked again.
        PublicError
            If the server refuses.
        """
        self._wait_for_turn()
        try:
            with self._client.stream(method, url, **options) as answer:
                if url.startswith("https:") and answer.url.scheme != "https":
                    raise PublicError(f"{url}: leads to a page without encryption: not followed")
                if answer.status_code in _AGAIN:
                    why = f"the server answers {answer.status_code}"
                    raise Interrupted(why, after=_retry_after(answer))
                if answer.status_code == 404:
                    raise AbsentError(
                        f"{url}: is not there (404): check the accession and the base address"
                    )
                if answer.status_code not in (200, 206, 416):
                    raise TransferError(_refusal(url, answer.status_code))
                yield answer
        except httpx.TransportError as error:
            why = str(error) or type(error).__name__
            raise Interrupted(f"the connection failed ({why})") from error
        except httpx.HTTPError as error:
            raise TransferError(f"{url}: {error}") from error
        except httpx.InvalidURL as error:
            raise PublicError(f"{url!r} is no address ({error})") from error

    def text(self, url: str) -> str | None:
        """Return a page, or None where there is none (404)."""
        try:
            return self.repeat(url, lambda: self._body("GET", url)).decode("utf-8", "replace")
        except AbsentError:
            return None

    def json(self, url: str, payload: Any) -> Any:
        """Return the answer to a JSON query.

        Raises
        ------
        PublicError
            If it is no JSON.
        """
        import json

        body = self.repeat(url, lambda: self._body("POST", url, json=payload))
        try:
            return json.loads(body)
        except ValueError as error:
            raise PublicError(f"{url}: did not answer in JSON: is it the right address?") from error

    def headers(self, url: str) -> httpx.Headers:
        """Return what the server says about a file, without the file."""

        def once() -> httpx.Headers:
            with self.ask("HEAD", url) as answer:
                return answer.headers

        return self.repeat(url, once)

    def beginning(self, url: str, end: bytes) -> bytes:
        """Return a text file, packed or not, up to and including the line that begins with ``end``.

        The rest is not transferred: in front of a table of gigabytes stand a few kilobytes about
        its samples.
        """
        return self.repeat(url, lambda: self._beginning(url, end))

    def _beginning(self, url: str, end: bytes) -> bytes:
        text = b""
        machine: Any = None
        with self.ask("GET", url) as answer:
            for number, block in enumerate(answer.iter_raw()):
                if number == 0 and block.startswith(b"\x1f\x8b"):
                    machine = zlib.decompressobj(wbits=31)
                try:
                    text += machine.decompress(block, _MOST_TEXT) if machine else block
                except zlib.error as error:
                    raise TransferError(f"{url}: is a damaged gzip file ({error})") from error
                place = text.find(b"\n" + end)
                if place >= 0:
                    stop = text.find(b"\n", place + 1)
                    if stop >= 0:
                        return text[: stop + 1]
                if len(text) > _MOST_TEXT:
                    break
        raise TransferError(f"{url}: has no line {end.decode()}: is it a series matrix?")

    def blocks(
        self, url: str, told: Callable[[int, int | None], None] = lambda *_: None
    ) -> Iterator[bytes]:
        """Yield a file as it arrives; it is held nowhere.

        A line that breaks is taken up where it broke, if the file is still the same. ``told`` is
        called with the bytes that have arrived, and those of the file where the server says it.

        Raises
        ------
        TransferError
            If it cannot be had, or is not the same file any more.
        """
        arrived, failures, total, validator = 0, 0, None, ""
        while True:
            start, headers = arrived, {}
            if start:
                headers = {"Range": f"bytes={start}-", "If-Range": validator}
            try:
                with self.ask("GET", url, headers=headers) as answer:
                    part = answer.headers.get("Content-Range", "")
                    if start and not part.startswith(f"bytes {start}-"):
                        raise TransferError(f"{url}: changed while it was read: try again")
                    if not start:
                        validator = validator_of(answer.headers)
                        length = answer.headers.get("Content-Length", "")
                        total = int(length) if length.isdigit() else None
                    for block in answer.iter_raw():
                        arrived += len(block)
                        told(arrived, total)
                        yield block
                if total is None or arrived >= total:
                    return
                fault = Interrupted(f"it broke off after {arrived:,} of {total:,} bytes")
            except Interrupted as broken:
                fault = broken
            if arrived and not validator:
                raise TransferError(f"{url}: {fault.why}, and cannot be resumed: try again")
            failures = 1 if arrived > start else failures + 1
            self._pause(url, fault, failures)

    def _body(self, method: str, url: str, **options: Any) -> bytes:
        body = b""
        with self.ask(method, url, **options) as answer:
            for block in answer.iter_raw():
                body += block
                if len(body) > _MOST_TEXT:
                    raise TransferError(f"{url}: answers with more than {_MOST_TEXT:,} bytes")
        return body

    def _wait_for_turn(self) -> None:
        with self._turn:
            now = time.monotonic()
            wait = self._next - now
            self._next = max(now, self._next) + self.manners.pace
        if wait > 0:
            self._sleep(wait)


def validator_of(headers: Mapping[str, str]) -> str:
    """Return what tells that a file is still the same: its strong ETag, else its last change."""
    etag = headers.get("ETag", "")
    return etag if etag and not etag.startswith("W/") else headers.get("Last-Modified", "")


def _refusal(url: str, status: int) -> str:
    if status in (401, 403):
        return f"{url}: is not open to everybody ({status}): only open data are fetched"
    return f"{url}: the server answers {status}"


def _retry_after(answer: httpx.Response) -> float | None:
    written = answer.headers.get("Retry-After", "").strip()
    if written.isdigit():
        return float(written)
    try:
        when = parsedate_to_datetime(written)
    except ValueError:
        return None
    if when.tzinfo is None:  # "-0000": a server that does not say where it is
        when = when.replace(tzinfo=UTC)
    return max(0.0, (when - datetime.now(UTC)).total_seconds())
