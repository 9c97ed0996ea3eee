"""What can be wrong with a batch, said in one line.

Belongs here: the errors of this package and `Problem`, the record of one fault that does not stop
the rest of a batch. Does not belong here: finding the faults.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Severity = Literal["error", "warning", "note"]
LONGEST = 1_500  # characters of a message


class CohortError(ValueError):
    """A fault in samples, sheets, batches, classes or folds; the message is one line.

    It often quotes a file, which may hold anything: line breaks are escaped, endless texts cut.
    """

    def __init__(self, message: str) -> None:
        super().__init__(printable(message[:LONGEST]))


class SampleSheetError(CohortError):
    """A sample sheet that cannot be read at all, or not without an error."""


class IntakeError(CohortError):
    """A batch that cannot be taken in at all."""


class TaxonomyError(CohortError):
    """A taxonomy file that contradicts itself."""


class FoldsError(CohortError):
    """Members that cannot be divided into the folds asked for."""


class MatrixError(CohortError):
    """Matrices that cannot be put together."""


@dataclass(frozen=True)
class Problem:
    """One fault of a batch.

    Attributes
    ----------
    code
        Short stable name of the fault, such as ``missing_red``.
    where
        File or line, such as ``samplesheet.csv, line 7``.
    what
        What is wrong there.
    remedy
        What a person can do about it.
    severity
        ``error``: the sample or file is refused; ``warning``: accepted, but something cannot be
        used; ``note``: accepted, this is how it was understood.
    """

    code: str
    where: str
    what: str
    remedy: str
    severity: Severity = "error"

    @property
    def line(self) -> str:
        """The problem as one printable line."""
        return printable(f"{self.where}: {self.what[:LONGEST]}: {self.remedy}")


def printable(text: str) -> str:
    """Return the text on one line, with control characters escaped."""
    return "".join(
        c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text
    )


_QUOTED = re.compile(r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"")
# A row that slipped by a column puts a name or a date of birth where one of few words should be.
_OF_A_CELL = frozenset(
    {
        *("unknown_role", "unknown_material", "unknown_sex", "bad_sample_id"),
        *("bad_sentrix_id", "bad_sentrix_position", "rounded_sentrix_id"),
    }
)


def without_values(code: str, message: str) -> str:
    """Return a problem's message as it may stand in a log: what a refused cell holds is left out.

    The place still names the line.

    >>> without_values("unknown_role", "role 'Jane Doe' is unknown")
    "role '…' is unknown"
    """
    return _QUOTED.sub("'…'", message) if code in _OF_A_CELL else message


def lines_text(lines: Sequence[int]) -> str:
    """Name line numbers for a person.

    >>> lines_text([4]), lines_text([4, 9]), lines_text(list(range(2, 20)))
    ('line 4', 'lines 4 and 9', 'lines 2, 3, 4, 5, 6 and 13 more')
    """
    if len(lines) == 1:
        return f"line {lines[0]}"
    if len(lines) > 6:
        return f"lines {', '.join(map(str, lines[:5]))} and {len(lines) - 5} more"
    return f"lines {', '.join(map(str, lines[:-1]))} and {lines[-1]}"
