"""A case's report as a page in one language.

Belongs here: choosing what is shown of it, and in which words. Does not belong here: where the
values come from (`cup_assets.orchestration.case_report`), the look (``templates``).
"""

from __future__ import annotations

from typing import Any

import polars as pl

from cup_assets.report.case_report import UNLIKE, CaseReport
from cup_assets.report.case_sections import CopyNumber, Quality
from cup_assets.report.case_svg import case_symbol, map_svg
from cup_assets.report.genome_svg import RANGE, beyond_edge, genome_svg
from cup_assets.report.language import Language
from cup_assets.report.pages import render_page

SHOWN_SCORES = 8
SHOWN_CPGS = 10

_CALL_TONES = {"match": "good", "family_only": "fair", "no_match": "mute", "not_scored": "bad"}
_VERDICT_TONES = {"pass": "good", "warn": "fair", "fail": "bad", "unknown": "mute"}
_SHARES = ("failed_fraction", "bisulfite_conversion")
_ONE_DECIMAL = ("signal_to_background", "median_beads")


def case_page(case: CaseReport, code: str) -> str:
    """Return the page, the same bytes for the same case.

    Parameters
    ----------
    case : CaseReport
    code : str
        ``en`` or ``fr``.

    Raises
    ------
    ReportError
        If there are no texts in this language.
    """
    language = Language.of(code)
    return render_page(
        "case.html.j2",
        language,
        printed=language.text("page.printed", sample=case.sample_id),
        case=case,
        quality=case.quality,
        notes=_notes(case),
        **_headline(case, language),
        **_scores(case),
        **_quality(case, language),
        **_map(case, language),
        **_genome(case, language),
        shown_drivers=case.drivers.cpgs[:SHOWN_CPGS] if case.drivers else (),
        shown_differential=case.differential[:SHOWN_CPGS],
        typical=_typical(case.copy_number),
    )


def _headline(case: CaseReport, language: Language) -> dict[str, Any]:
    """Return the call, its colour, and the sentence that says why."""
    found, limits = case.prediction, case.limits
    call, headline = "not_scored", ""
    values: dict[str, str] = {}
    if found is not None and limits is not None:
        if found.score is not None:
            call = found.call
            headline = {
                "match": language.class_name(found.name),
                "family_only": language.family_name(found.family),
            }.get(call, "")
        values = {
            "name": language.class_name(found.name),
            "family": language.family_name(found.family),
            "score": language.score(found.score, limits.match),
            "family_score": language.score(found.family_score, limits.family),
            "match": language.number(limits.match, 2),
            "family_limit": language.number(limits.family, 2),
            "typicality": language.percent(found.typicality, 1, limits.typicality),
            "typicality_limit": language.percent(limits.typicality),
            "missing": language.percent(found.missing, 1),
            "missing_limit": language.percent(limits.missing),
        }
    return {
        "call": call,
        "call_tone": _CALL_TONES[call],
        "headline": headline,
        "why": language.text(f"state.{case.state}", **values),
    }


def _notes(case: CaseReport) -> list[str]:
    """Return the remarks that the sentence about the call does not make already."""
    notes = list(case.prediction.notes) if case.prediction else []
    if not case.state.endswith("_unlike"):
        return notes
    return [note for note in notes if not note.startswith(UNLIKE)]


def _scores(case: CaseReport) -> dict[str, Any]:
    found = case.prediction
    scores = list(found.scores) if found else []
    shown, others = scores[:SHOWN_SCORES], scores[SHOWN_SCORES:]
    return {
        "shown_scores": shown,
        "rest": (len(others), sum(score.score for score in others)) if others else None,
        "n_agree": sum(one.name == found.name for one in case.neighbours) if found else 0,
    }


def _quality(case: CaseReport, language: Language) -> dict[str, Any]:
    quality = case.quality
    verdict = quality.verdict if quality else "unknown"
    return {
        "verdict": verdict,
        "quality_tone": _VERDICT_TONES[verdict],
        "measures": _measures(quality, language) if quality else [],
        "purity": _purity(case.copy_number, language),
    }


def _measures(quality: Quality, language: Language) -> list[tuple[str, str]]:
    rows = []
    for name, value in quality.measures.items():
        if name in _SHARES:
            rows.append((name, language.percent(value, 1)))
        else:
            rows.append((name, language.number(value, 1 if name in _ONE_DECIMAL else 2)))
    return rows


def _purity(found: CopyNumber | None, language: Language) -> str:
    if found is None or found.purity_low is None or found.purity_high is None:
        return ""
    low, high = language.percent(found.purity_low), language.percent(found.purity_high)
    if found.purity is None:
        return language.text("quality.purity_range", low=low, high=high)
    value = language.percent(found.purity)
    return language.text("quality.purity_between", value=value, low=low, high=high)


def _map(case: CaseReport, language: Language) -> dict[str, Any]:
    reference = case.reference_map
    if reference is None:
        return {"map": None, "legend": (), "n_others": 0, "map_note": "", "case_symbol": ""}
    method = language.text(f"map.{reference.method}")
    n = language.integer(reference.points.height)
    found = case.prediction
    runner_up = found.runner_up if found else None
    named = [
        *([found.name] if found and found.name else []),
        *([runner_up.name] if runner_up else []),
        *(one.name for one in case.neighbours if one.name is not None),
    ]
    drawing, legend, n_others = map_svg(
        reference, named, language.text("map.alt", n=n, method=method), language.text("map.case")
    )
    note = "map.pca_note" if reference.method == "pca" else "map.note"
    return {
        "map": drawing,
        "legend": legend,
        "n_others": n_others,
        "map_note": language.text(note, n=n, method=method),
        "case_symbol": case_symbol(),
    }


def _genome(case: CaseReport, language: Language) -> dict[str, Any]:
    found, genome = case.copy_number, case.genome
    if found is None or genome is None or found.reason is not None or found.build is None:
        return {"genome": None, "genome_note": ""}
    n = language.integer(genome.bins.height)
    calls = genome.segments["call"]
    gains = int(calls.is_in(["gain", "amplification"]).sum())
    losses = int(calls.is_in(["loss", "deletion"]).sum())
    beyond = beyond_edge(genome)
    more = (
        language.text("cnv.beyond", n=language.integer(beyond), limit=language.number(RANGE, 2))
        if beyond
        else ""
    )
    drawing = genome_svg(
        genome,
        found.build,
        language.text("cnv.alt", n=n, gains=gains, losses=losses),
        language.text("cnv.axis"),
        "," if language.code == "fr" else ".",
    )
    note = language.text("cnv.note", n=n, build=found.build, beyond=more)
    return {"genome": drawing, "genome_note": note.strip()}


def _typical(found: CopyNumber | None) -> list[Any]:
    """Return the anomalies typical of the class named, the most typical first."""
    if found is None:
        return []
    rows = [one for one in found.anomalies if one.class_share is not None]
    return sorted(rows, key=lambda one: (-(one.class_share or 0.0), one.kind, one.region))


def named_genes(places: pl.DataFrame, anomalies: pl.DataFrame) -> pl.DataFrame:
    """Return where the altered genes lie: ``region``, ``chrom``, ``start``, ``end``, ``log2``."""
    genes = anomalies.filter(pl.col("kind") == "gene").drop_nulls("log2")
    return genes.select("region", "log2").join(places, on="region").sort("region")
