"""Endurance: many small batches through a real platform (web server, daemon, code server).

Batches land a few at a time and, at the end, many at once; the landing sensor takes them, every run
is a process of its own, as in a hospital. The chain of a batch is driven (inventory, betas, pools
of normals, copy number); the sensors that refresh the aggregates are stopped, because what is made
of all samples grows with them by its nature, and would be measured instead.

    python benchmarks/soak.py [--batches 200] [--samples 2] [--out data/soak]
    python benchmarks/soak.py --report data/soak      (table and picture of what was measured)

Exit status 1 if a batch was lost or done twice.
"""

from __future__ import annotations

import argparse
import csv
import dataclasses
import shutil
import sys
import time
from pathlib import Path

import polars as pl
from processes import look
from soak_report import report

from cup_assets.simulate import CohortDesign, simulate_cohort
from cup_assets_tests.end_to_end.harness import LivePlatform
from cup_assets_tests.end_to_end.watching import UNFINISHED

AGGREGATES = ("refresh_aggregates", "predict_cases", "refresh_studies")
CHAIN = ("raw/idats", "normalised/betas", "cnv/profiles")
NORMALS = 6
AHEAD = 4  # batches that wait or are at work while there is no rush
RUSH = 0.1  # of the batches land at once at the end
_SENSORS = """
query { sensorsOrError(repositorySelector: {repositoryName: "__repository__",
  repositoryLocationName: "cup_assets.definitions"}) { __typename
  ... on Sensors { results { name id sensorState { id selectorId } } } } }
"""
_STOP = """
mutation($id: String!) { stopSensor(id: $id) { __typename
  ... on StopSensorMutationResult { instigationState { status } } } }
"""
_TICKS = """
query { sensorOrError(sensorSelector: {repositoryName: "__repository__",
  repositoryLocationName: "cup_assets.definitions", sensorName: "landing"}) {
  ... on Sensor { sensorState { ticks(limit: 3) { timestamp endTimestamp } } } } }
"""


def make_batches(folder: Path, n: int, samples: int) -> tuple[Path, list[Path]]:
    """Simulate one cohort and divide it; return the manifests and the batches, normals first."""
    classes = CohortDesign.tiny().classes[:2]
    half = (n * samples + 1) // 2
    design = dataclasses.replace(
        CohortDesign.tiny(seed=7),
        classes=tuple((name, half) for name, _ in classes),
        **dict.fromkeys(("diagnostic", "novel", "duplicates", "swaps", "second_samples"), 0),
        **dict.fromkeys(("wrong_sexes", "degraded"), 0),
        normals=NORMALS,
        batches=1,
        sites=1,
        confounding=0.0,
        truth_betas=False,
    )
    cohort = simulate_cohort(folder / "simulated", design)
    source = cohort.landing / cohort.batches[0]
    truth = pl.read_parquet(cohort.truth / "samples.parquet")
    sheet = truth.select(
        Sample_ID="sample_id", Sentrix_ID="sentrix_id", Sentrix_Position="sentrix_position",
        patient_id="patient_id", diagnosis="labelled_class", role="role", material="material",
        sex="sex", site="site", cohort=pl.lit("SIMULATED"),
    )  # fmt: skip
    normals = sheet.filter(pl.col("role") == "normal_control")
    others = sheet.filter(pl.col("role") != "normal_control")
    parts = [normals, *(others[i * samples : (i + 1) * samples] for i in range(n - 1))]
    batches = []
    for number, rows in enumerate(parts):
        batch = folder / "batches" / f"soak-{number:04d}"
        batch.mkdir(parents=True)
        for slide, position in rows["Sentrix_ID", "Sentrix_Position"].iter_rows():
            for file in source.glob(f"{slide}_{position}_*.idat"):
                shutil.move(file, batch)
        rows.write_csv(batch / "samplesheet.csv")
        batches.append(batch)
    return cohort.manifests, batches


