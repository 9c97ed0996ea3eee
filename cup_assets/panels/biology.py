"""Which gene sets the important CpGs fall into, over all of them and class by class.

Belongs here: which CpGs are asked about, against which background. Does not belong here: the test
(`gene_sets`), files of gene sets.

Background is every CpG on which Boruta gave a verdict: no other could have been chosen. That the
candidates are variable, and variable CpGs lie in some genes rather than in others, is thereby no
finding. As in ``gometh`` each CpG counts by itself: p-values speak of genes, and do not know that
correlated CpGs are often chosen together.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import polars as pl

from cup_assets.compute import Mapper, serial
from cup_assets.panels.gene_sets import ENRICHMENT_SCHEMA, enrichment
from cup_assets.panels.parameters import PanelError
from cup_assets.panels.summary import NOTABLE

BIOLOGY_SCHEMA = {
    "collection": pl.String,
    "class": pl.String,
    "direction": pl.String,
    "n_chosen": pl.Int64,
    "n_background": pl.Int64,
    **ENRICHMENT_SCHEMA,
}


# Class and direction; None for all confirmed CpGs.
_Choice = tuple[str | None, str | None]


@dataclass(frozen=True, eq=False)
class Biology:
    """Gene sets held against the choices.

    Attributes
    ----------
    table
        Of ``BIOLOGY_SCHEMA``: what `enrichment` returns, for each collection of gene sets and each
        choice. Without class and direction: all confirmed CpGs; with them: those of which the
        class is higher (hyper) or lower (hypo) by `NOTABLE` or more. The false-discovery rate is
        over the sets of a collection in a choice.
    untested
        (collection, class, direction, n_chosen, reason) of choices that cannot be tested.
    """

    table: pl.DataFrame
    untested: pl.DataFrame


def biology(
    summary: pl.DataFrame,
    effects: pl.DataFrame,
    collections: Mapping[str, Mapping[str, Sequence[str]]],
    mapper: Mapper = serial,
    progress: Callable[[int, int], None] | None = None,
) -> Biology:
    """Test every collection of gene sets on every choice of confirmed CpGs.

    Parameters
    ----------
    summary
        (probe_id, genes, verdict) of all candidates.
    effects
        (probe_id, class, difference) of all candidates.
    collections
        Collection -> gene set -> genes.
    mapper, progress
        Work on and report the choices.
    """
    background = summary.filter(pl.col("verdict").is_not_null()).select("probe_id", "genes")
    choices = _choices(summary, effects)
    tasks = [(collection, *choice) for collection in collections for choice in choices]
    answers = mapper(partial(_held_against, background, collections, choices), tasks, progress)
    frames = [pl.DataFrame(schema=BIOLOGY_SCHEMA)]
    untested: list[tuple[str, str | None, str | None, int, str]] = []
    for (collection, of_class, direction), answer in zip(tasks, answers, strict=True):
        n_chosen = len(choices[of_class, direction])
        if isinstance(answer, str):
            untested.append((collection, of_class, direction, n_chosen, answer))
            continue
        frames.append(
            answer.with_columns(
                pl.lit(collection).alias("collection"),
                pl.lit(of_class, pl.String).alias("class"),
                pl.lit(direction, pl.String).alias("direction"),
                pl.lit(n_chosen, pl.Int64).alias("n_chosen"),
                pl.lit(background.height, pl.Int64).alias("n_background"),
            ).select(*BIOLOGY_SCHEMA)
        )
    schema = {
        **{name: BIOLOGY_SCHEMA[name] for name in ("collection", "class", "direction", "n_chosen")},
        "reason": pl.String,
    }
    return Biology(pl.concat(frames), pl.DataFrame(untested, schema=schema, orient="row"))


def _held_against(
    background: pl.DataFrame,
    collections: Mapping[str, Mapping[str, Sequence[str]]],
    choices: Mapping[_Choice, Sequence[str]],
    task: tuple[str, str | None, str | None],
) -> pl.DataFrame | str:
    """Return the table of a collection and a choice, or why there is none."""
    collection, *choice = task
    try:
        return enrichment(choices[choice[0], choice[1]], background, collections[collection]).table
    except PanelError as error:
        return str(error)


def _choices(summary: pl.DataFrame, effects: pl.DataFrame) -> dict[_Choice, list[str]]:
    """Return (class, direction) -> confirmed CpGs, in the order of the summary."""
    confirmed = summary.filter(pl.col("verdict") == "confirmed")["probe_id"].to_list()
    choices: dict[_Choice, list[str]] = {(None, None): confirmed}
    for (name,), part in effects.sort("class").group_by("class", maintain_order=True):
        difference = dict(part["probe_id", "difference"].iter_rows())
        for direction, sign in (("hyper", 1), ("hypo", -1)):
            choices[str(name), direction] = [
                probe for probe in confirmed if sign * difference[probe] >= NOTABLE
            ]
    return choices
