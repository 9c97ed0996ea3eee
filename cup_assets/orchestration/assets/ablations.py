"""What balancing, and copy number, are worth.

Belongs here: ``evaluation/ablations``. Does not belong here: which cross-validations that takes and
what they say (`cup_assets.classify.ablation`).
"""

from collections.abc import Mapping
from dataclasses import asdict, replace

import dagster as dg
import numpy as np
import polars as pl

from cup_assets.classify.ablation import (
    CELL,
    Ablation,
    Cell,
    cells,
    compare_cells,
    sentences,
)
from cup_assets.classify.data import TrainingData
from cup_assets.classify.metrics import metrics
from cup_assets.classify.nested import CvResult
from cup_assets.orchestration.automation import ON_SETTLED_DATA
from cup_assets.orchestration.cnv_cohort import read_cnv_log2_ratios, reference_profiles
from cup_assets.orchestration.conventions import (
    ABLATIONS,
    BALANCED,
    COMPUTE_POOL,
    OWNERS,
    PROFILES,
    REFERENCE,
    STUDY_RETRIES,
    STUDY_TAGS,
)
from cup_assets.orchestration.cross_validate import cross_validate
from cup_assets.orchestration.inputs import inputs_of, require
from cup_assets.orchestration.materialise import Product, materialise
from cup_assets.orchestration.resources import Platform
from cup_assets.orchestration.training import SCHEME, load_training_data, read_folds
from cup_assets.report import comparison_plot, markdown_table, recall_change_plot
from cup_assets.warehouse import Recipe

_STUDY = "ablations"
_SUMMARY = ("error", "balanced_accuracy", "macro_f1", "auc_hand_till", "brier", "log_loss", "ece")
_TITLES = {
    "strategies": "What is a treatment of unequal classes worth?",
    "features": "What is copy number worth?",
}
# Where fewer samples have a profile, most values of copy number would be made up.
_LEAST_PROFILED = 0.5


@dg.asset(
    key=ABLATIONS,
    deps=[REFERENCE, BALANCED, PROFILES],
    group_name="evaluation",
    kinds={"python", "scikitlearn", "duckdb"},
    owners=OWNERS,
    code_version="1",
    pool=COMPUTE_POOL,
    op_tags=STUDY_TAGS,
    retry_policy=STUDY_RETRIES,
    automation_condition=ON_SETTLED_DATA,
)
def what_it_is_worth(context: dg.AssetExecutionContext, platform: Platform) -> dg.MaterializeResult:  # type: ignore[type-arg]
    """What each strategy against unequal classes is worth, and what copy number beside betas is.

    The same nested cross-validation with one thing exchanged, compared on the same held-out
    samples. What ``class_weight`` does in the forest is to draw equally from all classes for each
    tree.
    """
    parameters = platform.parameters
    asked = parameters.ablations
    inputs = inputs_of([require(platform, REFERENCE), require(platform, BALANCED)])
    if set(asked.features) - {"betas"}:
        inputs |= reference_profiles(platform)
    recipe = Recipe(
        asset=ABLATIONS.to_user_string(),
        code_version="1",
        parameters={"evaluation": asdict(parameters.evaluation), "ablations": asdict(asked)},
        inputs=inputs,
    )
    return materialise(context, platform, recipe, lambda: _study(context, platform))


def _study(context: dg.AssetExecutionContext, platform: Platform) -> Product:
    parameters = platform.parameters
    todo = cells(parameters.ablations, parameters.evaluation.strategy)
    if not todo:
        return _nothing("No model is named under [ablations] models: nothing was computed.")
    data, folds = load_training_data(platform), read_folds(platform)
    notes = {}
    if any(cell.features != "betas" for cell in todo):
        data, enough, notes["copy number"] = _with_copy_number(platform, data)
        todo = [cell for cell in todo if enough or cell.features == "betas"]
    results = {}
    for number, cell in enumerate(todo, start=1):
        context.log.info("%d of %d: %s, %s, %s", number, len(todo), *asdict(cell).values())
        own = replace(parameters.evaluation, strategy=cell.strategy)
        results[cell] = cross_validate(
            context, platform, data.with_features(cell.features), cell.model, folds, own,
            features=cell.features,
        )  # fmt: skip
    return _product(platform, results, data.truth(), notes)