class Soak:
    """One platform, and a line of measurements for every batch that is done."""

    def __init__(self, platform: LivePlatform, out: Path) -> None:
        self.platform = platform
        self.out = out
        self.rows: list[dict[str, object]] = []
        self.began = time.time()

    def run(self, batches: list[Path]) -> None:
        rush = len(batches) - int(RUSH * len(batches))
        for number, batch in enumerate(batches):
            ahead = 1 if number <= 1 else AHEAD  # the pool of normals first
            while number < rush and number - len(self.rows) >= ahead:
                self.observe()
            self.platform.land(batch)
        while len(self.rows) < len(batches):
            self.observe()

    def observe(self) -> None:
        """Write a line for every batch that has ended since the last look."""
        seen = {row["batch"] for row in self.rows}
        runs = [run for run in self.platform.runs(job="process_batch") if run.partition]
        ended = [r for r in runs if r.status not in UNFINISHED and r.partition not in seen]
        for run in sorted(ended, key=lambda run: run.span[1]):
            self.rows.append({"batch": run.partition, **self._measured(run.span, run.status)})
            with (self.out / "soak.csv").open("w", newline="") as file:
                writer = csv.DictWriter(file, self.rows[0])
                writer.writeheader()
                writer.writerows(self.rows)
        if not ended:
            time.sleep(1)

    def _measured(self, span: tuple[float, float], status: str) -> dict[str, object]:
        process = self.platform._process
        assert process is not None
        seen = look(process.pid)
        resident = {"daemon": 0, "webserver": 0, "code_server": 0, "runs": 0}
        for pid, one in seen.others.items():
            resident[_kind(pid)] += one.resident
        data = self.platform.settings.data
        landed, tick = self.platform.graphql(_TICKS)["sensorOrError"]["sensorState"]["ticks"], 0.0
        if done := [each for each in landed if each["endTimestamp"]]:
            tick = done[0]["endTimestamp"] - done[0]["timestamp"]
        catalogue = self.platform.settings.catalogue
        return {
            "done": len(self.rows) + 1,
            "at": round(time.time() - self.began, 1),
            "status": status,
            "run_seconds": round(span[1] - span[0], 2),
            "cpu_seconds": round(seen.processor, 2),  # of all processes since the start
            "tick_seconds": round(tick, 3),
            **{f"{name}_mb": round(size / 1e6) for name, size in resident.items()},
            "catalogue_mb": round(_bytes(catalogue)[0] / 1e6, 2),
            "matrices_mb": round(_bytes(catalogue.parent / "matrices")[0] / 1e6, 2),
            "dagster_mb": round(_bytes(self.platform.settings.dagster_home)[0] / 1e6, 2),
            "reports_mb": round(_bytes(self.platform.settings.reports)[0] / 1e6, 2),
            "files": _bytes(data)[1] - _bytes(self.platform.settings.landing)[1],
        }


def _kind(pid: int) -> str:
    try:
        command = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    except OSError:
        return "runs"
    for name, word in (
        ("daemon", "daemon"),
        ("webserver", "webserver"),
        ("code_server", "api grpc"),
    ):
        if word in command:
            return name
    return "runs"


def _bytes(path: Path) -> tuple[int, int]:
    """Return the bytes and the number of the files at a path."""
    files = [path] if path.is_file() else path.rglob("*")
    sizes = []
    for file in files:
        try:
            if file.is_file():
                sizes.append(file.stat().st_size)
        except FileNotFoundError:
            continue
    return sum(sizes), len(sizes)


def stop_aggregates(platform: LivePlatform) -> None:
    answer = platform.graphql(_SENSORS)["sensorsOrError"]
    for sensor in answer["results"]:
        if sensor["name"] in AGGREGATES:
            stopped = platform.graphql(_STOP, id=sensor["sensorState"]["id"])["stopSensor"]
            assert stopped["__typename"] == "StopSensorMutationResult", stopped


def verdict(platform: LivePlatform, batches: list[Path]) -> list[str]:
    """Return what was lost or done twice, a line each."""
    faults = []
    runs = [run for run in platform.runs() if run.job == "process_batch"]
    versions = platform.catalogue.query(
        'SELECT asset, "partition", count(*) AS n FROM asset_versions GROUP BY ALL'
    )
    made = {(asset, part): n for asset, part, n in versions.iter_rows()}
    for batch in (batch.name for batch in batches):
        mine = [run.status for run in runs if run.partition == batch]
        if mine != ["SUCCESS"]:
            faults.append(f"{batch}: runs {mine}")
        counts = [made.get((asset, batch), 0) for asset in CHAIN]
        if counts != [1] * len(CHAIN):
            faults.append(f"{batch}: versions of {CHAIN} {counts}")
    samples = platform.catalogue.query("SELECT count(*), count(DISTINCT sample_id) FROM samples")
    expected = sum(len(list(batch.glob("*_Grn.idat"))) for batch in batches)
    if samples.row(0) != (expected, expected):
        faults.append(f"samples {samples.row(0)}, expected {expected}")
    return faults


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--batches", type=int, default=200)
    parser.add_argument("--samples", type=int, default=2, help="in a batch")
    parser.add_argument("--out", type=Path, default=Path("data/soak"))
    parser.add_argument("--report", type=Path, help="only report on an earlier soak")
    given = parser.parse_args()
    if given.report:
        report(given.report)
        return
    shutil.rmtree(given.out, ignore_errors=True)
    given.out.mkdir(parents=True)
    manifests, batches = make_batches(given.out / "made", given.batches, given.samples)
    (given.out / "live").mkdir()
    platform = LivePlatform((given.out / "live").resolve())
    shutil.copytree(manifests, platform.settings.manifests)
    try:
        platform.start()
        stop_aggregates(platform)
        Soak(platform, given.out).run(batches)
        faults = verdict(platform, batches)
    finally:
        platform.stop()
    lines = faults or [f"{len(batches)} batches: none lost, none done twice"]
    (given.out / "verdict.txt").write_text("\n".join(lines) + "\n")
    report(given.out)
    sys.exit(bool(faults))


if __name__ == "__main__":
    main()
