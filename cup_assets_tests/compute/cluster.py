"""A real standalone Spark cluster on the loopback: a master and workers, each a process."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from cup_assets.compute.environment import environment
from cup_assets.compute.java import find_java

_CHECKOUT = Path(__file__).resolve().parents[2]
_PATIENCE = 120.0


@dataclass
class Cluster:
    """What runs, and where it writes.

    Attributes
    ----------
    url
        ``spark://127.0.0.1:port``.
    """

    folder: Path
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)
    url: str = ""

    def start(self, workers: int, cores: int) -> None:
        """Start a master and workers of so many cores each, on ports that are free.

        The workers have an installation of their own, a copy of this one as it is now.
        """
        environment.cache_clear()
        environment()
        for package in ("cup_assets", "cup_assets_tests"):
            shutil.copytree(
                _CHECKOUT / package,
                self.folder / "site" / package,
                ignore=shutil.ignore_patterns("__pycache__"),
            )
        master = self._run("master", "master.Master", "--host", "127.0.0.1", "--port", "0")
        self.url = self._said(master, r"Starting Spark master at (\S+)")
        logs = [
            self._run(
                f"worker{number}", "worker.Worker", "--host", "127.0.0.1", "--cores", str(cores),
                "--memory", "2g", "--work-dir", str(self.folder / f"work{number}"), self.url,
            )
            for number in range(workers)
        ]  # fmt: skip
        for log in logs:
            self._said(log, r"(Successfully registered) with master")

    def kill_worker(self, number: int) -> int:
        """Kill a worker, its executors and their Python processes; return how many there were."""
        victims = _family(self.processes[1 + number].pid)
        for victim in victims:
            os.kill(victim, signal.SIGKILL)
        self.processes[1 + number].wait()
        return len(victims)

    def stop(self) -> None:
        """Kill what still runs."""
        for process in reversed(self.processes):
            for victim in _family(process.pid) if process.poll() is None else []:
                os.kill(victim, signal.SIGKILL)
            process.wait()

    def _run(self, name: str, role: str, *arguments: str) -> Path:
        import pyspark

        home = Path(pyspark.__file__).parent
        (scratch := self.folder / f"local-{name}").mkdir(parents=True)
        variables = {
            **os.environ,
            "JAVA_HOME": str(find_java()),
            "SPARK_HOME": str(home),
            "SPARK_LOCAL_IP": "127.0.0.1",
            "SPARK_LOCAL_DIRS": str(scratch),
            "SPARK_DAEMON_MEMORY": "256m",
            "PYSPARK_PYTHON": sys.executable,
            "PYTHONPATH": str(self.folder / "site"),
        }
        log = self.folder / f"{name}.log"
        with log.open("wb") as out:
            command = [
                home / "bin" / "spark-class",
                f"org.apache.spark.deploy.{role}",
                *("--webui-port", "0"),
                *arguments,
            ]
            self.processes.append(
                subprocess.Popen(command, stdout=out, stderr=out, env=variables, cwd=self.folder)
            )
        return log

    def _said(self, log: Path, pattern: str) -> str:
        def found() -> re.Match[str] | None:
            return re.search(pattern, log.read_text(errors="replace"))

        wait_until(lambda: found() is not None, f"{pattern!r} in {log}")
        match = found()
        assert match
        return match[1]


@contextmanager
def spark_cluster(folder: Path, workers: int, cores: int) -> Iterator[Cluster]:
    """Run a cluster; nothing of it is left at the end."""
    cluster = Cluster(folder)
    try:
        cluster.start(workers, cores)
        yield cluster
    finally:
        cluster.stop()


def wait_until(fulfilled: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + _PATIENCE
    while not fulfilled():
        if time.monotonic() > end:
            raise TimeoutError(f"waited {_PATIENCE:.0f} s for {what}")
        time.sleep(0.05)


def _family(pid: int) -> list[int]:
    """Return a process and all that it started, directly or not."""
    table = subprocess.run(
        ["ps", "-e", "-o", "pid=,ppid="], capture_output=True, text=True, check=True
    ).stdout
    children: dict[int, list[int]] = {}
    for line in table.splitlines():
        child, parent = map(int, line.split())
        children.setdefault(parent, []).append(child)
    found = [pid]
    for each in found:
        found.extend(children.get(each, []))
    return found
