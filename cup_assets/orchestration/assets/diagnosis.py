"""The released classifier, and what it says about diagnostic cases.

Belongs here: ``diagnosis/classifier`` and ``diagnosis/predictions``. Does not belong here: fitting
and scoring (`cup_assets.classify`). A case is only ever scored by a release.
"""

import json
from dataclasses import asdict

import dagster as dg
import polars as pl

from cup_assets.classify.data import FACTORS
from cup_assets.classify.drivers import DIFFERENTIAL_SCHEMA, DRIVER_SCHEMA, explain_calls
from cup_assets.classify.errors import NoExplainerError
from cup_assets.classify.release_files import load_release, save_release
from cup_assets.classify.release_fit import champion, fit_release
from cup_assets.orchestration.automation import ON_NEW_CHECKED_DATA, ON_NEW_COMPLETE_DATA
from cup_assets.orchestration.conventions import (
    BETAS,
    CLASSIFIER,
    COMPUTE_POOL,
    LEADERBOARD,
    OWNERS,
    PREDICTIONS,
    RAW,
    REFERENCE,
    WAREHOUSE_POOL,
)
from cup_assets.orchestration.genes import with_genes
from cup_assets.orchestration.identities import identity_notes, with_notes
from cup_assets.orchestration.inputs import inputs_of, require
from cup_assets.orchestration.manifest_page import with_input_manifest
from cup_assets.orchestration.materialise import Product, materialise
from cup_assets.orchestration.partitions import BATCHES
from cup_assets.orchestration.progress import progress_of
from cup_assets.orchestration.resources import Platform
from cup_assets.orchestration.training import (
    SCHEME,
    diagnostic_cases,
    load_training_data,
    read_folds,
    stack_betas,
)
from cup_assets.report import markdown_table, score_bars
from cup_assets.report.explanation_figures import waterfall_plot
from cup_assets.warehouse import Recipe

_RELEASE_SCHEMA = {
    "release": pl.String,
    "model": pl.String,
    "path": pl.String,
    "digest": pl.String,
    "is_current": pl.Boolean,
}


@dg.asset(
    key=CLASSIFIER,
    deps=[LEADERBOARD, REFERENCE],
    group_name="diagnosis",
    kinds={"python", "scikitlearn"},
    owners=OWNERS,
    code_version="3",
    pool=COMPUTE_POOL,
    automation_condition=ON_NEW_CHECKED_DATA,
)
def classifier(context: dg.AssetExecutionContext, platform: Platform) -> dg.MaterializeResult:  # type: ignore[type-arg]
    """The chosen model (or that of the lowest log loss), refitted on all reference samples.

    Kept under ``data/releases/<version>/`` with probe list, normalisation, thresholds, metrics,
    input manifest and a model card, all covered by hashes; releases are never overwritten.
    """
    parameters = platform.parameters
    recipe = Recipe(
        asset=CLASSIFIER.to_user_string(),
        code_version="3",
        parameters={
            "evaluation": asdict(parameters.evaluation),
            "normalisation": asdict(parameters.betas),
        },
        inputs=inputs_of([require(platform, REFERENCE), require(platform, LEADERBOARD)]),
    )
    made = materialise(context, platform, recipe, lambda: _release(context, platform, recipe))
    return with_input_manifest(platform, recipe, made)


def _release(context: dg.AssetExecutionContext, platform: Platform, recipe: Recipe) -> Product:
    parameters = platform.parameters
    table = platform.catalogue.query(
        "SELECT * FROM cv_metrics WHERE scheme = ? AND study = 'leaderboard'", [SCHEME]
    )
    model = champion(table, parameters.evaluation.released_model or None)
    version = f"r{recipe.fingerprint[:12]}"
    folder = platform.settings.releases / version
    if not folder.exists():
        release = fit_release(
            load_training_data(platform),
            model,
            read_folds(platform),
            parameters.evaluation,
            version=version,
            normalisation=asdict(parameters.betas),
            replicates=parameters.cohort.replicates,
            cv_metrics=table.filter(pl.col("model") == model),
            input_manifest=[
                {"input": name, "input_version": value} for name, value in recipe.inputs.items()
            ],
            mapper=platform.mapper,
            progress=progress_of(context, "folds"),
        )
        save_release(release, folder)
    # Read back, so that what is recorded is what will be used; the digest is kept apart from it.
    release = load_release(folder, normalisation=asdict(parameters.betas))
    digest = json.loads((folder / "release.json").read_text(encoding="utf-8"))["digest"]
    row = [(version, model, folder.name, digest, True)]
    current = pl.DataFrame(row, schema=_RELEASE_SCHEMA, orient="row")
    earlier = platform.catalogue.query(
        "SELECT release, model, path, digest, FALSE AS is_current FROM releases"
        " WHERE release <> ? ORDER BY release",
        [version],
    )
    return Product(
        tables={"releases": pl.concat([current, earlier])},
        numbers={
            "release": version,
            "model": model,
            "classes": len(release.family_of),
            "probes": len(release.probe_ids),
            "samples": int(release.record["n_samples"]),
        },
        notes={"model card": (folder / "model_card.md").read_text(encoding="utf-8")},
    )


