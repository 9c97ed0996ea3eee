"""``cup materialize``: a line a step, a bar for long work, a summary.

Belongs here: printing. Does not belong here: running (`cup_assets.orchestration.headless`).
"""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn
from rich.text import Text

from cup_assets.console.errors import ConsoleError
from cup_assets.orchestration.headless import Step, materialize
from cup_assets.orchestration.progress import listening
from cup_assets.settings import Settings

_MARKS = {"computed": ("✓", "green"), "reused": ("=", "cyan"), "failed": ("✗", "red")}


def run_materialize(
    settings: Settings, batches: Sequence[str] | None = None, *, force: bool = False
) -> list[Step]:
    """Materialise and print what became of every step.

    Raises
    ------
    ConsoleError
        If a step failed.
    """
    console = Console(highlight=False)
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        bar = progress.add_task("starting", total=None)

        def on_progress(asset: str, unit: str, done: int, total: int) -> None:
            progress.update(bar, description=f"{asset} ({unit})", completed=done, total=total)

        def on_step(step: Step) -> None:
            progress.update(bar, description="…", completed=0, total=None)
            console.print(step_line(step))

        with listening(on_progress):
            steps = materialize(settings, batches=batches, force=force, on_step=on_step)
    console.print(summary_line(steps))
    failed = [step for step in steps if step.state == "failed"]
    if failed:
        raise ConsoleError(
            f"{len(failed)} step(s) failed, first {failed[0].asset}: {failed[0].message}"
        )
    return steps


def step_line(step: Step) -> Text:
    """Return one line about a step."""
    mark, colour = _MARKS[step.state]
    line = Text.assemble((f"{mark} ", colour), f"{step.asset:<44} {step.state}")
    if step.state == "computed":
        line.append(f" in {step.seconds:.1f} s")
    if step.message:
        line.append(f"\n    {step.message}", "red" if step.state == "failed" else "yellow")
    return line


def summary_line(steps: Sequence[Step]) -> str:
    """Return how many steps were computed, reused and failed."""
    counts = {state: sum(step.state == state for step in steps) for state in _MARKS}
    seconds = sum(step.seconds for step in steps)
    return (
        f"{counts['computed']} computed ({seconds:.0f} s), {counts['reused']} reused,"
        f" {counts['failed']} failed"
    )
