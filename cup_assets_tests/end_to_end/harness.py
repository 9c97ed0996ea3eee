"""A real platform in a folder of its own: ``cup ui`` as a process, seen over HTTP.

Belongs here: starting, killing and restarting it, landing batches. Does not belong here: asking and
waiting (`watching`), what is expected of it (the tests).
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import dagster as dg
from dagster._core.execution.stats import StepEventStatus

from cup_assets.classify.models import MODELS
from cup_assets.cohort.batch_files import MARKER
from cup_assets.orchestration.instance import prepare_instance
from cup_assets.settings import Settings
from cup_assets.warehouse import Catalogue
from cup_assets_tests.end_to_end.watching import StillWaitingError, Watched, wait_for

BIN = Path(sys.executable).parent
AGGREGATES = (
    *("datasets/reference", "datasets/balanced", "evaluation/leaderboard"),
    *(f"evaluation/cv/{model}" for model in MODELS),
    *("evaluation/landscape", "panels/importance", "panels/gene_sets", "panels/cpg"),
    *("panels/assays", "panels/release", "diagnosis/classifier"),
)

# Everything small: the aggregates of a few dozen samples take seconds, their processes more.
PARAMETERS = """
[cohort]
outer_folds = 3
inner_folds = 2
[evaluation]
schemes = ["stratified"]
n_probes = 300
trees = 20
forest_features = [1.0]
logistic_c = [30.0]
logistic_l1 = []
svm_c = [1.0]
svm_gamma = []
xgboost_rounds = [5]
xgboost_depth = [2]
network_hidden = [8]
network_epochs = 5
calibration_c = [1.0]
bootstraps = 20
[landscape]
n_probes = 300
n_components = 10
seeds = [1]
[panels]
sizes = [5, 20]
models = ["logistic_regression"]
candidates = 300
screened = 100
components = 5
trees = 20
random_draws = 1
bootstraps = 20
boruta_candidates = 20
boruta_rounds = 8
stability_halves = 4
[assays]
technologies = ["pyrosequencing"]
size = 5
shares = [1.0]
draws = 1
masked_copies = 1
"""

_READY = """
query {
  workspaceOrError { __typename ... on Workspace { locationEntries { loadStatus
    locationOrLoadError { __typename ... on PythonError { message } } } } }
  instance { daemonHealth { allDaemonStatuses { daemonType required healthy } } }
}
"""


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


def free_port() -> int:
    """Return a port of the loopback that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class LivePlatform(Watched):
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
