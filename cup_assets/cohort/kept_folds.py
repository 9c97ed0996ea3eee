"""What earlier folds fix about new ones, for the schemes that hold out a batch, centre or array.

Belongs here: reading earlier folds, and the numbers that batches, centres and arrays keep. Does not
belong here: the division itself (`schemes`) and the stratified one (`folds`).
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl


@dataclass(frozen=True)
class EarlierFolds:
    """Earlier folds of one scheme, by outer fold.

    Attributes
    ----------
    tested, trained
        The samples on either side.
    inner
        The inner fold of each training sample; empty where their number was another one.
    """

    tested: Mapping[int, frozenset[str]]
    trained: Mapping[int, frozenset[str]]
    inner: Mapping[int, Mapping[str, int]]

    @classmethod
    def read(cls, previous: pl.DataFrame | None, scheme: str, inner_folds: int) -> EarlierFolds:
        """Read a folds frame that may hold other schemes too."""
        tested: dict[int, set[str]] = defaultdict(set)
        inner: dict[int, dict[str, int]] = defaultdict(dict)
        if previous is not None:
            mine = previous.filter(pl.col("scheme") == scheme)
            for number, fold, name in mine.select(
                "outer_fold", "inner_fold", "sample_id"
            ).iter_rows():
                if fold is None:
                    tested[number].add(name)
                else:
                    inner[number][name] = fold
        trained = {number: frozenset(names) for number, names in inner.items()}
        used = {fold for places in inner.values() for fold in places.values()}
        if used and max(used) + 1 != inner_folds:
            inner = {}
        return cls({n: frozenset(names) for n, names in tested.items()}, trained, inner)


def keep_numbers(
    level_of: Mapping[str, str | None], earlier: Mapping[int, frozenset[str]]
) -> dict[str, int]:
    """Return a number for each level (batch, centre, array); None is no level.

    A level keeps the number under which most of its samples stood earlier; the others take the
    numbers that are free, in alphabetical order.

    >>> keep_numbers({"s": "b", "t": "b", "u": "a", "v": "c"}, {0: frozenset("st")})
    {'b': 0, 'a': 1, 'c': 2}
    """
    votes: Counter[tuple[str, int]] = Counter()
    for number, names in earlier.items():
        for name in names:
            if level := level_of.get(name):
                votes[level, number] += 1
    numbers: dict[str, int] = {}
    for level, number in sorted(votes, key=lambda claim: (-votes[claim], claim)):
        if level not in numbers and number not in numbers.values():
            numbers[level] = number
    levels = {level for level in level_of.values() if level}
    free = (n for n in range(2 * len(levels) + 1) if n not in set(numbers.values()))
    return numbers | dict(zip(sorted(levels - set(numbers)), free, strict=False))
