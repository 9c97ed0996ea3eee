"""Whether classifiers and unsupervised structure say the same of each sample.

Belongs here: ``evaluation/concordance``. Does not belong here: votes and their comparison
(`cup_assets.landscape.concordance`), maps (`landscape`), classifiers.
"""

from dataclasses import asdict

import dagster as dg
import polars as pl

from cup_assets.landscape.concordance import classifier_answers, compare_answers, disagreements
from cup_assets.orchestration.automation import ON_SETTLED_COMPLETE_DATA
from cup_assets.orchestration.cnv_files import keep_library
from cup_assets.orchestration.conventions import (
    COMPUTE_POOL,
    CONCORDANCE,
    LANDSCAPE,
    LEADERBOARD,
    OWNERS,
    REFERENCE,
    STUDY_RETRIES,
    STUDY_TAGS,
)
from cup_assets.orchestration.inputs import inputs_of, require
from cup_assets.orchestration.materialise import Product, materialise
from cup_assets.orchestration.resources import Platform
from cup_assets.orchestration.training import SCHEME
from cup_assets.report import markdown_table
from cup_assets.report.concordance_figures import concordance_plot
from cup_assets.report.interactive_map import interactive_map
from cup_assets.warehouse import Recipe

PAGE = "map.html"


@dg.asset(
    key=CONCORDANCE,
    deps=[LANDSCAPE, LEADERBOARD, REFERENCE],
    group_name="evaluation",
    kinds={"python", "duckdb", "plotly"},
    owners=OWNERS,
    code_version="1",
    pool=COMPUTE_POOL,
    op_tags=STUDY_TAGS,
    retry_policy=STUDY_RETRIES,
    automation_condition=ON_SETTLED_COMPLETE_DATA,
)
def concordance(context: dg.AssetExecutionContext, platform: Platform) -> dg.MaterializeResult:  # type: ignore[type-arg]
    """Classifiers and clustering side by side, and the samples of which they disagree.

    All answers are held-out ones: a classifier's from cross-validation, those of neighbours and
    clusters from samples of other patients. With the maps as a page to hover in.
    """
    recipe = Recipe(
        asset=CONCORDANCE.to_user_string(),
        code_version="1",
        parameters={
            "evaluation": {
                name: getattr(platform.parameters.evaluation, name)
                for name in ("seed", "bootstraps")
            },
            "landscape": asdict(platform.parameters.landscape),
        },
        inputs=inputs_of(require(platform, key) for key in (LANDSCAPE, LEADERBOARD, REFERENCE)),
    )
    folder = platform.settings.reports / "landscape"
    keep_library(platform.settings.reports)
    result = materialise(context, platform, recipe, lambda: _compare(platform), files=folder)
    page = dg.MetadataValue.url((folder / PAGE).absolute().as_uri())
    return result._replace(metadata={**(result.metadata or {}), "interactive_map": page})


def _compare(platform: Platform) -> Product:
    parameters = platform.parameters.evaluation
    scores = platform.catalogue.query(
        'SELECT model, sample_id, "class", score FROM cv_scores'
        " WHERE scheme = ? AND study = 'leaderboard' ORDER BY ALL",
        [SCHEME],
    )
    truth = platform.catalogue.query(
        'SELECT sample_id, "class", person AS patient_id, family, batch, site, material, "array"'
        " FROM dataset_members WHERE included ORDER BY sample_id"
    )
    unsupervised = platform.catalogue.query(
        "SELECT kind, method, sample_id, answer, support FROM landscape_answers ORDER BY ALL"
    )
    called = classifier_answers(scores)
    answers = pl.concat([called, unsupervised])
    table = compare_answers(answers, truth, parameters.seed, parameters.bootstraps)
    listed = disagreements(answers, truth, ["pc_space"])
    return Product(
        tables={"concordance": table, "disagreements": listed},
        numbers={
            "samples": truth.height,
            "in_disagreement": listed["sample_id"].n_unique(),
            **{f"{method}_accuracy": value for method, value in table["method", "accuracy"].rows()},
        },
        notes={
            "side by side": markdown_table(table),
            "disagreements with the nearest neighbours in PC space": markdown_table(
                listed, max_rows=200
            ),
        },
        pictures={"side by side": concordance_plot(table)},
        files={PAGE: _page(platform, truth, called)},
    )


def _page(platform: Platform, truth: pl.DataFrame, called: pl.DataFrame) -> bytes:
    """Draw all maps, with what each model calls each reference sample."""
    maps = platform.catalogue.query("SELECT method, seed, sample_id, x, y FROM landscape")
    models = called["method"].unique().sort().to_list()
    answers = called.with_columns(
        text=pl.format("{} ({})", "answer", pl.col("support").round(2).cast(pl.String))
    ).pivot("method", index="sample_id", values="text")
    cases = platform.catalogue.query(
        'SELECT DISTINCT sample_id, batch, site, material, "array" FROM samples'
        " WHERE role = 'diagnostic' ORDER BY sample_id"
    )
    samples = pl.concat(
        [truth.join(answers, on="sample_id", how="left"), cases], how="diagonal_relaxed"
    )
    return interactive_map(
        maps,
        samples,
        shown=["family", "batch", "site", "material", "array", *models],
        library="../plotly.min.js",
    )
