"""What the catalogue holds about the diagnostic cases of a batch, read a table at a time.

Belongs here: the queries behind the cases' pages. Does not belong here: what is made of the rows
(`cup_assets.orchestration.case_report`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from cup_assets.report import gene_places
from cup_assets.warehouse import Catalogue

Row = dict[str, Any]

# The best map for people first; a case that was placed is in all of them.
METHODS = ("tsne", "umap", "pca")
ALTERED = ("gain", "loss", "amplification", "deletion")

_CASES = (
    'SELECT s.sample_id, s.batch, s.patient_id, coalesce(m."array", s."array") AS "array",'
    " s.material, s.cohort, s.grn, s.red, s.grn_sha256, s.red_sha256, f.error,"
    " m.files_sha256 = s.grn_sha256 || '+' || s.red_sha256 AS is_measured"
    " FROM samples s JOIN batches b USING (batch)"
    " LEFT JOIN sample_measures m USING (sample_id, batch)"
    " LEFT JOIN failed_samples f USING (sample_id, batch)"
    " WHERE s.role = 'diagnostic' AND b.state <> 'retracted' AND s.batch = ? ORDER BY s.sample_id"
)
# Of the current release, else what was said last.
_PREDICTIONS = (
    "SELECT p.*, r.model, r.digest, coalesce(r.is_current, FALSE) AS is_current"
    " FROM predictions p LEFT JOIN releases r USING (release)"
    " LEFT JOIN (SELECT run_id, data_version, max(materialised_at) AS made FROM asset_versions"
    " WHERE asset = 'diagnosis/predictions' AND partition = $1 GROUP BY ALL) v"
    " ON v.run_id = p.run_id AND v.data_version = p.data_version"
    " WHERE p.batch = $1"
    " QUALIFY row_number() OVER (PARTITION BY p.sample_id"
    " ORDER BY coalesce(r.is_current, FALSE) DESC, v.made DESC NULLS LAST, p.release) = 1"
)


@dataclass(frozen=True, eq=False)
class BatchRows:
    """All rows about the cases of a batch.

    Attributes
    ----------
    cases
        A row a diagnostic sample.
    quality, predictions, profiles
        Sample -> its row; absent where there is none.
    scores, cpgs, differential, typical, calls, neighbours
        Sample -> its rows, in the order in which they are shown.
    family_of
        Family of each class.
    method
        Of the map, None where there is none.
    places
        ``sample_id``, ``x``, ``y``, ``class`` of the map; class null: a case.
    bins, segments
        Of all cases.
    genes
        Array -> where the altered genes lie.
    """

    cases: list[Row]
    quality: Mapping[str, Row]
    predictions: Mapping[str, Row]
    profiles: Mapping[str, Row]
    scores: Mapping[str, list[Row]]
    cpgs: Mapping[str, list[Row]]
    differential: Mapping[str, list[Row]]
    typical: Mapping[str, list[Row]]
    calls: Mapping[str, list[Row]]
    neighbours: Mapping[str, list[Row]]
    family_of: Mapping[str, str]
    method: str | None
    places: pl.DataFrame
    bins: pl.DataFrame
    segments: pl.DataFrame
    genes: Mapping[str, pl.DataFrame]


def read_rows(catalogue: Catalogue, batch: str) -> BatchRows:
    """Read everything about the cases of a batch."""
    query = catalogue.query
    cases = query(_CASES, [batch]).to_dicts()
    names = [case["sample_id"] for case in cases]
    predictions = query(_PREDICTIONS, [batch])
    scored = {row["sample_id"]: row["release"] for row in predictions.to_dicts()}
    of_release = "batch = $1 AND sample_id || ' ' || release IN (SELECT unnest($2))"
    keys = [batch, [f"{sample} {release}" for sample, release in scored.items()]]

    def rows_of(table: str, order: str) -> dict[str, list[Row]]:
        return _grouped(query(f"SELECT * FROM {table} WHERE {of_release} ORDER BY {order}", keys))

    calls = query(
        "SELECT * FROM cnv_calls WHERE batch = ? AND list_contains(?, sample_id)"
        " ORDER BY kind, region",
        [batch, names],
    )
    method, places = _map(catalogue)
    return BatchRows(
        cases,
        _by_sample(query("SELECT * FROM sample_qc WHERE batch = ?", [batch])),
        _by_sample(predictions),
        _by_sample(query("SELECT * FROM cnv_profiles WHERE batch = ?", [batch])),
        rows_of("prediction_scores", 'score DESC, "class"'),
        rows_of("prediction_cpgs", "rank"),
        rows_of("prediction_differential", "rank"),
        _grouped(
            query(
                "SELECT * FROM prediction_drivers WHERE kind = 'anomaly' AND "
                f"{of_release} ORDER BY rank",
                keys,
            )
        ),
        _grouped(calls),
        _grouped(
            query(
                "SELECT * FROM case_neighbours WHERE list_contains(?, sample_id) ORDER BY place",
                [names],
            )
        ),
        dict(
            query(
                'SELECT DISTINCT "class", family FROM dataset_members WHERE "class" IS NOT NULL'
                ' AND included ORDER BY "class"'
            ).iter_rows()
        ),
        method,
        places,
        _along_genome(catalogue, "cnv_bins", "", batch, names),
        _along_genome(catalogue, "cnv_segments", ", call", batch, names),
        _genes(catalogue, cases, calls),
    )


def _map(catalogue: Catalogue) -> tuple[str | None, pl.DataFrame]:
    """Return the first seed of the best map, and where everything lies in it."""
    places = catalogue.query(
        'SELECT l.method, l.sample_id, l.x, l.y, d."class" FROM landscape l'
        " LEFT JOIN (SELECT * FROM dataset_members WHERE included) d USING (sample_id)"
        " WHERE l.seed = (SELECT min(seed) FROM landscape o WHERE o.method = l.method)"
        " ORDER BY l.method, l.sample_id"
    )
    known = set(places["method"])
    method = next((method for method in METHODS if method in known), None)
    return method, places.filter(pl.col("method") == (method or ""))


def _along_genome(
    catalogue: Catalogue, table: str, more: str, batch: str, names: list[str]
) -> pl.DataFrame:
    return catalogue.query(
        f'SELECT sample_id, chrom, start, "end", log2{more} FROM {table}'
        " WHERE batch = ? AND list_contains(?, sample_id) ORDER BY sample_id, chrom, start",
        [batch, names],
    )


def _genes(catalogue: Catalogue, cases: list[Row], calls: pl.DataFrame) -> dict[str, pl.DataFrame]:
    """Return where the genes lie that are altered in some case."""
    altered = calls.filter((pl.col("kind") == "gene") & pl.col("call").is_in(ALTERED))
    regions = altered["region"].unique().sort().to_list()
    found = {}
    for array in sorted({case["array"] for case in cases if case["array"]}):
        probes = catalogue.query(
            'SELECT chrom, pos, genes FROM probes WHERE "array" = ? AND genes IS NOT NULL'
            " AND list_has_any(string_split(genes, ';'), ?)",
            [array, regions],
        )
        found[array] = gene_places(probes, regions)
    return found


def _by_sample(frame: pl.DataFrame) -> dict[str, Row]:
    return {row["sample_id"]: row for row in frame.iter_rows(named=True)}


def _grouped(frame: pl.DataFrame) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = {}
    for row in frame.iter_rows(named=True):
        found.setdefault(row["sample_id"], []).append(row)
    return found
