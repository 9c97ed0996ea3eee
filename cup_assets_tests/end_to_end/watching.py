"""What a running platform shows, over HTTP: GraphQL questions, and waiting for an answer.

Belongs here: asking and waiting. Does not belong here: the processes (`harness`).
"""

from __future__ import annotations

import json
import math
import time
import urllib.request
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

UNFINISHED = ("QUEUED", "NOT_STARTED", "STARTING", "STARTED", "CANCELING")

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


class Watched(ABC):
    """A platform as it shows itself to a visitor."""

    @property
    @abstractmethod
    def url(self) -> str:
        """Root of the web server."""

    @abstractmethod
    def console(self) -> str:
        """Return what the processes printed last."""

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
