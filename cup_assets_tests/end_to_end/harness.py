"""A real platform in a folder of its own: ``cup ui`` as a process, seen over HTTP.

Belongs here: starting, killing and restarting it, landing batches, asking GraphQL, and waiting.
Does not belong here: what is expected of it (the tests).
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import dagster as dg
from dagster._core.execution.stats import StepEventStatus

from cup_assets.cohort.batch_files import MARKER
from cup_assets.orchestration.instance import prepare_instance
from cup_assets.settings import Settings
from cup_assets.warehouse import Catalogue

BIN = Path(sys.executable).parent
UNFINISHED = ("QUEUED", "NOT_STARTED", "STARTING", "STARTED", "CANCELING")
AGGREGATES = (
    *("datasets/reference", "datasets/balanced", "evaluation/cv/random_forest"),
    *("evaluation/cv/logistic_regression", "evaluation/cv/svm", "evaluation/leaderboard"),
    *("evaluation/landscape", "panels/importance", "panels/cpg", "diagnosis/classifier"),
)

# Everything small: the aggregates of a few dozen samples take seconds, their processes more.
PARAMETERS = """
[cohort]
outer_folds = 3
inner_folds = 2
[evaluation]
n_probes = 300
trees = 20
forest_features = [1.0]
logistic_c = [30.0]
svm_c = [1.0]
calibration_c = [1.0]
bootstraps = 20
[landscape]
n_probes = 300
n_components = 10
[panels]
sizes = [5, 20]
candidates = 300
screened = 100
components = 5
trees = 20
random_draws = 1
bootstraps = 20
"""

_RUNS = """
query { runsOrError(limit: 1000) { __typename
  ... on Runs { results { runId jobName status startTime endTime
    tags { key value } assetSelection { path } } }
  ... on PythonError { message } } }
"""
_MATERIALISATIONS = """
query($path: [String!]!) { assetOrError(assetKey: {path: $path}) { __typename
  ... on Asset { assetMaterializations(limit: 1000) { runId partition
    metadataEntries { label __typename ... on BoolMetadataEntry { boolValue } } } } } }
"""
_READY = """
query {
  workspaceOrError { __typename ... on Workspace { locationEntries { loadStatus
    locationOrLoadError { __typename ... on PythonError { message } } } } }
  instance { daemonHealth { allDaemonStatuses { daemonType required healthy } } }
}
"""
_POOLS = """
query { instance { concurrencyLimits { concurrencyKey slotCount claimedSlots { runId }
  pendingSteps { runId } } } }
"""

_STEPS = """
query($run: ID!) { runOrError(runId: $run) { __typename
  ... on Run { stepStats { stepKey status } } } }
"""
_TICKS = """
query($sensor: String!) { sensorOrError(sensorSelector: {repositoryName: "__repository__",
  repositoryLocationName: "cup_assets.definitions", sensorName: $sensor}) { __typename
  ... on Sensor { sensorState { ticks(limit: 5) { timestamp status skipReason
    error { message } } } } } }
"""

Found = TypeVar("Found")


def is_up_to_date(settings: Settings, batches: Sequence[str]) -> bool:
    """Return whether all that is made of several batches is made of exactly these, as they are."""
    if not settings.catalogue.exists():
        return False
    catalogue = Catalogue(settings.catalogue)
    made = {asset: catalogue.current(asset) for asset in AGGREGATES}
    made |= {batch: catalogue.current("diagnosis/predictions", batch) for batch in batches}
    versions = {asset: version.data_version for asset, version in made.items() if version}
    members = catalogue.query("SELECT DISTINCT batch FROM dataset_members WHERE included")
    return set(members["batch"]) == set(batches) and all(
        version is not None
        and all(versions.get(name, value) == value for name, value in version.inputs.items())
        for version in made.values()
    )


class StillWaitingError(AssertionError):
    """Something did not happen in time; the message says what, and what was seen instead."""


@dataclass(frozen=True)
class Run:
    """A run as the instance shows it; its span is start and end, infinite while unknown."""

    run_id: str
    job: str
    status: str
    partition: str | None
    assets: tuple[str, ...]
    tags: dict[str, str]
    span: tuple[float, float]


@dataclass(frozen=True)
class Materialisation:
    """A materialisation event."""

    asset: str
    partition: str | None
    run_id: str
    reused: bool


def free_port() -> int:
    """Return a port of the loopback that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(
    look: Callable[[], Found | None],
    what: str,
    seconds: float,
    seen: Callable[[], object] = lambda: "",
) -> Found:
    """Look every half second until there is something true; return it."""
    deadline = time.monotonic() + seconds
    while True:
        found = look()
        if found:
            return found
        if time.monotonic() > deadline:
            raise StillWaitingError(f"not within {seconds:.0f} s: {what}\n{seen()}")
        time.sleep(0.5)


