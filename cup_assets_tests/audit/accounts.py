"""Accounts of made-up subjects, small enough to see through, for the checks of what follows.

Two samples of each of twelve people, three classes; the scores are drawn, calibrated by folds and
judged with the platform's own functions, so that everything in an account fits.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, replace
from typing import Any

import numpy as np
import polars as pl

from cup_assets.audit.checks import Check
from cup_assets.audit.content import Account, rendered
from cup_assets.classify.calibrate import fit_calibrator
from cup_assets.classify.metrics import metrics
from cup_assets.classify.model_card import model_card
from cup_assets.classify.parameters import EvaluationParameters
from cup_assets.panels.curve import recommendations

SAMPLES = [f"S{n:02}" for n in range(24)]
CLASSES = ["a", "b", "c"]
CLASS_OF = {name: CLASSES[n // 2 % 3] for n, name in enumerate(SAMPLES)}
PERSON_OF = {name: f"P{n // 2}" for n, name in enumerate(SAMPLES)}
FOLD_OF = {name: n // 2 // 3 % 4 for n, name in enumerate(SAMPLES)}
PEOPLE = {"d1": PERSON_OF}
PARAMETERS = EvaluationParameters(bootstraps=20)

Row = dict[str, Any]
Change = Callable[[Account], Account]


def members() -> list[Row]:
    return [
        {"sample_id": name, "included": True, "class": CLASS_OF[name],
         "family": f"f_{CLASS_OF[name]}", "batch": f"B{FOLD_OF[name]}", "site": "one",
         "array": "450k", "data_version": "d1"}
        for name in SAMPLES
    ]  # fmt: skip


def folds() -> list[Row]:
    return [
        {"scheme": scheme, "repeat": 0, "outer_fold": fold, "sample_id": name, "data_version": "d1",
         "inner_fold": None if FOLD_OF[name] == fold else 0}
        for scheme in ("leave_batch_out", "stratified")
        for fold in range(4)
        for name in SAMPLES
    ]  # fmt: skip


def evaluation() -> tuple[list[Row], list[Row]]:
    """Return cross-validated scores of all samples, and the choices of the folds."""
    draws = np.random.default_rng(1)
    codes = np.array([CLASSES.index(CLASS_OF[name]) for name in SAMPLES])
    raw = draws.dirichlet(np.ones(3), len(SAMPLES)) + np.eye(3)[codes]
    raw /= raw.sum(axis=1, keepdims=True)
    groups = np.array([FOLD_OF[name] for name in SAMPLES])
    scores, choices = [], []
    for scheme in ("leave_batch_out", "stratified"):
        about = {"study": "leaderboard", "model": "svm", "strategy": "none", "features": "betas",
                 "scheme": scheme, "repeat": 0, "data_version": "e1"}  # fmt: skip
        for fold in range(4):
            held = groups == fold
            fitted = fit_calibrator(raw[~held], codes[~held], groups[~held], PARAMETERS, 1e-6)
            text = fitted.to_json(np.array(CLASSES))
            choices.append({**about, "outer_fold": fold, "calibrator": text})
            scores += [
                {**about, "outer_fold": fold, "sample_id": SAMPLES[n], "class": kind,
                 "raw_score": float(raw[n, k]), "score": float(score)}
                for n in np.flatnonzero(held)
                for k, (kind, score) in enumerate(
                    zip(CLASSES, fitted.scores(raw[n : n + 1])[0], strict=True)
                )
            ]  # fmt: skip
    return scores, choices


SCORES, CHOICES = evaluation()
STEPS: list[Row] = [
    {"name": "datasets/reference", "version": "d1", "inputs": {}, "parameters": {}},
    {"name": "evaluation/cv/svm", "version": "e1", "inputs": {"datasets/reference": "d1"},
     "parameters": {}},
    {"name": "evaluation/leaderboard", "version": "l1", "parameters": asdict(PARAMETERS),
     "inputs": {"datasets/reference": "d1", "evaluation/cv/svm": "e1"}},
]  # fmt: skip


def account(kind: str, name: str, tables: dict[str, list[Row]], **parts: Any) -> Account:
    subject = {"kind": kind, "id": name, "results": parts.pop("results", [])}
    return Account(subject, STEPS, tables, {}, [], {}, parts.pop("releases", {}), **parts)


def of_sample() -> Account:
    """Return the account of the cross-validated scores of the first sample."""
    name = SAMPLES[0]
    return account("sample", name, {
        "dataset_members": members(),
        "folds": folds(),
        "cv_scores": [row for row in SCORES if row["sample_id"] == name],
        "cv_choices": [row for row in CHOICES if row["outer_fold"] == FOLD_OF[name]],
    })  # fmt: skip


def record(figures: list[Row], **more: Any) -> Row:
    sizes = {kind: list(CLASS_OF.values()).count(kind) for kind in CLASSES}
    return {
        "version": "r1", "model": "svm", "candidate": {"C": 1.0}, "parameters": asdict(PARAMETERS),
        "normalisation": {"method": "noob"}, "replicates": "mean", "classes": sizes,
        "families": {kind: f"f_{kind}" for kind in CLASSES}, "factors": {},
        "n_samples": len(SAMPLES), "n_patients": len(set(PERSON_OF.values())), "n_probes": 2,
        "probe_list_sha256": "0" * 64, "calibration": {}, "metrics": figures,
        "input_manifest": [
            {"input": "datasets/reference", "input_version": "d1"},
            {"input": "evaluation/leaderboard", "input_version": "l1"},
            {"input": "panels/assays", "input_version": "a1"},
        ],
    } | more  # fmt: skip


def files_of(told: Row, card: str | None = None) -> dict[str, bytes]:
    """Return the files of a release as `releases/*/` holds them; nobody reads the model here."""
    text = model_card(told) if card is None else card
    return {"release.json": rendered(told), "model_card.md": text.encode(), "model.npz": b""}


def of_release() -> Account:
    """Return the account of a released classifier."""
    scores = [row for row in SCORES if row["scheme"] == "stratified"]
    kept = ("repeat", "sample_id", "class", "raw_score", "score")
    table = pl.DataFrame({name: [row[name] for row in scores] for name in kept})
    truth = pl.DataFrame(
        {"sample_id": SAMPLES, "class": [CLASS_OF[name] for name in SAMPLES],
         "patient_id": [PERSON_OF[name] for name in SAMPLES]}
    )  # fmt: skip
    figures = metrics(table, truth, PARAMETERS.seed, PARAMETERS.bootstraps).to_dicts()
    about = {"model": "svm", "scheme": "stratified", "data_version": "l1"}
    tables = {
        "releases": [{"release": "r1"}],
        "dataset_members": members(),
        "cv_scores": scores,
        "cv_metrics": [{**row, **about} for row in figures],
    }
    return account("release", "r1", tables, releases={"r1": files_of(record(figures))})


def of_released_panel() -> Account:
    """Return the account of the release of a panel for one technology."""
    figures = [{"metric": "error", "class": None, "value": 0.25, "low": 0.1, "high": 0.4}]
    targets = [
        {"probe_id": f"cg{n}", "amplicon": f"A{n}", "chrom": "1", "start": n, "end": n + 2,
         "class": CLASSES[n], "difference": 0.5}
        for n in range(2)
    ]  # fmt: skip
    panel = {
        "technology": "ddpcr", "title": "droplet digital PCR", "material": "FFPE", "build": "hg19",
        "least_measured": 0.5, "assumed": ["dropout"], "targets": targets,
        "noise": {"sd": 0.1, "dropout": 0.05, "molecules": None, "resolution": "amplicon"},
        "simulation": {"masked_copies": 4},
    }  # fmt: skip
    about = {"technology": "ddpcr", "data_version": "a1"}
    votes = [("cg0", 0), ("cg0", 1), ("cg1", 1)]
    tables = {
        "panel_releases": [{"release": "r1"}],
        "dataset_members": members(),
        "assay_panels": [{**about, "measured": 2}],
        "assay_targets": [
            {**row, **about, "order": n, "chosen_in": share}
            for n, (row, share) in enumerate(zip(targets, (1.0, 0.5), strict=True))
        ],
        "assay_accuracy": [
            {**figures[0], **about, "measured_by": "ddpcr", "measured": 2},
            {**figures[0], **about, "measured_by": "array", "measured": 2, "value": 0.1},
        ],
        "assay_choices": [
            {**about, "repeat": 0, "outer_fold": fold, "inner_fold": inner, "probe_id": name}
            for name, fold in votes
            for inner in (None, 0)
        ],
    }
    files = files_of(record(figures, panel=panel))
    return account("released panel", "r1", tables, releases={"r1": files})


def of_panel(name: str = "ranked_2") -> Account:
    """Return the account of a nested panel."""
    about = {"data_version": "p1"}
    curve = [
        {"model": model, "selector": "ranked", "size": size, "metric": "error", "value": value,
         "low": value - 0.02, "high": value + 0.02}
        for model, values in (("svm", (0.3, 0.101, 0.1)), ("xgboost", (0.2, 0.15, 0.15)))
        for size, value in zip((2, 5, 10), values, strict=True)
    ]  # fmt: skip
    found = recommendations(pl.DataFrame(curve)).to_dicts()
    choices = [("cg0", 1, 0), ("cg1", 2, 0), ("cg9", 3, 0), ("cg0", 1, 1), ("cg9", 2, 1)]
    tables = {
        "panels": [
            {**about, "panel_id": name, "size": 2, "rank": n + 1, "probe_id": f"cg{n}",
             "chosen_in": share}
            for n, share in enumerate((1.0, 0.5))
        ],
        "panel_choices": [
            {**about, "repeat": 0, "outer_fold": fold, "rank": rank, "probe_id": probe}
            for probe, rank, fold in choices
        ],
        "panel_curve": [{**row, **about} for row in curve],
        "panel_recommended": [{**row, **about} for row in found],
    }  # fmt: skip
    return account("panel", name, tables, results=[("panels/cpg", "p1")])


def with_rows(told: Account, table: str, where: dict[str, Any], **values: Any) -> Account:
    """Change the rows of a table that have these values, at least one."""
    hit = [all(row[k] == v for k, v in where.items()) for row in told.tables[table]]
    assert any(hit)
    rows = [{**row, **(values if found else {})}
            for row, found in zip(told.tables[table], hit, strict=True)]  # fmt: skip
    return replace(told, tables={**told.tables, table: rows})


def with_record(told: Account, change: Callable[[Row], object], card: bool = True) -> Account:
    """Change the record of the release; its card follows unless it is told not to."""
    files = told.releases["r1"]
    content = json.loads(files["release.json"])
    change(content)
    text = None if card else files["model_card.md"].decode()
    return replace(told, releases={"r1": files_of(content, text)})


def said(checks: list[Check], outcome: str) -> str:
    return "\n".join(f"{one.what}: {one.detail}" for one in checks if one.outcome == outcome)
