"""Checking a panel of CpGs by the rows that it was chosen and judged from.

Belongs here: what follows from the stored choices and the stored curve. Does not belong here:
choosing and judging again, which takes the betas of all samples (`cup materialize --force`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from cup_assets.audit.checks import Check, verdict
from cup_assets.audit.content import Account
from cup_assets.audit.held_out import REPLACED, Row

_PANELS = "panels/cpg"
_CHOSEN = "how often the folds chose each CpG, counted anew, is the same"
_RECOMMENDED = "the recommended sizes, by the rule from the curve, are the same"
_ERRORS = "errors and intervals of the panels, computed anew"


def check_panel(account: Account) -> Iterator[Check]:
    """Hold a panel against the choices of the folds and the curve."""
    if account.subject["kind"] != "panel":
        return
    versions = {version for name, version in account.subject["results"] if name == _PANELS}
    rows = {
        table: [row for row in account.tables.get(table, ()) if row["data_version"] in versions]
        for table in ("panels", "panel_choices", "panel_curve", "panel_recommended")
    }
    if not rows["panels"]:
        for what in (_CHOSEN, _RECOMMENDED):
            yield Check(what, "not done", f"{_PANELS}: {REPLACED}")
        return
    if account.subject["id"].startswith("ranked_"):
        yield _check_choices(rows["panels"], rows["panel_choices"])
    else:
        yield Check(_CHOSEN, "not done", "the folds' choices for one differential diagnosis are"
                    " not stored")  # fmt: skip
    yield _check_recommended(rows["panel_curve"], rows["panel_recommended"])
    yield Check(_ERRORS, "not done", "the scores of small panels are not stored;"
                " `cup materialize --force` makes them again")  # fmt: skip


def _check_choices(panel: Sequence[Row], choices: Sequence[Row]) -> Check:
    size = panel[0]["size"]
    folds = len({(row["repeat"], row["outer_fold"]) for row in choices})
    votes = [row for row in choices if row["rank"] <= size]
    return verdict(_CHOSEN, list(vote_faults(panel, votes, folds)), f"{len(panel)} CpGs")


def vote_faults(cpgs: Sequence[Row], votes: Sequence[Row], folds: int) -> Iterator[str]:
    """Yield the CpGs of which another share of the folds has a row among the votes."""
    counted = Counter(row["probe_id"] for row in votes)
    for row in cpgs:
        name, told = row["probe_id"], row["chosen_in"]
        if not folds or told != counted[name] / folds:
            yield f"{name}: {counted[name]} of {folds} folds, told is {told}"


def _check_recommended(curve: Sequence[Row], told: Sequence[Row]) -> Check:
    import polars as pl

    from cup_assets.panels.curve import recommendations
    from cup_assets.panels.parameters import PanelError

    columns = ("model", "selector", "size", "metric", "value", "low", "high")
    try:
        table = pl.DataFrame({name: [row[name] for row in curve] for name in columns})
        found = recommendations(table)
    except (PanelError, pl.exceptions.PolarsError, TypeError) as error:
        return Check(_RECOMMENDED, "wrong", f"the curve gives none ({error})")
    wanted = {(row["scope"], row["model"]): row for row in found.iter_rows(named=True)}
    given = {(row["scope"], row["model"]): row for row in told}

    def same(key: tuple[Any, ...]) -> bool:
        ours, theirs = given.get(key), wanted.get(key)
        return (
            ours is not None
            and theirs is not None
            and all(ours[name] == value for name, value in theirs.items())
        )

    faults = [f"{' '.join(key)} is another" for key in sorted(wanted.keys() | given.keys())
              if not same(key)]  # fmt: skip
    return verdict(_RECOMMENDED, faults, f"{len(wanted)} recommendations")
