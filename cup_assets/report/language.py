"""Words and numbers of the pages that people read, in the language they read.

Belongs here: the texts of a language, and how it writes numbers, dates, names of classes and what
the platform remarks in English. Does not belong here: what a page says about a case or a cohort.

The texts lie in ``texts/<language>.toml``, the same keys in every language; names of classes and
the phrases of remarks, which the platform stores in English, in ``texts/names.toml``.
"""

from __future__ import annotations

import math
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from importlib.resources import files
from typing import Any

from cup_assets.report.style import ReportError

LANGUAGES = ("en", "fr")
_NARROW = "\u202f"  # narrow no-break space
_NUMBER = re.compile(r"(?<![\w.])(\d+)\.(\d+)(?![\w.])")
_STRETCH = re.compile(r"(?P<chrom>\w+):(?P<start>\d+)-(?P<end>\d+)")
_PERCENT = re.compile(r"(\d)\s?%")


@dataclass(frozen=True, eq=False)
class Language:
    """One language.

    Attributes
    ----------
    code
        ``en`` or ``fr``.
    texts
        Nested texts of ``texts/<code>.toml``; `text` reads them by their path.
    names
        Of ``texts/names.toml``: ``classes``, ``families`` and ``words``, in English -> here.
    remarks
        Patterns of English remarks and what is said here; none in English.
    """

    code: str
    texts: Mapping[str, Any]
    names: Mapping[str, Mapping[str, str]]
    remarks: tuple[tuple[re.Pattern[str], str], ...]

    @classmethod
    def of(cls, code: str) -> Language:
        """Return a language by its code.

        Raises
        ------
        ReportError
            If there are no texts in it.
        """
        if code not in LANGUAGES:
            raise ReportError(f"no texts in language {code!r}: use {' or '.join(LANGUAGES)}")
        return _language(code)

    def text(self, path: str, **values: object) -> str:
        """Return a text by its path (``verdict.match``), values put into its places."""
        found: Any = self.texts
        for part in path.split("."):
            found = found[part]
        return str(found).format(**values)

    def number(self, value: float | None, digits: int = 2, *, sign: bool = False) -> str:
        """Return a number with so many decimals, an en dash where it is not known."""
        if value is None or math.isnan(value):
            return "–"
        written = f"{value:{'+' if sign else ''},.{digits}f}".replace("-", "−")
        if self.code == "fr":
            written = written.replace(",", _NARROW).replace(".", ",")
        return written

    def integer(self, value: int | None) -> str:
        """Return a whole number with its thousands set apart."""
        return self.number(value, 0)

    def percent(self, share: float | None, digits: int = 0, limit: float | None = None) -> str:
        """Return a share as percentage; one below a limit is never rounded up to it."""
        if share is None or math.isnan(share):
            return "–"
        digits = _enough(100 * share, None if limit is None else 100 * limit, digits)
        return self.number(100 * share, digits) + (f"{_NARROW}%" if self.code == "fr" else "%")

    def score(self, value: float | None, limit: float | None = None) -> str:
        """Return a calibrated score with three decimals, more where rounding would reach a limit.

        Neither nothing nor certainty is ever written: below 0.0005 and from 0.9995 on, it is said
        to be less or more than what can be written.
        """
        space = _NARROW if self.code == "fr" else ""
        if value is not None and 0 <= value < 0.0005:
            return f"<{space}{self.number(0.001, 3)}"
        if value is not None and value >= 0.9995:
            return f">{space}{self.number(0.999, 3)}"
        digits = 3 if value is None else _enough(value, limit, 3)
        return self.number(value, digits)

    def region(self, name: str) -> str:
        """Return a stretch ``9:14250000-22050000`` in megabases, any other region as it is."""
        if not (found := _STRETCH.fullmatch(name)):
            return name
        start, end = (self.number(int(found[at]) / 1e6, 2) for at in ("start", "end"))
        return f"{found['chrom']}:{start}–{end} Mb"

    def date(self, when: datetime) -> str:
        """Return a day and time: 3 March 2026, 14:05 UTC."""
        month = self.texts["months"][when.month - 1]
        return f"{when.day} {month} {when.year}, {when:%H:%M} UTC"

    def class_name(self, key: str | None) -> str:
        """Return the name of a class; one that has none here is named as it is stored."""
        return self._name("classes", key)

    def family_name(self, key: str | None) -> str:
        """Return the name of a family."""
        return self._name("families", key)

    def word(self, key: str | None) -> str:
        """Return a stored word (``FFPE``, ``gain``, ``F``) as it is said here."""
        return "–" if key is None else self.names["words"].get(key, key)

    def remark(self, english: str) -> tuple[str, str]:
        """Return a remark of the platform and the language that it is in.

        What has no translation stays English: it is never left out.
        """
        if self.code == "en":
            return english, "en"
        for pattern, said in self.remarks:
            if found := pattern.fullmatch(english):
                known = {name: self._inside(value) for name, value in found.groupdict("").items()}
                return said.format(**known), self.code
        return english, "en"

    def _name(self, kind: str, key: str | None) -> str:
        if key is None:
            return "–"
        return self.names[kind].get(key, key.replace("_", " "))

    def _inside(self, value: str) -> str:
        value = self.names["words"].get(value, value)
        if self.code == "fr":
            value = _PERCENT.sub(rf"\1{_NARROW}%", _NUMBER.sub(r"\1,\2", value))
        return value


def _enough(value: float, limit: float | None, digits: int) -> int:
    """Return how many decimals it takes for a value below a limit to be written below it."""
    while limit is not None and value < limit <= round(value, digits) and digits < 9:
        digits += 1
    return digits


@cache
def _language(code: str) -> Language:
    names = _read("names")
    own = {
        kind: {key: str(said[code]) for key, said in names[kind].items()}
        for kind in ("classes", "families", "words")
    }
    remarks = tuple(
        (re.compile(remark["en"], re.DOTALL), str(remark[code]))
        for remark in names["remarks"]
        if code != "en"
    )
    return Language(code, _read(code), own, remarks)


def _read(name: str) -> dict[str, Any]:
    text = files("cup_assets.report").joinpath("texts", f"{name}.toml").read_text("utf-8")
    return tomllib.loads(text)
