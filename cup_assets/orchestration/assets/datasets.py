"""Which samples classifiers learn from, how they are divided, and how classes are balanced.

Belongs here: ``datasets/reference`` and ``datasets/balanced``. Does not belong here: the rules
themselves (`cup_assets.cohort`).
"""

from dataclasses import asdict

import dagster as dg
import polars as pl

from cup_assets.cohort.balance import STRATEGIES, synthetic_samples, training_plan
from cup_assets.cohort.members import select_members
from cup_assets.cohort.probe_space import ArrayChoice, choose_arrays
from cup_assets.orchestration.automation import ON_NEW_BATCHES, ON_NEW_CHECKED_DATA
from cup_assets.orchestration.conventions import (
    BALANCED,
    BETAS,
    OWNERS,
    RAW,
    REFERENCE,
    WAREHOUSE_POOL,
    check,
)
from cup_assets.orchestration.identities import identities
from cup_assets.orchestration.inputs import inputs_of, require
from cup_assets.orchestration.materialise import Product, materialise
from cup_assets.orchestration.reference_checks import (
    WHY_UNUSABLE,
    class_members,
    doubtful_samples,
    reference_findings,
)
from cup_assets.orchestration.resources import Platform
from cup_assets.orchestration.scheme_notes import assign_schemes, scheme_notes
from cup_assets.orchestration.training import probe_space, probes_by_array
from cup_assets.report import class_sizes, markdown_table
from cup_assets.warehouse import AssetVersion, Recipe, digest

_SAMPLES = (
    'SELECT s.sample_id, s.batch, s.patient_id, s.role, s.diagnosis, s."class", s.family,'
    ' s.material, s.site, s.sex, m."array", m.verdict, m.measured_reasons AS reasons,'
    " m.overridden_by, m.override_reason, m.sex_conflict, m.predicted_sex, m.files_sha256,"
    " m.files_sha256 = s.grn_sha256 || '+' || s.red_sha256 AS is_current, b.state"
    " FROM samples s JOIN batches b USING (batch)"
    " LEFT JOIN sample_qc m USING (sample_id, batch) ORDER BY s.sample_id, s.batch"
)


@dg.asset(
    key=REFERENCE,
    deps=[RAW, BETAS],
    group_name="datasets",
    kinds={"python", "duckdb"},
    owners=OWNERS,
    code_version="3",
    pool=WAREHOUSE_POOL,
    automation_condition=ON_NEW_BATCHES,
    check_specs=[
        check(REFERENCE, "identities", "Nobody is in it under two names.", blocking=True),
        check(REFERENCE, "class_sizes", "Every class has enough patients.", blocking=True),
        check(REFERENCE, "arrays", "No array shares too few probes to be used.", blocking=False),
        check(REFERENCE, "recorded_sex", "Recorded and measured sex agree.", blocking=False),
    ],
)
def reference(context: dg.AssetExecutionContext, platform: Platform) -> dg.MaterializeResult:  # type: ignore[type-arg]
    """The samples that classifiers learn from, with a reason for each sample that is left out.

    They are divided four times: stratified by class, and so that a batch, a centre or an array is
    tested by what is learnt from the others. Each person's fold is drawn once and kept when other
    samples come. Its data version follows the content: a batch that adds no member changes nothing
    downstream.
    """
    parameters = platform.parameters
    samples = platform.catalogue.query(_SAMPLES)
    live = samples.filter(pl.col("state") != "retracted")
    batches = live["batch"].unique().sort().to_list()
    # Failed checks of a batch do not matter here: its unusable samples are left out one by one.
    versions = [
        version
        for asset in (RAW, BETAS)
        for batch, version in platform.catalogue.current_partitions(asset.to_user_string()).items()
        if batch in set(batches)
    ]
    recipe = Recipe(
        asset=REFERENCE.to_user_string(),
        code_version="3",
        parameters={
            "cohort": asdict(parameters.cohort),
            "min_identity_probes": parameters.quality.min_identity_probes,
            "same_identity": parameters.quality.same_identity,
            "different_identity": parameters.quality.different_identity,
        },
        inputs=inputs_of(versions),
        depends_on={
            **inputs_of(versions),
            "retracted": digest(sorted(set(samples["batch"]) - set(batches))),
        },
    )
    return materialise(
        context, platform, recipe, lambda: _reference(platform, samples, versions, recipe)
    )


