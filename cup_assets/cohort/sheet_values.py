"""The vocabulary of a sample sheet: what each cell may hold, and its canonical form.

Belongs here: one function per kind of value, from the written text to the canonical one. Does not
belong here: rows, files, and diagnoses (see `cup_assets.cohort.taxonomy`).
"""

from __future__ import annotations

import re
import unicodedata

ROLES = ("reference", "diagnostic", "normal_control")
MATERIALS = ("FFPE", "frozen")
MAX_TEXT = 200

_MISSING = frozenset({"", "na", "n/a", "nan", "null", "none", "-", "--", "?", "."})
_ROLES = {
    "reference": "reference",
    "ref": "reference",
    "diagnostic": "diagnostic",
    "normal control": "normal_control",
}
_MATERIALS = {
    "ffpe": "FFPE",
    "formalin fixed paraffin embedded": "FFPE",
    "paraffin": "FFPE",
    "paraffine": "FFPE",
    "frozen": "frozen",
    "fresh frozen": "frozen",
    "cryo": "frozen",
    "congele": "frozen",
}
_SEXES = {
    **dict.fromkeys(("f", "female", "femme", "feminin", "w", "woman"), "F"),
    **dict.fromkeys(("m", "male", "homme", "h", "masculin", "man"), "M"),
}
_UNKNOWN_SEX = frozenset({"u", "unknown", "inconnu", "x", "nd"})
_SAMPLE_ID = re.compile(r"[^\W_][\w .+()-]{0,79}")
_EXCEL_NUMBER = re.compile(r"\d+(?:[.,]\d+)?[eE]\+?\d+")
_SENTRIX_ID = re.compile(r"[A-Za-z0-9-]{1,32}")
_SENTRIX_POSITION = re.compile(r"R\d\dC\d\d|[A-L]")
# A Parquet matrix has one column a sample beside this one.
_RESERVED_IDS = frozenset({"probe_id"})


def clean(text: str) -> str | None:
    """Return the text in one Unicode form with single spaces, or None where it says nothing."""
    value = " ".join(unicodedata.normalize("NFC", text).split())
    return None if value.lower() in _MISSING else value


def folded(text: str) -> str:
    """Return the text as it is compared: no case, no accents, hyphens and underscores as spaces.

    >>> folded("Carcinome  Adénoïde-kystique")
    'carcinome adenoide kystique'
    """
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    letters = "".join(c for c in decomposed if not unicodedata.combining(c))
    return " ".join(re.sub(r"[-_\u2010-\u2015]", " ", letters).split())


def text_fault(value: str) -> str | None:
    """Return what forbids a free text, or None."""
    if len(value) > MAX_TEXT:
        return f"is longer than {MAX_TEXT} characters"
    if not value.isprintable():
        return "holds control characters"
    return None


def sample_id_fault(value: str) -> str | None:
    """Return what forbids a sample name, or None.

    A sample name becomes a column of a matrix, part of a report's file name and a cell of a
    spreadsheet; the rule keeps it harmless in all of them.
    """
    if not _SAMPLE_ID.fullmatch(value):
        return "must be 1 to 80 letters, digits, spaces or . _ + - ( ), the first a letter or digit"
    if value.lower() in _RESERVED_IDS:
        return "is a reserved word"
    return None


def role(value: str) -> str | None:
    """Return the canonical role, or None where it is not one."""
    return _ROLES.get(folded(value))


def material(value: str) -> str | None:
    """Return the canonical material, or None where it is not one."""
    return _MATERIALS.get(folded(value))


def sex(value: str) -> str | None:
    """Return ``F``, ``M``, or an empty string for declared unknown; None where it is none of them.

    ``H`` and ``homme``, ``F`` and ``femme`` are what a French sheet holds; no letter means a
    different sex in English and French.
    """
    key = folded(value)
    return "" if key in _UNKNOWN_SEX else _SEXES.get(key)


def sentrix_id(value: str) -> str | None:
    """Return the slide barcode, or None where it is not one.

    A whole number that a spreadsheet wrote with ``.0`` has lost nothing and is accepted.
    """
    digits = re.sub(r"^(\d{9,})[.,]0+$", r"\1", value)
    return digits if _SENTRIX_ID.fullmatch(digits) else None


def is_rounded_by_excel(value: str) -> bool:
    """Return whether a barcode was turned into scientific notation, which loses its digits."""
    return _EXCEL_NUMBER.fullmatch(value) is not None


def sentrix_position(value: str) -> str | None:
    """Return the position on the slide (``R01C01``; ``A`` to ``L`` on the 27k), or None."""
    upper = value.upper()
    return upper if _SENTRIX_POSITION.fullmatch(upper) else None
