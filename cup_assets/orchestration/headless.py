"""Materialising everything that is out of date in this process, without daemon or web server.

Belongs here: the order of jobs, and what each step came to. Does not belong here: printing (the
``cup`` command) and the jobs themselves. The runs are recorded in the persistent instance, so that
the UI shows them like any other.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import dagster as dg

from cup_assets.cohort.batch_files import observe_batches
from cup_assets.cohort.landing import plan_landings
from cup_assets.file_modes import make_data_folders
from cup_assets.orchestration.build import build_defs
from cup_assets.orchestration.conventions import LOCK_NAME, PID_TAG
from cup_assets.orchestration.instance import open_instance
from cup_assets.orchestration.landing import batches_awaiting_controls, known_batches
from cup_assets.orchestration.materialise import FORCE_TAG
from cup_assets.orchestration.partitions import BATCHES
from cup_assets.orchestration.resources import Platform
from cup_assets.settings import Settings

_QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
_SETTLE = 1.0  # seconds between two looks at batches without a _COMPLETE marker


class HeadlessError(RuntimeError):
    """Nothing could be started; the message says why and what to do."""


@dataclass(frozen=True)
class Step:
    """What became of one asset (partition).

    Attributes
    ----------
    state
        ``computed``, ``reused`` or ``failed``.
    message
        The error line of a failed step, the warnings of its checks otherwise.
    """

    asset: str
    state: str
    seconds: float
    message: str = ""


OnStep = Callable[[Step], None]


def materialize(
    settings: Settings,
    *,
    batches: Sequence[str] | None = None,
    force: bool = False,
    on_step: OnStep = lambda step: None,
) -> list[Step]:
    """Bring batches, aggregates and predictions up to date.

    Parameters
    ----------
    settings
        Where the data is.
    batches
        Only these batches; default: all that have landed.
    force
        Compute even what is unchanged.
    on_step
        Called as each step ends.

    Returns
    -------
    list of Step
        In the order of execution. A failing batch does not stop the others.

    Raises
    ------
    HeadlessError
        If another process is at it, a batch is unknown or nothing has landed.
    """
    make_data_folders(settings)
    with _alone(settings), open_instance(settings) as instance:
        run = _Runner(instance, settings, force, on_step)
        taken, removed = _what_landed(settings, run, batches)
        for batch in [*taken, *removed]:
            instance.add_dynamic_partitions(BATCHES.name or "", [batch])
        for batch in removed:
            run("take_inventory", batch)
        for batch in taken:
            run("read_batch", batch)
        # One pool of all normals that have landed, not one after every batch.
        run("refresh_controls")
        read = set(run.platform.catalogue.current_versions("normalised/betas"))
        waiting = batches_awaiting_controls(run.platform)
        for batch in sorted({*taken, *waiting} & read):
            run("profile_batch", batch)
        run("refresh_aggregates_now")
        if run.platform.catalogue.current("diagnosis/classifier"):
            for batch in sorted(set(batches or known_batches(run.platform)) & read):
                run("predict_batch", batch)
        # Nobody's case waits for them.
        if run.platform.catalogue.current("evaluation/leaderboard"):
            run("refresh_studies_now")
        return run.steps


class _Runner:
    """Runs jobs in this process and keeps what became of their steps."""

    def __init__(
        self, instance: dg.DagsterInstance, settings: Settings, force: bool, on_step: OnStep
    ) -> None:
        self.platform = Platform(
            data=str(settings.data), workers=settings.workers, compute=settings.compute
        )
        self.steps: list[Step] = []
        self._instance = instance
        self._defs = build_defs(resource_overrides={"platform": self.platform})
        self._tags = {PID_TAG: str(os.getpid())} | ({FORCE_TAG: "true"} if force else {})
        self._on_step = on_step

    def __call__(self, job: str, batch: str | None = None) -> None:
        result = self._defs.resolve_job_def(job).execute_in_process(
            instance=self._instance,
            partition_key=batch,
            run_config=_QUIET,
            tags=self._tags,
            raise_on_error=False,
        )
        for step in _steps(result, batch):
            self.report(step)

    def report(self, step: Step) -> None:
        self.steps.append(step)
        self._on_step(step)


def _what_landed(
    settings: Settings, run: _Runner, batches: Sequence[str] | None
) -> tuple[list[str], list[str]]:
    """Return the batches to take and those to retract, as the landing sensor would."""
    known = known_batches(run.platform)
    first = observe_batches(settings.landing)
    if not all(seen.marked for seen in first):
        time.sleep(_SETTLE)
    look = observe_batches(settings.landing)
    plan = plan_landings(look, plan_landings(first, None, known).cursor, known)
    present = {seen.name for seen in look}
    if batches is not None:
        for batch in batches:
            if batch not in present:
                raise HeadlessError(f"no batch {batch} in {settings.landing}: check the name")
        return [b for b in batches if _can_take(b, plan.ignored, run)], []
    if not present and not known:
        raise HeadlessError(
            f"nothing has landed in {settings.landing}: copy a batch there, or try `cup demo`"
        )
    for note in plan.notes:
        run.report(Step("landing", "failed", 0.0, note))
    usable = [seen for seen in look if _can_take(seen.name, plan.ignored, run)]
    return [seen.name for seen in usable], [request.batch for request in plan.remove]


def _can_take(batch: str, ignored: object, run: _Runner) -> bool:
    reasons = dict(ignored) if isinstance(ignored, dict) else {}
    if batch in reasons:
        run.report(Step(f"landing/{batch}", "failed", 0.0, f"{batch} {reasons[batch]}"))
        return False
    return True


def _steps(result: dg.ExecuteInProcessResult, batch: str | None) -> Iterator[Step]:
    warnings: dict[str, list[str]] = {}
    for event in result.all_events:
        if event.event_type_value == "ASSET_CHECK_EVALUATION":
            evaluation = event.asset_check_evaluation_data
            if not evaluation.passed:
                name = evaluation.asset_key.to_user_string()
                line = f"{evaluation.check_name}: {evaluation.description}"
                warnings.setdefault(name, []).append(line)
    for event in result.all_events:
        if event.is_step_materialization:
            materialization = event.step_materialization_data.materialization
            name = materialization.asset_key.to_user_string()
            label = f"{name}[{event.partition}]" if event.partition else name
            reused = bool(materialization.metadata["reused"].value)
            seconds = 0.0 if reused else float(str(materialization.metadata["seconds"].value))
            state = "reused" if reused else "computed"
            yield Step(label, state, seconds, "; ".join(warnings.get(name, [])))
        elif event.is_step_failure:
            failure = event.step_failure_data
            given = failure.user_failure_data
            text = given.description if given and given.description else _line(failure.error)
            yield Step(_asset_label(event.step_key or "", batch), "failed", 0.0, text)


def _asset_label(step_key: str, batch: str | None) -> str:
    """Return the asset's name as elsewhere: Dagster's step keys have ``__`` for ``/``."""
    name = step_key.replace("__", "/")
    return f"{name}[{batch}]" if batch and name != "cnv/controls" else name


def _line(error: object) -> str:
    """Return the innermost message of a Dagster error as one line."""
    cause = getattr(error, "cause", None)
    if cause is not None:
        return _line(cause)
    return " ".join(str(getattr(error, "message", error)).split())


@contextmanager
def _alone(settings: Settings) -> Iterator[None]:
    """Two headless runs on one data folder would compute everything twice."""
    settings.data.mkdir(parents=True, exist_ok=True)
    with (settings.data / LOCK_NAME).open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise HeadlessError(
                f"another `cup materialize` is at work in {settings.data}: wait until it is done"
            ) from error
        yield
