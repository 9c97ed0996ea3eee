"""Which gene sets the important CpGs fall into.

Belongs here: ``panels/gene_sets``. Does not belong here: the test (`cup_assets.panels.biology`),
which CpGs are important (`.importance`).
"""

import hashlib
from pathlib import Path

import dagster as dg
import polars as pl

from cup_assets.orchestration.automation import ON_NEW_CHECKED_DATA
from cup_assets.orchestration.conventions import COMPUTE_POOL, GENE_SETS, IMPORTANCE, OWNERS
from cup_assets.orchestration.inputs import inputs_of, require
from cup_assets.orchestration.materialise import Product, explained_failures, materialise
from cup_assets.orchestration.progress import progress_of
from cup_assets.orchestration.resources import Platform
from cup_assets.panels.biology import Biology, biology
from cup_assets.panels.gene_sets import read_gmt
from cup_assets.panels.summary import NOTABLE
from cup_assets.report import markdown_table
from cup_assets.warehouse import Recipe

_SHOWN = 100
_FDR = 0.05


@dg.asset(
    key=GENE_SETS,
    deps=[IMPORTANCE],
    group_name="panels",
    kinds={"python", "duckdb"},
    owners=OWNERS,
    code_version="1",
    pool=COMPUTE_POOL,
    automation_condition=ON_NEW_CHECKED_DATA,
)
def cpg_gene_sets(context: dg.AssetExecutionContext, platform: Platform) -> dg.MaterializeResult:  # type: ignore[type-arg]
    """Gene sets that confirmed CpGs fall into more often than by chance, of the user's GMT files.

    Over all confirmed CpGs, and over those that are higher or lower in each class. Background are
    the CpGs that Boruta judged; genes with more probes are expected to be hit more often.
    """
    files = gmt_files(platform.settings.gene_sets)
    with explained_failures():
        versions = {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in files}
    recipe = Recipe(
        asset=GENE_SETS.to_user_string(),
        code_version="1",
        parameters={"gene_sets": versions},
        inputs=inputs_of([require(platform, IMPORTANCE)]),
    )
    return materialise(context, platform, recipe, lambda: _gene_sets(context, platform, files))


def gmt_files(folder: Path) -> list[Path]:
    """Return the GMT files of a folder, by name; none where there is no folder."""
    return sorted(folder.glob("*.gmt")) if folder.is_dir() else []


def _gene_sets(context: dg.AssetExecutionContext, platform: Platform, files: list[Path]) -> Product:
    summary = platform.catalogue.query(
        "SELECT probe_id, genes, verdict FROM cpg_summary ORDER BY mean_rank, probe_id"
    )
    effects = platform.catalogue.query(
        'SELECT probe_id, "class", difference FROM cpg_effects ORDER BY probe_id, "class"'
    )
    collections = {file.name: read_gmt(file) for file in files}
    found = biology(
        summary, effects, collections, platform.mapper, progress_of(context, "choices of CpGs")
    )
    significant = found.table.filter(pl.col("fdr") <= _FDR)
    judged = summary.drop_nulls("verdict")
    return Product(
        tables={"gene_set_enrichment": found.table},
        numbers={
            "collections": len(collections),
            "gene_sets": sum(len(sets) for sets in collections.values()),
            "enriched": significant.height,
            "background": judged.height,
            "background_with_gene": judged["genes"].drop_nulls().len(),
        },
        notes=_notes(platform, found, significant, bool(collections)),
    )


def _notes(
    platform: Platform, found: Biology, significant: pl.DataFrame, given: bool
) -> dict[str, str]:
    if not given:
        folder = platform.settings.gene_sets.name
        return {
            "gene sets": "No gene sets are given: nothing was tested. Put GMT files (a set a line:"
            f" name, description, gene symbols, by tabs) into `{folder}/` of the data folder."
        }
    shown = significant.sort("fdr", "p", "collection", "gene_set").select(
        "collection", "class", "direction", "gene_set", "n_genes", "n_hit", "expected", "p", "fdr",
        "hit",
    )  # fmt: skip
    scientific = pl.col("p", "fdr").map_elements(lambda p: f"{p:.1e}", return_dtype=pl.String)
    notes = {
        "gene sets": f"Rows without class: all confirmed CpGs; with one: those higher (hyper) or"
        f" lower (hypo) there by {NOTABLE} or more. False-discovery rate within collection and"
        f" choice at most {_FDR}. Correlated CpGs are often chosen together, which the p-values do"
        " not know.\n\n"
        + (
            markdown_table(shown.with_columns(scientific), max_rows=_SHOWN)
            if shown.height
            else "None is enriched."
        )
    }
    if found.untested.height:
        notes["not tested"] = markdown_table(found.untested, max_rows=_SHOWN)
    return notes
