"""The question of a differential diagnosis: which tumours, or one tumour against all others.

Belongs here: names of classes and families made into groups of samples, and who is refused. Does
not belong here: choosing CpGs (`differential`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import numpy as np
import polars as pl

from cup_assets.classify.data import Ints, Strings, TrainingData
from cup_assets.panels.parameters import PanelError

MIN_PATIENTS = 5
"""Patients that each group must have, so that every training part holds several of them."""


@dataclass(frozen=True, eq=False)
class Question:
    """Who is to be told from whom.

    With a single name, the others are one group to name, but each of their classes is to be told
    from it: a CpG in which only most of them differ from it does not suffice.

    Attributes
    ----------
    data
        The samples that take part; ``y`` and ``family`` are their group.
    kinds : str[n]
        The group, or the class of a sample that only belongs to the others.
    classes : str[n]
        The samples' classes.
    target
        The single name; None where several are told apart.
    """

    data: TrainingData
    kinds: Strings
    classes: Strings
    target: str | None

    def pairs(self, names: Strings, codes: Ints) -> Ints:
        """Return pairs of positions in ``names`` that the rows of a part must tell apart."""
        enough = np.bincount(codes, minlength=len(names)) > 1
        every = [
            (i, j)
            for i in range(len(names))
            for j in range(i + 1, len(names))
            if self.target is None or (self.target in (names[i], names[j]) and enough[[i, j]].all())
        ]
        if not every:
            raise PanelError(
                f"nothing to tell {self.target!r} from: it or every other class has fewer than two"
                " samples in a training part"
            )
        return np.array(every, dtype=np.int64)


def ask(data: TrainingData, classes: Sequence[str]) -> Question:
    """Make groups of classes or families; a single one is held against all others.

    Raises
    ------
    PanelError
        Where a name is unknown, given twice or part of another one.
    """
    data = data.with_features("betas")
    family_of = data.family_of()
    families: dict[str, list[str]] = {}
    for name, family in family_of.items():
        families.setdefault(family, []).append(name)
    group: dict[str, str] = {}
    for name in classes:
        if name not in family_of and name not in families:
            known = ", ".join(sorted(family_of))
            raise PanelError(
                f"no class or family {name!r}; classes: {known}; families: "
                + ", ".join(sorted(families))
            )
        for member in [name] if name in family_of else families[name]:
            if member in group:
                raise PanelError(
                    f"class {member!r} is asked for twice: by {group[member]!r} and {name!r}"
                )
            group[member] = name
    if not group:
        raise PanelError("no class is named: name the classes to tell apart, or one of them")
    single = classes[0] if len(classes) == 1 else None
    rest = f"not {single}" if single else ""
    rows = np.array([single is not None or name in group for name in data.y], dtype=bool)
    labels = np.array([group.get(name, rest) for name in data.y.tolist()])
    kinds = np.array([group.get(name, name) for name in data.y.tolist()])
    if rows.all():
        # The matrix may be all of a large memory-mapped file: no copy of it.
        own = replace(data, y=labels, family=labels)
    else:
        of_samples = {
            each.name: getattr(data, each.name)[rows]
            for each in fields(data)
            if each.name not in ("probe_ids", "cnv_names", "y", "family")
        }
        own = replace(data, **of_samples, y=labels[rows], family=labels[rows])
    return Question(own, kinds[rows], data.y[rows], single)


def groups_of(question: Question) -> pl.DataFrame:
    """Return (group, classes, n_samples, n_patients), ordered by group.

    Raises
    ------
    PanelError
        Where there is one group, or one has fewer than `MIN_PATIENTS` patients.
    """
    groups = (
        question.data.truth()
        .with_columns(own=pl.Series(question.classes.tolist()))
        .group_by(group="class")
        .agg(
            classes=pl.col("own").unique().sort().str.join(", "),
            n_samples=pl.len().cast(pl.Int64),
            n_patients=pl.col("patient_id").n_unique().cast(pl.Int64),
        )
        .sort("group")
    )
    if groups.height < 2:
        raise PanelError(
            f"every sample is {groups['group'][0]!r}: there is nothing to tell it from"
        )
    few = groups.filter(pl.col("n_patients") < MIN_PATIENTS)
    if few.height:
        raise PanelError(
            f"{few['group'][0]!r} has {few['n_patients'][0]} patients: at least {MIN_PATIENTS} are"
            " needed to choose CpGs and judge them on others"
        )
    return groups
