"""The name of a fold's result: a digest of everything that the result is made of.

Belongs here: what a fold's result depends on. Does not belong here: where results are kept
(`fold_store`), and computing them (`cup_assets.classify.nested`).

A result is taken over by its name alone, so that whatever could change it has to be part of the
name. A name that changes needlessly costs time; one that stays when it should not would put the
numbers of other data into a table. So everything counts that is not listed here as irrelevant.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

import cup_assets.classify
from cup_assets.classify.data import TrainingData
from cup_assets.classify.nested import OuterFold
from cup_assets.classify.parameters import EvaluationParameters
from cup_assets.warehouse import digest

Fold = tuple[int, int]
"""Repeat and outer fold."""

JUDGING = frozenset(
    {
        *("schemes", "bootstraps", "released_model", "match_threshold", "family_threshold"),
        *("doubt_score", "doubt_label_score", "max_missing"),
        *("typicality_threshold", "typicality_directions", "typicality_shrinkage"),
    }
)
"""Parameters of what is done with the scores of folds, or of a release; no fold knows them."""

_LIBRARIES = (
    *("numpy", "scipy", "scikit-learn", "imbalanced-learn", "torch", "skorch"),
    # One module that comes in two packages, of which one is installed.
    *("xgboost", "xgboost-cpu"),
)


def fold_keys(
    data: TrainingData,
    model: str,
    parameters: EvaluationParameters,
    features: str,
    splits: Sequence[OuterFold],
) -> dict[Fold, str]:
    """Return the name, a SHA-256 in hexadecimal digits, of the result of each outer split.

    It covers the data down to the last beta, the samples of both sides with their inner folds, the
    numbers of the fold (its seed is made of them), model, features, all parameters but `JUDGING`,
    the source text of `cup_assets.classify` and the versions of Python and of the libraries.
    """
    common = digest(data_digest(data), model, features, fitting(parameters), _SOURCE, libraries())
    return {
        (split.repeat, split.outer_fold): digest(
            common,
            *(split.repeat, split.outer_fold),
            data.sample_ids[split.test].tolist(),
            data.sample_ids[split.train].tolist(),
            split.inner.tolist(),
        )
        for split in splits
    }


def fitting(parameters: EvaluationParameters) -> Mapping[str, Any]:
    """Return the parameters that a fold's result can depend on."""
    return {name: value for name, value in asdict(parameters).items() if name not in JUDGING}


_digests: WeakKeyDictionary[TrainingData, str] = WeakKeyDictionary()


def data_digest(data: TrainingData) -> str:
    """Return a digest of every array of the data; computed once for each object (2 s for 2 GB)."""
    if data not in _digests:
        parts = {field.name: array_digest(getattr(data, field.name)) for field in fields(data)}
        _digests[data] = digest(parts)
    return _digests[data]


def array_digest(values: NDArray[Any]) -> str:
    """Return a digest of type, shape and values; of texts, however wide their array is."""
    if values.dtype.kind == "U":
        return digest("text", values.tolist())
    head = f"{values.dtype.str}{values.shape}".encode()
    state = hashlib.sha256(head)
    state.update(np.ascontiguousarray(values).data if values.size else b"")
    return state.hexdigest()


def source_digest() -> str:
    """Return a digest of the source of `cup_assets.classify`, where folds are computed.

    A version that is raised by hand can be forgotten, and an old result would then be taken for
    what the new code computes. A changed comment costs the folds of an unfinished run, no more.
    """
    folder = Path(cup_assets.classify.__path__[0])
    return digest(
        [
            (file.relative_to(folder).as_posix(), hashlib.sha256(file.read_bytes()).hexdigest())
            for file in sorted(folder.rglob("*.py"))
        ]
    )


# Read with the modules themselves: a program that runs on after an update is the old one.
_SOURCE = source_digest()


def libraries() -> dict[str, str | None]:
    """Return the versions of Python and of the libraries that fit; None where there is none."""
    found: dict[str, str | None] = {"python": ".".join(map(str, sys.version_info[:3]))}
    for name in _LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = None
    return found
