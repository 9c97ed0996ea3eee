"""Two classifiers on the same predictions: what each adds to each metric, patient by patient.

Belongs here: the arithmetic of a paired comparison. Does not belong here: which classifiers are
compared, and the correction for many comparisons (`comparison`, where the tests are defined too).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from cup_assets.classify.bootstrap import Interval, patient_weights, percentile_interval
from cup_assets.classify.calibrate import log_losses
from cup_assets.classify.data import Floats, Ints
from cup_assets.classify.errors import ClassifyError
from cup_assets.classify.measures import mean_defined, ratio
from cup_assets.classify.metrics import ScoreTable, scored_tables

COMPARED = ("error", "macro_f1", "log_loss")


@dataclass(frozen=True, eq=False)
class Pair:
    """What each of two classifiers adds to each metric, summed by patient.

    Attributes
    ----------
    classes
        Names of the k classes.
    sums : float64[2, repeats, patients, 3 k + 1]
        Of each classifier: hits, calls and samples of each class, and the log loss.
    n_samples : int64[k], n_patients : int64[k]
        Of each class.
    weights : float64[1 + draws, patients]
        The data itself, then bootstrap samples.
    """

    classes: list[str]
    sums: Floats
    n_samples: Ints
    n_patients: Ints
    n_unpaired: int
    weights: Floats

    def rows(self, seed: int) -> list[dict[str, object]]:
        """Return a row for each metric."""
        values = [self._values(of, self.weights) for of in self.sums]
        swapped = self._exchanged(seed)
        n_patients = self.sums.shape[2]
        rows: list[dict[str, object]] = []
        for index, metric in enumerate(COMPARED):
            a, b = (of[index] for of in values)
            difference = a - b
            low, high = _interval(difference)
            better = self._better(metric)
            if metric == "error" and better is not None:
                test, p = "mcnemar_exact", mcnemar(*better)
            else:
                reached = np.abs(swapped[index]) >= abs(difference[0]) - 1e-12
                test, p = "exchange", float((1 + reached.sum()) / (1 + reached.size))
            rows.append(
                {
                    "metric": metric,
                    "n_samples": int(self.n_samples.sum()),
                    "n_patients": n_patients,
                    "n_unpaired": self.n_unpaired,
                    "value_a": float(a[0]),
                    "value_b": float(b[0]),
                    "difference": float(difference[0]),
                    "low": low,
                    "high": high,
                    "a_better": better[0] if better else None,
                    "b_better": better[1] if better else None,
                    "test": test,
                    "p": p,
                }
            )
        return rows

    def recalls(self) -> list[dict[str, object]]:
        """Return a row for each class that occurs."""
        after, before = (
            mean_defined(
                np.array([self._recall(part, self.weights) for part in of]).transpose(1, 2, 0)
            )
            for of in self.sums
        )
        rows: list[dict[str, object]] = []
        for code in np.flatnonzero(self.n_samples):
            change = after[:, code] - before[:, code]
            low, high = _interval(change)
            rows.append(
                {
                    "class": self.classes[code],
                    "n_samples": int(self.n_samples[code]),
                    "n_patients": int(self.n_patients[code]),
                    "recall_before": float(before[0, code]),
                    "recall_after": float(after[0, code]),
                    "difference": float(change[0]),
                    "low": low,
                    "high": high,
                }
            )
        return rows

    def _values(self, sums: Floats, weights: Floats) -> list[Floats]:
        """Return error, macro F1 and log loss float64[draws], the mean over repeats of each."""
        return self._metrics([weights @ part for part in sums])

    def _metrics(self, totals: Sequence[Floats]) -> list[Floats]:
        k = len(self.classes)
        repeats = []
        for total in totals:
            hits, called, actual = (total[:, i * k : (i + 1) * k] for i in range(3))
            n = actual.sum(axis=1)
            error = 1 - ratio(hits.sum(axis=1), n)
            f1 = mean_defined(ratio(2 * hits, called + actual))
            repeats.append([error, f1, ratio(total[:, 3 * k], n)])
        return list(mean_defined(np.array(repeats).transpose(1, 2, 0)))

    def _recall(self, sums: Floats, weights: Floats) -> Floats:
        k = len(self.classes)
        total = weights @ sums
        return ratio(total[:, :k], total[:, 2 * k : 3 * k])

    def _exchanged(self, seed: int) -> list[Floats]:
        """Return the differences float64[draws] of each metric under random exchanges."""
        generator = np.random.default_rng([seed, 1])
        shape = (len(self.weights) - 1, self.sums.shape[2])
        stay = generator.integers(0, 2, size=shape).astype(np.float64)
        a, b = self.sums
        one = [stay @ x + (1 - stay) @ y for x, y in zip(a, b, strict=True)]
        two = [stay @ y + (1 - stay) @ x for x, y in zip(a, b, strict=True)]
        return [x - y for x, y in zip(self._metrics(one), self._metrics(two), strict=True)]

    def _better(self, metric: str) -> tuple[int, int] | None:
        """Return of how many patients a, and b, is the better one."""
        k = len(self.classes)
        if metric == "macro_f1":
            return None
        by_patient = self.sums.sum(axis=1)
        gain = (
            by_patient[0, :, :k].sum(axis=1) - by_patient[1, :, :k].sum(axis=1)
            if metric == "error"
            else by_patient[1, :, 3 * k] - by_patient[0, :, 3 * k]
        )
        return int((gain > 0).sum()), int((gain < 0).sum())


def read_pair(
    names: tuple[str, str],
    scores: tuple[pl.DataFrame, pl.DataFrame],
    truth: pl.DataFrame,
    seed: int,
    draws: int,
) -> Pair:
    """Pair two classifiers on the predictions (repeat, sample_id) that both made.

    Raises
    ------
    ClassifyError
        Where they share no prediction, score different classes, or do not fit the truth.
    """
    keys = ["repeat", "sample_id"]
    one, other = scores
    shared = one.select(keys).unique().join(other.select(keys).unique(), on=keys)
    if shared.is_empty():
        raise ClassifyError(f"{' and '.join(names)} have no held-out prediction in common")
    unpaired = sum(part.select(keys).n_unique() - shared.height for part in scores)
    classes, first = scored_tables(one.join(shared, on=keys, how="semi"), truth)
    others, second = scored_tables(other.join(shared, on=keys, how="semi"), truth)
    if others != classes:
        raise ClassifyError(f"{' and '.join(names)} score different classes")
    patients = sorted({name for table in first for name in table.patients})
    seen = {
        (sample, patient, int(code))
        for table in first
        for sample, patient, code in zip(table.sample_ids, table.patients, table.codes, strict=True)
    }
    of_class = [[entry for entry in seen if entry[2] == code] for code in range(len(classes))]
    return Pair(
        classes,
        np.array([_sums(tables, len(classes), patients) for tables in (first, second)]),
        np.array([len(entries) for entries in of_class], dtype=np.int64),
        np.array([len({patient for _, patient, _ in entries}) for entries in of_class]),
        unpaired,
        patient_weights([patients], draws, seed)[0],
    )


def mcnemar(a_better: int, b_better: int) -> float:
    """Return McNemar's exact two-sided p for the discordant counts; 1 where there are none."""
    from scipy.stats import binomtest

    n = a_better + b_better
    return float(binomtest(a_better, n, 0.5).pvalue) if n else 1.0


def _interval(change: Floats) -> Interval:
    # Where no draw differs, the bootstrap cannot tell how sure the difference is.
    return (
        percentile_interval(change[1:]) if np.nanmax(change) > np.nanmin(change) else (None, None)
    )


def _sums(tables: list[ScoreTable], k: int, patients: list[str]) -> Floats:
    position = {name: index for index, name in enumerate(patients)}
    result = np.zeros((len(tables), len(patients), 3 * k + 1))
    for part, table in zip(result, tables, strict=True):
        rows = np.array([position[name] for name in table.patients])
        predicted = table.scores[1].argmax(axis=1)
        hit = predicted == table.codes
        np.add.at(part, (rows[hit], predicted[hit]), 1)
        np.add.at(part, (rows, k + predicted), 1)
        np.add.at(part, (rows, 2 * k + table.codes), 1)
        np.add.at(part, (rows, np.full(len(rows), 3 * k)), log_losses(table.scores[1], table.codes))
    return result
