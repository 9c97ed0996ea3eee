"""The cohort's report as a page in one language.

Belongs here: choosing what is shown of it, and in which words. Does not belong here: where the
values come from (`cup_assets.orchestration.cohort_report`), the look (``templates``).
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import polars as pl

from cup_assets.report.cohort_cells import (
    cell_name,
    estimate_cell,
    metric_cell,
    reason_cell,
    selector_cell,
)
from cup_assets.report.cohort_report import CohortReport, Picture
from cup_assets.report.language import Language
from cup_assets.report.pages import Drawing, render_page

SHOWN_SAMPLES = 40
# Figures of the leaderboard: (metric, decimals, whether it is a share).
_BOARD = (
    ("error", 1, True),
    ("balanced_accuracy", 1, True),
    ("macro_f1", 3, False),
    ("log_loss", 3, False),
    ("ece", 3, False),
    ("coverage_at_99", 1, True),
)


@dataclass(frozen=True)
class _Table:
    """Cells as text; ``columns`` are (label, ``n`` for numbers or ``id`` for names in one line)."""

    columns: Sequence[tuple[str, str]]
    rows: Sequence[Sequence[str]]
    caption: str = ""
    note: str = ""


@dataclass(frozen=True)
class _Shown:
    title: str
    source: str


@dataclass(frozen=True)
class _Section:
    title: str
    text: Sequence[str]
    tables: Sequence[_Table]
    pictures: Sequence[_Shown] = ()
    remarks: Sequence[str] = ()


def cohort_page(report: CohortReport, code: str) -> str:
    """Return the page, the same bytes for the same report.

    Parameters
    ----------
    report : CohortReport
    code : str
        ``en`` or ``fr``.

    Raises
    ------
    ReportError
        If there are no texts in this language.
    """
    language = Language.of(code)
    sections = [
        part(report, language)
        for part in (_composition, _quality, _board, _ablations, _panels, _landscape, _made_from)
    ]
    return render_page(
        "cohort.html.j2",
        language,
        printed=language.text("cohort.printed"),
        simulated=report.simulated,
        facts=_facts(report, language),
        missing=language.text("cohort.missing", assets=", ".join(report.missing))
        if report.missing
        else "",
        sections=[section for section in sections if section.tables or section.pictures],
    )


def _facts(report: CohortReport, language: Language) -> list[tuple[str, str, str]]:
    counts = {name: language.integer(n) for name, n in report.counts.items()}
    say = _say(language)
    release, model = report.released or ("", "")
    return [
        (say("date"), language.date(report.date), ""),
        (say("batches"), counts["batches"], ""),
        (say("samples"), counts["samples"], ""),
        (say("patients"), counts["patients"], ""),
        (
            say("reference"),
            counts["reference"],
            language.text(
                "cohort.reference_help",
                patients=counts["reference_patients"],
                classes=counts["classes"],
            ),
        ),
        (say("diagnostic"), counts["diagnostic"], ""),
        (say("release"), release or say("no_release"), language.word(model) if model else ""),
    ]


def _composition(report: CohortReport, language: Language) -> _Section:
    say = _say(language)
    names = ("samples", "patients", "ffpe", "frozen", "sites", "batches")
    labels = {"ffpe": language.word("FFPE"), "frozen": language.word("frozen")}
    columns = [(say("class"), ""), (say("family"), "")]
    columns += [(labels.get(name) or say(name), "n") for name in names]
    rows = [
        [
            language.class_name(row["class"]),
            language.family_name(row["family"]),
            *(language.integer(row[name]) for name in names),
        ]
        for row in report.composition.iter_rows(named=True)
    ]
    excluded = _Table(
        [(say("reason"), ""), (say("samples"), "n")],
        [
            [reason_cell(kind, language), language.integer(n)]
            for kind, n in report.excluded["kind", "samples"].iter_rows()
        ],
        say("excluded"),
    )
    tables = [_Table(columns, rows), *([excluded] if excluded.rows else [])]
    return _Section(
        say("composition"), [say("composition_intro")], tables, _pictures(report, "composition")
    )


def _quality(report: CohortReport, language: Language) -> _Section:
    say = _say(language)
    names = ("samples", "pass", "warn", "fail", "unread")
    columns = [
        (say("batch"), "id"),
        (say("arrays"), ""),
        *((say(name), "n") for name in names),
    ]
    rows = [
        [row["batch"], row["arrays"] or "–", *(language.integer(row[name]) for name in names)]
        for row in report.quality.iter_rows(named=True)
    ]
    tables = [_Table(columns, rows)]
    if report.not_passed.height:
        shown = report.not_passed.head(SHOWN_SAMPLES)
        total = report.not_passed.height
        tables.append(
            _Table(
                [
                    (say(name), "id" if name in ("sample", "batch") else "")
                    for name in ("sample", "batch", "verdict", "reason")
                ],
                [
                    [
                        sample,
                        batch,
                        language.text(f"quality.{verdict}"),
                        "; ".join(language.remark(one)[0] for one in reasons.split("; ") if one),
                    ]
                    for sample, batch, verdict, reasons in shown[
                        "sample_id", "batch", "verdict", "reasons"
                    ].iter_rows()
                ],
                say("not_passed"),
                language.text("cohort.shown", n=shown.height, total=language.integer(total))
                if total > shown.height
                else "",
            )
        )
    return _Section(say("quality"), [say("quality_intro")], tables, _pictures(report, "quality"))


def _board(report: CohortReport, language: Language) -> _Section:
    say = _say(language)
    columns = [(say("model"), ""), *((say(name), "n") for name, _, _ in _BOARD)]
    tables = []
    for scheme, board in report.boards.items():
        by_model = board.partition_by("model", as_dict=True, maintain_order=True)
        rows = [
            [language.word(str(model)), *(metric_cell(own, *shown, language) for shown in _BOARD)]
            for (model,), own in by_model.items()
        ]
        name = say(f"scheme_{scheme}")
        n = language.integer(report.tested.get(scheme, 0))
        tables.append(
            _Table(columns, rows, language.text("cohort.scheme_tested", scheme=name, n=n))
        )
    return _Section(say("board"), [say("board_intro")], tables, _pictures(report, "board"))


def _ablations(report: CohortReport, language: Language) -> _Section:
    say = _say(language)
    labels = ("compared", "metric", "difference", "p")
    rows = [
        [
            f"{cell_name(row['a'], language)} − {cell_name(row['b'], language)}",
            say(row["metric"]),
            estimate_cell({**row, "value": row["difference"]}, 3, language, sign=True),
            language.number(row["p_holm"], 3),
        ]
        for row in report.ablations.iter_rows(named=True)
    ]
    columns = [(say(label), "n" if label in labels[2:] else "") for label in labels]
    tables = [_Table(columns, rows)] if rows else []
    return _Section(
        say("ablations"),
        [say("ablations_intro")],
        tables,
        _pictures(report, "ablations"),
        report.needed,
    )


def _panels(report: CohortReport, language: Language) -> _Section:
    say = _say(language)
    errors = report.curve.filter(pl.col("metric") == "error")
    tables = []
    for (model,), own in errors.group_by("model", maintain_order=True):
        selectors = own["selector"].unique(maintain_order=True).to_list()
        rows = [
            [language.integer(size), *(selector_cell(at, one, language) for one in selectors)]
            for (size,), at in own.sort("size").group_by("size", maintain_order=True)
        ]
        columns = [(say("size"), "")]
        columns += [(f"{say('error')}, {say(f'selector_{one}')}", "n") for one in selectors]
        tables.append(_Table(columns, rows, language.word(str(model))))
    text = [say("panels_intro")]
    if report.recommended:
        text.append(language.text("cohort.recommended", n=language.integer(report.recommended)))
    return _Section(say("panels"), text, tables, _pictures(report, "panels"))


def _landscape(report: CohortReport, language: Language) -> _Section:
    say = _say(language)
    columns = [(say("way"), ""), (say("method"), ""), (say("accuracy"), "n")]
    rows = [
        [
            say(f"kind_{row['kind']}"),
            language.word(row["method"]).replace("_", " "),
            estimate_cell({**row, "value": row["accuracy"]}, 1, language, share=True),
        ]
        for row in report.agreement.iter_rows(named=True)
    ]
    return _Section(
        say("landscape"),
        [say("landscape_intro")],
        [_Table(columns, rows)] if rows else [],
        _pictures(report, "landscape"),
    )


def _made_from(report: CohortReport, language: Language) -> _Section:
    names = ("asset", "version", "code", "run", "made")
    rows = [
        [
            one.asset,
            f"{one.data_version[:16]}…",
            one.code_version,
            one.run_id,
            language.date(one.at),
        ]
        for one in report.made
    ]
    columns = [
        (language.text(f"provenance.{name}"), "id" if name == "asset" else "") for name in names
    ]
    return _Section(language.text("cohort.made_from"), [], [_Table(columns, rows)])


def _say(language: Language) -> Callable[[str], str]:
    return lambda name: language.text(f"cohort.{name}")


def _pictures(report: CohortReport, section: str) -> list[_Shown]:
    return [_inlined(picture) for picture in report.pictures.get(section, ())]


def _inlined(picture: Picture) -> _Shown:
    source = f"data:image/png;base64,{base64.b64encode(picture.png).decode('ascii')}"
    return _Shown(picture.title, Drawing(source))
