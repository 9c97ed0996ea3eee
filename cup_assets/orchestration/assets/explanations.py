"""What the scores of the models are made of.

Belongs here: ``evaluation/explanations``. Does not belong here: explaining a score and adding up
what is found (`cup_assets.classify`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

import dagster as dg
import polars as pl

from cup_assets.classify.errors import NoExplainerError
from cup_assets.classify.explain_folds import FoldExplanation, explain_folds, largest_classes
from cup_assets.classify.explain_summary import (
    Importance,
    agreement_table,
    checks_of,
    importance_of,
    importance_table,
    swarm_points,
    telling_cases,
)
from cup_assets.classify.models import MODELS
from cup_assets.classify.refit import judged_folds
from cup_assets.orchestration.automation import ON_SETTLED_DATA
from cup_assets.orchestration.conventions import (
    COMPUTE_POOL,
    EXPLANATIONS,
    OWNERS,
    REFERENCE,
    STUDY_RETRIES,
    STUDY_TAGS,
    cv_key,
)
from cup_assets.orchestration.genes import with_genes
from cup_assets.orchestration.inputs import inputs_of, require
from cup_assets.orchestration.materialise import Product, materialise
from cup_assets.orchestration.progress import progress_of
from cup_assets.orchestration.resources import Platform
from cup_assets.orchestration.training import SCHEME, load_training_data, read_folds
from cup_assets.report import markdown_table
from cup_assets.report.explanation_figures import agreement_plot, swarm_plot, waterfall_plot
from cup_assets.warehouse import Recipe

_SHOWN_CLASSES = 4
_STUDY = "leaderboard"


@dg.asset(
    key=EXPLANATIONS,
    deps=[*(cv_key(model) for model in MODELS), REFERENCE],
    group_name="evaluation",
    kinds={"python", "shap", "duckdb"},
    owners=OWNERS,
    code_version="1",
    pool=COMPUTE_POOL,
    op_tags=STUDY_TAGS,
    retry_policy=STUDY_RETRIES,
    automation_condition=ON_SETTLED_DATA,
)
def explanations(context: dg.AssetExecutionContext, platform: Platform) -> dg.MaterializeResult:  # type: ignore[type-arg]
    """SHAP values of every model on held-out samples: which CpGs speak for which class.

    Each outer fold is fitted again with what its inner loop chose, held to the scores that were
    judged to the last bit, and explains its test samples alone. Beside the CpGs that matter most,
    whether the models agree on them, and by how much contributions miss the scores they add up to.
    """
    parameters = platform.parameters
    models = parameters.explanations.models or tuple(MODELS)
    if unknown := [model for model in models if model not in MODELS]:
        raise dg.Failure(
            f"explanations.models names {unknown[0]!r}: use {', '.join(MODELS)}",
            allow_retries=False,
        )
    recipe = Recipe(
        asset=EXPLANATIONS.to_user_string(),
        code_version="1",
        parameters={
            "evaluation": asdict(parameters.evaluation),
            "explanations": asdict(parameters.explanations),
        },
        inputs=inputs_of(
            [*(require(platform, cv_key(model)) for model in models), require(platform, REFERENCE)]
        ),
    )
    return materialise(context, platform, recipe, lambda: _explain(context, platform, models))


@dataclass(frozen=True, eq=False)
class _Explained:
    """What the explained folds of one model come to."""

    folds: Sequence[FoldExplanation]
    importance: Importance

    @property
    def quantity(self) -> str:
        return self.folds[0].quantity


def _explain(
    context: dg.AssetExecutionContext, platform: Platform, models: Sequence[str]
) -> Product:
    parameters = platform.parameters
    data, folds = load_training_data(platform), read_folds(platform)
    found: dict[str, _Explained] = {}
    unexplained: list[tuple[str, str]] = []
    for model in models:
        judged = judged_folds(data, folds, _read(platform, "cv_choices", model),
                              _read(platform, "cv_scores", model))  # fmt: skip
        try:
            parts = explain_folds(
                data, model, judged, parameters.evaluation, parameters.explanations,
                platform.mapper, progress_of(context, f"outer folds of {model}"),
                shown=largest_classes(data, judged, _SHOWN_CLASSES),
            )  # fmt: skip
        except NoExplainerError as error:
            unexplained.append((model, str(error)))
            continue
        found[model] = _Explained(parts, importance_of(parts))
    if not found:
        raise NoExplainerError("; ".join(f"{model}: {why}" for model, why in unexplained))
    return _product(platform, found, unexplained)


def _read(platform: Platform, table: str, model: str) -> pl.DataFrame:
    return platform.catalogue.query(
        f"SELECT * FROM {table} WHERE model = ? AND scheme = ? AND study = ? ORDER BY ALL",
        [model, SCHEME, _STUDY],
    )


def _product(
    platform: Platform, found: dict[str, _Explained], unexplained: Sequence[tuple[str, str]]
) -> Product:
    top = platform.parameters.explanations.top
    importance = with_genes(
        platform,
        _joined(
            {
                model: importance_table(one.importance, top).with_columns(
                    quantity=pl.lit(one.quantity)
                )
                for model, one in found.items()
            }
        ),
    )
    cases = with_genes(
        platform,
        _joined(
            {model: pl.concat([part.cases for part in one.folds]) for model, one in found.items()}
        ),
    )
    agreement = agreement_table({model: one.importance for model, one in found.items()}, top)
    checks = _joined({model: checks_of(one.folds) for model, one in found.items()})
    return Product(
        tables={
            "cv_explanations": importance,
            "cv_explanation_checks": checks,
            "explanation_agreement": agreement.with_columns(scheme=pl.lit(SCHEME)),
            "cv_case_explanations": cases,
        },
        numbers={
            f"{model}_additivity_max": value
            for model, value in checks["model", "additivity_max"].iter_rows()
        },
        notes={
            "does it add up": markdown_table(checks.drop("scheme")),
            "most important": markdown_table(_best(importance, None, 10), max_rows=100),
            "by class": markdown_table(
                _best(importance.drop_nulls("class"), "class", 3), max_rows=500
            ),
            "agreement": markdown_table(
                agreement.filter(pl.col("class").is_null()).drop("class"), max_rows=100
            ),
            "agreement by class": markdown_table(_by_class(agreement), max_rows=100),
            **{f"{model} is not explained": why for model, why in unexplained},
        },
        pictures=_pictures(platform, found, cases, agreement),
    )


def _joined(frames: Mapping[str, pl.DataFrame]) -> pl.DataFrame:
    return pl.concat(
        [
            frame.select(pl.lit(model).alias("model"), pl.lit(SCHEME).alias("scheme"), pl.all())
            for model, frame in frames.items()
        ],
        how="vertical_relaxed",
    )


def _best(importance: pl.DataFrame, by: str | None, most: int) -> pl.DataFrame:
    rows = importance if by else importance.filter(pl.col("class").is_null()).drop("class")
    shown = ("model", "class", "rank", "feature", "gene", "direction", "share", "folds")
    return rows.filter(pl.col("rank") <= most).select(
        name for name in shown if name in rows.columns and (by or name != "direction")
    )


def _by_class(agreement: pl.DataFrame) -> pl.DataFrame:
    """Return how far the pairs of models agree on a class: the median pair, and the worst."""
    return (
        agreement.drop_nulls("class")
        .group_by("class", "metric")
        .agg(median=pl.col("value").median(), least=pl.col("value").min())
        .sort("metric", "median", "class")
    )


def _pictures(
    platform: Platform,
    found: Mapping[str, _Explained],
    cases: pl.DataFrame,
    agreement: pl.DataFrame,
) -> dict[str, bytes]:
    pictures = {"agreement": agreement_plot(agreement)}
    for model, one in found.items():
        name = model.replace("_", " ")
        points = with_genes(platform, swarm_points(one.folds, one.importance))
        pictures[f"beeswarm {name}"] = swarm_plot(
            points, quantity=one.quantity, title=f"What speaks for a class: {name}"
        )
        pictures[f"waterfall {name}"] = waterfall_plot(
            telling_cases(cases.filter(pl.col("model") == model)),
            title=f"What made the call: {name}, held-out samples",
        )
    return pictures
