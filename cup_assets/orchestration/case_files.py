"""The files of the cases' pages: their names, and a batch's list of them.

Belongs here: naming and listing. Does not belong here: the pages (`cup_assets.report`).
"""

from __future__ import annotations

from collections.abc import Sequence

from cup_assets.orchestration.cnv_files import file_name
from cup_assets.report.case_report import CaseReport
from cup_assets.report.language import LANGUAGES, Language
from cup_assets.report.pages import render_page

INDEX = "index.html"


def page_name(sample_id: str, language: str, ending: str = "html") -> str:
    """Return the name of a page's file: the pseudonym and the language, nothing else."""
    return f"{file_name(sample_id)}.{language}.{ending}"


def index_page(batch: str, cases: Sequence[CaseReport]) -> str:
    """Return the list of a batch's pages, in English."""
    rows = [
        (case, [(code, page_name(case.sample_id, code)) for code in LANGUAGES]) for case in cases
    ]
    language = Language.of("en")
    return render_page("cases.html.j2", language, batch=batch, rows=rows, printed=batch)
