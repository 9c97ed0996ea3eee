"""Which CpGs matter, and what they say of biology.

Belongs here: ``panels/importance``. Does not belong here: ranking and testing
(`cup_assets.panels`), panels (`.panels`).
"""

from dataclasses import asdict

import dagster as dg
import numpy as np
import polars as pl

from cup_assets.orchestration.automation import ON_NEW_CHECKED_DATA
from cup_assets.orchestration.conventions import COMPUTE_POOL, IMPORTANCE, OWNERS, REFERENCE
from cup_assets.orchestration.inputs import inputs_of, require
from cup_assets.orchestration.materialise import Product, materialise
from cup_assets.orchestration.places import places_of
from cup_assets.orchestration.progress import progress_of
from cup_assets.orchestration.resources import Platform
from cup_assets.orchestration.training import load_training_data
from cup_assets.panels import mean_ranks
from cup_assets.panels.boruta import VERDICTS
from cup_assets.panels.importance import find_candidates, importance_of
from cup_assets.panels.relevance import marker_table, relevance
from cup_assets.report import importance_plot, markdown_table
from cup_assets.warehouse import Recipe

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
    code_version="3",
    pool=COMPUTE_POOL,
    automation_condition=ON_NEW_CHECKED_DATA,
)
def cpg_importance(context: dg.AssetExecutionContext, platform: Platform) -> dg.MaterializeResult:  # type: ignore[type-arg]
    """How much every candidate CpG tells, by several methods, on all reference samples.

    Which of them matter at all (Boruta), which would be chosen from other patients too (stability
    selection), and in which class each is methylated more or less.
    """
    recipe = Recipe(
        asset=IMPORTANCE.to_user_string(),
        code_version="3",
        parameters=asdict(platform.parameters.panels),
        inputs=inputs_of([require(platform, REFERENCE)]),
    )
    return materialise(context, platform, recipe, lambda: _importance(context, platform))


def _importance(context: dg.AssetExecutionContext, platform: Platform) -> Product:
    parameters = platform.parameters.panels
    data = load_training_data(platform)
    candidates = find_candidates(data, np.arange(len(data.y)), parameters)
    table = importance_of(candidates, parameters)
    found = relevance(
        candidates, data.patient, parameters, platform.mapper,
        progress_of(context, "rounds of Boruta"),
    )  # fmt: skip
    best = mean_ranks(table).head(_SHOWN)
    best = best.join(
        places_of(platform, best["probe_id"]), on="probe_id", how="left", maintain_order="left"
    )
    markers = marker_table(found)
    shown = markers.head(_MARKERS)
    shown = shown.join(
        places_of(platform, shown["probe_id"]), on="probe_id", how="left", maintain_order="left"
    )
    genes = {probe: gene for probe, gene in best["probe_id", "genes"].iter_rows() if gene}
    verdicts = dict(found.table.drop_nulls("verdict")["verdict"].value_counts().iter_rows())
    return Product(
        tables={
            "cpg_importance": table,
            "cpg_relevance": found.table,
            "cpg_tests": found.tests,
            "cpg_effects": found.effects,
        },
        numbers={
            "candidates": found.table.height,
            "clusters": found.table["cluster"].n_unique(),
            **{verdict: verdicts.get(verdict, 0) for verdict in VERDICTS},
            "boruta_rounds": found.rounds,
            "stable_clusters": found.table.filter(pl.col("frequency_of_cluster") >= _STABLE)[
                "cluster"
            ].n_unique(),
            "expected_false_choices": found.stability.expected_false(_STABLE),
        },
        notes={
            "most important": markdown_table(best),
            "confirmed by Boruta": markdown_table(shown, max_rows=_MARKERS),
        },
        pictures={"importance": importance_plot(table, genes=genes)},
    )
