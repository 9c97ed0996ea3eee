"""Which CpGs matter, and how few are enough.

Belongs here: ``panels/importance`` and ``panels/cpg``. Does not belong here: ranking and selection
(`cup_assets.panels`).
"""

from dataclasses import asdict

import dagster as dg
import numpy as np
import polars as pl

from cup_assets.cohort.places import places_by_build
from cup_assets.orchestration.automation import ON_NEW_CHECKED_DATA
from cup_assets.orchestration.conventions import (
    COMPUTE_POOL,
    IMPORTANCE,
    OWNERS,
    PANELS,
    REFERENCE,
)
from cup_assets.orchestration.inputs import inputs_of, require
from cup_assets.orchestration.materialise import Product, materialise
from cup_assets.orchestration.progress import progress_of
from cup_assets.orchestration.resources import Platform
from cup_assets.orchestration.training import load_training_data, read_folds
from cup_assets.panels import final_panels, mean_ranks, panel_curve
from cup_assets.panels.boruta import VERDICTS
from cup_assets.panels.importance import find_candidates, importance_of
from cup_assets.panels.relevance import marker_table, relevance
from cup_assets.report import importance_plot, markdown_table, panel_curve_plot
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
    return materialise(
        context,
        platform,
        _recipe(platform, IMPORTANCE, "3"),
        lambda: _importance(context, platform),
    )


@dg.asset(
    key=PANELS,
    deps=[REFERENCE],
    group_name="panels",
    kinds={"python", "scikitlearn", "duckdb"},
    owners=OWNERS,
    code_version="2",
    pool=COMPUTE_POOL,
    automation_condition=ON_NEW_CHECKED_DATA,
)
def cpg_panels(context: dg.AssetExecutionContext, platform: Platform) -> dg.MaterializeResult:  # type: ignore[type-arg]
    """Nested panels of CpGs, and how performance grows with their size.

    The curve is honest: for it, CpGs are chosen inside the outer training folds only.
    """
    return materialise(
        context, platform, _recipe(platform, PANELS, "2"), lambda: _panels(context, platform)
    )


def _recipe(platform: Platform, key: dg.AssetKey, code_version: str) -> Recipe:
    return Recipe(
        asset=key.to_user_string(),
        code_version=code_version,
        parameters=asdict(platform.parameters.panels),
        inputs=inputs_of([require(platform, REFERENCE)]),
    )


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
        _places(platform, best["probe_id"]), on="probe_id", how="left", maintain_order="left"
    )
    markers = marker_table(found)
    shown = markers.head(_MARKERS)
    shown = shown.join(
        _places(platform, shown["probe_id"]), on="probe_id", how="left", maintain_order="left"
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


def _places(platform: Platform, names: pl.Series) -> pl.DataFrame:
    """Return where CpGs lie in each build of the members' arrays, and in which genes."""
    probes = platform.catalogue.query(
        'SELECT "array", probe_id, name, chrom, pos, build, genes FROM probes'
        ' WHERE name IN (SELECT unnest(?)) AND "array" IN'
        ' (SELECT "array" FROM dataset_members WHERE included)',
        [names.to_list()],
    )
    return places_by_build(probes, names.to_list())


def _panels(context: dg.AssetExecutionContext, platform: Platform) -> Product:
    parameters = platform.parameters.panels
    data = load_training_data(platform)
    result = panel_curve(
        data, read_folds(platform), parameters, platform.mapper,
        progress_of(context, "outer folds"),
    )  # fmt: skip
    panels = final_panels(data, parameters)
    recommended = panels.filter(pl.col("size") == result.recommended)
    recommended = recommended.join(
        _places(platform, recommended["probe_id"]),
        on="probe_id", how="left", maintain_order="left",
    )  # fmt: skip
    return Product(
        tables={
            "panels": panels,
            "panel_curve": result.curve,
            "panel_choices": result.choices,
        },
        numbers={"recommended_size": result.recommended, "panels": panels["panel_id"].n_unique()},
        notes={
            "curve": markdown_table(result.curve.filter(pl.col("metric") == "error")),
            "recommended panel": markdown_table(recommended.head(200)),
        },
        pictures={"panel curve": panel_curve_plot(result.curve, recommended=result.recommended)},
    )