@dataclass
class LivePlatform:
    """A data folder with ``cup ui`` (web server, daemon, code server) working on it.

    Attributes
    ----------
    folder
        Holds ``data/`` (the platform's) and ``console.log`` (what the processes print).
    """

    folder: Path
    port: int = field(default_factory=free_port)
    _process: subprocess.Popen[bytes] | None = None

    def __post_init__(self) -> None:
        self.settings.landing.mkdir(parents=True, exist_ok=True)
        self.settings.parameters.write_text(PARAMETERS, encoding="utf-8")

    @property
    def settings(self) -> Settings:
        """Where everything is."""
        return Settings(data=self.folder / "data")

    @property
    def catalogue(self) -> Catalogue:
        """The platform's database, opened for the moment of a query only."""
        return Catalogue(self.settings.catalogue)

    @property
    def url(self) -> str:
        """Root of the web server."""
        return f"http://127.0.0.1:{self.port}"

    # Processes

    def start(self) -> None:
        """Start everything from a foreign current folder, and wait until it is ready."""
        with (self.folder / "console.log").open("ab") as log:
            self._process = subprocess.Popen(
                [BIN / "cup", "ui", "--port", str(self.port)],
                cwd=self.folder,
                env=self._environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        wait_for(self._is_ready, "the platform is ready", 120, self.console)

    def _environment(self) -> dict[str, str]:
        inherited = {name: value for name, value in os.environ.items() if name != "DAGSTER_HOME"}
        return inherited | {"CUP_DATA": str(self.settings.data), "CUP_WORKERS": "1"}

    def kill(self) -> None:
        """Kill -9 every process of it at once, as a power cut would."""
        self._signal(signal.SIGKILL)

    def stop(self) -> None:
        """Stop it in an orderly way; what does not listen is killed."""
        if self._process is None:
            return
        self._process.send_signal(signal.SIGINT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(20)
        self._signal(signal.SIGKILL)

    def _signal(self, number: int) -> None:
        if self._process is None:
            return
        leader = self._process.pid
        for group in self._groups(leader):
            try:
                os.killpg(group, number)
            except ProcessLookupError:
                continue
        self._process.wait(20)
        wait_for(lambda: not self._groups(leader), "all processes are gone", 20)
        self._process = None

    @staticmethod
    def _groups(session: int) -> set[int]:
        """Return the process groups of a session that still have a living process."""
        listing = subprocess.run(
            ["ps", "-A", "-o", "sess=,pgid=,stat="], capture_output=True, text=True, check=True
        )
        rows = (line.split() for line in listing.stdout.splitlines())
        return {int(group) for sid, group, state in rows if sid == str(session) and state[0] != "Z"}

    def console(self) -> str:
        """Return the end of what the processes printed."""
        return (self.folder / "console.log").read_text(errors="replace")[-4000:]

    # Batches

    def land(self, batch: Path) -> str:
        """Copy a whole batch into the landing folder, its marker last; return its name."""
        target = self.settings.landing / batch.name
        shutil.copytree(batch, target, ignore=shutil.ignore_patterns(MARKER))
        (target / MARKER).touch()
        return batch.name

    def materialise_headless(self, seconds: float = 600) -> None:
        """Bring everything up to date by ``cup materialize``, without any of the processes."""
        with (self.folder / "console.log").open("ab") as log:
            done = subprocess.run(
                [BIN / "cup", "materialize"],
                cwd=self.folder,
                env=self._environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                check=False,
                timeout=seconds,
            )
        assert done.returncode == 0, self.console()

    def kill_headless_during(self, asset: str) -> None:
        """Start ``cup materialize`` and kill -9 it while an asset's step is going."""
        home = prepare_instance(self.settings)["DAGSTER_HOME"]
        with (
            (self.folder / "console.log").open("ab") as log,
            dg.DagsterInstance.from_config(home) as instance,
        ):
            process = subprocess.Popen(
                [BIN / "cup", "materialize"],
                cwd=self.folder,
                env=self._environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

            def is_going() -> bool:
                assert process.poll() is None, self.console()
                steps = [
                    step
                    for run in instance.get_runs()
                    for step in instance.get_run_step_stats(run.run_id)
                    if step.step_key == asset.replace("/", "__")
                ]
                return any(step.status == StepEventStatus.IN_PROGRESS for step in steps)

            try:
                wait_for(is_going, f"{asset} is being made", 120, self.console)
            finally:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait(20)

    def remove(self, batch: str) -> None:
        """Remove a batch's folder."""
        shutil.rmtree(self.settings.landing / batch)

    # What it shows

    def graphql(self, query: str, **variables: Any) -> dict[str, Any]:
        """Ask the web server; errors in the answer are errors here."""
        request = urllib.request.Request(
            f"{self.url}/graphql",
            json.dumps({"query": query, "variables": variables}).encode(),
            {"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=60) as response:
            answer = json.load(response)
        if "errors" in answer:
            raise AssertionError(f"GraphQL: {answer['errors']}")
        return dict(answer["data"])

    def runs(self, **wanted: str | None) -> list[Run]:
        """Return the runs, oldest first, that have these attributes."""
        answer = self.graphql(_RUNS)["runsOrError"]
        assert answer["__typename"] == "Runs", answer
        runs = []
        for result in reversed(answer["results"]):
            tags = {tag["key"]: tag["value"] for tag in result["tags"]}
            assets = tuple("/".join(key["path"]) for key in result["assetSelection"] or ())
            runs.append(
                Run(
                    result["runId"],
                    result["jobName"],
                    result["status"],
                    tags.get("dagster/partition"),
                    assets,
                    tags,
                    (result["startTime"] or math.inf, result["endTime"] or math.inf),
                )
            )
        return [r for r in runs if all(getattr(r, name) == v for name, v in wanted.items())]

    def materialisations(self, *assets: str) -> list[Materialisation]:
        """Return all materialisations of assets, oldest first for each asset."""
        found = []
        for asset in assets:
            answer = self.graphql(_MATERIALISATIONS, path=asset.split("/"))["assetOrError"]
            for event in reversed(answer.get("assetMaterializations", ())):
                (reused,) = (
                    entry["boolValue"]
                    for entry in event["metadataEntries"]
                    if entry["label"] == "reused"
                )
                found.append(Materialisation(asset, event["partition"], event["runId"], reused))
        return found

    def wait_for_step(self, asset: str, seconds: float) -> Run:
        """Wait until an asset is being made; return the run that makes it."""
        key = asset.replace("/", "__")

        def at_it() -> Run | None:
            for run in self.runs(status="STARTED"):
                for step in self.graphql(_STEPS, run=run.run_id)["runOrError"]["stepStats"]:
                    if step["stepKey"] == key and step["status"] == "IN_PROGRESS":
                        return run
            return None

        return self.wait_for(at_it, f"{asset} is being made", seconds)

    def wait_for_skip(self, reason: str, meanwhile: Callable[[], None] = lambda: None) -> None:
        """Wait for a tick of the landing sensor, from now on, that did nothing for this reason."""
        last = max((tick["timestamp"] for tick in self.ticks("landing")), default=0.0)

        def seen() -> bool:
            meanwhile()
            return any(
                tick["timestamp"] > last and reason in (tick["skipReason"] or "")
                for tick in self.ticks("landing")
            )

        self.wait_for(seen, f"the landing sensor says {reason!r}", 60)

    def ticks(self, sensor: str) -> list[dict[str, Any]]:
        """Return the latest ticks of a sensor; a failed one is an error here."""
        answer = self.graphql(_TICKS, sensor=sensor)["sensorOrError"]
        assert answer["__typename"] == "Sensor", answer
        ticks = list(answer["sensorState"]["ticks"])
        assert not [tick for tick in ticks if tick["status"] == "FAILURE"], ticks
        return ticks

    def claimed_slots(self) -> dict[str, list[str]]:
        """Return pool -> runs that hold a slot of it."""
        limits = self.graphql(_POOLS)["instance"]["concurrencyLimits"]
        return {
            limit["concurrencyKey"]: [slot["runId"] for slot in limit["claimedSlots"]]
            for limit in limits
        }

    def wait_for(self, look: Callable[[], Found | None], what: str, seconds: float) -> Found:
        """Wait, and tell the runs and the console if it was in vain."""

        def seen() -> str:
            lines = [f"{r.status} {r.job} {r.partition} {' '.join(r.assets)}" for r in self.runs()]
            return "\n".join([*lines, self.console()])

        return wait_for(look, what, seconds, seen)

    def wait_until_idle(self, seconds: float) -> None:
        """Wait until no run is queued or going."""
        self.wait_for(
            lambda: all(run.status not in UNFINISHED for run in self.runs()), "no run", seconds
        )

    def _is_ready(self) -> bool:
        if self._process is not None and self._process.poll() is not None:
            raise StillWaitingError(f"`cup ui` ended by itself:\n{self.console()}")
        try:
            answer = self.graphql(_READY)
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            return False
        entries = answer["workspaceOrError"].get("locationEntries", [])
        for entry in entries:
            if (entry["locationOrLoadError"] or {}).get("message"):
                raise StillWaitingError(entry["locationOrLoadError"]["message"])
        daemons = answer["instance"]["daemonHealth"]["allDaemonStatuses"]
        return bool(entries) and (
            all(entry["loadStatus"] == "LOADED" for entry in entries)
            and all(daemon["healthy"] for daemon in daemons if daemon["required"])
        )
