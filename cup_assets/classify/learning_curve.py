"""How the error falls with the number of patients to learn from.

Belongs here: the subsets of the training parts, and the error at each size. Does not belong here:
what the curve says about more patients (`extrapolation`), the classifier (a `Learner`).
"""

from __future__ import annotations

import math
import warnings
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import polars as pl

from cup_assets.classify.bootstrap import patient_weights, share_interval
from cup_assets.classify.data import Floats, Ints, Strings, TrainingData
from cup_assets.classify.errors import ClassifyError
from cup_assets.classify.learners import Learner
from cup_assets.classify.measures import mean_defined, ratio
from cup_assets.classify.nested import OuterFold, outer_folds
from cup_assets.compute import Mapper, serial

FRACTIONS = (0.15, 0.25, 0.4, 0.6, 0.8, 1.0)
POINT_SCHEMA = {
    "fraction": pl.Float64,
    "n_train_patients": pl.Float64,
    "n_train_samples": pl.Float64,
    "n_test_patients": pl.Int64,
    "error": pl.Float64,
    "low": pl.Float64,
    "high": pl.Float64,
}
# With one patient, a class would vanish from the part when its inner fold is held out.
_LEAST_PATIENTS = 2


@dataclass(frozen=True, eq=False)
class LearningCurve:
    """Error against the number of patients in training.

    Attributes
    ----------
    points
        Frame of `POINT_SCHEMA`, a row for each size: share of the training part, patients and
        samples in it (means over the outer folds), and the error over all held-out predictions
        with its 95 % interval over patients.
    draws : float64[1 + bootstraps, sizes]
        The errors, and those of bootstrap samples of patients, the same ones at every size.
    n_patients
        Patients of the whole cohort; a training part holds fewer.
    """

    points: pl.DataFrame
    draws: Floats
    n_patients: int


def learning_curve(
    data: TrainingData,
    folds: pl.DataFrame,
    learner: Learner,
    seed: int,
    *,
    fractions: Sequence[float] = FRACTIONS,
    bootstraps: int = 500,
    mapper: Mapper = serial,
    progress: Callable[[int, int], None] | None = None,
) -> LearningCurve:
    """Learn from growing parts of each outer fold's training part, testing on its test part.

    Each part holds the one before it; it has the same share of the patients of each class, but at
    least two of them, and of each inner fold. What is tuned, selected and calibrated is so within
    the part.

    Parameters
    ----------
    data
    folds
        Frame (scheme, repeat, outer_fold, inner_fold, sample_id) of one scheme.
    learner
        Such as `cup_assets.classify.learners.tuned_learner` gives.
    seed
        Decides which patients the smaller parts hold; with part and fold, the learner's seed.
    fractions
        Shares of the training part; those that hold the same patients as a smaller one (in small
        cohorts) are passed over.
    mapper, progress
        Run and report the fits, one for each outer fold and size.

    Raises
    ------
    ClassifyError
        Where a fraction is not in (0, 1], or folds and data do not fit.
    """
    if not fractions or min(fractions) <= 0 or max(fractions) > 1:
        raise ClassifyError(f"fractions are {tuple(fractions)}: they must lie in (0, 1]")
    splits = outer_folds(data, folds)
    parts = _parts(data, splits, sorted(set(fractions)), seed)
    tasks = [
        _Task(part, split.inner[np.isin(split.train, part)], split.test, _seed(seed, split, step))
        for step, of_split in enumerate(parts.values())
        for part, split in zip(of_split, splits, strict=True)
    ]
    wrong = mapper(partial(_errors, learner, data.y), tasks, progress)
    rows, draws = [], []
    weights = _weights(data, splits, bootstraps, seed)
    n_test = len(np.unique(data.patient[np.concatenate([split.test for split in splits])]))
    for step, (fraction, of_split) in enumerate(parts.items()):
        errors = _error(splits, wrong[step * len(splits) : (step + 1) * len(splits)], weights)
        patients = [len(np.unique(data.patient[part])) for part in of_split]
        sizes = float(np.mean(patients)), float(np.mean([len(part) for part in of_split]))
        interval = share_interval(float(errors[0]), errors[1:], n_test)
        rows.append((fraction, *sizes, n_test, float(errors[0]), *interval))
        draws.append(errors)
    points = pl.DataFrame(rows, schema=POINT_SCHEMA, orient="row")
    return LearningCurve(points, np.array(draws).T, len(np.unique(data.patient)))


