"""The content of the cohort's page, from what the catalogue holds.

Belongs here: the queries behind it, the stored pictures that it shows. Does not belong here: how
the page looks (`cup_assets.report`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import dagster as dg
import polars as pl

from cup_assets.classify.models import MODELS
from cup_assets.orchestration.conventions import (
    ABLATIONS,
    BETAS,
    CLASSIFIER,
    COHORT_REPORT,
    CONCORDANCE,
    LANDSCAPE,
    LEADERBOARD,
    LEARNING_CURVE,
    PANELS,
    RAW,
    REFERENCE,
)
from cup_assets.orchestration.inputs import require
from cup_assets.orchestration.leaderboard_notes import ranked
from cup_assets.orchestration.resources import Platform
from cup_assets.report.cohort_report import CohortReport, Made, Picture
from cup_assets.report.language import LANGUAGES
from cup_assets.warehouse import AssetVersion, Recipe

CODE_VERSION = "2"
# What the page shows where it has been made; the reference samples have to be there.
SHOWN = (LEADERBOARD, ABLATIONS, LEARNING_CURVE, LANDSCAPE, CONCORDANCE, PANELS, CLASSIFIER)

# Section -> the assets whose pictures it shows.
_PICTURES: Mapping[str, tuple[dg.AssetKey, ...]] = {
    "composition": (REFERENCE,),
    "board": (LEADERBOARD,),
    "ablations": (ABLATIONS, LEARNING_CURVE),
    "panels": (PANELS,),
    "landscape": (LANDSCAPE, CONCORDANCE),
}

_NOW = "SELECT * FROM batches WHERE state <> 'retracted'"
_COUNTS = f"""
SELECT (SELECT count(*) FROM ({_NOW})) AS batches, count(*) AS samples,
       count(DISTINCT coalesce(patient_id, sample_id)) AS patients,
       count(*) FILTER (WHERE role = 'diagnostic') AS diagnostic,
       coalesce(bool_or(cohort = 'SIMULATED'), FALSE) AS simulated
FROM samples JOIN ({_NOW}) USING (batch)"""
_COMPOSITION = """
SELECT "class", family, count(*) AS samples, count(DISTINCT person) AS patients,
       count(*) FILTER (WHERE material = 'FFPE') AS ffpe,
       count(*) FILTER (WHERE material = 'frozen') AS frozen,
       count(DISTINCT site) AS sites, count(DISTINCT batch) AS batches
FROM dataset_members WHERE included GROUP BY ALL ORDER BY samples DESC, "class\""""
# A reason begins with its kind; what follows a colon is about one sample.
_EXCLUDED = """
SELECT split_part(reason, ':', 1) AS kind, count(*) AS samples
FROM dataset_members WHERE NOT included GROUP BY kind ORDER BY samples DESC, kind"""
_QUALITY = f"""
SELECT s.batch, string_agg(DISTINCT s."array", ', ' ORDER BY s."array") AS arrays,
       count(*) AS samples,
       count(*) FILTER (WHERE q.verdict = 'pass') AS pass,
       count(*) FILTER (WHERE q.verdict = 'warn') AS warn,
       count(*) FILTER (WHERE q.verdict = 'fail') AS fail,
       count(*) FILTER (WHERE q.verdict IS NULL) AS unread
FROM samples s JOIN ({_NOW}) USING (batch) LEFT JOIN sample_qc q USING (sample_id, batch)
GROUP BY s.batch ORDER BY s.batch"""
_NOT_PASSED = f"""
SELECT q.sample_id, q.batch, q.verdict, coalesce(q.reasons, '') AS reasons
FROM sample_qc q JOIN ({_NOW}) USING (batch) WHERE q.verdict <> 'pass'
ORDER BY q.verdict, q.sample_id"""
_METRICS = """
SELECT scheme, model, metric, value, low, high FROM cv_metrics
WHERE study = 'leaderboard' AND "class" IS NULL"""
_TESTED = """
SELECT scheme, count(DISTINCT sample_id) AS n FROM cv_scores
WHERE study = 'leaderboard' GROUP BY scheme"""
_ABLATIONS = """
SELECT a, b, metric, difference, low, high, p_holm FROM cv_comparisons
WHERE study = 'ablations' AND metric IN ('error', 'log_loss') ORDER BY a, b, metric"""
_CURVE = """
SELECT model, selector, size, metric, value, low, high FROM panel_curve
ORDER BY model, list_position(['ranked', 'random', 'top_variance'], selector), size, metric"""
_AGREEMENT = """
SELECT kind, method, n, accuracy, low, high FROM concordance
ORDER BY list_position(['classifier', 'neighbours', 'clusters'], kind), accuracy DESC, method"""


