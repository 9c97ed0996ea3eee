"""A file from a server onto the disk, whole and the one that was meant.

Belongs here: resuming, checking, and remembering what was fetched before. Does not belong here:
requests and pauses (`web`), what is inside of the file.

A transfer that broke off goes on where it stopped, provided that the file is still the same: the
server is asked to send the rest only if its validator (strong ETag, else the time of its last
change) is unchanged (If-Range, RFC 9110 section 13.1.5), or a checksum decides at the end. Where
the source publishes no checksum, the SHA-256 of the first fetch is kept, and a later fetch that
brings other bytes is refused.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

import httpx

from cup_assets.cohort.array_files import file_digest
from cup_assets.public.errors import ChangedError, TransferError
from cup_assets.public.samples import RemoteFile
from cup_assets.public.web import Interrupted, Web, validator_of

_RANGE = re.compile(r"bytes (\d+)-\d+/(\d+)")


@dataclass(frozen=True)
class Fetched:
    """What is known about a file that arrived.

    Attributes
    ----------
    name, url, size, sha256
        The file.
    md5
        As the source published it, and as it was found; empty where it publishes none.
    validator
        Strong ETag or time of the last change, as the server said; empty where it said neither.
    fetched_at
        ISO date and time, UTC.
    """

    name: str
    url: str
    size: int
    sha256: str
    md5: str
    validator: str
    fetched_at: str


class Ledger:
    """What was fetched before, in a file beside the downloads; it outlives them."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.files: dict[str, Fetched] = {}
        if path.exists():
            try:
                content = json.loads(path.read_text("utf-8"))
                self.files = {name: Fetched(**record) for name, record in content.items()}
            except (ValueError, TypeError, AttributeError) as error:
                raise TransferError(f"{path}: is damaged: move it away and fetch again") from error

    def add(
        self, fetched: Fetched, *, accept_changed: bool = False, save: bool = True
    ) -> Fetched | None:
        """Remember a file; return what it was before where it has changed.

        Thousands of small files need not be written down one by one (``save``).

        Raises
        ------
        ChangedError
            If it has changed and that is not accepted.
        """
        before = self.files.get(fetched.name)
        changed = before if before and before.sha256 != fetched.sha256 else None
        if changed and not accept_changed:
            raise ChangedError(
                f"{fetched.url}: has changed since {changed.fetched_at[:10]} ({changed.size:,} ->"
                f" {fetched.size:,} bytes, SHA-256 {changed.sha256[:12]} -> {fetched.sha256[:12]}):"
                " find out why, then use --accept-changed"
            )
        self.files[fetched.name] = fetched
        if save:
            self.save()
        return changed

    def save(self) -> None:
        """Write down what is remembered."""
        write_json(self.path, {name: asdict(file) for name, file in sorted(self.files.items())})


def download(
    web: Web,
    remote: RemoteFile,
    folder: Path,
    before: Fetched | None = None,
    progress: Callable[[int], None] | None = None,
) -> Fetched:
    """Bring a file into a folder, resuming what is there of it.

    Parameters
    ----------
    web : Web
    remote : RemoteFile
        The file; size and MD5 are checked where they are given.
    folder : Path
        Gets ``<name>``, and ``<name>.part`` until it is whole.
    before : Fetched, optional
        The record of an earlier fetch: the file is not fetched again if it lies there as recorded
        and the source still offers that one.
    progress : callable, optional
        Called with the number of bytes that have arrived so far.

    Raises
    ------
    TransferError
        If it cannot be had, or its size or checksum is not the announced one.
    """
    target = folder / remote.name
    if before and target.exists() and _is_still(web, remote, before, target):
        if progress:
            progress(before.size)
        return before
    part = _Part(folder / f"{remote.name}.part", remote)
    web.repeat(remote.url, lambda: part.continue_(web, progress))
    fetched = part.checked()
    part.path.replace(target)
    part.notes.unlink(missing_ok=True)
    return fetched


def write_json(path: Path, content: object) -> None:
    """Write a JSON file so that it is there as a whole or not at all."""
    text = json.dumps(content, indent=2, ensure_ascii=False, sort_keys=False) + "\n"
    hidden = path.with_name(f".{path.name}.new")
    hidden.write_text(text, "utf-8")
    hidden.replace(path)


