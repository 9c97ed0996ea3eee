"""Results of finished folds on disk, so that a killed run is taken up where it stood.

Belongs here: writing, reading and removing these files. Does not belong here: their names
(`fold_keys`), and when they are used (`cross_validate`).

Each result is one zip file of Parquet tables, written beside its place and moved there as a whole;
what it holds is data only, never code. Everything here can be deleted when nothing runs.
"""

from __future__ import annotations

import errno
import io
import json
import logging
import os
import time
import zipfile
import zlib
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Generic, cast

import polars as pl
from typing_extensions import TypeVar

from cup_assets.classify.nested import FoldResult

Result = TypeVar("Result", default=FoldResult)
"""A dataclass whose fields are frames, numbers and texts."""

_HEAD = "fold.json"
_KEPT = 14 * 24 * 3600.0  # seconds after the last use
_LEFT_BEHIND = 24 * 3600.0
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES)
_UNREADABLE = (
    *(OSError, EOFError, zipfile.BadZipFile, zlib.error, NotImplementedError),
    *(KeyError, TypeError, ValueError, pl.exceptions.PolarsError),
)

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class FoldStore(Generic[Result]):
    """The results in one folder, by name; safe for several processes at once.

    Attributes
    ----------
    folder
        Where they are.
    kind
        What they are: a dataclass of frames, numbers and texts.
    """

    folder: Path
    kind: type[Result] = FoldResult  # type: ignore[assignment]

    def save(self, key: str, result: Result) -> None:
        """Keep a result; where the disk has no room for it, it is not kept, and that is logged.

        Nor is it where the folder is not there (`prepare` makes it): a worker on another machine
        would fill a disk that nobody reads.
        """
        if not self.folder.is_dir():
            return
        temporary = self.folder / f".{key}.{os.getpid()}.part"
        try:
            with temporary.open("wb") as file:
                _write(file, key, result)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(self._path(key))
        except OSError as error:
            if error.errno not in _NO_ROOM:
                raise
            _log.warning("a finished fold could not be kept in %s: %s", self.folder, error)
        finally:
            temporary.unlink(missing_ok=True)

    def load(self, key: str, warn: Callable[[str], None] = _log.warning) -> Result | None:
        """Return a result, None where there is none; one that is damaged is removed, with a word.

        Every byte of the tables is covered by a checksum.
        """
        path = self._path(key)
        try:
            with zipfile.ZipFile(path) as archive:
                result = _read(archive, key, self.kind)
        except FileNotFoundError:
            return None
        except _UNREADABLE as error:
            warn(f"{path} is damaged, its fold is computed again: {error}")
            with suppress(OSError):
                path.unlink()
            return None
        with suppress(OSError):
            os.utime(path)
        return result

    def prepare(self) -> None:
        """Make the folder; remove what was not used for two weeks, and what killed runs left."""
        self.folder.mkdir(parents=True, exist_ok=True)
        now = time.time()
        for pattern, age in (("*.zip", _KEPT), (".*.part", _LEFT_BEHIND)):
            for file in self.folder.glob(pattern):
                with suppress(OSError):  # another process may be quicker
                    if now - file.stat().st_mtime > age:
                        file.unlink()

    def _path(self, key: str) -> Path:
        return self.folder / f"{key}.zip"


@dataclass(frozen=True)
class Keeper:
    """Keeps each result as it is finished; a worker process can be given it."""

    store: FoldStore[FoldResult]
    keys: Mapping[tuple[int, int], str]

    def __call__(self, result: FoldResult) -> None:
        """Keep one result under the name of its fold."""
        self.store.save(self.keys[result.repeat, result.outer_fold], result)


def _write(file: io.BufferedWriter, key: str, result: Any) -> None:
    head: dict[str, object] = {"key": key}
    # Parquet is compressed already.
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for field in fields(result):
            value = getattr(result, field.name)
            if isinstance(value, pl.DataFrame):
                value.write_parquet(buffer := io.BytesIO())
                archive.writestr(f"{field.name}.parquet", buffer.getvalue())
            else:
                head[field.name] = value
        archive.writestr(_HEAD, json.dumps(head))


def _read(archive: zipfile.ZipFile, key: str, kind: type[Result]) -> Result:
    head = json.loads(archive.read(_HEAD))
    if head.pop("key") != key:
        raise ValueError("it holds the result of another fold")
    tables: dict[str, Any] = {
        name.removesuffix(".parquet"): pl.read_parquet(io.BytesIO(archive.read(name)))
        for name in archive.namelist()
        if name != _HEAD
    }
    if {*head, *tables} != {field.name for field in fields(cast("Any", kind))}:
        raise ValueError("it lacks a table, or holds one that is unknown")
    return kind(**head, **tables)
