"""Which samples belong together: one patient, or one person under two names.

Belongs here: connected components over equal values and pairs. Does not belong here: what follows
from belonging together (`members`, `folds`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence


def components(names: Sequence[str], pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return for each name the smallest name that it is connected to.

    >>> components(["a", "b", "c", "d"], [("c", "b"), ("d", "c")])
    {'a': 'a', 'b': 'b', 'c': 'b', 'd': 'b'}
    """
    parent = {name: name for name in names}

    def root(name: str) -> str:
        while parent[name] != name:
            parent[name] = parent[parent[name]]
            name = parent[name]
        return name

    for one, other in pairs:
        low, high = sorted((root(one), root(other)))
        parent[high] = low
    return {name: root(name) for name in names}


def keyed_order(seed: int, *parts: str) -> bytes:
    """Return a digest to sort by: random in the seed, the same for the same name forever."""
    text = "\0".join((str(seed), *parts))
    return hashlib.blake2b(text.encode(), digest_size=16).digest()
