"""Spark's session, and its errors in one line.

Belongs here: starting and reusing a session on a master, and reading what Java says. Does not
belong here: what runs on it.
"""

from __future__ import annotations

import logging
import os
import re
import socket
import sys
from typing import Any
from urllib.parse import urlsplit

from cup_assets.compute.errors import SparkError
from cup_assets.compute.java import find_java

_APP = "cup_assets"
_PATIENCE = 5.0  # seconds for a master on the network to answer
_log = logging.getLogger(__name__)

# As joblib's workers: one item, one thread. More CPUs would be shared out among more items.
_ONE_THREAD = ("OMP", "OPENBLAS", "MKL", "NUMBA")


def is_local(master: str) -> bool:
    """Whether the workers of a master run on this machine."""
    return master.startswith("local")


def spark_context(master: str) -> Any:
    """Return the context of a session on this master; started if there is none.

    Whatever else Spark should know (memory, cores, Kubernetes images) is read from
    ``spark-defaults.conf`` in the folder ``SPARK_CONF_DIR``.

    Raises
    ------
    SparkError
        If packages or Java are missing, no master answers, or another program of this process
        uses Spark on another master.
    """
    try:
        from dagster_pyspark import LazyPySparkResource
        from pyspark import SparkContext
    except ImportError as error:
        raise SparkError(
            "CUP_COMPUTE=spark needs the extra packages: pip install 'cup-assets[spark]'"
        ) from error
    active = SparkContext._active_spark_context
    if active is not None and (active.master != master or active._jsc.sc().isStopped()):
        if active.appName != _APP:
            raise SparkError(
                f"this process already uses Spark on {active.master}, asked for is {master}:"
                " stop that session, or set CUP_SPARK_MASTER to its master"
            )
        active.stop()
    elif active is not None:
        return active
    _check_master(master)
    os.environ["JAVA_HOME"] = str(find_java())
    # Spark's workers would take the first python3 on the PATH, of whatever version.
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    resource = LazyPySparkResource(spark_config=_config(master))
    try:
        context = resource.spark_session.sparkContext
    except Exception as error:  # noqa: BLE001 -- of many classes
        raise explained(error, f"Spark cannot be started on {master}") from None
    context.setLogLevel("ERROR")
    return context


def _config(master: str) -> dict[str, str]:
    config = {
        "spark.master": master,
        "spark.app.name": _APP,
        "spark.ui.enabled": "false",  # a port open to all
        "spark.ui.showConsoleProgress": "false",
        # Results are gathered anyway; a limit would only fail at the end of a long run.
        "spark.driver.maxResultSize": "0",
        **{f"spark.executorEnv.{name}_NUM_THREADS": "1" for name in _ONE_THREAD},
    }
    if is_local(master):
        config |= {"spark.driver.host": "127.0.0.1", "spark.driver.bindAddress": "127.0.0.1"}
    return config


def _check_master(master: str) -> None:
    """Spark itself tries for minutes, and then says so in a hundred lines."""
    if not master.startswith("spark://"):
        return
    failed = ""
    for address in master.removeprefix("spark://").split(","):
        try:
            parts = urlsplit(f"spark://{address}")
            if not parts.hostname or not parts.port:
                raise SparkError(f"CUP_SPARK_MASTER={master}: write it as spark://host:7077")
            with socket.create_connection((parts.hostname, parts.port), timeout=_PATIENCE):
                return
        except OSError as error:
            failed = str(error)
    raise SparkError(
        f"no Spark master answers at {master} ({failed}): start it, or correct CUP_SPARK_MASTER"
    )


_KNOWN = (
    (
        r"PYTHON_VERSION_MISMATCH|different minor version|different version",
        "the Python of the workers is of another version: set PYSPARK_PYTHON to one like this"
        " process's that is there on every worker",
    ),
    (
        r"No module named '(?P<what>[^']+)'",
        "the Python of the workers lacks {what}: install this package there as here, and set"
        " PYSPARK_PYTHON to that Python",
    ),
    (
        r'Cannot run program "(?P<what>[^"]+)"',
        "there is no {what} on the workers: set PYSPARK_PYTHON to the Python that has this package"
        " on every worker",
    ),
    (
        r"OutOfMemoryError",
        "Spark's Java ran out of memory: raise spark.driver.memory or spark.executor.memory in"
        " spark-defaults.conf",
    ),
    (
        r"Python worker exited unexpectedly|Worker died unexpectedly|EOFException",
        "a Python process of the workers was killed, most often for want of memory: let fewer"
        " items run at a time (spark.executor.cores, local[n]) or give the workers more memory",
    ),
    (
        r"ExecutorLostFailure|Container (?:killed|from a bad node)|Master removed our application"
        r"|MaxNumExecutorFailuresReached|max number of executor failures",
        "workers were lost too often, most often for want of memory: let fewer items run at a time"
        " (spark.executor.cores), give them more (spark.executor.memoryOverhead), or see the"
        " workers' logs",
    ),
)


def explained(error: Exception, what: str = "Spark gave up") -> SparkError:
    """Return one line for what Java says in a hundred; the log (level debug) gets all of it."""
    text = str(error)
    _log.debug("%s: %s", what, text)
    for pattern, advice in _KNOWN:
        if found := re.search(pattern, text):
            return SparkError(f"{what}: {advice.format(**found.groupdict())}")
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    told = [line for line in lines if not line.startswith(("at ", ":", "An error occurred"))]
    causes = [line for line in lines if "Exception" in line or "Error" in line]
    line = (causes or told or lines or [type(error).__name__])[0]
    return SparkError(f"{what}: {line.removeprefix(': ')[:500]}")