def _with_copy_number(platform: Platform, data: TrainingData) -> tuple[TrainingData, bool, str]:
    """Return the data with copy number, whether enough samples have it, and that in a sentence."""
    found = read_cnv_log2_ratios(platform, data.sample_ids.tolist())
    known = np.atleast_1d(~np.isnan(found.values).all(axis=1))
    told = (
        f"{int(known.sum())} of {len(known)} samples have a copy-number profile; {len(found.names)}"
        " log2 ratios of arms and genes are learnt from, the mean of the training part in the place"
        " of one without a call."
    )
    if enough := bool(known.mean() >= _LEAST_PROFILED):
        data = replace(data, cnv=found.values, cnv_names=np.array(found.names, dtype=np.str_))
    else:
        told += " That is too few: copy number was not learnt from."
    return data, enough, told


def _product(
    platform: Platform,
    results: Mapping[Cell, CvResult],
    truth: pl.DataFrame,
    notes: Mapping[str, str],
) -> Product:
    parameters = platform.parameters.evaluation
    scores = _marked({cell: result.scores for cell, result in results.items()})
    measured = _marked(
        {
            cell: metrics(result.scores, truth, parameters.seed, parameters.bootstraps)
            for cell, result in results.items()
        }
    )
    found = compare_cells(scores, truth, platform.parameters.ablations, parameters)
    overall = measured.filter(pl.col("class").is_null() & pl.col("metric").is_in(_SUMMARY))
    answers = {kind: "\n".join(f"- {line}" for line in of) for kind, of in sentences(found).items()}
    comparisons = pl.concat([found.strategies, found.features])
    return Product(
        tables={
            "cv_metrics": measured,
            "cv_scores": scores,
            "cv_choices": _marked({cell: result.choices for cell, result in results.items()}),
            "cv_comparisons": _of_study(comparisons),
            "cv_recall_changes": found.recalls.with_columns(scheme=pl.lit(SCHEME)),
        },
        key={"study": _STUDY},
        keys={"cv_recall_changes": {}},
        numbers={"cross_validations": len(results)},
        notes={
            **{_TITLES[kind]: text for kind, text in answers.items() if text},
            **notes,
            "side by side": markdown_table(
                overall.pivot("metric", index=list(CELL), values="value"), max_rows=200
            ),
            "differences": markdown_table(comparisons, max_rows=500),
            "recall of each class": markdown_table(found.recalls, max_rows=1000),
        },
        pictures=_pictures(found),
    )


def _pictures(found: Ablation) -> dict[str, bytes]:
    tables = {"strategies": found.strategies, "features": found.features}
    compared = {
        kind: comparison_plot(table, title=_TITLES[kind])
        for kind, table in tables.items()
        if table.height
    }
    changes = {
        f"recall {model}": recall_change_plot(
            rows, title=f"What balancing does to each class: {str(model).replace('_', ' ')}"
        )
        for (model,), rows in found.recalls.group_by("model", maintain_order=True)
    }
    return compared | changes


def _marked(frames: Mapping[Cell, pl.DataFrame]) -> pl.DataFrame:
    return _of_study(
        pl.concat(
            [
                frame.with_columns(
                    model=pl.lit(cell.model),
                    strategy=pl.lit(cell.strategy),
                    features=pl.lit(cell.features),
                )
                for cell, frame in frames.items()
            ]
        )
    )


def _of_study(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.with_columns(scheme=pl.lit(SCHEME), study=pl.lit(_STUDY))


def _nothing(why: str) -> Product:
    names = ("cv_metrics", "cv_scores", "cv_choices", "cv_comparisons", "cv_recall_changes")
    return Product(
        tables={name: pl.DataFrame(schema={"scheme": pl.String}) for name in names},
        key={"study": _STUDY},
        keys={"cv_recall_changes": {}},
        notes={"nothing to do": why},
    )
