"""What is said of tumours of classes that were never seen.

Belongs here: ``evaluation/novelty``. Does not belong here: leaving the classes out and counting
(`cup_assets.classify.leave_class_out`, `cup_assets.classify.novelty`).
"""

from collections.abc import Mapping
from dataclasses import asdict

import dagster as dg
import polars as pl

from cup_assets.classify.learners import released_caller
from cup_assets.classify.leave_class_out import NOVEL_SCHEMA, Novelty, leave_classes_out
from cup_assets.classify.novelty import (
    FALSE_MATCH_SCHEMA,
    OUTCOME_SCHEMA,
    RULES,
    false_matches,
    novelty_outcomes,
)
from cup_assets.classify.parameters import EvaluationParameters
from cup_assets.classify.release_fit import champion
from cup_assets.classify.reliability import reject_curve
from cup_assets.orchestration.automation import ON_SETTLED_DATA
from cup_assets.orchestration.conventions import (
    COMPUTE_POOL,
    LEADERBOARD,
    NOVELTY,
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
from cup_assets.report import markdown_table, novelty_plot, reject_plot
from cup_assets.warehouse import Recipe

_SHOWN = (0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99)


@dg.asset(
    key=NOVELTY,
    deps=[LEADERBOARD, REFERENCE],
    group_name="evaluation",
    kinds={"python", "scikitlearn", "duckdb"},
    owners=OWNERS,
    code_version="1",
    pool=COMPUTE_POOL,
    op_tags=STUDY_TAGS,
    retry_policy=STUDY_RETRIES,
    automation_condition=ON_SETTLED_DATA,
)
def unseen_classes(context: dg.AssetExecutionContext, platform: Platform) -> dg.MaterializeResult:  # type: ignore[type-arg]
    """What a release says of tumours of a class that it has never seen: any match is wrong.

    Each class is left out in turn, a release is made of all others, and calls the samples of the
    class as it would call a patient's: by score and by likeness to the reference samples.
    """
    parameters = platform.parameters
    models = parameters.novelty.models or (_released(platform),)
    recipe = Recipe(
        asset=NOVELTY.to_user_string(),
        code_version="1",
        parameters={"evaluation": asdict(parameters.evaluation), "models": list(models)},
        inputs=inputs_of([require(platform, REFERENCE), require(platform, LEADERBOARD)]),
    )
    return materialise(context, platform, recipe, lambda: _study(context, platform, models))


def _released(platform: Platform) -> str:
    require(platform, LEADERBOARD)
    table = platform.catalogue.query(
        "SELECT * FROM cv_metrics WHERE scheme = ? AND study = 'leaderboard'", [SCHEME]
    )
    return champion(table, platform.parameters.evaluation.released_model or None)


def _study(
    context: dg.AssetExecutionContext, platform: Platform, models: tuple[str, ...]
) -> Product:
    parameters = platform.parameters.evaluation
    data, folds = load_training_data(platform), read_folds(platform)
    found = {
        model: leave_classes_out(
            data,
            folds,
            released_caller(data, model, parameters),
            parameters,
            mapper=platform.mapper,
            progress=progress_of(context, f"classes left out of {model}"),
        )
        for model in models
    }
    known = {model: _known(platform, model, data.truth()) for model in models}
    return _product(found, known, parameters)


def _known(platform: Platform, model: str, truth: pl.DataFrame) -> pl.DataFrame:
    """Return what each threshold keeps of the known tumours, as they were cross-validated."""
    parameters = platform.parameters.evaluation
    scores = platform.catalogue.query(
        'SELECT repeat, sample_id, "class", raw_score, score FROM cv_scores'
        " WHERE model = ? AND scheme = ? AND study = 'leaderboard' ORDER BY ALL",
        [model, SCHEME],
    )
    return reject_curve(scores, truth, parameters.seed, parameters.bootstraps)


def _product(
    found: Mapping[str, Novelty],
    known: Mapping[str, pl.DataFrame],
    parameters: EvaluationParameters,
) -> Product:
    calls, outcomes, thresholds = [], [], []
    for model, novelty in found.items():
        of_model = pl.lit(model).alias("model")
        calls.append(novelty.calls.select(of_model, *NOVEL_SCHEMA))
        for rule in RULES:
            marks = [of_model, pl.lit(rule).alias("rule")]
            shares = novelty_outcomes(
                novelty.calls, parameters.seed, parameters.bootstraps, rule=rule
            )
            swept = false_matches(novelty.calls, parameters, rule=rule)
            outcomes.append(shares.select(*marks, *OUTCOME_SCHEMA))
            thresholds.append(swept.select(*marks, *FALSE_MATCH_SCHEMA))
    all_outcomes, all_thresholds = pl.concat(outcomes), pl.concat(thresholds)
    not_tested = pl.concat(
        [n.not_tested.select(pl.lit(m).alias("model"), pl.all()) for m, n in found.items()]
    )
    overall = all_outcomes.filter(pl.col("class").is_null())
    by_class = all_outcomes.filter(pl.col("class").is_not_null() & (pl.col("rule") == "release"))
    notes = {
        "unseen classes": "\n".join(
            _sentence(model, overall.filter(model=model), parameters) for model in found
        ),
        "by class": markdown_table(
            by_class.pivot(
                "outcome", index=["model", "class", "family_known", "n_samples"], values="share"
            ),
            max_rows=500,
        ),
        "false matches by threshold": markdown_table(
            all_thresholds.filter(pl.col("threshold").is_in(_SHOWN)).pivot(
                "rule", index=["model", "threshold"], values="false_match"
            ),
            max_rows=200,
        ),
    }
    if not_tested.height:
        notes["classes that could not be left out"] = markdown_table(not_tested)
    return Product(
        tables={
            "novelty_calls": pl.concat(calls),
            "novelty_outcomes": all_outcomes,
            "novelty_thresholds": all_thresholds,
        },
        numbers={
            f"{model}_false_match{'' if rule == 'release' else '_by_scores'}": share
            for model, rule, outcome, share in overall["model", "rule", "outcome", "share"].rows()
            if outcome == "match"
        },
        notes=notes,
        pictures={
            f"unseen classes {model} by {rule}": novelty_plot(
                all_outcomes.filter(model=model, rule=rule),
                title=f"What is a tumour of an unseen class called? {_of(model, rule)}",
            )
            for model in found
            for rule in RULES
        }
        | {
            f"threshold {model}": reject_plot(
                known[model],
                all_thresholds.filter(model=model, rule="release"),
                threshold=parameters.match_threshold,
                title=f"What a threshold costs, and what it saves: {model.replace('_', ' ')}",
            )
            for model in found
        },
    )


def _of(model: str, rule: str) -> str:
    how = "as released" if rule == "release" else "by score alone"
    return f"{model.replace('_', ' ')}, {how}"


def _sentence(model: str, overall: pl.DataFrame, parameters: EvaluationParameters) -> str:
    """Say how often an unseen class is taken for a known one."""
    name = model.replace("_", " ")
    wrong = {row["rule"]: row for row in overall.filter(outcome="match").iter_rows(named=True)}
    if not wrong:
        return f"- {name}: no class could be left out."
    share = dict(overall.filter(rule="release")["outcome", "share"].iter_rows())
    told = wrong["release"]
    return (
        f"- {name}: of {told['n_samples']} tumours of classes it had not seen, a release takes"
        f" {_percent(told)} for a known class, which is always wrong. By score alone, without"
        f" likeness to the reference samples, it would be {_percent(wrong['scores'])}. The rest:"
        f" no match {share['no_match']:.1%}, their own family only"
        f" {share['family_right'] or 0:.1%}, another family only {share['family_wrong']:.1%} (match"
        f" and family at {parameters.match_threshold:g} and {parameters.family_threshold:g})."
    )


def _percent(row: Mapping[str, float | None]) -> str:
    if row["low"] is None or row["high"] is None:
        return f"{row['share']:.1%}"
    return f"{row['share']:.1%} (95 % interval {row['low']:.1%} to {row['high']:.1%})"
