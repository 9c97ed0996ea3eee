"""Nested folds that stay where they are while the cohort grows.

Belongs here: the stratified division, and the placing of groups into folds. Does not belong here:
who takes part (`members`), divisions by batch, centre or array (`schemes`), and the models.

A division that is drawn anew for every cohort changes all results with every batch. Here a patient
keeps the fold once given, and only new ones are placed, each into the fold that has fewest patients
of its class so far. That is balanced and stable at once, which hashing alone (stable, unbalanced)
and a fresh stratified draw (balanced, unstable) are not.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass

import polars as pl

from cup_assets.cohort.groups import keyed_order
from cup_assets.cohort.parameters import LEAST_PATIENTS, CohortParameters
from cup_assets.cohort.problems import FoldsError

SCHEME = "stratified"
FOLD_SCHEMA = {
    "scheme": pl.String,
    "repeat": pl.Int64,
    "outer_fold": pl.Int64,
    "inner_fold": pl.Int64,
    "sample_id": pl.String,
}


@dataclass(frozen=True)
class Group:
    """Samples that stay together, and their classes, the rarest first."""

    samples: tuple[str, ...]
    classes: tuple[str, ...]


def assign_folds(
    members: pl.DataFrame, parameters: CohortParameters, previous: pl.DataFrame | None = None
) -> pl.DataFrame:
    """Divide the members into nested folds, stratified by class and grouped by person.

    Parameters
    ----------
    members : pl.DataFrame
        ``sample_id``, ``class`` and ``group`` (or, without it, ``patient_id``); rows of which
        ``included`` is false are passed over.
    parameters : CohortParameters
        Numbers of folds and repeats, seed.
    previous : pl.DataFrame, optional
        Folds of an earlier, smaller cohort, to be kept. Folds of another number of folds cannot be
        kept and are drawn anew; give None after a change of the seed.

    Returns
    -------
    pl.DataFrame
        Columns `FOLD_SCHEMA`. Every repeat and outer fold lists every member once: its test samples
        with a null inner fold, its training samples with the inner fold in which they are tested.

    Raises
    ------
    FoldsError
        If there are no members, a sample is listed twice, a class has fewer groups than
        `LEAST_PATIENTS`, or there are fewer groups than outer folds.
    """
    groups = read_groups(members)
    _check(groups, parameters)
    rows: list[tuple[str, int, int, int | None, str]] = []
    for repeat in range(parameters.repeats):
        before = _Earlier.read(previous, repeat, parameters)
        outer = _divide(
            groups, parameters.outer_folds, before.outer, parameters.seed, f"{repeat}/outer", 2
        )
        for test in range(parameters.outer_folds):
            training = {name: groups[name] for name in groups if outer[name] != test}
            label = f"{repeat}/inner/{test}"
            earlier = before.inner.get(test, {})
            inner = _divide(training, parameters.inner_folds, earlier, parameters.seed, label, 1)
            rows += [
                (SCHEME, repeat, test, inner.get(name), sample)
                for name, group in groups.items()
                for sample in group.samples
            ]
    frame = pl.DataFrame(rows, schema=FOLD_SCHEMA, orient="row")
    return frame.sort("repeat", "outer_fold", "sample_id")


def read_groups(members: pl.DataFrame) -> dict[str, Group]:
    """Return the groups of the included members by name, in the order of the names."""
    if "included" in members.columns:
        members = members.filter(pl.col("included"))
    if members["sample_id"].n_unique() != members.height:
        raise FoldsError("members: a sample is listed twice: list each once")
    by = "group" if "group" in members.columns else "patient_id"
    samples: dict[str, list[str]] = defaultdict(list)
    classes: dict[str, set[str]] = defaultdict(set)
    for group, sample, name in members.select(by, "sample_id", "class").sort(by).iter_rows():
        samples[group].append(sample)
        classes[group].add(name)
    sizes = Counter(name for names in classes.values() for name in names)
    return {
        group: Group(
            tuple(sorted(samples[group])),
            tuple(sorted(classes[group], key=lambda name: (sizes[name], name))),
        )
        for group in samples
    }


def _check(groups: Mapping[str, Group], parameters: CohortParameters) -> None:
    if not groups:
        raise FoldsError("no members: take in reference samples with a diagnosis first")
    sizes = Counter(name for group in groups.values() for name in group.classes)
    small = [f"{name} ({n})" for name, n in sorted(sizes.items()) if n < LEAST_PATIENTS]
    if small:
        raise FoldsError(
            f"classes with fewer than {LEAST_PATIENTS} patients cannot be tested and learnt:"
            f" {', '.join(small)}: leave them out"
        )
    if len(groups) < parameters.outer_folds:
        raise FoldsError(
            f"{len(groups)} patients for {parameters.outer_folds} outer folds: use fewer folds"
        )


@dataclass(frozen=True)
class _Earlier:
    """Folds to keep, by sample: the outer one, and the inner one for each outer test fold."""

    outer: Mapping[str, int]
    inner: Mapping[int, Mapping[str, int]]

    @classmethod
    def read(
        cls, previous: pl.DataFrame | None, repeat: int, parameters: CohortParameters
    ) -> _Earlier:
        nothing = cls({}, {})
        if previous is None:
            return nothing
        mine = previous.filter((pl.col("scheme") == SCHEME) & (pl.col("repeat") == repeat))
        if set(mine["outer_fold"]) != set(range(parameters.outer_folds)):
            return nothing
        outer: dict[str, int] = {}
        inner: dict[int, dict[str, int]] = defaultdict(dict)
        for test, fold, sample in mine.select("outer_fold", "inner_fold", "sample_id").iter_rows():
            if fold is None:
                outer[sample] = test
            else:
                inner[test][sample] = fold
        if set(mine["inner_fold"].drop_nulls()) != set(range(parameters.inner_folds)):
            inner.clear()
        return cls(outer, inner)


def _divide(
    groups: Mapping[str, Group],
    n_folds: int,
    earlier: Mapping[str, int],
    seed: int,
    label: str,
    left: int,
) -> dict[str, int]:
    """Place groups; what is kept may leave fewer than ``left`` groups of a class beside a fold.

    That takes a changed diagnosis or two patients who turn out to be one, and only happens to small
    classes. A class that some training part would lack is worse than one that moves, so its groups
    are placed as if they were new.
    """
    placed = place(groups, n_folds, earlier, seed, label)
    size: Counter[str] = Counter()
    within: Counter[tuple[str, int]] = Counter()
    for name, fold in placed.items():
        size.update(groups[name].classes)
        within.update((each, fold) for each in groups[name].classes)
    crowded = {each for (each, _), n in within.items() if size[each] - n < min(left, size[each])}
    moved = {
        sample
        for group in groups.values()
        if not crowded.isdisjoint(group.classes)
        for sample in group.samples
    }
    kept = {sample: fold for sample, fold in earlier.items() if sample not in moved}
    return place(groups, n_folds, kept, seed, label) if moved else placed


def place(
    groups: Mapping[str, Group],
    n_folds: int,
    earlier: Mapping[str, int],
    seed: int,
    label: str,
) -> dict[str, int]:
    """Return the fold of each group: the one it had, or the one that lacks its class most."""
    folds = range(n_folds)
    of_class: dict[str, list[int]] = defaultdict(lambda: [0] * n_folds)
    in_all = [0] * n_folds
    placed: dict[str, int] = {}

    def put(name: str, fold: int) -> None:
        placed[name] = fold
        in_all[fold] += len(groups[name].samples)
        for each in groups[name].classes:
            of_class[each][fold] += 1

    for name, group in groups.items():
        if kept := _kept(group.samples, earlier):
            put(name, kept[0])
    # Persons with several classes fit least well and go first; within a class, chance decides.
    new = sorted(
        (name for name in groups if name not in placed),
        key=lambda name: (
            -len(groups[name].classes),
            groups[name].classes,
            keyed_order(seed, label, name),
        ),
    )
    for name in new:
        counts = [of_class[each] for each in groups[name].classes]
        order = {fold: keyed_order(seed, label, name, str(fold)) for fold in folds}
        put(name, min(folds, key=lambda f: ([n[f] for n in counts], in_all[f], order[f])))
    return placed


def _kept(samples: Collection[str], earlier: Mapping[str, int]) -> list[int]:
    """Return the folds that samples had, the most frequent first.

    Two persons that turn out to be one can have had two folds; they share one from now on.
    """
    votes = Counter(earlier[sample] for sample in samples if sample in earlier)
    return sorted(votes, key=lambda fold: (-votes[fold], fold))
