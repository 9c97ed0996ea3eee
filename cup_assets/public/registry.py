"""The registry of public cohorts: one YAML file an accession, read strictly.

Belongs here: the layout of an entry and what it may hold. Does not belong here: applying its label
map to samples (`labels`), downloading (`transfer`), the sources' layouts (`geo`, `gdc`).

A label map is written by a person from what the source says about its samples. What is not in it
stays without a diagnosis. An entry of which anything could not be held against the source is marked
``verified: false`` and says in ``unverified`` what that is.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any, NoReturn

import yaml

from cup_assets.cohort.sheet_values import MATERIALS, ROLES
from cup_assets.public.errors import RegistryError

SOURCES = {"geo": re.compile(r"GSE\d{1,9}"), "gdc": re.compile(r"[A-Z][A-Z0-9_.-]{2,39}")}
ARRAYS = ("hm27", "450k", "epic", "epicv2")
SEXES = ("F", "M")
DESCRIPTIONS = ("series_matrix", "soft", "miniml")  # of a GEO series; the first is tried first
COLUMNS = ("patient_id", "material", "sex", "site")
_REQUIRED = {"accession", "source", "title", "arrays", "verified", "licence", "citation"}
_OPTIONAL = {"samples", "role", "labels", "unverified", "notes", "description", *COLUMNS}


@dataclass(frozen=True)
class LabelRule:
    """One line of a label map: samples of which all of ``when`` is said have this diagnosis.

    Attributes
    ----------
    when
        Column of the source -> value; compared without case and surplus spaces, nothing else.
    diagnosis
        As a pathologist writes it, in the words of the taxonomy where that has it.
    role
        Role in the sample sheet, or None for that of the entry.
    """

    when: Mapping[str, str]
    diagnosis: str
    role: str | None = None


@dataclass(frozen=True)
class ColumnRule:
    """Where a column of the sample sheet comes from.

    Attributes
    ----------
    constant
        The same for all samples, or None.
    column
        Column of the source, or None.
    values
        Its values -> what the sheet says; empty: as the source writes it.
    """

    constant: str | None = None
    column: str | None = None
    values: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Accession:
    """One public cohort.

    Attributes
    ----------
    accession
        GEO series (``GSE140686``) or GDC project (``TCGA-HNSC``).
    source
        ``geo`` or ``gdc``.
    arrays
        Arrays that are fetched, of `ARRAYS`; samples on others are left out and listed.
    samples
        How many are expected, or None.
    verified, unverified
        Whether the entry was held against the source, and what of it was not.
    role
        Role in the sample sheet.
    labels
        The label map; empty where the source's strings are not known.
    columns
        ``patient_id``, ``material``, ``sex``, ``site`` -> where they come from.
    title, licence, citation, notes
        For people.
    version
        SHA-256 of the file.
    description
        The one of `DESCRIPTIONS` to be read; empty: the first that is there.
    """

    accession: str
    source: str
    title: str
    arrays: tuple[str, ...]
    samples: int | None
    verified: bool
    unverified: str
    role: str
    labels: tuple[LabelRule, ...]
    columns: Mapping[str, ColumnRule]
    licence: str
    citation: str
    notes: str
    version: str
    description: str = ""

    @property
    def label_columns(self) -> tuple[str, ...]:
        """Columns of the source that the label map asks for, in its order."""
        return tuple(dict.fromkeys(column for rule in self.labels for column in rule.when))


def load_registry(folder: Path | None = None) -> dict[str, Accession]:
    """Read every entry, by accession.

    Parameters
    ----------
    folder : Path, optional
        Holds ``<accession>.yaml`` files; default: the packaged registry.

    Raises
    ------
    RegistryError
        If a file is not in the layout, names something unknown, or is not named as its accession.
    """
    place = folder or Path(str(files("cup_assets.public").joinpath("accessions")))
    entries = [load_accession(path) for path in sorted(place.glob("*.yaml"))]
    return {entry.accession: entry for entry in entries}


def find_accession(registry: Mapping[str, Accession], name: str) -> Accession:
    """Return an entry by its accession, whatever its case.

    Raises
    ------
    RegistryError
        If there is none.
    """
    for accession, entry in registry.items():
        if accession.casefold() == name.strip().casefold():
            return entry
    raise RegistryError(
        f"{name!r} is not in the registry of public cohorts: see `cup fetch --list`, or add an"
        " entry as docs/public-cohorts.md says"
    )


def load_accession(path: Path) -> Accession:
    """Read one entry.

    Raises
    ------
    RegistryError
        See `load_registry`.
    """
    try:
        text = path.read_text("utf-8")
        content = yaml.load(text, Loader=_StrictLoader)  # a SafeLoader
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        what = " ".join(str(error).split())[:200]
        raise RegistryError(f"{path.name}: cannot be read as YAML: {what}") from error
    reader = _Reader(path.name, content)
    entry = reader.entry(hashlib.sha256(text.encode()).hexdigest())
    if path.stem != entry.accession:
        raise RegistryError(f"{path.name}: is about {entry.accession}: rename one of the two")
    return entry


class _StrictLoader(yaml.SafeLoader):
    """Refuses a key that stands twice: of two lines of a label map the first would be lost."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        for key in keys:
            if keys.count(key) > 1:
                raise yaml.constructor.ConstructorError(
                    None, None, f"{key!r} is there twice", node.start_mark
                )
        return super().construct_mapping(node, deep)


