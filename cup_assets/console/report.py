"""``cup report``: a case's page, or those of a batch, as files.

Belongs here: which cases, which files, printing what was written. Does not belong here: what a page
says (`cup_assets.orchestration.case_report`) and how it looks (`cup_assets.report`).
"""

from __future__ import annotations

from pathlib import Path

from rich.console import Console

from cup_assets.console.chromium import print_pdf
from cup_assets.console.errors import ConsoleError
from cup_assets.orchestration.case_files import page_name
from cup_assets.orchestration.case_report import read_cases
from cup_assets.orchestration.resources import Platform
from cup_assets.report.case_page import case_page
from cup_assets.report.case_report import CaseReport
from cup_assets.settings import Settings


def run_report(
    settings: Settings,
    sample_id: str | None,
    batch: str | None = None,
    *,
    language: str = "en",
    pdf: bool = False,
    out: Path | None = None,
) -> list[Path]:
    """Write the pages and say where they are.

    Without a Chromium the pages are written before it is said that there is no PDF.

    Raises
    ------
    ConsoleError
        If there is no such case or batch, or a PDF was asked for and cannot be printed.
    CaseReportError, ReportError
        If versions are not recorded, or there are no texts in the language.
    """
    cases = _cases(settings, sample_id, batch)
    folder = out or Path()
    folder.mkdir(parents=True, exist_ok=True)
    console = Console(highlight=False)
    written = []
    for case in cases:
        content = case_page(case, language)
        page = folder / page_name(case.sample_id, language)
        page.write_text(content, encoding="utf-8")
        written.append(page)
        console.print(str(page), soft_wrap=True, markup=False)
    for case, page in zip(cases, list(written), strict=True) if pdf else ():
        printed = page.with_suffix(".pdf")
        print_pdf(page, printed, case.date)
        written.append(printed)
        console.print(str(printed), soft_wrap=True, markup=False)
    return written


def _cases(settings: Settings, sample_id: str | None, batch: str | None) -> list[CaseReport]:
    if (sample_id is None) == (batch is None):
        raise ConsoleError("give one case, or --batch for all cases of a batch")
    platform = Platform(data=str(settings.data), workers=settings.workers, compute=settings.compute)
    samples = platform.catalogue.query(
        "SELECT sample_id, batch, role FROM samples JOIN batches b USING (batch)"
        " WHERE b.state <> 'retracted' AND sample_id = coalesce(?, sample_id)"
        " AND batch = coalesce(?, batch)",
        [sample_id, batch],
    )
    if samples.is_empty():
        raise ConsoleError(
            f"no sample {sample_id}: check the name"
            if sample_id is not None
            else f"no batch {batch}: check the name"
        )
    if sample_id is not None and samples["role"][0] != "diagnostic":
        raise ConsoleError(
            f"{sample_id} is no diagnostic case (role {samples['role'][0]}): its scores are those"
            " of the cross-validation, see `cup audit`"
        )
    only = None if sample_id is None else [sample_id]
    cases = read_cases(platform, samples["batch"][0], only)
    if not cases:
        raise ConsoleError(f"batch {batch} holds no diagnostic case")
    return cases
