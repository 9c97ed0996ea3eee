"""Why a beta is missing: the reasons, their precedence, and the user's mask files.

Belongs here: codes of reasons, and lists of probes to leave out whatever a sample shows. Does not
belong here: detection p-values (`detection`), applying a mask to a sample (`betas`).

A missing beta has exactly one reason, the first that applies:

1. ``not_measured``: an address of the probe is not on this array.
2. a reason of a mask file: the files in the order of the parameters, the rows in theirs.
3. ``low_beads``: measured by too few beads in this sample.
4. ``detection``: not told from background in this sample.

What holds for the probe in every sample comes before what holds in one sample, so that the number
of probes a file masks is the same for all samples of an array.

A mask file is a CSV (comma, semicolon or tab) with a column ``probe_id`` (or ``IlmnID``, ``Name``)
and a column ``reason``; or a text of one probe id a line without a header, all masked for the
file's name ("cross_reactive.txt"). An id is that of the manifest, or, for an array that carries
replicates of one probe (EPIC v2), the name that they share.
"""

from __future__ import annotations

import csv
import hashlib
import io
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cup_assets.methylome.errors import MaskError
from cup_assets.methylome.parameters import BetaParameters

if TYPE_CHECKING:
    from cup_assets.methylome.manifest import Manifest

DETECTION, LOW_BEADS, NOT_MEASURED = 1, 2, 3
MASK_REASONS = {DETECTION: "detection", LOW_BEADS: "low_beads", NOT_MEASURED: "not_measured"}
_FIRST_OF_FILES = max(MASK_REASONS) + 1
_MOST_REASONS = np.iinfo(np.uint8).max - _FIRST_OF_FILES + 1
_ID_COLUMNS = ("probe_id", "ilmnid", "name")
_PROBE_ID = re.compile(r"[A-Za-z0-9_.:\-]+")


@dataclass(frozen=True, eq=False)
class Masks:
    """The probes that the user's files mask.

    Attributes
    ----------
    files : tuple of str
        As named in the parameters.
    sha256 : tuple of str
        Of each file's content.
    reasons : tuple of str
        Distinct reasons, in the order of precedence.
    by_probe : dict of probe id to reason
    """

    files: tuple[str, ...]
    sha256: tuple[str, ...]
    reasons: tuple[str, ...]
    by_probe: dict[str, str]

    @property
    def names(self) -> dict[int, str]:
        """Every reason by its code, those without a file first."""
        return MASK_REASONS | dict(enumerate(self.reasons, start=_FIRST_OF_FILES))

    def codes(self, manifest: Manifest) -> NDArray[np.uint8]:
        """Return the reason's code of every probe of an array, uint8[p], 0 where not masked."""
        codes = {reason: code for code, reason in self.names.items()}
        found = np.zeros(manifest.probes.height, dtype=np.uint8)
        probes = manifest.probes.select("probe_id", "name").iter_rows()
        for row, (probe_id, name) in enumerate(probes):
            reason = self.by_probe.get(probe_id) or self.by_probe.get(name)
            if reason:
                found[row] = codes[reason]
        return found


NO_MASKS = Masks((), (), (), {})


def pin_masks(parameters: BetaParameters, folder: Path = Path()) -> tuple[BetaParameters, Masks]:
    """Read the mask files that the parameters name and write their hashes into the parameters.

    The parameters returned are what to record with the betas: a file whose content changes makes
    other parameters, although its name stays.

    Parameters
    ----------
    parameters : BetaParameters
    folder : Path
        What relative names are relative to.

    Raises
    ------
    MaskError
        If a file cannot be read or used, or its content is not the one that the parameters
        already name by its hash.
    """
    masks = read_masks(parameters.mask_files, folder)
    expected = parameters.mask_sha256
    if expected:
        for file, wanted, found in zip(masks.files, expected, masks.sha256, strict=True):
            if wanted != found:
                raise MaskError(
                    f"{file}: is not the mask file that the parameters name (SHA-256 {found[:12]}, "
                    f"not {wanted[:12]}); restore it, or take its hash out of mask_sha256"
                )
    return replace(parameters, mask_sha256=masks.sha256), masks


def read_masks(files: Iterable[str], folder: Path = Path()) -> Masks:
    """Read mask files; names are relative to ``folder``.

    Raises
    ------
    MaskError
        One line naming the file and row at fault.
    """
    names = tuple(files)
    hashes = []
    by_probe: dict[str, str] = {}
    for name in names:
        try:
            content = (Path(folder) / name).read_bytes()
        except OSError as error:
            raise MaskError(
                f"{name}: cannot be read ({error.strerror or error}); correct mask_files"
            ) from error
        hashes.append(hashlib.sha256(content).hexdigest())
        empty = True
        for probe_id, reason in _rows(Path(name), content):
            empty = False
            by_probe.setdefault(probe_id, reason)
        if empty:
            raise MaskError(f"{name}: names no probe; give one probe id a row")
    reasons = tuple(dict.fromkeys(by_probe.values()))
    if len(reasons) > _MOST_REASONS:
        raise MaskError(
            f"{', '.join(names)}: {len(reasons)} different reasons, at most {_MOST_REASONS} can "
            "be told apart; give one short reason a list of probes"
        )
    return Masks(names, tuple(hashes), reasons, by_probe)


def _rows(path: Path, content: bytes) -> Iterator[tuple[str, str]]:
    """Yield probe id and reason of every row."""
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
        reason = _checked_reason(re.sub(r"[^a-z0-9]+", "_", path.stem.lower()).strip("_"), path)
        for number, line in enumerate(lines, start=1):
            if line.strip():
                yield _checked_id(line.strip(), path, number), reason
        return
    if "reason" not in columns:
        raise MaskError(f"{path}: has no column reason; name the columns probe_id and reason")
    reason_column = columns.index("reason")
    table = csv.reader(io.StringIO("\n".join(lines[1:])), delimiter=separator or ",")
    for number, row in enumerate(table, start=2):
        if not any(cell.strip() for cell in row):
            continue
        if len(row) <= max(id_column, reason_column):
            raise MaskError(f"{path} line {number}: has no reason; give every probe one")
        probe_id = _checked_id(row[id_column].strip(), path, number)
        yield probe_id, _checked_reason(row[reason_column].strip(), f"{path} line {number}")


def _checked_id(probe_id: str, path: Path, number: int) -> str:
    if not _PROBE_ID.fullmatch(probe_id):
        raise MaskError(f"{path} line {number}: {probe_id!r} is no probe id; correct the row")
    return probe_id


def _checked_reason(reason: str, where: object) -> str:
    if not reason or reason in MASK_REASONS.values():
        raise MaskError(
            f"{where}: {reason!r} cannot be the reason of a mask file; name what is wrong with "
            "the probe, such as snp or cross_reactive"
        )
    return reason
