"""What unsupervised structure says.

Belongs here: ``evaluation/landscape``. Does not belong here: projections and agreement themselves
(`cup_assets.landscape`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict

import dagster as dg
import polars as pl

from cup_assets.classify.data import TrainingData
from cup_assets.landscape import agreement, make_landscape, neighbours
from cup_assets.landscape.clusters import NO_CLUSTER, Ints, clusters, sample_tree
from cup_assets.landscape.concordance import all_answers
from cup_assets.landscape.heat import heat_table
from cup_assets.landscape.space import Floats
from cup_assets.orchestration.automation import (
    ON_NEW_CHECKED_BATCHES,
)
from cup_assets.orchestration.cnv_cohort import class_copy_number, reference_profiles
from cup_assets.orchestration.conventions import (
    BETAS,
    COMPUTE_POOL,
    LANDSCAPE,
    OWNERS,
    PROFILES,
    REFERENCE,
)
from cup_assets.orchestration.inputs import inputs_of, require
from cup_assets.orchestration.materialise import Product, materialise
from cup_assets.orchestration.progress import progress_of
from cup_assets.orchestration.resources import Platform
from cup_assets.orchestration.training import (
    cases_to_place,
    diagnostic_cases,
    load_training_data,
)
from cup_assets.report import (
    landscape_plot,
    markdown_table,
)
from cup_assets.report.heatmap_figures import beta_heatmap
from cup_assets.warehouse import Recipe


@dg.asset(
    key=LANDSCAPE,
    deps=[REFERENCE, BETAS, PROFILES],
    group_name="evaluation",
    kinds={"python", "duckdb"},
    owners=OWNERS,
    code_version="3",
    pool=COMPUTE_POOL,
    automation_condition=ON_NEW_CHECKED_BATCHES,
)
def landscape(context: dg.AssetExecutionContext, platform: Platform) -> dg.MaterializeResult:  # type: ignore[type-arg]
    """PCA, t-SNE and UMAP of the reference samples, with the diagnostic cases placed into them.

    How far maps and clusters agree with the diagnosis, and with batch, centre and material, in
    numbers. Beside them, what is gained and lost in each class.
    """
    parameters = platform.parameters.landscape
    cases = diagnostic_cases(platform)
    profiles = reference_profiles(platform)
    recipe = Recipe(
        asset=LANDSCAPE.to_user_string(),
        code_version="3",
        parameters=asdict(parameters),
        inputs=inputs_of(
            [require(platform, REFERENCE)]
            + [require(platform, BETAS, batch) for batch in cases["batch"].unique().sort()]
        )
        | profiles,
        depends_on=inputs_of([require(platform, REFERENCE)])
        | profiles
        | dict(cases["sample_id", "files_sha256"].iter_rows()),
    )
    return materialise(context, platform, recipe, lambda: _landscape(context, platform, cases))


def _landscape(
    context: dg.AssetExecutionContext, platform: Platform, cases: pl.DataFrame
) -> Product:
    parameters = platform.parameters.landscape
    data = load_training_data(platform)
    ids = data.sample_ids.tolist()
    placed, X_cases, not_placed = cases_to_place(
        platform, cases, data.probe_ids.tolist(), parameters.max_missing
    )
    case_ids = placed["sample_id"].to_list()
    made = make_landscape(
        data.X, ids, parameters, cases=X_cases, case_ids=case_ids,
        mapper=platform.mapper, progress=progress_of(context, "maps"),
    )  # fmt: skip
    scores = made.space.scores
    labels = _labels(platform, data)
    agreed = agreement(scores, ids, made.frame, labels, parameters)
    nearest = neighbours(
        made.cases, case_ids, scores, ids, data.y.tolist(), parameters.neighbours
    )  # fmt: skip
    tree = sample_tree(scores)
    n_classes = labels["class"].n_unique()
    found = clusters(scores, tree, n_classes, parameters.seeds[0], parameters)
    spaces = {"pc_space": scores} | _first_maps(made.frame, labels, parameters.seeds[0])
    answers = all_answers(spaces, found, labels, parameters.neighbours)
    frequencies, cnv_pictures = class_copy_number(platform, labels.select("sample_id", "class"))
    notes = {"agreement": markdown_table(agreed)}
    if not_placed.height:
        notes["cases that lack too many probes"] = markdown_table(not_placed)
    heat = heat_table(data.X, made.space, parameters.heatmap_cpgs)
    return Product(
        tables={
            "landscape": made.frame,
            "landscape_agreement": agreed,
            "landscape_clusters": _cluster_table(found, ids),
            "landscape_answers": answers,
            "case_neighbours": nearest,
            "cnv_frequencies": frequencies,
        },
        numbers={
            "samples": len(ids),
            "cases": len(case_ids),
            "cases_not_placed": not_placed.height,
            **_key_figures(agreed, parameters.seeds[0]),
        },
        notes=notes,
        pictures={
            f"by {label}": landscape_plot(
                made.frame, labels, colour_by=label, explained=made.space.explained.tolist()
            )
            for label in ("class", "batch", "material")
        }
        | {"heat map": beta_heatmap(heat.betas, tree, ids, labels)}
        | cnv_pictures,
    )


def _labels(platform: Platform, data: TrainingData) -> pl.DataFrame:
    """Return what is known of the reference samples, in the order of the data."""
    sexes = platform.catalogue.query("SELECT sample_id, batch, sex FROM samples")
    columns = {
        name: getattr(data, name).tolist() for name in ("batch", "site", "material", "array")
    }
    known = data.truth().with_columns(
        # The data says "" where something is not known.
        pl.Series(name, [value or None for value in values], dtype=pl.String)
        for name, values in columns.items()
    )
    return known.join(sexes, on=["sample_id", "batch"], how="left", maintain_order="left")


def _first_maps(frame: pl.DataFrame, labels: pl.DataFrame, seed: int) -> dict[str, Floats]:
    """Return the reference samples' places in each method's map of the first seed."""
    some = labels.select("sample_id")
    return {
        method: some.join(part, on="sample_id", maintain_order="left").select("x", "y").to_numpy()
        for (method,), part in frame.filter(pl.col("seed") == seed).group_by(
            ["method"], maintain_order=True
        )
    }


def _cluster_table(found: Mapping[str, Ints], ids: Sequence[str]) -> pl.DataFrame:
    schema = {"method": pl.String, "sample_id": pl.String, "cluster": pl.Int64}
    rows = [
        (method, name, None if cluster == NO_CLUSTER else cluster)
        for method, members in found.items()
        for name, cluster in zip(ids, members.tolist(), strict=True)
    ]
    return pl.DataFrame(rows, schema=schema, orient="row")


def _key_figures(agreed: pl.DataFrame, seed: int) -> dict[str, float]:
    shown = agreed.filter(
        pl.col("metric").is_in(("knn_accuracy", "silhouette", "ari"))
        & (pl.col("label") == "class")
        & (pl.col("seed") == seed)
    )
    return {
        f"{method}_{metric}_{label}": value
        for method, metric, label, value in shown["method", "metric", "label", "value"].iter_rows()
    }
