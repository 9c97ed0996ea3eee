"""``cup evaluate``: the leaderboard of a table of betas with labels, without raw files or Dagster.

Belongs here: the steps, progress, and what is printed. Does not belong here: reading and choosing
samples (`cup_assets.cohort`), judging (`cup_assets.classify`), the files (`evaluation_files`).
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import polars as pl
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from cup_assets.classify.data import TrainingData
from cup_assets.classify.evaluation import Evaluation, evaluate
from cup_assets.classify.models import MODELS
from cup_assets.classify.nested import CvResult, nested_cv, outer_folds
from cup_assets.classify.parameters import EvaluationParameters
from cup_assets.cohort.beta_table import BetaTable, read_beta_table
from cup_assets.cohort.parameters import CohortParameters
from cup_assets.cohort.schemes import HELD_OUT_BY, SchemeFolds, assign_scheme
from cup_assets.cohort.table_members import (
    TableColumns,
    TableMembers,
    choose_members,
    require_columns,
)
from cup_assets.cohort.taxonomy import Taxonomy, load_taxonomy
from cup_assets.compute import make_mapper
from cup_assets.console.errors import ConsoleError
from cup_assets.console.evaluation_files import check_folder, write_evaluation
from cup_assets.console.evaluation_sections import Made
from cup_assets.console.wide import wide_console
from cup_assets.orchestration.fold_keys import fold_keys
from cup_assets.orchestration.fold_store import FoldStore, Keeper
from cup_assets.parameters import Parameters, ParametersError, load_parameters
from cup_assets.settings import Settings

FOLDS = ".folds"
"""Folder of finished folds in the folder of results."""
PACKAGED = "packaged"


@dataclass(frozen=True)
class Request:
    """What was asked for; None: the default (see `cup_assets.cli.evaluate`)."""

    table: Path
    label: str | None = None
    labels: Path | None = None
    sample: str | None = None
    columns: Mapping[str, str | None] | None = None
    taxonomy: str | None = None
    models: tuple[str, ...] = ()
    outer: int | None = None
    inner: int | None = None
    repeats: int | None = None
    probes: int | None = None
    seed: int | None = None
    parameters: Path | None = None
    out: Path | None = None


def run_evaluate(settings: Settings, request: Request) -> Path:
    """Evaluate, write everything into a folder and print the leaderboard; return the folder.

    Raises
    ------
    ConsoleError
        If an option cannot be used, or the folder holds something else.
    """
    console = wide_console()
    models = _models(request)
    cohort, evaluation = _parameters(request)
    out = request.out or Path(f"{request.table.name.split('.')[0]}.evaluation")
    check_folder(out, FOLDS)
    given = {name: column for name, column in (request.columns or {}).items() if column}
    columns = TableColumns(request.label, **given) if request.label else None
    about = [name for name in (request.label, *given.values()) if name]
    table = read_beta_table(request.table, request.labels, sample=request.sample, about=about)
    require_columns(table, columns)
    assert columns is not None  # what `require_columns` makes sure of
    chosen = choose_members(table, columns, cohort, taxonomy=_taxonomy(request))
    _say_who(console, request, table, chosen)
    data = TrainingData.from_frame(chosen.members.drop("patient_id").rename(
        {"group": "patient_id"}), table.X[chosen.rows], table.probe_ids,
    )  # fmt: skip
    divided = [
        assign_scheme(scheme, chosen.members, cohort)
        for scheme in evaluation.schemes
        if scheme not in HELD_OUT_BY or HELD_OUT_BY[scheme] in columns.named
    ]
    for scheme in divided:
        _say_scheme(console, scheme)
    if unasked := [name for name in evaluation.schemes if name not in {s.scheme for s in divided}]:
        options = ", ".join(f"--{HELD_OUT_BY[name]}" for name in unasked)
        console.print(f"not judged: {', '.join(unasked)}: no column was named with {options}")
    folds, parts, not_used = (
        pl.concat([getattr(scheme, name) for scheme in divided])
        for name in ("folds", "parts", "not_used")
    )
    store = FoldStore(out / FOLDS)
    store.prepare()
    runs = _Runs(settings, data, evaluation, store, console)
    with Progress(console=console, transient=True) as progress:
        runs.begin(progress, folds, len(models))
        found = evaluate(data, folds, parts, not_used, models, evaluation, runs)
    for name in folds["scheme"].unique(maintain_order=True):
        console.print(board(found, name))
    made = Made(table, columns.named, chosen, divided, found, cohort, evaluation)
    files = write_evaluation(out, request.table, request.labels, made, pl.DataFrame(runs.times))
    console.print(
        f"{found.doubts.height} label(s) that every model contradicts; {len(files)} files in {out}:"
        " report.html has all of it",
        soft_wrap=True,
        markup=False,
    )
    return out


class _Runs:
    """Makes each cross-validation: takes finished folds over, keeps new ones, tells how far it is.

    What it is called with and returns is `cup_assets.classify.evaluation.Run`.
    """

    def __init__(
        self,
        settings: Settings,
        data: TrainingData,
        parameters: EvaluationParameters,
        store: FoldStore,
        console: Console,
    ) -> None:
        self.times: list[dict[str, str | int | float]] = []
        self._mapper = make_mapper(settings)
        self._data, self._parameters = data, parameters
        self._store, self._console = store, console

    def begin(self, progress: Progress, folds: pl.DataFrame, models: int) -> None:
        """Show a bar over the outer folds of everything to come."""
        outer = folds.select("scheme", "repeat", "outer_fold").n_unique()
        self._progress, self._past = progress, 0
        self._bar = progress.add_task("outer folds", total=outer * models)

    def __call__(self, model: str, folds: pl.DataFrame) -> CvResult:
        started, scheme = time.monotonic(), str(folds["scheme"][0])
        splits = outer_folds(self._data, folds)
        keys = fold_keys(self._data, model, self._parameters, "betas", splits)
        found = {fold: self._store.load(key) for fold, key in keys.items()}
        done = {fold: result for fold, result in found.items() if result}
        self._progress.update(self._bar, description=f"{model}, {scheme}")

        def report(computed: int, _: int) -> None:
            self._progress.update(self._bar, completed=self._past + len(done) + computed)

        report(0, 0)
        result = nested_cv(
            self._data, model, folds, self._parameters, self._mapper, report,
            completed=done, on_fold=Keeper(self._store, keys),
        )  # fmt: skip
        self._past += len(keys)
        seconds = time.monotonic() - started
        over = f", {len(done)} of them from an earlier run" if done else ""
        self._console.print(f"{model}, {scheme}: {len(keys)} outer folds in {seconds:.1f} s{over}")
        self.times.append(
            {"scheme": scheme, "model": model, "folds": len(keys), "taken_over": len(done),
             "seconds": round(seconds, 2)}
        )  # fmt: skip
        return result


def board(found: Evaluation, scheme: str) -> Table:
    """Return the leaderboard of one scheme for a terminal, the best first."""
    table = Table(title=f"Leaderboard, {scheme}: calibrated (raw in brackets), 95 % interval")
    for name in ("model", "error", "", "bal. acc.", "macro F1", "AUC", "Brier", "log loss", "ECE"):
        side: Literal["left", "right"] = "left" if name in ("model", "") else "right"
        table.add_column(name, justify=side, no_wrap=True)
    for row in found.leaderboard.filter(pl.col("scheme") == scheme).iter_rows(named=True):
        low, high = row["error_low"], row["error_high"]
        table.add_row(
            row["model"], _shown(row["error"], ".1%"),
            "" if low is None else f"{low:.1%} to {high:.1%}",
            _shown(row["balanced_accuracy"], ".1%"), _shown(row["macro_f1"], ".3f"),
            _shown(row["auc_hand_till"], ".4f"), _shown(row["brier"], ".3f"),
            *(
                f"{_shown(row[name], '.3f')} ({_shown(row['raw_' + name], '.3f')})"
                for name in ("log_loss", "ece")
            ),
        )  # fmt: skip
    return table


def _shown(value: float | None, shape: str) -> str:
    return "undefined" if value is None else format(value, shape)


def _models(request: Request) -> list[str]:
    names = [name.strip() for given in request.models for name in given.split(",") if name.strip()]
    if unknown := [name for name in names if name not in MODELS]:
        raise ConsoleError(f"--models: no model {unknown[0]!r}: use {', '.join(MODELS)}")
    return list(dict.fromkeys(names)) or list(MODELS)


def _parameters(request: Request) -> tuple[CohortParameters, EvaluationParameters]:
    if request.parameters is not None and not request.parameters.is_file():
        raise ConsoleError(f"--parameters: {request.parameters} is no file")
    chosen = load_parameters(request.parameters) if request.parameters else Parameters()
    folds: dict[str, Any] = {
        "outer_folds": request.outer,
        "inner_folds": request.inner,
        "repeats": request.repeats,
        "seed": request.seed,
    }
    evaluation: dict[str, Any] = {"n_probes": request.probes, "seed": request.seed}
    try:
        return (
            replace(chosen.cohort, **{k: v for k, v in folds.items() if v is not None}),
            replace(chosen.evaluation, **{k: v for k, v in evaluation.items() if v is not None}),
        )
    except ValueError as error:
        raise ParametersError(str(error)) from error


def _taxonomy(request: Request) -> Taxonomy | None:
    if request.taxonomy is None:
        return None
    return load_taxonomy(None if request.taxonomy == PACKAGED else Path(request.taxonomy))


def _say_who(console: Console, request: Request, table: BetaTable, chosen: TableMembers) -> None:
    members = chosen.members
    missing = float(np.isnan(table.X[chosen.rows]).mean())
    console.print(
        f"{request.table.name}: {members.height} samples of {members['group'].n_unique()} patients,"
        f" {members['class'].n_unique()} classes, {len(table.probe_ids):,} probes,"
        f" {missing:.2%} of the betas missing",
        soft_wrap=True, markup=False,
    )  # fmt: skip
    for note in table.notes:
        console.print(f"note: {note}", style="yellow", soft_wrap=True, markup=False)
    # Reasons differ by the sample that they name: alike are those that begin alike.
    left = chosen.left_out.with_columns(kind=pl.col("reason").str.split(" of ").list.first())
    for _, part in left.group_by("kind", maintain_order=True):
        names = ", ".join(part["sample_id"].head(5)) + (", …" if part.height > 5 else "")
        console.print(
            f"left out: {part.height} sample(s) ({names}): {part['reason'][0]}",
            style="yellow", soft_wrap=True, markup=False,
        )  # fmt: skip


def _say_scheme(console: Console, scheme: SchemeFolds) -> None:
    if scheme.impossible:
        console.print(
            f"{scheme.scheme}: impossible: {scheme.impossible}",
            style="yellow", soft_wrap=True, markup=False,
        )  # fmt: skip
    elif scheme.not_used.height:
        untested = scheme.not_used.filter(pl.col("part") == "test")["sample_id"].n_unique()
        console.print(
            f"{scheme.scheme}: {untested} sample(s) are not tested in some fold, since no training"
            " part knows their class or where they belong is not known: see not_used.csv",
            style="yellow", soft_wrap=True,
        )  # fmt: skip
