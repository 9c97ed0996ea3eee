"""A page to read about the whole cohort.

Belongs here: ``evaluation/report``. Does not belong here: what the page says
(`cup_assets.orchestration.cohort_report`) and how it looks (`cup_assets.report`).
"""

import hashlib

import dagster as dg
import polars as pl

from cup_assets.orchestration.automation import ON_SETTLED_DATA
from cup_assets.orchestration.cohort_report import (
    CODE_VERSION,
    SHOWN,
    cohort_recipe,
    page_name,
    read_cohort,
)
from cup_assets.orchestration.conventions import (
    COHORT_REPORT,
    COMPUTE_POOL,
    OWNERS,
    REFERENCE,
    STUDY_RETRIES,
    STUDY_TAGS,
)
from cup_assets.orchestration.materialise import Product, explained_failures, materialise
from cup_assets.orchestration.resources import Platform
from cup_assets.report.cohort_page import cohort_page
from cup_assets.report.cohort_report import CohortReport
from cup_assets.report.language import LANGUAGES


@dg.asset(
    key=COHORT_REPORT,
    deps=[REFERENCE, *SHOWN],
    group_name="evaluation",
    kinds={"python", "html"},
    owners=OWNERS,
    code_version=CODE_VERSION,
    pool=COMPUTE_POOL,
    op_tags=STUDY_TAGS,
    retry_policy=STUDY_RETRIES,
    automation_condition=ON_SETTLED_DATA,
)
def cohort_report(context: dg.AssetExecutionContext, platform: Platform) -> dg.MaterializeResult:  # type: ignore[type-arg]
    """A self-contained page about the cohort, in English and in French.

    Composition, quality, classifiers under every scheme with reliability and confusion, ablations,
    small panels, what clustering says, and the versions that all of it was read from.
    """
    with explained_failures():
        report = read_cohort(platform)
    recipe = cohort_recipe({one.asset: one.data_version for one in report.made})
    folder = platform.settings.reports / "cohort"
    result = materialise(context, platform, recipe, lambda: _pages(report), files=folder)
    pages = {
        code: dg.MetadataValue.url((folder / page_name(code)).absolute().as_uri())
        for code in LANGUAGES
    }
    return result._replace(metadata={**(result.metadata or {}), **pages})


def _pages(report: CohortReport) -> Product:
    files = {page_name(code): cohort_page(report, code).encode() for code in LANGUAGES}
    rows = [
        (code, name, hashlib.sha256(files[name]).hexdigest(), len(files[name]))
        for code in LANGUAGES
        for name in [page_name(code)]
    ]
    columns = ["language", "file", "page_sha256", "page_bytes"]
    return Product(
        tables={"cohort_reports": pl.DataFrame(rows, schema=columns, orient="row")},
        numbers={
            "kilobytes": round(sum(map(len, files.values())) / 1000),
            "not_made_yet": len(report.missing),
        },
        files=files,
    )
