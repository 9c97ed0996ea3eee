"""From class scores to a call.

Belongs here: family scores and the thresholds of a call. Does not belong here: which class lies in
which family (cohort's taxonomy), how scores are made.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import polars as pl

from cup_assets.classify.data import Floats
from cup_assets.classify.errors import ClassifyError

CALLS = ("match", "family_only", "no_match")
CALL_SCHEMA = {
    "sample_id": pl.String,
    "class": pl.String,
    "score": pl.Float64,
    "family": pl.String,
    "family_score": pl.Float64,
    "call": pl.String,
}


def call_samples(
    sample_ids: Sequence[str],
    scores: Floats,
    classes: Sequence[str],
    family_of: Mapping[str, str],
    match_threshold: float,
    family_threshold: float,
) -> pl.DataFrame:
    """Call each sample from its calibrated scores float64[n, k].

    A family's score is the sum of its classes' scores. ``match``: the best class reaches
    ``match_threshold``. ``family_only``: it does not, but the best family reaches
    ``family_threshold``; the class named beside it, its best, is not called. ``no_match``:
    neither; the best class and the best family are named.

    Returns
    -------
    Frame (sample_id, class, score, family, family_score, call), a row a sample; of equal scores
    the first in alphabetical order is taken.

    Raises
    ------
    ClassifyError
        Where a class has no family.
    """
    if homeless := sorted(set(classes) - set(family_of)):
        raise ClassifyError(f"class {homeless[0]!r} has no family: add it to the taxonomy")
    families = sorted({family_of[name] for name in classes})
    rows = []
    for sample_id, row in zip(sample_ids, scores.tolist(), strict=True):
        by_class = dict(zip(classes, row, strict=True))
        by_family = dict.fromkeys(families, 0.0)
        for name, score in by_class.items():
            by_family[family_of[name]] += score
        best = max(sorted(by_class), key=by_class.__getitem__)
        family = max(families, key=by_family.__getitem__)
        call = "no_match"
        if by_class[best] >= match_threshold:
            call, family = "match", family_of[best]
        elif by_family[family] >= family_threshold:
            call = "family_only"
            best = max(
                (name for name in sorted(by_class) if family_of[name] == family),
                key=by_class.__getitem__,
            )
        rows.append((sample_id, best, by_class[best], family, by_family[family], call))
    return pl.DataFrame(rows, schema=CALL_SCHEMA, orient="row")