def _is_still(web: Web, remote: RemoteFile, before: Fetched, target: Path) -> bool:
    if remote.md5:
        same = remote.md5 == before.md5
    else:
        headers = web.headers(remote.url)
        size = headers.get("Content-Length", str(before.size))
        same = bool(before.validator) and validator_of(headers) == before.validator
        same = same and size == str(before.size)
    return same and file_digest(target) == (before.size, before.sha256)


class _Part:
    """What has arrived of a file, with notes on which file it is a part of."""

    def __init__(self, path: Path, remote: RemoteFile) -> None:
        self.path, self.remote = path, remote
        self.notes = path.with_name(f"{path.name}.json")
        self.validator = ""
        self.size = remote.size

    def continue_(self, web: Web, progress: Callable[[int], None] | None) -> None:
        """Ask for what is missing; `Interrupted` where less than that comes."""
        start = self._resumable()
        headers = {}
        if start:
            headers["Range"] = f"bytes={start}-"
            if self.validator:
                headers["If-Range"] = self.validator
        arrived = start
        try:
            with web.ask("GET", self.remote.url, headers=headers) as answer:
                if answer.status_code == 416:
                    if answer.headers.get("Content-Range") == f"bytes */{start}":
                        self.size = start  # nothing is missing: only the check was not done
                        return
                    self._forget()
                    raise Interrupted("the rest of the file is not there any more")
                start = self._agree(answer, start)
                arrived = start
                with self.path.open("r+b" if start else "wb") as file:
                    file.seek(start)
                    for block in answer.iter_raw():
                        file.write(block)
                        arrived += len(block)
                        if progress:
                            progress(arrived)
                    file.truncate()
                    file.flush()
                    os.fsync(file.fileno())
        except Interrupted as fault:
            fault.progress = arrived > start
            raise
        if self.size is not None and arrived != self.size:
            if arrived > self.size:
                self._forget()
                raise TransferError(
                    f"{self.remote.url}: brought {arrived:,} bytes and {self.size:,} were"
                    " announced: it was removed, fetch it again"
                )
            why = f"it broke off after {arrived:,} of {self.size:,} bytes"
            raise Interrupted(why, progress=arrived > start)

    def checked(self) -> Fetched:
        """Return what arrived, if it is what was announced."""
        size, sha256 = file_digest(self.path)
        md5 = _md5(self.path) if self.remote.md5 else ""
        if self.remote.md5 and md5 != self.remote.md5.lower():
            self._forget()
            raise TransferError(
                f"{self.remote.url}: MD5 is {md5} and {self.remote.md5} was announced: it was"
                " removed, fetch it again"
            )
        now = datetime.now(UTC).isoformat(timespec="seconds")
        return Fetched(self.remote.name, self.remote.url, size, sha256, md5, self.validator, now)

    def _resumable(self) -> int:
        """Return from which byte on the rest can be asked for."""
        try:
            notes = json.loads(self.notes.read_text("utf-8"))
            size = self.path.stat().st_size
        except (OSError, ValueError):
            return 0
        if notes.get("url") != self.remote.url or notes.get("md5") != self.remote.md5:
            return 0
        self.validator = str(notes.get("validator") or "")
        return size if self.validator or self.remote.md5 else 0

    def _agree(self, answer: httpx.Response, start: int) -> int:
        """Hold the answer against the request; return from which byte on it brings the file."""
        total: int | None = None
        if answer.status_code == 206:
            found = _RANGE.fullmatch(answer.headers.get("Content-Range", ""))
            if found is None or int(found[1]) != start:
                self._forget()
                raise Interrupted("the server sent another part than was asked for")
            total = int(found[2])
        else:
            start = 0
            if "Content-Length" in answer.headers:
                total = int(answer.headers["Content-Length"])
        if self.remote.size is not None and total not in (None, self.remote.size):
            raise TransferError(
                f"{self.remote.url}: has {total:,} bytes and {self.remote.size:,} were announced:"
                " fetch again, and if it stays so tell the source"
            )
        self.size = total if total is not None else self.remote.size
        self.validator = validator_of(answer.headers)
        notes = {"url": self.remote.url, "md5": self.remote.md5, "validator": self.validator}
        write_json(self.notes, notes)
        return start

    def _forget(self) -> None:
        self.path.unlink(missing_ok=True)
        self.notes.unlink(missing_ok=True)


def _md5(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