class _Reader:
    """One file's content, every access checked."""

    def __init__(self, name: str, content: object) -> None:
        self.name = name
        self.content = self._mapping(content, "the file", _REQUIRED | _OPTIONAL)
        if missing := sorted(_REQUIRED - self.content.keys()):
            self._refuse(f"lacks {', '.join(missing)}")

    def entry(self, version: str) -> Accession:
        source = self._choice("source", tuple(SOURCES))
        accession = self._text("accession")
        if not SOURCES[source].fullmatch(accession):
            self._refuse(f"accession {accession!r} is none of {source}")
        verified = self.content["verified"]
        if not isinstance(verified, bool):
            self._refuse("verified must be true or false")
        unverified = self._text("unverified", "")
        if verified == bool(unverified):
            self._refuse("unverified must say what was not verified, and only then")
        samples = self.content.get("samples")
        if samples is not None and (type(samples) is not int or samples < 1):
            self._refuse("samples must be a whole number")
        return Accession(
            accession, source, self._text("title"), self._arrays(), samples, verified, unverified,
            self._choice("role", ROLES, "reference"), self._labels(),
            {name: self._column(name) for name in COLUMNS if name in self.content},
            self._text("licence"), self._text("citation"), self._text("notes", ""), version,
            self._choice("description", ("", *(DESCRIPTIONS if source == "geo" else ())), ""),
        )  # fmt: skip

    def _arrays(self) -> tuple[str, ...]:
        arrays = self.content["arrays"]
        if not isinstance(arrays, list) or not arrays or not set(arrays) <= set(ARRAYS):
            self._refuse(f"arrays must be a list of {', '.join(ARRAYS)}")
        return tuple(arrays)

    def _labels(self) -> tuple[LabelRule, ...]:
        rules = self.content.get("labels", [])
        if not isinstance(rules, list):
            self._refuse("labels must be a list")
        return tuple(self._label(number, rule) for number, rule in enumerate(rules, 1))

    def _label(self, number: int, rule: object) -> LabelRule:
        where = f"label {number}"
        content = self._mapping(rule, where, {"when", "diagnosis", "role"})
        when = self._texts(content.get("when"), f"{where}: when")
        if not when:
            self._refuse(f"{where}: when must name a column and its value")
        diagnosis = content.get("diagnosis")
        if not isinstance(diagnosis, str) or not diagnosis.strip():
            self._refuse(f"{where}: diagnosis must be text: leave the line out where unknown")
        role = content.get("role")
        if role is not None and role not in ROLES:
            self._refuse(f"{where}: role must be one of {', '.join(ROLES)}")
        return LabelRule(when, diagnosis, role)

    def _column(self, name: str) -> ColumnRule:
        content = self.content[name]
        allowed = {"material": MATERIALS, "sex": SEXES}.get(name)
        if isinstance(content, str):
            rule = ColumnRule(constant=content)
        else:
            content = self._mapping(content, name, {"column", "values"})
            if not isinstance(content.get("column"), str):
                self._refuse(f"{name}: column must name a column of the source")
            values = self._texts(content.get("values", {}), f"{name}: values")
            rule = ColumnRule(column=content["column"], values=values)
            if allowed and not values:
                self._refuse(f"{name}: values must say which are {' and '.join(allowed)}")
        for value in (*rule.values.values(), *([rule.constant] if rule.constant else [])):
            if allowed and value not in allowed:
                self._refuse(f"{name}: {value!r} must be one of {', '.join(allowed)}")
        return rule

    def _choice(self, key: str, choices: tuple[str, ...], default: str | None = None) -> str:
        value = self.content.get(key, default)
        if value not in choices:
            self._refuse(f"{key} must be one of {', '.join(choices)}")
        return str(value)

    def _text(self, key: str, default: str | None = None) -> str:
        value = self.content.get(key, default)
        if not isinstance(value, str) or (default is None and not value.strip()):
            self._refuse(f"{key} must be text")
        return " ".join(value.split())

    def _texts(self, value: object, where: str) -> dict[str, str]:
        if not isinstance(value, dict):
            self._refuse(f"{where} must be a table of texts")
        for key, text in value.items():
            if not isinstance(key, str) or not isinstance(text, str):
                self._refuse(f"{where}: put {key!r}: {text!r} in quotation marks")
        return dict(value)

    def _mapping(self, value: object, where: str, known: set[str]) -> dict[str, Any]:
        if not isinstance(value, dict):
            self._refuse(f"{where} must be a table")
        if unknown := sorted(str(key) for key in value.keys() - known):
            self._refuse(
                f"{where}: {', '.join(unknown)} unknown (known: {', '.join(sorted(known))})"
            )
        return value

    def _refuse(self, what: str) -> NoReturn:
        raise RegistryError(f"{self.name}: {what}")