def _reference(
    platform: Platform, samples: pl.DataFrame, versions: list[AssetVersion], recipe: Recipe
) -> Product:
    parameters = platform.parameters
    retracted = sorted(set(samples.filter(pl.col("state") == "retracted")["batch"]))
    live = samples.filter(pl.col("state") != "retracted")
    # A sample whose betas are not those of its files counts as not normalised.
    current = live.filter(pl.col("is_current"))
    pairs, conflicts = identities(platform, current)
    quality = current.select("sample_id", "verdict", reasons=WHY_UNUSABLE)
    arrays = _arrays(platform, live)
    chosen = select_members(
        live, quality, pairs, parameters.cohort,
        retracted=retracted, arrays_left_out=arrays.left_out,
        strangers=conflicts.filter(kind="other_genotype").select("sample_id", "other").rows(),
    )  # fmt: skip
    members = chosen.select("sample_id", "included", "reason", person="group").join(
        live.select("sample_id", "batch", "array", "class", "family", "material", "site",
                    "files_sha256"),
        on="sample_id", maintain_order="left",
    )  # fmt: skip
    withdrawn = samples.filter(pl.col("state") == "retracted").select(
        "sample_id", "batch", "array", "class", "family", "material", "site", "files_sha256",
        included=pl.lit(value=False), reason=pl.format("batch {} was retracted", "batch"),
    )  # fmt: skip
    included = members.filter(pl.col("included"))
    schemes = assign_schemes(
        included.rename({"person": "group"}), parameters.cohort, _previous_folds(platform, recipe)
    )
    folds = pl.concat([scheme.folds for scheme in schemes])
    space = probe_space(platform, included["array"].unique().sort().to_list())
    # A sample that is withdrawn here and landed again elsewhere is listed once, as what it is now.
    withdrawn = withdrawn.join(members, on="sample_id", how="anti")
    everyone = pl.concat([members, withdrawn], how="diagonal_relaxed")
    reasons = everyone.filter(~pl.col("included")).select("sample_id", "batch", "reason")
    return Product(
        tables={
            "dataset_members": everyone, "folds": folds,
            "scheme_parts": pl.concat([scheme.parts for scheme in schemes]),
            "scheme_not_used": pl.concat([scheme.not_used for scheme in schemes]),
            "identities": pairs, "identity_conflicts": conflicts,
        },
        numbers={
            "members": included.height,
            "classes": included["class"].n_unique(),
            "persons": included["person"].n_unique(),
            "left_out": reasons.height,
            "probes": len(space.names),
            "schemes": sum(scheme.impossible is None for scheme in schemes),
        },
        notes={
            "left out": markdown_table(reasons),
            "doubtful samples": markdown_table(doubtful_samples(current, conflicts), max_rows=200),
            "classes": markdown_table(class_members(included, live), max_rows=200),
            "arrays": markdown_table(arrays.report),
            "probes not used": markdown_table(space.report),
            **scheme_notes(schemes),
        },
        pictures={"class sizes": class_sizes(everyone)},
        findings=reference_findings(live, everyone, included, arrays, conflicts),
        data_version=_content_version(included, folds, space.names, versions, recipe),
    )  # fmt: skip


def _arrays(platform: Platform, samples: pl.DataFrame) -> ArrayChoice:
    """Choose among the arrays of the samples that nothing else speaks against."""
    eligible = samples.filter(
        (pl.col("role") == "reference")
        & pl.col("is_current")
        & (pl.col("verdict") != "fail")
        & pl.col("class").is_not_null()
    )
    sizes = dict(eligible["array"].value_counts(sort=True).iter_rows())
    return choose_arrays(
        probes_by_array(platform, sorted(sizes)), sizes, platform.parameters.cohort
    )


def _previous_folds(platform: Platform, recipe: Recipe) -> pl.DataFrame | None:
    """Return the folds to keep: those that were drawn with the same parameters."""
    previous = platform.catalogue.current(recipe.asset)
    # As JSON, which the recorded ones have been: it has no tuples.
    if previous is None or digest(previous.parameters.get("cohort")) != digest(
        recipe.parameters["cohort"]
    ):
        return None
    return platform.catalogue.query(
        "SELECT scheme, repeat, outer_fold, inner_fold, sample_id FROM folds"
    )


def _content_version(
    included: pl.DataFrame,
    folds: pl.DataFrame,
    probes: tuple[str, ...],
    versions: list[AssetVersion],
    recipe: Recipe,
) -> str:
    """Return a version of what classifiers see: members, labels, files, folds, normalisation."""
    normalised = {
        version.name: [version.code_version, dict(version.parameters)]
        for version in versions
        if version.asset == BETAS.to_user_string() and version.partition in set(included["batch"])
    }
    return digest(
        recipe.code_version,
        dict(recipe.parameters),
        included.sort("sample_id").rows(),
        folds.rows(),
        list(probes),
        normalised,
    )


@dg.asset(
    key=BALANCED,
    deps=[REFERENCE],
    group_name="datasets",
    kinds={"python", "duckdb"},
    owners=OWNERS,
    code_version="3",
    pool=WAREHOUSE_POOL,
    automation_condition=ON_NEW_CHECKED_DATA,
)
def balanced(context: dg.AssetExecutionContext, platform: Platform) -> dg.MaterializeResult:  # type: ignore[type-arg]
    """What each strategy against unequal class sizes does: the weight of every sample.

    SMOTE weighs no sample but makes others: how many is in the notes. This is the plan over the
    whole dataset, for people. In evaluation the strategy is applied anew inside each training part.
    """
    parameters = platform.parameters.cohort
    recipe = Recipe(
        asset=BALANCED.to_user_string(),
        code_version="3",
        parameters=asdict(parameters),
        inputs=inputs_of([require(platform, REFERENCE)]),
    )

    def make() -> Product:
        members = platform.catalogue.query(
            'SELECT sample_id, "class", included FROM dataset_members WHERE included'
        )
        plan = pl.concat([training_plan(name, members, parameters) for name in STRATEGIES])
        totals = (
            plan.join(members, on="sample_id")
            .group_by("strategy", "class")
            .agg(samples=(pl.col("weight") > 0).sum(), weight=pl.col("weight").sum())
            .sort("strategy", "class")
        )
        return Product(
            tables={"training_plan": plan},
            numbers={"strategies": len(STRATEGIES)},
            notes={
                "weight by class": markdown_table(totals),
                "samples that SMOTE would make": markdown_table(synthetic_samples(members)),
            },
        )

    return materialise(context, platform, recipe, make)
