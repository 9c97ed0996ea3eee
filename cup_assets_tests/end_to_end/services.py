"""The platform as separate services, started as the unit files in ``deploy/`` say.

Belongs here: reading units, starting and stopping what they describe, as systemd would, with every
path below a temporary folder. Does not belong here: what is expected of them (the tests).
"""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import shutil
import signal
import subprocess
import tempfile
import urllib.error
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cup_assets.settings import Settings
from cup_assets.warehouse import Catalogue
from cup_assets_tests.end_to_end.harness import _READY, BIN, PARAMETERS, LivePlatform, free_port
from cup_assets_tests.end_to_end.watching import Watched, wait_for

CHECKOUT = Path(__file__).resolve().parents[2]
DEPLOY = CHECKOUT / "deploy"


def read_unit(name: str) -> dict[str, list[str]]:
    """Return the entries of a unit file, all sections together."""
    entries: dict[str, list[str]] = {}
    for line in (DEPLOY / "systemd" / name).read_text(encoding="utf-8").splitlines():
        if "=" in line and not line.startswith(("#", "[")):
            key, _, value = line.partition("=")
            entries.setdefault(key, []).append(value)
    return entries


def read_environment() -> dict[str, str]:
    """Return the variables of the example environment file."""
    lines = (DEPLOY / "cup.env.example").read_text(encoding="utf-8").splitlines()
    return dict(line.split("=", 1) for line in lines if "=" in line and not line.startswith("#"))


@dataclass
class Services(Watched):
    """Code server, daemon and web server, each a process with its children.

    Attributes
    ----------
    folder
        In the place of ``/var/lib/cup``; the console of each service is written beside the data.
    extra
        What an installation adds to its environment file.
    """

    folder: Path
    extra: Mapping[str, str] = field(default_factory=dict)
    _processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        # The path of a socket has at most 107 characters.
        self._sockets = Path(tempfile.mkdtemp(prefix="cup-run-"))
        self.environment = {
            **{name: self._here(value) for name, value in read_environment().items()},
            **self.extra,
            "CUP_WEB_PORT": str(free_port()),
            "CUP_READER_PORT": str(free_port()),
            "CUP_WORKERS": "1",
        }
        self.settings.data.mkdir(parents=True)
        self.settings.parameters.write_text(PARAMETERS, encoding="utf-8")

    @property
    def settings(self) -> Settings:
        """Where everything is."""
        return Settings(Path(self.environment["CUP_DATA"]))

    @property
    def catalogue(self) -> Catalogue:
        """The platform's database."""
        return Catalogue(self.settings.catalogue)

    @property
    def url(self) -> str:
        """Root of the web server."""
        return f"http://127.0.0.1:{self.environment['CUP_WEB_PORT']}"

    def land(self, batch: Path) -> str:
        """Copy a whole batch into the landing folder, its marker last; return its name."""
        target = self.settings.landing / batch.name
        shutil.copytree(batch, target, ignore=shutil.ignore_patterns("_COMPLETE"))
        (target / "_COMPLETE").touch()
        return batch.name

    def start(self, unit: str) -> None:
        """Start a service as its unit says: environment, umask, preparation, command."""
        entries = read_unit(unit)
        *before, line = [*entries.get("ExecStartPre", []), *entries["ExecStart"]]
        with (self.folder / "console.log").open("ab") as log:
            manner = self._manner(entries) | {"stdout": log, "stderr": log}
            for preparation in before:
                subprocess.run(self._command(preparation), check=True, **manner)
            self._processes[unit] = subprocess.Popen(
                self._command(line), start_new_session=True, **manner
            )

    def stop(self, unit: str) -> None:
        """Send SIGTERM to every process of a service and kill what stays, as systemd does."""
        process = self._processes.pop(unit)
        for number in (signal.SIGTERM, signal.SIGKILL):
            for group in LivePlatform._groups(process.pid):
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(group, number)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(30)
        wait_for(lambda: not LivePlatform._groups(process.pid), f"{unit} has ended", 30)

    def stop_all(self) -> None:
        """Stop what runs, the last one started first."""
        for unit in reversed(list(self._processes)):
            self.stop(unit)
        shutil.rmtree(self._sockets, ignore_errors=True)

    def is_ready(self) -> bool:
        """Tell whether the web server has loaded the code and the daemon is healthy."""
        for unit, process in self._processes.items():
            assert process.poll() is None, f"{unit} ended by itself:\n{self.console()}"
        try:
            answer = self.graphql(_READY)
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            return False
        entries = answer["workspaceOrError"].get("locationEntries", [])
        daemons = answer["instance"]["daemonHealth"]["allDaemonStatuses"]
        return (
            bool(entries)
            and all((e["locationOrLoadError"] or {"message": ""}).get("message") is None
                    for e in entries)
            and all(daemon["healthy"] for daemon in daemons if daemon["required"])
        )  # fmt: skip

    def console(self) -> str:
        """Return the end of what the services printed."""
        return (self.folder / "console.log").read_text(errors="replace")[-4000:]

    def _here(self, text: str) -> str:
        for installed, here in {
            "/opt/cup/.venv/bin": BIN,
            "/opt/cup/deploy": DEPLOY,
            "/var/lib/cup": self.folder,
            "/run/cup": self._sockets,
            "/srv/cup-backups": self.folder / "backups",
        }.items():
            text = text.replace(installed, str(here))
        return text

    def _command(self, line: str) -> list[str]:
        filled = re.sub(r"\$\{(\w+)\}", lambda found: self.environment[found[1]], line)
        return shlex.split(self._here(filled))

    def _manner(self, entries: Mapping[str, list[str]]) -> dict[str, Any]:
        inherited = {k: v for k, v in os.environ.items() if not k.startswith(("CUP_", "DAGSTER_"))}
        return {
            "env": inherited | self.environment,
            "umask": int(entries["UMask"][0], 8),
            "cwd": self.folder,
            "stdin": subprocess.DEVNULL,
        }
