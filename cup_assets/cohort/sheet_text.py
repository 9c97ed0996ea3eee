"""From the bytes of a sample sheet to a header and numbered rows of cells.

Belongs here: encodings, separators and the two layouts (Illumina sections, plain CSV). Does not
belong here: what the columns mean.

What is accepted follows what spreadsheets write. UTF-8 (with or without byte order mark), and
UTF-16 with one, say themselves what they are. Other bytes are read as Windows-1252, which a French
Excel writes, only where every non-ASCII byte means the same letter in Latin-1 (or is one of
``€ ’ Œ œ``); bytes of DOS and Mac code pages do not pass, because a wrong guess changes names
without anybody noticing. Comma, semicolon and tab are told apart by which of them yields the known
column names. Whatever was inferred is returned as a note.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from cup_assets.cohort.problems import Problem, SampleSheetError, printable

MAX_BYTES = 16 * 2**20
# A slide has 8 or 12 samples, a large study some thousands. Every cell and row beyond is another
# file, and costs a hundred times its bytes once it has been taken apart and complained about.
MAX_LINES = 50_000
MAX_COLUMNS = 1_000
MAX_CELL = 10_000  # characters
_SEPARATORS = {",": "comma", ";": "semicolon", "\t": "tab"}
_SECTION = re.compile(r'^[\s"]*\[([A-Za-z][A-Za-z0-9_ ]*)\][\s",;]*$')
_SAFE_CP1252 = frozenset(range(0xA0, 0x100)) | {0x80, 0x8C, 0x92, 0x9C}


@dataclass(frozen=True)
class SheetTable:
    """The data table of a sample sheet.

    Attributes
    ----------
    header
        Column names as written, trimmed.
    rows
        ``(line number, cells)`` of every row that holds anything; line numbers count from 1.
    notes
        How the file was understood where that had to be inferred.
    """

    header: tuple[str, ...]
    rows: tuple[tuple[int, tuple[str, ...]], ...]
    notes: tuple[Problem, ...]


def read_table(path: Path, is_known: Callable[[str], bool]) -> SheetTable:
    """Read the data table of a sample sheet.

    Parameters
    ----------
    path : Path
        The sheet.
    is_known : callable
        Whether a column name is one the platform knows; decides which separator is in use.

    Raises
    ------
    SampleSheetError
        If the file is not text in an accepted encoding, or holds no such table.
    """
    text, notes = _decode(path)
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    if (n_lines := text.count("\n")) > MAX_LINES:
        raise SampleSheetError(f"{path.name}: has {n_lines:,} lines: is this the sample sheet?")
    lines = text.split("\n")
    first, last = _data_section(path.name, lines)
    separator = _separator(lines[first], is_known)
    if separator != ",":
        notes.append(
            Problem(
                "separator",
                path.name,
                f"columns are separated by {_SEPARATORS[separator]}s",
                "nothing to do if the values are right",
                "note",
            )
        )
    records = _records(path.name, lines[first:last], first, separator)
    if not records:
        raise SampleSheetError(_no_table(path.name))
    _, header = records[0]
    while header and not header[-1]:
        header = header[:-1]
    return SheetTable(header, tuple(records[1:]), tuple(notes))


def _decode(path: Path) -> tuple[str, list[Problem]]:
    name = path.name
    try:
        with path.open("rb") as stream:
            raw = stream.read(MAX_BYTES + 1)
    except OSError as error:
        raise SampleSheetError(
            f"{name}: cannot be read ({error.strerror}): give this user the right to read it"
        ) from error
    if not raw.strip():
        raise SampleSheetError(f"{name}: is empty: fill in one line per sample")
    if len(raw) > MAX_BYTES:
        raise SampleSheetError(f"{name}: is larger than 16 MB: is this the sample sheet?")
    if raw.startswith((b"PK\x03\x04", b"\xd0\xcf\x11\xe0")):
        raise SampleSheetError(f"{name}: is an Excel workbook: save it as 'CSV UTF-8'")
    notes: list[Problem] = []
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        try:
            text = raw.decode("utf-16")
        except UnicodeDecodeError as error:
            raise SampleSheetError(f"{name}: is broken UTF-16: save it as 'CSV UTF-8'") from error
        notes.append(_encoding_note(name, "UTF-16", text))
    else:
        try:
            text = raw.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            if not _SAFE_CP1252.issuperset(byte for byte in raw if byte > 0x7F):
                line = raw.count(b"\n", 0, error.start) + 1
                raise SampleSheetError(
                    f"{name}, line {line}: is neither UTF-8 nor plain Windows-1252 text:"
                    " save it as 'CSV UTF-8'"
                ) from error
            text = raw.decode("cp1252")
            notes.append(_encoding_note(name, "Windows-1252", text))
    if "\0" in text:
        raise SampleSheetError(f"{name}: holds binary data: save it as 'CSV UTF-8'")
    return text, notes


def _encoding_note(name: str, encoding: str, text: str) -> Problem:
    words = dict.fromkeys(word[:40] for word in re.findall(r"\w+", text) if not word.isascii())
    seen = f" (for example {', '.join(list(words)[:3])})" if words else ""
    return Problem(
        "encoding",
        name,
        f"is not UTF-8 and was read as {encoding}{seen}",
        "check the accented letters, or save it as 'CSV UTF-8'",
        "note",
    )


def _data_section(name: str, lines: list[str]) -> tuple[int, int]:
    """Return the first (header) and the last line, exclusive, of the data table, from 0."""
    sections = [
        (number, match[1].strip().lower())
        for number, text in enumerate(lines)
        if (match := _SECTION.match(text))
    ]
    start, end = 0, len(lines)
    if sections:
        data = [number for number, section in sections if section == "data"]
        if len(data) != 1:
            raise SampleSheetError(
                f"{name}: has {len(data)} [Data] sections: an Illumina sheet needs exactly one,"
                " followed by the column names"
            )
        start = data[0] + 1
        end = min((number for number, _ in sections if number > data[0]), default=len(lines))
    for number in range(start, end):
        text = lines[number]
        if text.strip(' \t,;"') and not text.startswith("#") and not _is_excel_hint(text):
            return number, end
    raise SampleSheetError(_no_table(name))


def _no_table(name: str) -> str:
    return f"{name}: holds no table: write the column names, then the samples"


def _is_excel_hint(text: str) -> bool:
    return re.fullmatch(r'"?sep=.?"?', text.strip(), re.IGNORECASE) is not None


def _separator(header: str, is_known: Callable[[str], bool]) -> str:
    def n_known(separator: str) -> int:
        # Quotation marks that do not close are refused later, with the line.
        cells = header.split(separator, MAX_COLUMNS)
        return sum(is_known(cell.strip(' "')) for cell in cells if len(cell) <= MAX_CELL)

    return max(_SEPARATORS, key=n_known)


def _records(
    name: str, lines: list[str], offset: int, separator: str
) -> list[tuple[int, tuple[str, ...]]]:
    reader = csv.reader(
        (line + "\n" for line in lines), delimiter=separator, strict=True, skipinitialspace=True
    )
    records = []
    before = 0
    try:
        for cells in reader:
            values = tuple(cell.strip() for cell in cells)
            where = f"{name}, line {offset + before + 1}"
            if len(values) > MAX_COLUMNS:
                raise SampleSheetError(
                    f"{where}: has {len(values):,} columns, over {MAX_COLUMNS:,}: is this the"
                    " sample sheet?"
                )
            if any(len(value) > MAX_CELL for value in values):
                raise SampleSheetError(
                    f"{where}: has a cell of over {MAX_CELL:,} characters: shorten it, or close"
                    " its quotation marks"
                )
            if any(values):
                records.append((offset + before + 1, values))
            before = reader.line_num
    except csv.Error as error:
        raise SampleSheetError(
            f"{name}, line {offset + before + 1}: is not a readable CSV row"
            f" ({printable(str(error))}): check the quotation marks"
        ) from error
    return records
