"""How many more cases are needed.

Belongs here: ``evaluation/learning_curve``. Does not belong here: the curve and what it says about
more patients (`cup_assets.classify.learning_curve`, `cup_assets.classify.extrapolation`).
"""

from collections.abc import Sequence
from dataclasses import asdict

import dagster as dg
import polars as pl

from cup_assets.classify.extrapolation import Extrapolation, extrapolate, patients_needed
from cup_assets.classify.learners import tuned_learner
from cup_assets.classify.learning_curve import POINT_SCHEMA, LearningCurve, learning_curve
from cup_assets.orchestration.automation import ON_SETTLED_DATA
from cup_assets.orchestration.conventions import (
    COMPUTE_POOL,
    LEARNING_CURVE,
    OWNERS,
    REFERENCE,
    STUDY_RETRIES,
    STUDY_TAGS,
)
from cup_assets.orchestration.inputs import inputs_of, require
from cup_assets.orchestration.materialise import Product, materialise
from cup_assets.orchestration.progress import progress_of
from cup_assets.orchestration.resources import Platform
from cup_assets.orchestration.training import SCHEME, load_training_data, read_folds
from cup_assets.report import learning_curve_plot, markdown_table
from cup_assets.warehouse import Recipe

_NEEDED = {
    "model": pl.String,
    "target_error": pl.Float64,
    **dict.fromkeys(("n_patients", "low", "high", "more"), pl.Int64),
    "answer": pl.String,
}
_MARKS = {"model": pl.String, "scheme": pl.String}


@dg.asset(
    key=LEARNING_CURVE,
    deps=[REFERENCE],
    group_name="evaluation",
    kinds={"python", "scikitlearn", "duckdb"},
    owners=OWNERS,
    code_version="1",
    pool=COMPUTE_POOL,
    op_tags=STUDY_TAGS,
    retry_policy=STUDY_RETRIES,
    automation_condition=ON_SETTLED_DATA,
)
def error_by_patients(
    context: dg.AssetExecutionContext, platform: Platform
) -> dg.MaterializeResult:  # type: ignore[type-arg]
    """How the error falls as patients are added, and how many more a lower error would take.

    Growing parts of each outer training part are learnt from; the test part stays the same.
    """
    parameters = platform.parameters
    recipe = Recipe(
        asset=LEARNING_CURVE.to_user_string(),
        code_version="1",
        parameters={
            "evaluation": asdict(parameters.evaluation),
            "learning_curve": asdict(parameters.learning_curve),
        },
        inputs=inputs_of([require(platform, REFERENCE)]),
    )
    return materialise(context, platform, recipe, lambda: _study(context, platform))


def _study(context: dg.AssetExecutionContext, platform: Platform) -> Product:
    asked, evaluation = platform.parameters.learning_curve, platform.parameters.evaluation
    curves = {}
    if asked.models:
        data, folds = load_training_data(platform), read_folds(platform)
        curves = {
            model: learning_curve(
                data,
                folds,
                tuned_learner(data, model, evaluation),
                evaluation.seed,
                fractions=asked.fractions,
                bootstraps=evaluation.bootstraps,
                mapper=platform.mapper,
                progress=progress_of(context, f"fits of {model}"),
            )
            for model in asked.models
        }
    return _product(curves, asked.target_errors, evaluation.seed)


def _product(
    curves: dict[str, LearningCurve], target_errors: Sequence[float], seed: int
) -> Product:
    laws = {model: extrapolate(curve, seed) for model, curve in curves.items()}
    needed = pl.DataFrame(
        [
            (model, error, told.n_patients, told.low, told.high, told.more, told.answer)
            for model, law in laws.items()
            for error in target_errors
            for told in [patients_needed(law, error)]
        ],
        schema=_NEEDED,
        orient="row",
    )
    points = pl.concat(
        [
            pl.DataFrame(schema={**_MARKS, **POINT_SCHEMA}),
            *(
                curve.points.select(
                    pl.lit(model).alias("model"), pl.lit(SCHEME).alias("scheme"), *POINT_SCHEMA
                )
                for model, curve in curves.items()
            ),
        ]
    )
    return Product(
        tables={"learning_curve": points, "patients_needed": needed},
        numbers={f"{model}_error": curve.points["error"][-1] for model, curve in curves.items()},
        notes={
            "how many more cases": _sentences(curves, laws, needed),
            "curve": markdown_table(points),
            "patients needed": markdown_table(needed),
        },
        pictures={
            f"learning curve of {model}": learning_curve_plot(
                curve.points,
                laws[model].fitted,
                note=_answer(laws[model], needed.filter(model=model)),
                title=f"How many more patients do we need? {model.replace('_', ' ')}",
            )
            for model, curve in curves.items()
        },
    )


def _sentences(
    curves: dict[str, LearningCurve], laws: dict[str, Extrapolation], needed: pl.DataFrame
) -> str:
    if not curves:
        return "No model is named under [learning_curve] models: nothing was computed."
    lines = []
    for model, curve in curves.items():
        first, last = curve.points.row(0, named=True), curve.points.row(-1, named=True)
        lines.append(
            f"- {model.replace('_', ' ')}: with {first['n_train_patients']:.0f} patients in"
            f" training the error on held-out patients is {first['error']:.1%}, with"
            f" {last['n_train_patients']:.0f} it is {last['error']:.1%}."
            f" {_answer(laws[model], needed.filter(model=model))}"
        )
    return "\n".join(lines)


def _answer(law: Extrapolation, needed: pl.DataFrame) -> str:
    """Return the answers of one model; where it has none, why."""
    if law.refused:
        return f"How many more a lower error takes the curve does not tell: {law.refused}."
    return " ".join(needed["answer"])
