"""The table that classifiers learn from.

Belongs here: the samples x probes matrix with its labels, and checks that it is coherent. Does
not belong here: which samples are eligible (cohort) and anything learnt from the values.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from cup_assets.classify.errors import ClassifyError

Strings = NDArray[np.str_]
Floats = NDArray[np.float64]
Features = NDArray[np.float32]
Ints = NDArray[np.int64]

# What betas can be adjusted for. Not the batch: a new case's batch is never one of the training's.
FACTORS = ("material", "array", "site")
# What can be learnt from: beta values, log2 ratios of copy number, or both.
FEATURES = ("betas", "cnv", "betas_cnv")


def _no_values() -> Features:
    return np.empty((0, 0), dtype=np.float32)


def _no_names() -> Strings:
    return np.empty(0, dtype=np.str_)


@dataclass(frozen=True, eq=False)
class TrainingData:
    """Labelled samples in memory.

    Attributes
    ----------
    sample_ids : str[n]
        Distinct names.
    X : float32[n, p]
        Beta values, samples x probes; NaN is missing. Without columns where copy number alone is
        learnt from.
    y, family : str[n]
        Class and family of each sample; a class lies in one family.
    patient : str[n]
        Samples of one patient never lie on both sides of a split.
    material, array, site : str[n]
        What betas may be adjusted for, `FACTORS`: ``FFPE`` or ``frozen``, the array, the centre;
        empty where unknown.
    batch : str[n]
        Batch of each sample.
    probe_ids : str[p]
        Names of the columns of ``X``.
    cnv : float32[n, q]
        Copy number of regions such as chromosome arms and genes, log2 ratio to a normal one; NaN
        is missing. By default without columns.
    cnv_names : str[q]
        Distinct names of its columns.

    Raises
    ------
    ClassifyError
        Where lengths disagree, a sample is named twice, a label or patient is empty, a class has
        two families, a value is no beta or a log2 ratio is infinite.
    """

    sample_ids: Strings
    X: Features
    y: Strings
    patient: Strings
    material: Strings
    array: Strings
    site: Strings
    family: Strings
    batch: Strings
    probe_ids: Strings
    cnv: Features = field(default_factory=_no_values)
    cnv_names: Strings = field(default_factory=_no_names)

    def __post_init__(self) -> None:
        n, p = self.X.shape
        if not self.cnv.size:
            object.__setattr__(self, "cnv", np.empty((n, 0), dtype=np.float32))
        q = self.cnv.shape[-1]
        shapes: dict[str, tuple[int, ...]] = {
            "X": (n, p), "probe_ids": (p,), "cnv": (n, q), "cnv_names": (q,)
        }  # fmt: skip
        for name in (each.name for each in fields(self)):
            found, wanted = getattr(self, name).shape, shapes.get(name, (n,))
            if found != wanted:
                raise ClassifyError(f"{name} has shape {found} where {wanted} is needed")
        names, counts = np.unique(self.sample_ids, return_counts=True)
        if n and counts.max() > 1:
            raise ClassifyError(f"sample {str(names[counts.argmax()])!r} occurs twice in the data")
        for name in ("y", "patient"):
            if (empty := np.flatnonzero(getattr(self, name) == "")).size:
                what = "class" if name == "y" else "patient"
                raise ClassifyError(f"sample {str(self.sample_ids[empty[0]])!r} has no {what}")
        _check_betas(self.X, self.sample_ids)
        _check_log2_ratios(self.cnv, self.cnv_names, self.sample_ids)
        self.family_of()

    @classmethod
    def from_frame(
        cls,
        samples: pl.DataFrame,
        X: Features,
        probe_ids: list[str] | Strings,
        cnv: Features | None = None,
        cnv_names: Sequence[str] | Strings = (),
    ) -> TrainingData:
        """Build from a samples frame whose rows are in the order of those of ``X`` and ``cnv``.

        Needs the columns sample_id and class; patient_id (default: a patient per sample),
        material, array, site, family (default: the class itself) and batch are taken where
        present.
        """

        def column(name: str, default: str) -> Strings:
            known = samples[name].to_list() if name in samples.columns else [None] * len(samples)
            other = samples[default].to_list() if default else [""] * len(samples)
            chosen = [b if a is None else a for a, b in zip(known, other, strict=True)]
            return np.array(["" if value is None else str(value) for value in chosen], np.str_)

        return cls(
            sample_ids=column("sample_id", ""),
            X=np.ascontiguousarray(X, dtype=np.float32),
            y=column("class", ""),
            patient=column("patient_id", "sample_id"),
            material=column("material", ""),
            array=column("array", ""),
            site=column("site", ""),
            family=column("family", "class"),
            batch=column("batch", ""),
            probe_ids=np.array(probe_ids, dtype=np.str_),
            cnv=_no_values() if cnv is None else np.ascontiguousarray(cnv, dtype=np.float32),
            cnv_names=np.array(cnv_names, dtype=np.str_),
        )

    @property
    def features(self) -> str:
        """What is learnt from, a name in `FEATURES`."""
        if not self.cnv.shape[1]:
            return "betas"
        return "betas_cnv" if self.X.shape[1] else "cnv"

    def with_features(self, features: str) -> TrainingData:
        """Return the same samples with betas, copy number or both of them left to learn from.

        Raises
        ------
        ClassifyError
            Where the name is not in `FEATURES` or the data lack what it names.
        """
        if features not in FEATURES:
            raise ClassifyError(f"features {features!r} are unknown: use {', '.join(FEATURES)}")
        if features == self.features:
            return self
        if self.features != "betas_cnv":
            raise ClassifyError(f"data of {self.features} cannot be learnt from as {features}")
        if features == "betas":
            return replace(self, cnv=_no_values(), cnv_names=_no_names())
        return replace(self, X=self.X[:, :0], probe_ids=self.probe_ids[:0])

    def levels(self, factors: Sequence[str] | Strings, rows: Ints) -> Strings:
        """Return the levels str[len(rows), k] of k factors, each a name in `FACTORS`."""
        columns = [getattr(self, str(factor))[rows] for factor in factors]
        return np.stack(columns, axis=1) if columns else np.empty((len(rows), 0), dtype=np.str_)

    def truth(self) -> pl.DataFrame:
        """Return the frame (sample_id, class, family, patient_id) that scores are held against."""
        columns: dict[str, Any] = {
            "sample_id": self.sample_ids,
            "class": self.y,
            "family": self.family,
            "patient_id": self.patient,
        }
        return pl.DataFrame({name: values.tolist() for name, values in columns.items()})

    def family_of(self) -> dict[str, str]:
        """Return the family of each class."""
        found: dict[str, str] = {}
        for name, family in zip(self.y.tolist(), self.family.tolist(), strict=True):
            if found.setdefault(name, family) != family:
                raise ClassifyError(f"class {name!r} has two families: {found[name]!r}, {family!r}")
        return dict(sorted(found.items()))


def _check_betas(X: Features, sample_ids: Strings) -> None:
    for row, name in zip(X, sample_ids, strict=True):
        low, high = np.fmin.reduce(row, initial=np.inf), np.fmax.reduce(row, initial=-np.inf)
        if low < 0 or high > 1:
            raise ClassifyError(f"sample {str(name)!r} holds {low:g}..{high:g}: betas lie in 0..1")


def _check_log2_ratios(cnv: Features, names: Strings, sample_ids: Strings) -> None:
    found, counts = np.unique(names, return_counts=True)
    if len(names) and counts.max() > 1:
        raise ClassifyError(f"copy number {str(found[counts.argmax()])!r} is given twice")
    rows, columns = np.nonzero(np.isinf(cnv))
    if len(rows):
        sample, name = str(sample_ids[rows[0]]), str(names[columns[0]])
        raise ClassifyError(
            f"sample {sample!r} has an infinite log2 ratio of {name!r}: give NaN where it is"
            " not known"
        )