@dg.asset(
    key=PREDICTIONS,
    partitions_def=BATCHES,
    deps=[RAW, BETAS, CLASSIFIER],
    group_name="diagnosis",
    kinds={"python", "duckdb"},
    owners=OWNERS,
    code_version="4",
    pool=WAREHOUSE_POOL,
    automation_condition=ON_NEW_COMPLETE_DATA,
)
def predictions(context: dg.AssetExecutionContext, platform: Platform) -> dg.MaterializeResult:  # type: ignore[type-arg]
    """Calibrated scores of the diagnostic cases of a batch, by the current release.

    The predictions of earlier releases stay stored. A case that failed quality control is not
    scored, and says so; a case that the classifier may have learnt from, by its genotypes or its
    patient, is scored and says so. Beside each call are the CpGs that its score is made of, and
    those that speak for its class or for the next best one.
    """
    batch = context.partition_key
    cases = diagnostic_cases(platform, batch, usable_only=False)
    current = platform.catalogue.query("SELECT * FROM releases WHERE is_current")
    recipe = Recipe(
        asset=PREDICTIONS.to_user_string(),
        partition=batch,
        code_version="4",
        parameters={"drivers": platform.parameters.explanations.top},
        # The batch itself too: a role, a material or a verdict may change without the betas.
        inputs=inputs_of(
            [
                *(require(platform, key, batch) for key in (RAW, BETAS)),
                require(platform, CLASSIFIER),
            ]
        ),
        # What contradicts the sample sheet is among the reasons.
        depends_on={"release": current["digest"][0]}
        | {
            row["sample_id"]: "{files_sha256} {verdict} {material} {site} {reasons}".format(**row)
            for row in cases.iter_rows(named=True)
        },
    )
    release = current.row(0, named=True)
    made = materialise(context, platform, recipe, lambda: _predict(platform, batch, cases, release))
    return with_input_manifest(platform, recipe, made)


def _predict(platform: Platform, batch: str, cases: pl.DataFrame, row: dict[str, str]) -> Product:
    normalisation = require(platform, BETAS, batch).parameters["betas"]
    release = load_release(
        platform.settings.releases / row["path"],
        digest=row["digest"],
        normalisation=normalisation,
    )
    usable = cases.filter(pl.col("verdict") != "fail")
    made_of, unexplained = pl.DataFrame(schema=DRIVER_SCHEMA), None
    against = pl.DataFrame(schema=DIFFERENTIAL_SCHEMA)
    if usable.height:
        probes, X = stack_betas(
            platform, usable, release.probe_ids.tolist(), release.replicates, absent_as_nan=True
        )
        factors = {name: usable[name].to_list() for name in FACTORS}
        found = release.predict(X, probes, factors, usable["sample_id"].to_list())
        calls, scores = found.calls, found.scores
        top = platform.parameters.explanations.top
        try:
            made_of, against = explain_calls(release, X, probes, factors, calls, scores, top)
        except NoExplainerError as error:
            # A call stands without its explanation; a case must not wait for one.
            made_of, unexplained = made_of.clear(), str(error)
    else:
        calls, scores = _NO_CALLS, _NO_SCORES
    made_of, against = with_genes(platform, made_of), with_genes(platform, against)
    failed = cases.filter(pl.col("verdict") == "fail").select(
        "sample_id",
        release=pl.lit(release.version),
        call=pl.lit("no_match"),
        note=pl.lit("not scored: failed quality control: ") + pl.col("reasons"),
    )
    calls = pl.concat([calls, failed], how="diagonal_relaxed").with_columns(batch=pl.lit(batch))
    calls = with_notes(calls, identity_notes(platform, cases))
    counts = dict(calls["call"].value_counts().iter_rows())
    shown = calls.filter(pl.col("score").is_not_null())
    return Product(
        tables={
            "predictions": calls,
            "prediction_scores": scores.with_columns(batch=pl.lit(batch)),
            "prediction_cpgs": made_of.with_columns(batch=pl.lit(batch)),
            "prediction_differential": against.with_columns(batch=pl.lit(batch)),
        },
        key={"batch": batch, "release": release.version},
        numbers={
            "release": release.version,
            "cases": calls.height,
            **{name: counts.get(name, 0) for name in ("match", "family_only", "no_match")},
        },
        notes={"calls": markdown_table(calls.drop("batch"))}
        | ({"not explained": unexplained} if unexplained else {}),
        pictures=_pictures(shown, made_of) if shown.height else {},
    )


def _pictures(calls: pl.DataFrame, made_of: pl.DataFrame) -> dict[str, bytes]:
    label = pl.format("{}: {}", "sample_id", pl.col("call").str.replace("_", " "))
    first = calls.head(_DRAWN).select("sample_id", label=label)
    drawn = first.join(made_of, on="sample_id", maintain_order="left_right")
    return {
        "scores": score_bars(calls),
        "drivers": waterfall_plot(
            drawn, title=f"What made the calls: {first.height} of {calls.height} cases"
        ),
    }


_DRAWN = 6

_NO_CALLS = pl.DataFrame(
    schema={
        "sample_id": pl.String, "release": pl.String, "class": pl.String, "score": pl.Float64,
        "family": pl.String, "family_score": pl.Float64, "call": pl.String,
        "typicality": pl.Float64, "missing": pl.Float64, "note": pl.String,
    }
)  # fmt: skip
_NO_SCORES = pl.DataFrame(
    schema={
        "sample_id": pl.String, "release": pl.String, "class": pl.String,
        "raw_score": pl.Float64, "score": pl.Float64,
    }
)  # fmt: skip
