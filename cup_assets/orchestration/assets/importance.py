"""Which CpGs matter, and what they say of biology.

Belongs here: ``panels/importance``. Does not belong here: ranking and testing
(`cup_assets.panels`), panels (`.panels`), gene sets (`.gene_sets`).
"""

from dataclasses import asdict

import dagster as dg
import numpy as np
import polars as pl

from cup_assets.orchestration.automation import ON_NEW_CHECKED_DATA
from cup_assets.orchestration.conventions import COMPUTE_POOL, IMPORTANCE, OWNERS, REFERENCE
from cup_assets.orchestration.cpg_notes import notes_of
from cup_assets.orchestration.inputs import inputs_of, require
from cup_assets.orchestration.materialise import Product, materialise
from cup_assets.orchestration.progress import progress_of
from cup_assets.orchestration.resources import Platform
from cup_assets.orchestration.training import load_training_data
from cup_assets.panels.boruta import VERDICTS
from cup_assets.panels.importance import find_candidates, importance_of
from cup_assets.panels.model_importance import ModelImportance, model_importance, shared_ranks
from cup_assets.panels.relevance import Relevance, marker_table, relevance
from cup_assets.panels.summary import MEANING, cpg_summary
from cup_assets.report import importance_plot, markdown_table
from cup_assets.report.sortable_page import sortable_page
from cup_assets.warehouse import Recipe

PAGE, CSV = "cpgs.html", "cpgs.csv"
_SHOWN = 30
_MARKERS = 100
# Share of the halves from which a CpG counts as stable.
_STABLE = 0.9


@dg.asset(
    key=IMPORTANCE,
    deps=[REFERENCE],
    group_name="panels",
    kinds={"python", "scikitlearn", "duckdb"},
    owners=OWNERS,
    code_version="4",
    pool=COMPUTE_POOL,
    automation_condition=ON_NEW_CHECKED_DATA,
)
def cpg_importance(context: dg.AssetExecutionContext, platform: Platform) -> dg.MaterializeResult:  # type: ignore[type-arg]
    """How much every candidate CpG tells, by several methods, on all reference samples.

    Which of them matter at all (Boruta), which would be chosen from other patients too (stability
    selection), in which class each is methylated more or less, and where it lies: in tables, and as
    a page to sort and to save.
    """
    recipe = Recipe(
        asset=IMPORTANCE.to_user_string(),
        code_version="4",
        parameters=asdict(platform.parameters.panels),
        inputs=inputs_of([require(platform, REFERENCE)]),
    )
    folder = platform.settings.reports / "importance"
    result = materialise(
        context, platform, recipe, lambda: _importance(context, platform), files=folder
    )
    links = {
        "table_to_sort": dg.MetadataValue.url((folder / PAGE).absolute().as_uri()),
        "table_as_csv": dg.MetadataValue.path(folder / CSV),
    }
    return result._replace(metadata={**(result.metadata or {}), **links})


def _importance(context: dg.AssetExecutionContext, platform: Platform) -> Product:
    parameters = platform.parameters.panels
    data = load_training_data(platform)
    candidates = find_candidates(data, np.arange(len(data.y)), parameters)
    found = relevance(
        candidates, data.patient, parameters, platform.mapper,
        progress_of(context, "rounds of Boruta"),
    )  # fmt: skip
    models = model_importance(
        data, candidates, dict(found.table["probe_id", "cluster"].iter_rows()), parameters,
        platform.mapper, progress_of(context, "held-out parts"),
    )  # fmt: skip
    scores = pl.concat([shared_ranks(importance_of(candidates, parameters)), models.table])
    summary = cpg_summary(scores, found, notes_of(platform, found.table["probe_id"]))
    genes = {probe: gene for probe, gene in summary["probe_id", "genes"].iter_rows() if gene}
    return Product(
        tables={
            "cpg_importance": scores,
            "cpg_relevance": found.table,
            "cpg_tests": found.tests,
            "cpg_effects": found.effects,
            "cpg_summary": summary,
        },
        numbers=_numbers(found, models),
        notes=_notes(summary, found, models),
        pictures={"importance": importance_plot(scores, genes=genes)},
        files={
            PAGE: _page(platform, summary, len(data.y), len(candidates.classes)),
            CSV: summary.write_csv().encode(),
        },
    )


def _numbers(found: Relevance, models: ModelImportance) -> dict[str, int | float]:
    verdicts = dict(found.table.drop_nulls("verdict")["verdict"].value_counts().iter_rows())
    sparse = models.table.filter((pl.col("method") == "elastic_net") & (pl.col("score") > 0))
    return {
        "candidates": found.table.height,
        "clusters": found.table["cluster"].n_unique(),
        **{verdict: verdicts.get(verdict, 0) for verdict in VERDICTS},
        "boruta_rounds": found.rounds,
        "stable_clusters": found.table.filter(pl.col("frequency_of_cluster") >= _STABLE)[
            "cluster"
        ].n_unique(),
        "expected_false_choices": found.stability.expected_false(_STABLE),
        "elastic_net_strength": models.strength,
        "elastic_net_cpgs": sparse["probe_id"].n_unique(),
    }


def _notes(summary: pl.DataFrame, found: Relevance, models: ModelImportance) -> dict[str, str]:
    shown = ("probe_id", "mean_rank", "hg19", "hg38", "genes", "gene_parts", "island", "verdict")
    known = [name for name in shown if summary[name].null_count() < summary.height]
    markers = marker_table(found).head(_MARKERS)
    places = summary.select("probe_id", "genes", "gene_parts", "island")
    return {
        "most important": markdown_table(summary.select(known).head(_SHOWN)),
        "confirmed by Boruta": markdown_table(
            markers.join(places, on="probe_id", how="left", maintain_order="left"),
            max_rows=_MARKERS,
        )
        if markers.height
        else "No CpG is confirmed.",
        "elastic net on held-out patients": markdown_table(models.losses),
    }


def _page(platform: Platform, summary: pl.DataFrame, n_samples: int, n_classes: int) -> bytes:
    simulated = platform.catalogue.query(
        "SELECT count(*) AS n FROM dataset_members JOIN samples USING (sample_id, batch)"
        " WHERE included AND samples.cohort = 'SIMULATED'"
    )["n"][0]
    return sortable_page(
        summary,
        title="The most important CpGs",
        file=CSV,
        warning=f"{simulated} of the {n_samples} samples are simulated, not patients."
        if simulated
        else None,
        text=[
            f"The {summary.height:,} most variable CpGs of {n_samples:,} reference samples of"
            f" {n_classes} classes, by mean rank over the methods (1 is the most important).",
            "All scores are of the samples that the CpGs were found in: how well a panel of them"
            " works is what panels/cpg estimates, on patients that took no part in choosing.",
            "Rest on a column's head to read what it says.",
        ],
        meaning=MEANING,
    )
