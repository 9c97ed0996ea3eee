"""All models side by side, under every scheme.

Belongs here: ``evaluation/leaderboard``. Does not belong here: judging and comparing
(`cup_assets.classify`), what is shown of it (`leaderboard_notes`), the cross-validation itself
(`cross_validation`).
"""

from dataclasses import asdict

import dagster as dg
import polars as pl

from cup_assets.classify.board import (
    compare_models,
    errors_by_part,
    judge_calibrators,
    judge_models,
    tested,
)
from cup_assets.classify.doubts import label_doubts
from cup_assets.classify.models import MODELS
from cup_assets.orchestration.automation import ON_NEW_DATA
from cup_assets.orchestration.conventions import (
    COMPUTE_POOL,
    LEADERBOARD,
    OWNERS,
    REFERENCE,
    cv_key,
)
from cup_assets.orchestration.inputs import inputs_of, require
from cup_assets.orchestration.leaderboard_notes import (
    board_notes,
    board_numbers,
    board_pictures,
    other_notes,
)
from cup_assets.orchestration.materialise import Product, materialise
from cup_assets.orchestration.progress import progress_of
from cup_assets.orchestration.resources import Platform
from cup_assets.orchestration.training import SCHEME
from cup_assets.warehouse import Recipe

_STUDY = "leaderboard"


@dg.asset(
    key=LEADERBOARD,
    deps=[*(cv_key(model) for model in MODELS), REFERENCE],
    group_name="evaluation",
    kinds={"python", "duckdb"},
    owners=OWNERS,
    code_version="3",
    pool=COMPUTE_POOL,
    automation_condition=ON_NEW_DATA,
)
def leaderboard(context: dg.AssetExecutionContext, platform: Platform) -> dg.MaterializeResult:  # type: ignore[type-arg]
    """All models side by side under every scheme: metrics with 95 % intervals over patients.

    Raw and calibrated, by class and by family, beside other ways to calibrate; the models' paired
    differences; what each scheme could not test. Lists the labels that every model confidently
    contradicts, too; nothing is changed by it.
    """
    parameters = platform.parameters.evaluation
    versions = [require(platform, cv_key(model)) for model in MODELS]
    recipe = Recipe(
        asset=LEADERBOARD.to_user_string(),
        code_version="3",
        parameters=asdict(parameters),
        inputs=inputs_of([*versions, require(platform, REFERENCE)]),
    )
    return materialise(context, platform, recipe, lambda: _leaderboard(context, platform))


def _leaderboard(context: dg.AssetExecutionContext, platform: Platform) -> Product:
    parameters, query = platform.parameters.evaluation, platform.catalogue.query
    scores = query(
        'SELECT model, scheme, strategy, features, repeat, outer_fold, sample_id, "class",'
        " raw_score, score FROM cv_scores WHERE study = ? ORDER BY ALL",
        [_STUDY],
    )
    truth = query(
        'SELECT sample_id, "class", family, person AS patient_id FROM dataset_members'
        " WHERE included ORDER BY sample_id"
    )
    family_of = dict(truth["class", "family"].unique().iter_rows())
    by_class, by_family = judge_models(
        scores, truth, family_of, parameters, platform.mapper,
        progress_of(context, "models and schemes"),
    )  # fmt: skip
    calibrations = _calibrations(platform, scores, truth)
    stratified = scores.filter(pl.col("scheme") == SCHEME)
    comparisons = compare_models(stratified, truth, parameters)
    doubts = label_doubts(stratified, truth, parameters)
    parts = errors_by_part(scores, truth, query("SELECT * FROM scheme_parts"), parameters)
    told = tested(scores, truth, query("SELECT * FROM scheme_not_used"), parameters.schemes)
    return Product(
        tables={
            "cv_metrics": by_class.with_columns(study=pl.lit(_STUDY)),
            "cv_family_metrics": by_family,
            "cv_calibration_metrics": calibrations,
            "cv_comparisons": comparisons.with_columns(study=pl.lit(_STUDY), scheme=pl.lit(SCHEME)),
            "label_doubts": doubts,
        },
        keys={"cv_metrics": {"study": _STUDY}, "cv_comparisons": {"study": _STUDY}},
        numbers=board_numbers(by_class) | {"doubted_labels": doubts.height},
        notes={
            **board_notes(by_class, by_family),
            **other_notes(told, parts, calibrations, comparisons, doubts),
        },
        pictures=board_pictures(by_class, comparisons, scores, truth, family_of, parameters),
    )


def _calibrations(platform: Platform, scores: pl.DataFrame, truth: pl.DataFrame) -> pl.DataFrame:
    """Judge the calibrators model by model: all their scores at once would fill the memory."""
    judged = [
        judge_calibrators(
            own,
            platform.catalogue.query("SELECT * FROM cv_calibrations WHERE model = ?", [model]),
            truth,
            platform.parameters.evaluation,
        )
        for (model,), own in scores.group_by("model", maintain_order=True)
    ]
    ordered = pl.concat(judged)
    places = {name: place for place, name in enumerate(platform.parameters.evaluation.schemes)}
    by = pl.col("scheme").replace_strict(places, default=None, return_dtype=pl.Int64)
    return ordered.sort(by, maintain_order=True)
