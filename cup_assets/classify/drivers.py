"""What made a release call a patient's sample as it did, and not the next best class.

Belongs here: the contributions behind calls of a release. Does not belong here: the calls
(`release`), explaining a cross-validation (`explain_folds`), anomalies that the release does not
look at.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import polars as pl

from cup_assets.classify.data import Features, Strings
from cup_assets.classify.errors import ReleaseError
from cup_assets.classify.explain import explainer
from cup_assets.classify.explain_folds import top_features
from cup_assets.classify.explain_linear import CalibratedLogits
from cup_assets.classify.release import Release
from cup_assets.classify.tuned import one_thread

DRIVER_SCHEMA = {
    "sample_id": pl.String,
    "release": pl.String,
    "class": pl.String,
    "quantity": pl.String,
    "base": pl.Float64,
    "output": pl.Float64,
    "floor_gap": pl.Float64,
    "feature": pl.String,
    "value": pl.Float64,
    "contribution": pl.Float64,
    "rank": pl.Int64,
}
DIFFERENTIAL_SCHEMA = {
    "sample_id": pl.String,
    "release": pl.String,
    "class": pl.String,
    "against": pl.String,
    "quantity": pl.String,
    "feature": pl.String,
    "value": pl.Float64,
    "contribution": pl.Float64,
    "contribution_against": pl.Float64,
    "difference": pl.Float64,
    "rank": pl.Int64,
}


def drivers(
    release: Release,
    X: Features,
    probe_ids: Sequence[str] | Strings,
    factors: Mapping[str, Sequence[str | None]],
    calls: pl.DataFrame,
    top: int,
) -> pl.DataFrame:
    """Take apart the score of the class that each sample was called, or would have been.

    A sample is explained by itself, so that its bits do not depend on its company.

    Parameters
    ----------
    X, probe_ids, factors
        As given to `Release.predict`.
    calls
        What it returned: a row a sample in the order of ``X``; where the class is null the sample
        was not scored, and there is nothing to explain.
    top
        Features to keep of each sample.

    Returns
    -------
    pl.DataFrame
        `DRIVER_SCHEMA`, rank 1 the largest contribution of either sign. ``base`` plus all
        contributions, those not kept too, are the ``output``: the calibrated logit of the class,
        or its raw score, as ``quantity`` says. ``floor_gap`` is by how much the calibrator's floor
        on raw scores, which has no part in the contributions, changes a logit of the sample at
        most: 0 where no raw score is that low, null where no logit is explained. ``value`` is the
        beta as the model sees it, null where it was not measured and counts as the mean of the
        reference.

    Raises
    ------
    ReleaseError
        Where the release has no background, or the calls do not fit the betas.
    """
    return explain_calls(release, X, probe_ids, factors, calls, None, top)[0]


def explain_calls(
    release: Release,
    X: Features,
    probe_ids: Sequence[str] | Strings,
    factors: Mapping[str, Sequence[str | None]],
    calls: pl.DataFrame,
    scores: pl.DataFrame | None,
    top: int,
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the `drivers` of calls, and what speaks for each class named against the next best.

    Parameters
    ----------
    release, X, probe_ids, factors, calls, top
        As for `drivers`.
    scores
        What `Release.predict` returned beside the calls; None: no differential is made.

    Returns
    -------
    made_of
        `DRIVER_SCHEMA`.
    differential
        `DIFFERENTIAL_SCHEMA`: ``against`` is the class of the highest score but for the one named,
        the first in alphabetical order of equal ones; ``difference`` is what a feature adds to the
        class named less what it adds to the other, rank 1 the largest of either sign.

    Raises
    ------
    ReleaseError
        As `drivers` does.
    """
    if release.background is None:
        raise ReleaseError(f"release {release.version} has no background to explain scores by")
    if calls.height != len(X):
        raise ReleaseError(f"{calls.height} calls do not fit {len(X)} samples")
    classifier = release.classifier
    names, classes = classifier.pipeline.feature_names, classifier.classes.tolist()
    features, measured = release.features(X, probe_ids, factors)
    next_best = {} if scores is None else runners_up(calls, scores)
    rows: list[tuple[object, ...]] = []
    against_rows: list[tuple[object, ...]] = []
    with one_thread():
        own = explainer(classifier, release.background)
        decision = getattr(own, "decision", None)
        for row, known, sample_id, name in zip(
            features, measured, calls["sample_id"], calls["class"], strict=True
        ):
            if name is None:
                continue
            code = classes.index(name)
            everything = own.contributions(row)
            contributions = np.ascontiguousarray(everything[:, code])
            gap = decision.floor_gap(row) if isinstance(decision, CalibratedLogits) else None
            said = (own.quantity, float(own.base[code]), float(own.output(row)[code]), gap)
            for rank, at in enumerate(top_features(contributions, top), start=1):
                value = float(row[at]) if known[at] else None
                rows.append(
                    (
                        *(sample_id, release.version, name, *said),
                        *(str(names[at]), value, float(contributions[at]), rank),
                    )
                )
            if (other := next_best.get(sample_id)) is None:
                continue
            opposed = np.ascontiguousarray(everything[:, classes.index(other)])
            difference = contributions - opposed
            for rank, at in enumerate(top_features(difference, top), start=1):
                value = float(row[at]) if known[at] else None
                against_rows.append(
                    (
                        *(sample_id, release.version, name, other, own.quantity, str(names[at])),
                        *(value, float(contributions[at]), float(opposed[at])),
                        *(float(difference[at]), rank),
                    )
                )
    return (
        pl.DataFrame(rows, schema=DRIVER_SCHEMA, orient="row"),
        pl.DataFrame(against_rows, schema=DIFFERENTIAL_SCHEMA, orient="row"),
    )


def runners_up(calls: pl.DataFrame, scores: pl.DataFrame) -> dict[str, str]:
    """Return sample -> the class of the highest calibrated score but for the class named."""
    named = calls.select("sample_id", named="class").drop_nulls("named")
    others = (
        scores.join(named, on="sample_id")
        .filter(pl.col("class") != pl.col("named"))
        .sort("sample_id", "score", "class", descending=[False, True, False])
        .unique("sample_id", keep="first", maintain_order=True)
    )
    return dict(others.select("sample_id", "class").iter_rows())
