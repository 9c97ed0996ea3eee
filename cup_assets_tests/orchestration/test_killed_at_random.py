"""Kill -9 at any moment: what is stored is the old state or the new one, never between."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import polars as pl
import pytest

from cup_assets.compute import scratch_folder
from cup_assets.settings import Settings
from cup_assets.warehouse import Catalogue
from cup_assets_tests.orchestration.chain import mark
from cup_assets_tests.orchestration.test_killed import content

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3000)]

KILLS = 20
WHILE_STORING = 7  # of them aimed at the moments when something is written
SEED = 20
VERSIONS = (
    'SELECT asset, "partition", data_version FROM asset_versions WHERE is_current ORDER BY ALL'
)


@dataclass(frozen=True)
class Moment:
    """So many seconds after the n-th asset was done, or after one began to be stored."""

    at: float
    done: int
    storing: str | None
    offset: float


@contextmanager
def killer() -> Iterator[Any]:
    environment = {n: value for n, value in os.environ.items() if not n.startswith("DAGSTER_")}
    with subprocess.Popen(
        [sys.executable, "-m", "cup_assets_tests.orchestration.killing_at_random"],
        env={**environment, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
        cwd=Path(__file__).resolve().parents[2],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None

        def attempt(data: Path, moment: Moment | None = None) -> dict[str, Any]:
            when = {"done": None, "storing": None, "offset": 0.0}
            if moment:
                when = {"done": moment.done, "storing": moment.storing, "offset": moment.offset}
            process.stdin.write(json.dumps({"data": str(data), **when}) + "\n")
            process.stdin.flush()
            return json.loads(process.stdout.readline())

        yield attempt
        process.stdin.close()


def changed(complete: Path, target: Path) -> Path:
    """Return a complete folder in which much is to be made anew: two batches, one parameter."""
    shutil.copytree(complete, target)
    for batch in ("cases", "normals"):
        shutil.move(target / "aside" / batch, target / "landing" / batch)
        mark(target / "landing" / batch)
    parameters = target / "parameters.toml"
    parameters.write_text(parameters.read_text().replace("trees = 20", "trees = 21", 1))
    return target


def moments(timeline: list[list[Any]]) -> list[Moment]:
    """Draw moments over a whole run, some of them within the writing of an asset; in order."""
    rng = np.random.default_rng(SEED)
    done = [(t, name) for t, what, name in timeline if what == "done"]
    storing = {name: t for t, what, name in timeline if what == "storing"}
    starts = [0.0, *(t for t, _ in done)]
    drawn = []
    for at in rng.uniform(0, starts[-1], KILLS - WHILE_STORING):
        n = int(np.searchsorted(starts, at, side="right")) - 1
        drawn.append(Moment(float(at), n, None, float(at - starts[n])))
    ends = {name: t for t, name in done}
    order = [name for _, name in done]
    for name in rng.choice(sorted(storing), WHILE_STORING, replace=False):
        offset = float(rng.uniform(0, ends[name] - storing[name]))
        # If an earlier attempt got so far as to store it, this one dies where it would have.
        drawn.append(Moment(storing[name] + offset, order.index(name) + 1, str(name), offset))
    return sorted(drawn, key=lambda moment: moment.at)


def versions(data: Path) -> dict[tuple[str, str], str]:
    rows = Catalogue(data / "warehouse" / "cup.duckdb").query(VERSIONS)
    return {(asset, part): version for asset, part, version in rows.iter_rows()}


def own_versions(data: Path) -> dict[str, set[str]]:
    """Return table -> the versions that its rows carry."""
    # One connection for a hundred tables: opening takes longer than asking.
    with duckdb.connect(data / "warehouse" / "cup.duckdb", read_only=True) as connection:
        tables = connection.execute(
            "SELECT table_name FROM information_schema.columns WHERE column_name = 'data_version'"
            " AND table_name IN (SELECT table_name FROM information_schema.tables"
            " WHERE table_type = 'BASE TABLE')"
        ).fetchall()
        return {
            table: {
                version
                for (version,) in connection.execute(
                    f'SELECT DISTINCT data_version FROM "{table}"'
                ).fetchall()
            }
            for (table,) in tables
        }


def check_matrices(data: Path) -> None:
    """Every matrix that a row refers to is whole."""
    warehouse = data / "warehouse"
    rows = Catalogue(warehouse / "cup.duckdb").query(
        "SELECT path, n_probes, n_samples FROM matrices"
    )
    assert rows.height
    for path, n_probes, n_samples in rows.iter_rows():
        assert pl.read_parquet(warehouse / path).shape == (n_probes, n_samples + 1), path


def files(data: Path) -> set[str]:
    """Return the files, without Dagster's own, logs of runs among them.

    Nor DuckDB's log of what was committed: who dies right after a commit leaves one, every reader
    takes it into account, and the next writer folds it in.
    """
    return {
        path.relative_to(data).as_posix()
        for path in data.rglob("*")
        if path.is_file()
        and path.relative_to(data).parts[0] != "dagster"
        and path.name != "cup.duckdb.wal"
    }


def where(told: list[list[Any]], order: list[str]) -> str:
    """Say what an attempt was at when it was killed."""
    done = sum(what == "done" for _, what, _ in told)
    if told and told[-1][1] == "storing":
        return f"storing {told[-1][2]}"
    return f"before {order[done]} was done" if done < len(order) else "at the end"


def test_killed_at_twenty_random_moments_it_is_old_or_new_and_ends_like_any_other(
    complete_data: Path, tmp_path: Path
) -> None:
    clean = changed(complete_data, tmp_path / "clean")
    data = changed(complete_data, tmp_path / "data")
    old = versions(data)
    with killer() as attempt:
        undisturbed = attempt(clean)
        assert undisturbed["status"] == 0, undisturbed
        assert not [name for _, what, name in undisturbed["told"] if what == "failed"]
        begin = undisturbed["told"][0][0]
        timeline = [[t - begin, what, name] for t, what, name in undisturbed["told"]]
        order = [name for _, what, name in timeline if what == "done"]
        new = versions(clean)
        # Rows may only carry versions that the old or the new state has in that table.
        before, after = own_versions(data), own_versions(clean)
        allowed = {table: found | before[table] for table, found in after.items()}
        # But for tables that keep history, or belong to no asset: only versions that are current.
        current_only = {
            table
            for table, found in after.items()
            if found <= set(new.values()) and before[table] <= set(old.values())
        }
        assert {"cv_scores", "cnv_segments", "samples"} <= current_only
        fell, n_new = [], []
        for moment in moments(timeline):
            came = attempt(data, moment)
            place = where(came["told"], order) if came["killed"] else "after the end"
            now = versions(data)  # the catalogue opens
            for key, version in now.items():
                assert version in (old.get(key), new.get(key)), (key, place)
            assert set(now) >= set(old), place
            for table, found in own_versions(data).items():
                assert found <= allowed[table], (table, place)
                assert table not in current_only or found <= set(now.values()), (table, place)
            check_matrices(data)
            n_new.append(sum(now.get(key) == version for key, version in new.items()))
            fell.append(place)
            print(
                f"{moment.at:7.2f} s  {place:55s}{n_new[-1]:4d} of {len(new)} are new", flush=True
            )
        last = attempt(data)
    assert last["status"] == 0, last
    assert not [name for _, what, name in last["told"] if what == "failed"]
    assert sum(place != "after the end" for place in fell) >= KILLS - 2
    assert len(set(fell)) >= KILLS // 3, "the moments are spread over the stages"
    assert n_new == sorted(n_new), "what is new stays"

    found, expected = content(data), content(clean)
    assert found.keys() == expected.keys()
    for table, rows in expected.items():
        assert found[table].equals(rows), table
    # A run that was killed leaves what it had on the disk to the next that needs room there.
    with scratch_folder(Settings(data).cache):
        pass
    assert files(data) == files(clean)
