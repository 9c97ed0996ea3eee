"""From a source's words about a sample to the columns of a sample sheet.

Belongs here: applying an entry's label map, and what it leaves unmapped. Does not belong here: the
map itself (`registry`), whether a diagnosis is in the taxonomy (`cup_assets.cohort`).

Words are compared whole, without case and surplus spaces. Nothing is guessed: a sample that no line
of the map fits, or that two lines with different diagnoses fit, has no diagnosis and is listed.
"""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cup_assets.public.registry import Accession, ColumnRule, LabelRule
from cup_assets.public.samples import SourceSample

_MOST_VALUES = 12  # of a column that is shown as a candidate for a label map


@dataclass(frozen=True)
class Labelled:
    """What the sample sheet says of a sample; None where the source or the map does not.

    Attributes
    ----------
    unmapped
        Column of the sheet -> the source's words that the map does not know.
    """

    diagnosis: str | None
    role: str
    patient_id: str | None
    material: str | None
    sex: str | None
    site: str
    unmapped: Mapping[str, str]


def label(entry: Accession, sample: SourceSample) -> Labelled:
    """Apply the label map of an entry to a sample.

    The site is the accession unless the entry says where the centre stands: samples of a cohort
    were made together, so that they must be held out together when centres are.
    """
    facts = {_key(column): text for column, text in sample.facts.items()}
    unmapped: dict[str, str] = {}
    rule = _matching(entry, facts, unmapped)
    columns = {
        name: _column(name, column, facts, unmapped) for name, column in entry.columns.items()
    }
    return Labelled(
        diagnosis=rule.diagnosis if rule else None,
        role=(rule and rule.role) or entry.role,
        patient_id=columns.get("patient_id"),
        material=columns.get("material"),
        sex=columns.get("sex"),
        site=columns.get("site") or entry.accession,
        unmapped=unmapped,
    )


def label_columns(entry: Accession, samples: Sequence[SourceSample]) -> list[str]:
    """Return the source's columns, as it writes them, that the sheet's labels are taken from.

    Not the one that says whose a sample is.
    """
    asked = {*entry.label_columns, *(rule.column or "" for rule in entry.columns.values())}
    patient = entry.columns.get("patient_id", ColumnRule()).column
    wanted = {_key(column) for column in asked} - {_key(patient or ""), ""}
    found = dict.fromkeys(column for sample in samples for column in sample.facts)
    return sorted(column for column in found if _key(column) in wanted)


def unmapped_words(labels: Sequence[Labelled]) -> list[tuple[str, str, int]]:
    """Count the words that the map does not know: column of the sheet, words, samples."""
    counts = Counter(item for label in labels for item in label.unmapped.items())
    return [
        (column, words, n)
        for (column, words), n in sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    ]


def candidates(samples: Sequence[SourceSample]) -> list[tuple[str, list[tuple[str, int]]]]:
    """Return the source's columns of few values with their counts: what a label map is made from.

    A column that says something else of every sample cannot be one.
    """
    columns = dict.fromkeys(column for sample in samples for column in sample.facts)
    found = []
    for column in columns:
        counts = Counter(sample.facts[column] for sample in samples if column in sample.facts)
        if len(counts) <= _MOST_VALUES and (len(counts) < len(samples) or len(samples) == 1):
            found.append((column, sorted(counts.items(), key=lambda item: (-item[1], item[0]))))
    return found


def _matching(
    entry: Accession, facts: Mapping[str, str], unmapped: dict[str, str]
) -> LabelRule | None:
    fitting = [
        rule
        for rule in entry.labels
        if all(_key(facts.get(_key(c), "")) == _key(value) for c, value in rule.when.items())
    ]
    if len({(rule.diagnosis, rule.role) for rule in fitting}) == 1:
        return fitting[0]
    said = "; ".join(
        f"{column}: {facts[_key(column)] or 'nothing'}"
        for column in entry.label_columns
        if _key(column) in facts
    )
    why = "two labels fit " if fitting else ""
    unmapped["diagnosis"] = why + (said or "nothing that the label map asks for")
    return None


def _column(
    name: str, rule: ColumnRule, facts: Mapping[str, str], unmapped: dict[str, str]
) -> str | None:
    if rule.constant is not None:
        return rule.constant
    written = facts.get(_key(rule.column or ""), "")
    if not written or not rule.values:
        return written or None
    known = {_key(value): meaning for value, meaning in rule.values.items()}
    if _key(written) not in known:
        unmapped[name] = f"{rule.column}: {written}"
    return known.get(_key(written))


def _key(text: str) -> str:
    # Signs stay: "HPV+" and "HPV-" differ in nothing else.
    return " ".join(unicodedata.normalize("NFC", text).casefold().split())
