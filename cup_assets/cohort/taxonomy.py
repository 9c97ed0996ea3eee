"""From a diagnosis as written to a class and a family.

Belongs here: the vocabulary (packaged, and the user's additions) and the look-up. Does not belong
here: which classes are large enough to train on (`members`).

A diagnosis that is not in the vocabulary stays without a class and is listed; it is never guessed,
because a wrong class is worse than a missing sample.
"""

from __future__ import annotations

import hashlib
import json
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import polars as pl

from cup_assets.cohort.problems import TaxonomyError
from cup_assets.cohort.sheet_values import folded


@dataclass(frozen=True)
class TumourClass:
    """One class of the classifier.

    Attributes
    ----------
    name
        Short name, such as ``adenoid_cystic_carcinoma``.
    family
        The group it belongs to, such as ``salivary``.
    diagnosis
        The diagnosis as a pathologist writes it.
    """

    name: str
    family: str
    diagnosis: str


@dataclass(frozen=True)
class Taxonomy:
    """A vocabulary of diagnoses.

    Attributes
    ----------
    terms
        From a diagnosis or synonym, in the form in which it is compared, to its class.
    """

    terms: Mapping[str, TumourClass]

    @property
    def classes(self) -> tuple[TumourClass, ...]:
        """Every class, by family and name."""
        return tuple(sorted(set(self.terms.values()), key=lambda c: (c.family, c.name)))

    @property
    def version(self) -> str:
        """SHA-256 over the vocabulary: changes if and only if some diagnosis maps differently."""
        content = {term: [c.name, c.family, c.diagnosis] for term, c in self.terms.items()}
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()

    def lookup(self, diagnosis: str | None) -> TumourClass | None:
        """Return the class of a diagnosis, or None where the vocabulary does not hold it."""
        return None if diagnosis is None else self.terms.get(_key(diagnosis))

    def classify(self, samples: pl.DataFrame) -> pl.DataFrame:
        """Fill ``class`` and ``family`` from ``diagnosis``; null where it is not mapped.

        Parameters
        ----------
        samples : pl.DataFrame
            Any frame with ``diagnosis``; existing ``class`` and ``family`` are replaced in place,
            so that an edited vocabulary reaches old samples too.
        """
        found = [self.lookup(diagnosis) for diagnosis in samples["diagnosis"]]
        return samples.with_columns(
            pl.Series("class", [c and c.name for c in found], dtype=pl.String),
            pl.Series("family", [c and c.family for c in found], dtype=pl.String),
        )

    def unmapped(self, samples: pl.DataFrame) -> pl.DataFrame:
        """List the diagnoses without a class: ``diagnosis``, ``n_samples``, most frequent first."""
        written = samples.filter(pl.col("diagnosis").is_not_null())
        unknown = [self.lookup(diagnosis) is None for diagnosis in written["diagnosis"]]
        return (
            written.filter(pl.Series(unknown, dtype=pl.Boolean))
            .group_by("diagnosis")
            .agg(pl.len().alias("n_samples"))
            .sort(["n_samples", "diagnosis"], descending=[True, False])
        )


def load_taxonomy(path: Path | None = None) -> Taxonomy:
    """Load the packaged vocabulary, with the user's file over it.

    Parameters
    ----------
    path : Path, optional
        A TOML file of ``[family.<family>]`` tables with ``"<diagnosis>" = ["<synonym>", ...]``. It
        adds diagnoses, and every term it names leaves the class that the packaged vocabulary
        gives it.

    Raises
    ------
    TaxonomyError
        If the file is not readable, not in this layout, or names a term twice.
    """
    packaged = files("cup_assets.cohort").joinpath("taxonomy.toml").read_text("utf-8")
    terms = _parse("taxonomy.toml", packaged)
    if path is not None:
        try:
            text = path.read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise TaxonomyError(f"{path.name}: cannot be read as UTF-8 text ({error})") from error
        own = _parse(path.name, text)
        replaced = {c.name for c in own.values()}
        terms = {t: _moved(c, own) if c.name in replaced else c for t, c in terms.items()} | own
    return Taxonomy(terms)


def class_name(diagnosis: str) -> str:
    """Return the class name of a diagnosis.

    >>> class_name("SMARCA4/ARID1A neuroendocrine-like carcinoma")
    'smarca4_arid1a_neuroendocrine_like_carcinoma'
    """
    return re.sub(r"[^a-z0-9]+", "_", folded(diagnosis)).strip("_")


def _moved(old: TumourClass, own: Mapping[str, TumourClass]) -> TumourClass:
    """Return the user's definition (its family) of a class that both files define."""
    return next(c for c in own.values() if c.name == old.name)


def _parse(name: str, text: str) -> dict[str, TumourClass]:
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise TaxonomyError(f"{name}: is not valid TOML: {error}") from error
    families = content.get("family")
    if set(content) != {"family"} or not isinstance(families, dict):
        raise TaxonomyError(f"{name}: must hold [family.<family>] tables and nothing else")
    terms: dict[str, TumourClass] = {}
    for family, diagnoses in families.items():
        if not isinstance(diagnoses, dict):
            raise TaxonomyError(f"{name}: family.{family} must be a table of diagnoses")
        for diagnosis, synonyms in diagnoses.items():
            if not _is_list_of_text(synonyms) or not class_name(diagnosis):
                raise TaxonomyError(
                    f'{name}: family.{family}: write "{diagnosis}" = ["synonym", ...] or []'
                )
            found = TumourClass(class_name(diagnosis), family, diagnosis)
            for term in (diagnosis, *synonyms):
                other = terms.setdefault(_key(term), found)
                if other is not found:
                    raise TaxonomyError(
                        f"{name}: {term!r} stands under {other.diagnosis!r} and {diagnosis!r}:"
                        " keep one"
                    )
    return terms


def _is_list_of_text(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(v, str) and v.strip() for v in value)


def _key(diagnosis: str) -> str:
    return folded(diagnosis).replace("tumour", "tumor")
