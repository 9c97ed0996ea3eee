"""Who the workers of a cluster are, and whether they can be trusted with work.

Belongs here: asking them. Does not belong here: the check that each task makes (`spark_task`).
"""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Any

from cup_assets.compute.environment import environment
from cup_assets.compute.errors import SparkError
from cup_assets.compute.scratch import scratch_folder
from cup_assets.compute.spark_job import spark_job
from cup_assets.compute.spark_session import explained, spark_context
from cup_assets.compute.spark_task import Look, Worker

_PATIENCE = 60.0


def look_at_workers(context: Any, folder: Path, patience: float | None = None) -> list[Worker]:
    """Let workers look for a file that only this process can have written.

    Spark decides which of them are asked, and some may join later: each task looks for itself.

    Raises
    ------
    SparkError
        If no worker can be asked, or none within ``patience`` seconds.
    """
    found: list[Worker] = []
    with scratch_folder(folder) as room:
        (token := room / "token").write_text(secret := uuid.uuid4().hex)
        n = 2 * max(2, context.defaultParallelism)
        look = Look(str(token), secret, environment())
        asked = context.parallelize(range(n), n).map(look)
        with spark_job(context, lambda: found.extend(asked.collect()), patience) as job:
            while job.wait():
                pass
    if job.failures:
        raise explained(job.failures[0]) from None
    return sorted(set(found))


def described(master: str, folder: Path) -> str:
    """Return one line on the workers of a master.

    Raises
    ------
    SparkError
        If Spark cannot be used, or a worker would compute something else.
    """
    workers = look_at_workers(spark_context(master), folder, _PATIENCE)
    for worker in workers:
        if worker.differs:
            raise SparkError(f"worker {worker.host} {worker.differs}")
    hosts = sorted({worker.host for worker in workers})
    sees = (
        "see the data folder"
        if all(worker.sees_folder for worker in workers)
        else "do not see the data folder (arrays are broadcast, files are read on this machine)"
    )
    return f"workers on {', '.join(hosts)} run the same code, {sees}"
