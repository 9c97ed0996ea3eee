"""Divisions that hold out what a hospital will meet anew: a batch, a centre, an array generation.

Belongs here: which samples each scheme trains and tests on, and what a scheme cannot test. Does not
belong here: the stratified division and the placing of groups (`folds`), and the models.

Stratified folds flatter a cohort in which class and batch go together, because a model may know the
batch instead of the tumour. Figures for an independent array generation or centre lie 10 to 12
points below those of cross-validation (MFCUP: 97.2 % against 84.8 % on an independent array).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import polars as pl

from cup_assets.cohort.folds import (
    FOLD_SCHEMA,
    SCHEME,
    Group,
    assign_folds,
    place,
    read_groups,
)
from cup_assets.cohort.kept_folds import EarlierFolds, keep_numbers
from cup_assets.cohort.parameters import CohortParameters
from cup_assets.cohort.problems import FoldsError

Scheme = Literal["stratified", "leave_batch_out", "leave_site_out", "cross_array"]
SCHEMES: tuple[Scheme, ...] = get_args(Scheme)
HELD_OUT_BY: Mapping[str, str] = {
    "leave_batch_out": "batch",
    "leave_site_out": "site",
    "cross_array": "array",
}
"""Scheme -> the column of the members whose values it keeps apart."""
PART_SCHEMA = {
    "scheme": pl.String,
    "repeat": pl.Int64,
    "outer_fold": pl.Int64,
    "held_out": pl.String,
    "n_train": pl.Int64,
    "n_test": pl.Int64,
    "n_not_used": pl.Int64,
}
NOT_USED_SCHEMA = {
    "scheme": pl.String,
    "repeat": pl.Int64,
    "outer_fold": pl.Int64,
    "sample_id": pl.String,
    "class": pl.String,
    "part": pl.String,
    "reason": pl.String,
}

_Row = tuple[str, int, int, int | None, str]
_NotUsed = tuple[int | None, int | None, str, str, str]


@dataclass(frozen=True)
class SchemeFolds:
    """The folds of one scheme, and everything that the scheme leaves untold.

    Attributes
    ----------
    scheme
        Name, one of `SCHEMES`.
    folds
        Columns of `FOLD_SCHEMA`, as `assign_folds` gives them; empty where the scheme is
        impossible. A sample that is neither trained nor tested in an outer fold has no row in it.
    parts
        What each outer fold holds out: (scheme, repeat, outer_fold, held_out, n_train, n_test,
        n_not_used). For ``cross_array``, ``held_out`` lists the arrays that are tested. Folds that
        cannot be tested are listed, with n_test 0. Empty for ``stratified``.
    not_used
        (scheme, repeat, outer_fold, sample_id, class, part, reason): the samples of a fold that
        are not tested although they should be (part ``test``: no sample of the class is left to
        train on, or nothing is left to train on at all), or not trained on although they could be
        (part ``train``: the same person is tested). ``outer_fold`` is null for samples that no
        fold can hold, because it is not known where they belong.
    impossible
        Why the scheme cannot be carried out, in a sentence; None where it can.
    """

    scheme: str
    folds: pl.DataFrame
    parts: pl.DataFrame
    not_used: pl.DataFrame
    impossible: str | None = None


def assign_scheme(
    scheme: str,
    members: pl.DataFrame,
    parameters: CohortParameters,
    previous: pl.DataFrame | None = None,
) -> SchemeFolds:
    """Divide the members as a scheme says.

    ``stratified``: `assign_folds`. ``leave_batch_out``, ``leave_site_out``: every batch (centre) is
    tested once by what is learnt from all others. ``cross_array``: one fold for each array, trained
    on that array alone and tested on all other arrays; each is a repeat of its own, because a
    sample is tested once for every array but its own. All but the first have one repeat only (and
    one a fold for ``cross_array``), since they leave nothing to chance but the inner folds.

    A person is never on both sides: other samples of a person who is tested are left out of the
    training part of that fold. Inner folds are stratified by class and grouped by person. A sample
    whose class the training part lacks cannot be recognised by any model; it is not tested but
    listed in ``not_used``.

    Parameters
    ----------
    scheme : str
        One of `SCHEMES`.
    members : pl.DataFrame
        ``sample_id``, ``class``, ``group`` (or, without it, ``patient_id``) and the column of
        `HELD_OUT_BY`; rows of which ``included`` is false are passed over.
    parameters : CohortParameters
        Numbers of folds, repeats (``stratified`` only), seed.
    previous : pl.DataFrame, optional
        Folds of an earlier, smaller cohort (other schemes in it are passed over). A batch, centre
        or array keeps its number, and a sample its inner fold.

    Raises
    ------
    FoldsError
        If the scheme is unknown, the column is missing, or `assign_folds` raises it. A cohort that
        a scheme does not suit (one batch only) is not an error: ``impossible`` says why.
    """
    if scheme == SCHEME:
        folds = assign_folds(members, parameters, previous)
        return SchemeFolds(
            scheme, folds, pl.DataFrame(schema=PART_SCHEMA), pl.DataFrame(schema=NOT_USED_SCHEMA)
        )
    if scheme not in HELD_OUT_BY:
        raise FoldsError(f"scheme {scheme!r} is unknown: use one of {', '.join(SCHEMES)}")
    if HELD_OUT_BY[scheme] not in members.columns:
        raise FoldsError(f"scheme {scheme}: members lack the column {HELD_OUT_BY[scheme]!r}")
    return _Division.read(scheme, members, parameters, previous).divide()


@dataclass(frozen=True)
class _Division:
    """The members by what a scheme keeps apart.

    Attributes
    ----------
    level_of, class_of
        Batch, centre or array (None: unknown) and class of each sample.
    group_of
        Group (person) of each sample.
    numbers
        Number of each level, kept from earlier folds.
    """

    scheme: str
    parameters: CohortParameters
    groups: Mapping[str, Group]
    level_of: Mapping[str, str | None]
    class_of: Mapping[str, str]
    group_of: Mapping[str, str]
    numbers: Mapping[str, int]
    inner: Mapping[int, Mapping[str, int]]

    @classmethod
    def read(
        cls,
        scheme: str,
        members: pl.DataFrame,
        parameters: CohortParameters,
        previous: pl.DataFrame | None,
    ) -> _Division:
        groups = read_groups(members)
        if not groups:
            raise FoldsError("no members: take in reference samples with a diagnosis first")
        if "included" in members.columns:
            members = members.filter(pl.col("included"))
        column = pl.col(HELD_OUT_BY[scheme]).cast(pl.String)
        levels = dict(members.select("sample_id", column).iter_rows())
        level_of: dict[str, str | None] = {name: level or None for name, level in levels.items()}
        earlier = EarlierFolds.read(previous, scheme, parameters.inner_folds)
        alike = earlier.trained if scheme == "cross_array" else earlier.tested
        return cls(
            scheme,
            parameters,
            groups,
            level_of,
            dict(members.select("sample_id", "class").iter_rows()),
            {sample: name for name, group in groups.items() for sample in group.samples},
            keep_numbers(level_of, alike),
            earlier.inner,
        )

    def divide(self) -> SchemeFolds:
        column = HELD_OUT_BY[self.scheme]
        unknown = [name for name, level in self.level_of.items() if level is None]
        not_used: list[_NotUsed] = [
            (None, None, name, "test", f"its {column} is not known") for name in sorted(unknown)
        ]
        if len(self.numbers) < 2:
            found = f"only {next(iter(self.numbers))!r}" if self.numbers else "none"
            few = f"{self.scheme} needs samples of at least two values of {column}: found {found}"
            return self._result([], [], not_used, few)
        rows: list[_Row] = []
        parts: list[tuple[object, ...]] = []
        for level, number in sorted(self.numbers.items(), key=lambda item: item[1]):
            repeat = number if self.scheme == "cross_array" else 0
            fold = self._fold(level, number)
            rows += [(self.scheme, repeat, number, None, name) for name in fold.test]
            rows += [(self.scheme, repeat, number, i, name) for name, i in fold.inner.items()]
            not_used += [(repeat, number, *entry) for entry in fold.not_used]
            sizes = (len(fold.inner), len(fold.test), len(fold.not_used))
            parts.append((self.scheme, repeat, number, fold.held_out, *sizes))
        why = None if rows else f"{self.scheme}: no fold can be tested: not_used says why for each"
        return self._result(rows, parts, not_used, why)

    def _fold(self, level: str, number: int) -> _Fold:
        """Part the samples for one level: the one held out, or for ``cross_array`` trained on."""
        known = {name: of for name, of in sorted(self.level_of.items()) if of is not None}
        one = [name for name, of in known.items() if of == level]
        others = [name for name, of in known.items() if of != level]
        test, rest = (others, one) if self.scheme == "cross_array" else (one, others)
        held_out = ", ".join(sorted({known[name] for name in test}))
        persons = {self.group_of[name] for name in test}
        train = [name for name in rest if self.group_of[name] not in persons]
        barred = [
            (name, "train", "the same person is tested in this fold")
            for name in rest
            if self.group_of[name] in persons
        ]
        inner, why = self._inner(train, number)
        if why:
            nothing = [(name, "test", why) for name in test]
            return _Fold(held_out, [], {}, [*nothing, *barred])
        taught = {self.class_of[name] for name in train}
        unseen = [
            (name, "test", "no sample of its class is left to train on")
            for name in test
            if self.class_of[name] not in taught
        ]
        tested = [name for name in test if self.class_of[name] in taught]
        return _Fold(held_out, tested, inner if tested else {}, [*unseen, *barred])

    def _inner(self, train: Sequence[str], number: int) -> tuple[dict[str, int], str | None]:
        """Return the inner fold of each training sample, or why there can be none."""
        groups = {of: self.groups[of] for of in sorted({self.group_of[name] for name in train})}
        classes = {self.class_of[name] for name in train}
        if len(classes) < 2:
            return {}, f"the training part holds {len(classes)} of the two classes it needs"
        placed = place(
            groups,
            self.parameters.inner_folds,
            self.inner.get(number, {}),
            self.parameters.seed,
            f"{self.scheme}/inner/{number}",
        )
        inner = {name: placed[self.group_of[name]] for name in train}
        for fold in set(inner.values()):
            left = {self.class_of[name] for name, of in inner.items() if of != fold}
            if len(left) < 2:
                return {}, "the training part is too small to be divided into inner folds"
        return inner, None

    def _result(
        self,
        rows: Sequence[_Row],
        parts: Sequence[tuple[object, ...]],
        not_used: Sequence[_NotUsed],
        why: str | None,
    ) -> SchemeFolds:
        listed = [
            (self.scheme, repeat, fold, name, self.class_of[name], part, reason)
            for repeat, fold, name, part, reason in not_used
        ]
        by = ("repeat", "outer_fold", "sample_id")
        return SchemeFolds(
            self.scheme,
            pl.DataFrame(rows, schema=FOLD_SCHEMA, orient="row").sort(by),
            pl.DataFrame(parts, schema=PART_SCHEMA, orient="row").sort(by[:2]),
            pl.DataFrame(listed, schema=NOT_USED_SCHEMA, orient="row").sort(by),
            why,
        )


@dataclass(frozen=True)
class _Fold:
    """Test samples, inner fold of each training sample, and (sample, part, reason) not used."""

    held_out: str
    test: list[str]
    inner: dict[str, int]
    not_used: list[tuple[str, str, str]]
