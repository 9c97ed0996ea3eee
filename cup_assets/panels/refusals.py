"""Why CpGs are not in an assay panel, in numbers.

Belongs here: the kinds of reasons. Does not belong here: finding the reasons (assay).
"""

from __future__ import annotations

import polars as pl

from cup_assets.panels.technology import Technology

REFUSAL_SCHEMA = {
    "reason": pl.String, "n": pl.Int64, "first": pl.String, "example": pl.String
}  # fmt: skip
OTHER = "other"
_EFFECT = "its largest difference of mean beta"
# What a reason begins with or holds -> its kind. "excluded: snp" is a kind of its own.
_KINDS = (
    ("measures no CpG", "measures no CpG"),
    ("is unknown", "place or effect unknown"),
    ("is not certain", "place not certain"),
    ("is no place on a chromosome", "place not certain"),
    (_EFFECT, "effect too small"),
    ("is the same CpG as", "same CpG twice"),
    ("has no room beside amplicon", "no room beside an amplicon"),
    ("needs an amplicon of its own", "no amplicon left"),
    ("the panel has its", "not needed: the panel is full"),
)


def refusals(left_out: pl.DataFrame, technology: Technology) -> pl.DataFrame:
    """Count the CpGs that were left out, by kind of reason.

    Parameters
    ----------
    left_out
        (order, probe_id, reason) of an `AssayPanel`.
    technology
        It says what is too small.

    Returns
    -------
    pl.DataFrame
        (reason, n, first, example), most frequent first: the most important CpG of each kind, and
        the whole sentence about it.
    """
    reason = pl.col("reason")
    names = dict(_KINDS) | {_EFFECT: f"effect below {technology.least_effect:g}"}
    kind = pl.coalesce(
        pl.when(reason.str.starts_with("excluded: ")).then(reason),
        *(
            pl.when(reason.str.contains(part, literal=True)).then(pl.lit(name))
            for part, name in names.items()
        ),
        pl.lit(OTHER),
    )
    return (
        left_out.sort("order")
        .group_by(kind.alias("kind"), maintain_order=True)
        .agg(
            n=pl.len().cast(pl.Int64),
            first=pl.col("probe_id").first(),
            example=reason.first(),
        )
        .rename({"kind": "reason"})
        .sort("n", "reason", descending=[True, False])
        .cast(REFUSAL_SCHEMA)  # type: ignore[arg-type]
    )
