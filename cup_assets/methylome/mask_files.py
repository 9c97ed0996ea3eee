"""A user's own file of probes to mask.

Belongs here: its text layouts, and which probes of an array it means. Does not belong here: the
precedence of masks (`masks`), lists with a name (`mask_lists`).

A mask file is a CSV (comma, semicolon or tab) with a column ``probe_id`` (or ``IlmnID``, ``Name``)
and a column ``reason``; or a text of one probe id a line without a header, all masked for the
file's name ("cross_reactive.txt"). An id is that of the manifest, or, for an array that carries
replicates of one probe (EPIC v2), the name that they share. Of two rows about one id the first
counts.
"""

from __future__ import annotations

import csv
import hashlib
import io
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from cup_assets.methylome.errors import MaskError

if TYPE_CHECKING:
    from cup_assets.methylome.manifest import Manifest

_ID_COLUMNS = ("probe_id", "ilmnid", "name")
_PROBE_ID = re.compile(r"[A-Za-z0-9_.:\-]+")


@dataclass(frozen=True, eq=False)
class MaskFile:
    """The content of one file.

    Attributes
    ----------
    entry : str
        As named in the parameters.
    sha256 : str
        Of its bytes.
    by_probe : dict of probe id to reason
    """

    entry: str
    sha256: str
    by_probe: dict[str, str]

    @property
    def reasons(self) -> tuple[str, ...]:
        """Distinct reasons, in the order of the rows."""
        return tuple(dict.fromkeys(self.by_probe.values()))

    def reasons_on(self, manifest: Manifest) -> pl.Series:
        """Return the reason against each probe, by its own id or else by the replicates' name."""
        return reasons_by_id(manifest, self.by_probe)

    def lack(self, manifest: Manifest) -> str | None:
        """Return None: a file says what it says, about whichever arrays have its probes."""
        return None


def reasons_by_id(manifest: Manifest, by_probe: dict[str, str]) -> pl.Series:
    """Return the reason against each probe of an array, str[p], null where there is none."""
    listed = pl.DataFrame(
        {"id": list(by_probe), "reason": list(by_probe.values())},
        schema={"id": pl.String, "reason": pl.String},
    )
    own, shared = (
        manifest.probes.select(id=column).join(listed, on="id", how="left", maintain_order="left")
        for column in ("probe_id", "name")
    )
    return own["reason"].zip_with(own["reason"].is_not_null(), shared["reason"])


def read_mask_file(
    entry: str, folder: Path = Path(), *, reserved: Collection[str] = ()
) -> MaskFile:
    """Read a mask file; its name is relative to ``folder``, ``reserved`` are no reasons of its own.

    Raises
    ------
    MaskError
        One line naming the file and row at fault.
    """
    try:
        content = (Path(folder) / entry).read_bytes()
    except OSError as error:
        raise MaskError(
            f"{entry}: cannot be read ({error.strerror or error}); correct masks"
        ) from error
    by_probe: dict[str, str] = {}
    for where, probe_id, reason in _rows(Path(entry), content):
        if reason in reserved:
            raise MaskError(
                f"{where}: {reason!r} cannot be the reason of a mask; name what is wrong with the "
                "probe, such as snp or cross_reactive"
            )
        by_probe.setdefault(probe_id, reason)
    if not by_probe:
        raise MaskError(f"{entry}: names no probe; give one probe id a row")
    return MaskFile(entry, hashlib.sha256(content).hexdigest(), by_probe)


def _rows(path: Path, content: bytes) -> Iterator[tuple[str, str, str]]:
    """Yield place, probe id and reason of every row."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise MaskError(f"{path}: is not UTF-8 text; save it as UTF-8") from error
    lines = text.splitlines()
    heading = lines[0].lower() if lines else ""
    separator = next((mark for mark in ",;\t" if mark in heading), None)
    columns = [name.strip().strip('"') for name in heading.split(separator or ",")]
    id_column = next((columns.index(name) for name in _ID_COLUMNS if name in columns), None)
    if id_column is None:
        if separator:
            raise MaskError(f"{path}: has no column probe_id; name the columns probe_id and reason")
        reason = re.sub(r"[^a-z0-9]+", "_", path.stem.lower()).strip("_")
        if not reason:
            raise MaskError(f"{path}: its name is the reason and says nothing; rename the file")
        for number, line in enumerate(lines, start=1):
            if line.strip():
                yield str(path), _checked_id(line.strip(), path, number), reason
        return
    if "reason" not in columns:
        raise MaskError(f"{path}: has no column reason; name the columns probe_id and reason")
    reason_column = columns.index("reason")
    table = csv.reader(io.StringIO("\n".join(lines[1:])), delimiter=separator or ",")
    for number, row in enumerate(table, start=2):
        if not any(cell.strip() for cell in row):
            continue
        where = f"{path} line {number}"
        if len(row) <= max(id_column, reason_column) or not row[reason_column].strip():
            raise MaskError(f"{where}: has no reason; give every probe one")
        yield where, _checked_id(row[id_column].strip(), path, number), row[reason_column].strip()


def _checked_id(probe_id: str, path: Path, number: int) -> str:
    if not _PROBE_ID.fullmatch(probe_id):
        raise MaskError(f"{path} line {number}: {probe_id!r} is no probe id; correct the row")
    return probe_id
