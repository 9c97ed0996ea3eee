"""A page to read about each diagnostic case.

Belongs here: ``diagnosis/reports``. Does not belong here: what a page says
(`cup_assets.orchestration.case_report`) and how it looks (`cup_assets.report`).
"""

import hashlib

import dagster as dg
import polars as pl

from cup_assets.orchestration.automation import ON_SCORED_CASES
from cup_assets.orchestration.case_files import INDEX, index_page, page_name
from cup_assets.orchestration.case_report import read_cases
from cup_assets.orchestration.conventions import (
    LANDSCAPE,
    OWNERS,
    PREDICTIONS,
    PROFILES,
    REPORTS,
    WAREHOUSE_POOL,
)
from cup_assets.orchestration.inputs import inputs_of, require
from cup_assets.orchestration.materialise import Product, explained_failures, materialise
from cup_assets.orchestration.partitions import BATCHES
from cup_assets.orchestration.resources import Platform
from cup_assets.report import markdown_table
from cup_assets.report.case_page import case_page
from cup_assets.report.case_report import CaseReport, content
from cup_assets.report.language import LANGUAGES
from cup_assets.warehouse import Recipe, digest

_SCHEMA = {
    "sample_id": pl.String, "batch": pl.String, "release": pl.String, "language": pl.String,
    "file": pl.String, "page_sha256": pl.String, "page_bytes": pl.Int64,
}  # fmt: skip


@dg.asset(
    key=REPORTS,
    partitions_def=BATCHES,
    deps=[PREDICTIONS, PROFILES, LANDSCAPE],
    group_name="diagnosis",
    kinds={"python", "html"},
    owners=OWNERS,
    code_version="1",
    pool=WAREHOUSE_POOL,
    automation_condition=ON_SCORED_CASES,
)
def case_reports(context: dg.AssetExecutionContext, platform: Platform) -> dg.MaterializeResult:  # type: ignore[type-arg]
    """A self-contained page for each diagnostic case of a batch, in English and in French.

    Quality, call and why, scores, nearest reference cases, map, copy number, what drove the call,
    the runner-up, and where it all comes from. A case that could not be read or scored has one too.
    """
    batch = context.partition_key
    with explained_failures():
        cases = read_cases(platform, batch)
    others = [
        platform.catalogue.current(PROFILES.to_user_string(), batch),
        platform.catalogue.current(LANDSCAPE.to_user_string()),
    ]
    scored = inputs_of([require(platform, PREDICTIONS, batch)])
    recipe = Recipe(
        asset=REPORTS.to_user_string(),
        partition=batch,
        code_version="1",
        parameters={"languages": list(LANGUAGES)},
        inputs=scored | inputs_of([version for version in others if version]),
        # What the pages of a batch say decides, the versions that they name included.
        depends_on=scored | {case.sample_id: digest(content(case)) for case in cases},
    )
    folder = platform.settings.reports / "cases" / batch
    result = materialise(context, platform, recipe, lambda: _pages(batch, cases), files=folder)
    pages = {
        "files": dg.MetadataValue.path(folder),
        "pages": dg.MetadataValue.url((folder / INDEX).absolute().as_uri()),
    }
    return result._replace(metadata={**(result.metadata or {}), **pages})


def _pages(batch: str, cases: list[CaseReport]) -> Product:
    files = {
        page_name(case.sample_id, code): case_page(case, code).encode()
        for case in cases
        for code in LANGUAGES
    }
    rows = [
        (case.sample_id, batch, case.provenance.release, code, name, _sha256(files[name]),
         len(files[name]))
        for case in cases
        for code in LANGUAGES
        for name in [page_name(case.sample_id, code)]
    ]  # fmt: skip
    table = pl.DataFrame(rows, schema=_SCHEMA, orient="row")
    shown = pl.DataFrame(
        [(case.sample_id, case.state) for case in cases],
        schema={"sample_id": pl.String, "state": pl.String},
        orient="row",
    )
    return Product(
        tables={"case_reports": table},
        key={"batch": batch},
        numbers={
            "cases": len(cases),
            "kilobytes": round(sum(map(len, files.values())) / 1000),
        },
        notes={"cases": markdown_table(shown, max_rows=400)},
        files=files | {INDEX: index_page(batch, cases).encode()},
    )


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