def nested_part(data: TrainingData, split: OuterFold, fraction: float, seed: int) -> Ints:
    """Return the rows of a share of a training part, in its order; smaller shares lie within."""
    persons: dict[str, list[int]] = defaultdict(list)
    for place, row in enumerate(split.train):
        persons[str(data.patient[row])].append(place)
    sizes = Counter(data.y[split.train].tolist())
    generator = np.random.default_rng([seed, split.repeat, split.outer_fold])
    names = sorted(persons)
    draw = dict(zip(names, generator.permutation(len(names)).tolist(), strict=True))
    # A person with several classes counts for the rarest, which can spare them least.
    by_class: dict[str, list[str]] = defaultdict(list)
    for name in names:
        labels = {str(data.y[split.train[place]]) for place in persons[name]}
        by_class[min(labels, key=lambda label: (sizes[label], label))].append(name)
    kept: list[int] = []
    for own in by_class.values():
        order = _in_turn(own, {n: int(split.inner[persons[n][0]]) for n in own}, draw)
        quota = max(_LEAST_PATIENTS, math.ceil(fraction * len(own) - 1e-9))
        kept += [place for name in order[:quota] for place in persons[name]]
    return np.asarray(split.train[sorted(kept)], dtype=np.int64)


@dataclass(frozen=True, eq=False)
class _Task:
    train: Ints
    inner: Ints
    test: Ints
    seed: int


def _in_turn(names: list[str], fold: dict[str, int], draw: dict[str, int]) -> list[str]:
    """Order names by chance, taking from the inner folds in turn."""
    taken: Counter[int] = Counter()
    turn = {}
    for name in sorted(names, key=draw.__getitem__):
        turn[name] = taken[fold[name]]
        taken[fold[name]] += 1
    return sorted(names, key=lambda name: (turn[name], draw[name]))


def _parts(
    data: TrainingData, splits: list[OuterFold], fractions: list[float], seed: int
) -> dict[float, list[Ints]]:
    parts: dict[float, list[Ints]] = {}
    size = 0
    for fraction in fractions:
        part = [nested_part(data, split, fraction, seed) for split in splits]
        if sum(map(len, part)) > size:
            parts[fraction] = part
            size = sum(map(len, part))
    return parts


def _seed(seed: int, split: OuterFold, step: int) -> int:
    entropy = (seed, split.repeat, split.outer_fold, step)
    return int(np.random.SeedSequence(entropy).generate_state(1)[0])


def _errors(learner: Learner, y: Strings, task: _Task) -> Floats:
    """Return 1 for each test row called wrongly, else 0."""
    with warnings.catch_warnings():
        # With two patients a class in the smallest parts scikit-learn doubts that they are classes.
        warnings.filterwarnings("ignore", "The number of unique classes is greater than 50%")
        classes, scores = learner(task.train, task.inner, task.test, task.seed)
    called = classes[scores.argmax(axis=1)]
    return np.asarray(called != y[task.test], dtype=np.float64)


def _weights(
    data: TrainingData, splits: list[OuterFold], bootstraps: int, seed: int
) -> list[Floats]:
    patients = [data.patient[split.test].tolist() for split in splits]
    return patient_weights(patients, bootstraps, seed)


def _error(splits: list[OuterFold], wrong: list[Floats], weights: list[Floats]) -> Floats:
    """Return the error float64[draws]: over all folds of a repeat, then the mean over repeats."""
    repeats = []
    for repeat in sorted({split.repeat for split in splits}):
        mine = [i for i, split in enumerate(splits) if split.repeat == repeat]
        part = sum((weights[i] @ wrong[i] for i in mine), np.zeros(len(weights[0])))
        whole = sum((weights[i].sum(axis=1) for i in mine), np.zeros(len(weights[0])))
        repeats.append(ratio(part, whole))
    return mean_defined(np.array(repeats).T)
