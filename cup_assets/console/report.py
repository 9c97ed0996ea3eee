"""``cup report``: a case's page, those of a batch, or that of the cohort, as files.

Belongs here: which pages, which files, printing what was written. Does not belong here: what a page
says (`cup_assets.orchestration.case_report`, `.cohort_report`) and how it looks
(`cup_assets.report`).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from rich.console import Console

from cup_assets.console.chromium import print_pdf
from cup_assets.console.errors import ConsoleError
from cup_assets.orchestration.case_files import page_name
from cup_assets.orchestration.case_report import read_cases
from cup_assets.orchestration.cohort_report import newer_than
from cup_assets.orchestration.cohort_report import page_name as cohort_page_name
from cup_assets.orchestration.conventions import COHORT_REPORT
from cup_assets.orchestration.resources import Platform
from cup_assets.report.case_page import case_page
from cup_assets.report.case_report import CaseReport
from cup_assets.report.language import Language
from cup_assets.settings import Settings

_NAMED = 3


@dataclass(frozen=True)
class _Page:
    """A page to write; ``date`` is what its PDF is dated by, ``remark`` what is said of it."""

    name: str
    content: bytes
    date: datetime
    remark: str = ""


def run_report(
    settings: Settings,
    sample_id: str | None,
    batch: str | None = None,
    *,
    cohort: bool = False,
    language: str = "en",
    pdf: bool = False,
    out: Path | None = None,
) -> list[Path]:
    """Write the pages and say where they are.

    Without a Chromium the pages are written before it is said that there is no PDF. The cohort's
    page is written as it was made last; where it is out of date, a line says so.

    Raises
    ------
    ConsoleError
        If there is no such case, batch or page, or a PDF was asked for and cannot be printed.
    CaseReportError, ReportError
        If versions are not recorded, or there are no texts in the language.
    """
    if [sample_id is not None, batch is not None, cohort].count(True) != 1:
        raise ConsoleError("give one case, or --batch for all cases of a batch, or --cohort")
    if cohort:
        pages = [_cohort(settings, language)]
    else:
        pages = [
            _Page(
                page_name(case.sample_id, language), case_page(case, language).encode(), case.date
            )
            for case in _cases(settings, sample_id, batch)
        ]
    folder = out or Path()
    folder.mkdir(parents=True, exist_ok=True)
    console = Console(highlight=False)
    written = []
    for page in pages:
        (folder / page.name).write_bytes(page.content)
        written.append(folder / page.name)
        console.print(str(written[-1]), soft_wrap=True, markup=False)
        if page.remark:
            console.print(page.remark, style="yellow", soft_wrap=True, markup=False)
    for page in pages if pdf else ():
        file = folder / page.name
        printed = file.with_suffix(".pdf")
        print_pdf(file, printed, page.date)
        written.append(printed)
        console.print(str(printed), soft_wrap=True, markup=False)
    return written


def _cohort(settings: Settings, language: str) -> _Page:
    """Return the cohort's page as its asset stored it."""
    code = Language.of(language).code
    platform, asset = _platform(settings), COHORT_REPORT.to_user_string()
    made = platform.catalogue.current(asset)
    if made is None:
        raise ConsoleError(
            f"the cohort's page has not been made yet: materialise {asset} (`cup materialize`)"
        )
    name = cohort_page_name(code)
    file = settings.reports / "cohort" / name
    noted = platform.catalogue.query(
        "SELECT page_sha256 FROM cohort_reports WHERE file = ?", [name]
    )
    content = file.read_bytes() if file.is_file() else b""
    if hashlib.sha256(content).hexdigest() not in noted["page_sha256"]:
        raise ConsoleError(
            f"{file} is {'not the page that was made' if content else 'gone'}: restore it from a"
            f" backup, or materialise {asset} again with the tag cup/force: true"
        )
    remark = ""
    if newer := newer_than(platform, made):
        more = f" and {len(newer) - _NAMED} more" if len(newer) > _NAMED else ""
        remark = (
            f"out of date: made {made.materialised_at:%Y-%m-%d %H:%M %Z}, since then changed:"
            f" {', '.join(newer[:_NAMED])}{more}; `cup materialize` makes it anew"
        )
    return _Page(name, content, made.materialised_at, remark)


def _cases(settings: Settings, sample_id: str | None, batch: str | None) -> list[CaseReport]:
    platform = _platform(settings)
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


def _platform(settings: Settings) -> Platform:
    return Platform(data=str(settings.data), workers=settings.workers, compute=settings.compute)
