"""When a step started, as Dagster recorded it.

Belongs here: asking the instance. Does not belong here: storing it (`.materialise`).
"""

from __future__ import annotations

from datetime import UTC, datetime

import dagster as dg


def step_start(context: dg.AssetExecutionContext) -> datetime:
    """Return when the present attempt of the running step started.

    That is before the asset's own code: what it reads to know its inputs is part of the work. Where
    the instance has no record of the start (it keeps none, or the asset is called as a function),
    the time of this call is all that is known.
    """
    step = context.get_step_execution_context().step.key
    known = context.instance.get_run_step_stats(context.run.run_id, [step])
    started = next((one.partial_attempt_start for one in known), None)
    return datetime.now(UTC) if started is None else datetime.fromtimestamp(started, UTC)
