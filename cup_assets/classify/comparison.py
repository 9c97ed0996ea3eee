"""Which of two classifiers is better, on the very same held-out samples.

Belongs here: paired differences of models, strategies or features, their intervals and tests. Does
not belong here: figures of one classifier (`metrics`), pictures.

Two intervals of two models overlap long before the difference between the models is in doubt,
because both err on the same difficult samples. Differences are therefore taken sample by sample.

- Intervals: percentiles over bootstrap samples of patients, the same patients for both.
- error: McNemar's exact test, on patients, because samples of one patient are not independent: of
  the patients of whom one classifier gets more predictions right than the other, each is equally
  likely to be better. With one sample a patient and one repeat this is McNemar's test as known.
- macro_f1 and log_loss: exchange test. If the two do not differ, the scores of each patient may
  change places; p is the share of random exchanges with a difference at least as large.
- p_holm: p after Holm (1979) over all rows of the table with a p-value, so that with a chance of
  95 % no difference is called that is none.

As the models are taken as they were fitted, none of this tells what another training set would do.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import polars as pl

from cup_assets.classify.errors import ClassifyError
from cup_assets.classify.paired import read_pair

COMPARISON_SCHEMA = {
    "a": pl.String,
    "b": pl.String,
    "metric": pl.String,
    "n_samples": pl.Int64,
    "n_patients": pl.Int64,
    "n_unpaired": pl.Int64,
    "value_a": pl.Float64,
    "value_b": pl.Float64,
    "difference": pl.Float64,
    "low": pl.Float64,
    "high": pl.Float64,
    "a_better": pl.Int64,
    "b_better": pl.Int64,
    "test": pl.String,
    "p": pl.Float64,
    "p_holm": pl.Float64,
}
RECALL_SCHEMA = {
    "class": pl.String,
    "n_samples": pl.Int64,
    "n_patients": pl.Int64,
    "before": pl.String,
    "after": pl.String,
    "recall_before": pl.Float64,
    "recall_after": pl.Float64,
    "difference": pl.Float64,
    "low": pl.Float64,
    "high": pl.Float64,
}


def compare(
    scores: pl.DataFrame,
    truth: pl.DataFrame,
    seed: int,
    *,
    by: Sequence[str] = ("model",),
    baseline: str | None = None,
    draws: int = 2000,
) -> pl.DataFrame:
    """Compare every two classifiers, or each with a baseline, on the predictions they share.

    Parameters
    ----------
    scores
        Frame (repeat, sample_id, class, raw_score, score and the columns ``by``) of one scheme.
    truth
        Frame (sample_id, class and, where samples share patients, patient_id).
    by
        Columns that tell the classifiers apart; a classifier's name is their values, joined by
        " · ".
    baseline
        Name of the classifier that the others are compared with; without it all pairs are.
    draws
        Bootstrap samples, and exchanges.

    Returns
    -------
    Frame of `COMPARISON_SCHEMA`, a row for each pair and each of error, macro_f1 and log_loss.
    ``difference`` is value_a - value_b; a_better and b_better count patients of whom one gets more
    predictions right (error) or the lower log loss (log_loss; null for macro_f1). ``n_samples``
    counts distinct samples, ``n_unpaired`` predictions (sample and repeat) of only one of the two,
    which take no part. The interval is null where all draws agree.

    Raises
    ------
    ClassifyError
        Where there are fewer than two classifiers, the baseline is unknown, two have no prediction
        in common, or scores and truth do not fit.
    """
    named = _by_name(scores, by)
    pairs = list(combinations(named, 2))
    if baseline is not None:
        if baseline not in named:
            raise ClassifyError(f"baseline {baseline!r} is unknown: use one of {', '.join(named)}")
        pairs = [(name, baseline) for name in named if name != baseline]
    if not pairs:
        raise ClassifyError(f"nothing to compare: there is only {', '.join(named)}")
    rows = [
        {"a": a, "b": b, **row}
        for a, b in pairs
        for row in read_pair((a, b), (named[a], named[b]), truth, seed, draws).rows(seed)
    ]
    frame = pl.DataFrame(rows, schema_overrides=COMPARISON_SCHEMA)
    corrected = pl.Series(holm(frame["p"].to_list()), dtype=pl.Float64)
    return frame.with_columns(p_holm=corrected).select(*COMPARISON_SCHEMA)


def recall_change(
    scores: pl.DataFrame,
    truth: pl.DataFrame,
    seed: int,
    *,
    by: str = "strategy",
    baseline: str = "none",
    draws: int = 2000,
) -> pl.DataFrame:
    """Hold the recall of every class under a balancing strategy against that without.

    Parameters
    ----------
    scores, truth, seed, draws
        As for `compare`; scores of one model and scheme.
    by, baseline
        Column of the strategies, and the one that counts as before.

    Returns
    -------
    Frame of `RECALL_SCHEMA`, a row for each class and each other strategy, the smallest classes
    first: recall before and after, and after - before with its 95 % interval over patients (null
    where all draws agree or the class has too few patients).

    Raises
    ------
    ClassifyError
        As `compare`.
    """
    named = _by_name(scores, [by])
    if baseline not in named or len(named) < 2:
        known = ", ".join(named)
        raise ClassifyError(f"{by} needs {baseline!r} and another to compare; it holds {known}")
    rows = []
    for after in (name for name in named if name != baseline):
        both = named[after], named[baseline]
        pair = read_pair((after, baseline), both, truth, seed, draws)
        rows += [{"before": baseline, "after": after, **row} for row in pair.recalls()]
    frame = pl.DataFrame(rows, schema_overrides=RECALL_SCHEMA)
    return frame.select(*RECALL_SCHEMA).sort("after", "n_samples", "class")


def holm(p_values: Sequence[float | None]) -> list[float | None]:
    """Return p-values corrected after Holm; None stays None and is not counted.

    >>> holm([0.01, 0.04, None, 0.03])
    [0.03, 0.06, None, 0.06]
    """
    known = sorted((p, i) for i, p in enumerate(p_values) if p is not None)
    result: list[float | None] = [None] * len(p_values)
    least = 0.0
    for rank, (p, i) in enumerate(known):
        least = max(least, min(1.0, p * (len(known) - rank)))
        result[i] = least
    return result


def _by_name(scores: pl.DataFrame, by: Sequence[str]) -> dict[str, pl.DataFrame]:
    if missing := [column for column in by if column not in scores.columns]:
        raise ClassifyError(f"scores lack the column {missing[0]!r} to compare by")
    label = pl.concat_str(by, separator=" · ")
    parts = scores.with_columns(label.alias("_name")).partition_by("_name", as_dict=True)
    return {str(name): part for (name,), part in sorted(parts.items())}
