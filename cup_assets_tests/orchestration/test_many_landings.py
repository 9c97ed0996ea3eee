"""Two hundred batches through the landing sensor: none lost, none asked for twice."""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path

import dagster as dg
import pytest

from cup_assets.orchestration.landing import landing_sensor
from cup_assets.orchestration.resources import Platform

BATCHES = 200


class Daemon:
    """What Dagster's daemon does with a sensor: it keeps the cursor, and uses a run key once."""

    def __init__(self, data: Path, instance: dg.DagsterInstance) -> None:
        self.data = data
        self.instance = instance
        self.cursor: str | None = None
        self.keys: set[str] = set()
        self.runs: Counter[str] = Counter()
        self.registered: Counter[str] = Counter()

    def tick(self, *, dies: bool = False) -> None:
        """Evaluate the sensor; the daemon may die when the runs are launched, the cursor not kept.

        The platform is made anew each time, as after a restart.
        """
        context = dg.build_sensor_context(
            instance=self.instance,
            cursor=self.cursor,
            resources={"platform": Platform(data=str(self.data))},
        )
        result = landing_sensor(context)
        assert isinstance(result, dg.SensorResult)
        for registration in result.dynamic_partitions_requests or []:
            self.registered.update(registration.partition_keys)
        for request in result.run_requests or []:
            assert request.run_key is not None
            assert request.partition_key is not None
            if request.run_key not in self.keys:
                self.keys.add(request.run_key)
                self.runs[request.partition_key] += 1
        if not dies:
            self.cursor = result.cursor


@pytest.fixture
def arrivals(tmp_path: Path) -> list[Path]:
    """Return the folders that are about to land."""
    (tmp_path / "landing").mkdir()
    return [tmp_path / "landing" / f"batch-{number:03d}" for number in range(BATCHES)]


def land(folder: Path, *, marked: bool) -> None:
    folder.mkdir()
    for colour in ("Grn", "Red"):
        (folder / f"200_R01C01_{colour}.idat").write_bytes(b"IDAT")
    (folder / "samplesheet.csv").write_text("Sample_ID\n")
    if marked:
        (folder / "_COMPLETE").touch()


def test_none_of_two_hundred_batches_is_lost_or_asked_for_twice(
    arrivals: list[Path], instance: dg.DagsterInstance
) -> None:
    rng = random.Random(200)
    daemon = Daemon(arrivals[0].parents[1], instance)
    waiting = list(arrivals)
    while waiting:
        for _ in range(min(rng.randint(1, 30), len(waiting))):
            land(waiting.pop(), marked=rng.random() < 0.5)
        daemon.tick(dies=rng.random() < 0.2)
    for _ in range(3):
        daemon.tick()
    names = {folder.name for folder in arrivals}
    assert dict(daemon.runs) == dict.fromkeys(names, 1)
    assert set(daemon.registered) == names


def test_a_lost_cursor_loses_no_batch_and_uses_no_new_key(
    arrivals: list[Path], instance: dg.DagsterInstance
) -> None:
    daemon = Daemon(arrivals[0].parents[1], instance)
    for folder in arrivals[:50]:
        land(folder, marked=True)
    daemon.tick()
    daemon.cursor = None
    daemon.tick()
    daemon.tick()
    assert dict(daemon.runs) == {folder.name: 1 for folder in arrivals[:50]}