def read_cohort(platform: Platform) -> CohortReport:
    """Return the cohort as it is stored now.

    Raises
    ------
    dg.Failure
        If there are no reference samples yet.
    """
    query = platform.catalogue.query
    reference = require(platform, REFERENCE, checked=False)
    versions = {asset: platform.catalogue.current(asset.to_user_string()) for asset in SHOWN}
    made = [reference, *(version for version in versions.values() if version)]
    # Sheets and verdicts stand on the page, too.
    for asset in (RAW, BETAS):
        made += platform.catalogue.current_partitions(asset.to_user_string()).values()
    counts = query(_COUNTS).row(0, named=True)
    simulated = bool(counts.pop("simulated"))
    composition = query(_COMPOSITION)
    people = query("SELECT count(DISTINCT person) AS n FROM dataset_members WHERE included")["n"]
    metrics = query(_METRICS)
    released = query("SELECT release, model FROM releases WHERE is_current").rows()
    panels = versions[PANELS]
    return CohortReport(
        date=max(version.materialised_at for version in made),
        simulated=simulated,
        counts=counts
        | {
            "reference": int(composition["samples"].sum()),
            "reference_patients": int(people[0]),
            "classes": composition.height,
        },
        composition=composition,
        excluded=query(_EXCLUDED),
        quality=query(_QUALITY),
        not_passed=query(_NOT_PASSED),
        boards={scheme: _best_first(metrics, scheme) for scheme in _schemes(platform, metrics)},
        tested=dict(query(_TESTED).iter_rows()),
        released=released[0] if released else None,
        ablations=query(_ABLATIONS),
        needed=query("SELECT answer FROM patients_needed ORDER BY model, target_error DESC")[
            "answer"
        ].to_list(),
        curve=query(_CURVE),
        recommended=panels.summary["numbers"].get("recommended_size") if panels else None,
        agreement=query(_AGREEMENT),
        pictures={section: _pictures(platform, keys) for section, keys in _PICTURES.items()},
        made=[_made(version) for version in sorted(made, key=lambda one: one.name)],
        missing=[asset.to_user_string() for asset, version in versions.items() if not version],
    )


def cohort_recipe(made: Mapping[str, str]) -> Recipe:
    """Return the recipe of the pages, from the versions that they show by name."""
    return Recipe(
        asset=COHORT_REPORT.to_user_string(),
        code_version=CODE_VERSION,
        parameters={"languages": list(LANGUAGES)},
        inputs=made,
    )


def page_name(language: str) -> str:
    """Return the name of the page's file."""
    return f"cohort.{language}.html"


def newer_than(platform: Platform, page: AssetVersion) -> list[str]:
    """Return what a stored page shows otherwise than the catalogue now; empty: it is up to date.

    Names of assets whose version is another, that came since or that are gone, sorted.
    """
    now = {one.asset: one.data_version for one in read_cohort(platform).made}
    if cohort_recipe(now).fingerprint == page.fingerprint:
        return []
    names = now.keys() | page.inputs.keys()
    other = sorted(name for name in names if now.get(name) != page.inputs.get(name))
    return other or [f"the code of {page.asset}"]


def _schemes(platform: Platform, metrics: pl.DataFrame) -> Sequence[str]:
    known = set(metrics["scheme"])
    return [scheme for scheme in platform.parameters.evaluation.schemes if scheme in known]


def _best_first(metrics: pl.DataFrame, scheme: str) -> pl.DataFrame:
    own = metrics.filter((pl.col("scheme") == scheme) & pl.col("model").is_in(list(MODELS)))
    places = {model: place for place, model in enumerate(ranked(metrics, scheme))}
    place = pl.col("model").replace_strict(places, default=len(places), return_dtype=pl.Int64)
    return own.sort(place, "metric").drop("scheme")


def _pictures(platform: Platform, assets: Sequence[dg.AssetKey]) -> list[Picture]:
    """Return the pictures that the assets published, by name."""
    folder = platform.settings.reports / "pictures"
    files = [
        file
        for asset in assets
        for file in sorted((folder / asset.to_user_string() / "all").glob("*.png"))
    ]
    return [Picture(file.stem.replace("_", " "), file.read_bytes()) for file in files]


def _made(version: AssetVersion) -> Made:
    return Made(
        version.name,
        version.data_version,
        version.code_version,
        version.run_id,
        version.materialised_at,
    )
