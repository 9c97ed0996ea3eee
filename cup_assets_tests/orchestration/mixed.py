"""A chain in which a batch of each of two arrays is computed, as EPICv2 follows EPIC.

Two centres have sent the second one, so that every scheme of cross-validation is possible.

Belongs here: making it, once a session. Does not belong here: what tests say about it.
"""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import dagster as dg
import numpy as np
import polars as pl
import pytest

from cup_assets.simulate import CohortDesign, simulate_cohort
from cup_assets.simulate.arrays import array_layout
from cup_assets.simulate.manifest_writer import write_manifest
from cup_assets_tests.orchestration.chain import (
    DESIGN,
    PARAMETERS,
    SCHEMES,
    Chain,
    cheaply,
    failures,
)

OLD, NEW = "mini", "cupnext-v1-simulated"
KEPT, TWICE, THRICE = 9_000, 300, 100
SHIFT = 5_000
# On chromosome 10 of the old build; the new one says X.
MOVED = "cg00009413"


def successor_manifest(folder: Path) -> Path:
    """Write the manifest of an array that follows ``mini`` as EPICv2 follows EPIC.

    It lacks a quarter of the probes, has some of them two or three times, names every probe with a
    suffix, has bead addresses of its own, and is on another genome build: positions are shifted,
    and `MOVED` lies on another chromosome.
    """
    old = array_layout(OLD)
    rs = old.probes.filter(kind="rs")
    cg = old.probes.filter(kind="cg").sort(pl.col("name") != MOVED, pl.col("name").hash(seed=1))[
        :KEPT
    ]
    twice = cg.filter(design="II")[: TWICE + THRICE]
    copies = [(pl.concat([cg, rs]), 1), (twice, 2), (twice[:THRICE], 3)]
    probes = pl.concat(
        [part.with_columns(probe_id=pl.format("{}_TC2{}", "name", pl.lit(n))) for part, n in copies]
    ).sort("probe_id")
    rng = np.random.default_rng(1)
    taken = 2 * len(probes) + len(old.controls)
    address = (10_700_000 + rng.permutation(10 * taken)[:taken]).astype(np.int32)
    a, b, control = np.split(address, [len(probes), 2 * len(probes)])
    layout = replace(
        old,
        descriptor="CupNext_v1_SIMULATED.bpm",
        build="hg38",
        probes=probes.with_columns(
            pos=pl.col("pos") - SHIFT,
            chrom=pl.when(pl.col("name") == MOVED).then(pl.lit("X")).otherwise("chrom"),
            address_a=pl.Series(a),
            address_b=pl.when(pl.col("design") == "I").then(pl.Series(b)),
        ),
        controls=old.controls.with_columns(address=pl.Series(control)),
    )
    folder.mkdir(parents=True)
    return write_manifest(layout, folder)


def cohort(design: CohortDesign, part: Path, data: Path) -> None:
    """Simulate a part of the cohort and move its batches and manifest into the data folder."""
    simulated = simulate_cohort(part, design)
    for source, target in (("landing", "landing"), ("manifests", "manifests")):
        (data / target).mkdir(parents=True, exist_ok=True)
        for item in (part / source).iterdir():
            shutil.move(item, data / target / item.name)
    assert len(simulated.batches) == 1


def two_centres(landing: Path) -> None:
    """Write another centre into every second line of the sheet of the batch that is last."""
    sheet = max(landing.iterdir()) / "samplesheet.csv"
    lines = sheet.read_text().splitlines(keepends=True)
    lines[-1::-2] = [line.replace("SIM-centre-1", "SIM-centre-2") for line in lines[-1::-2]]
    sheet.write_text("".join(lines))


_made: dict[str, Path] = {}  # once a session, whichever file's tests ask first


def mixed_folder(temporary: pytest.TempPathFactory) -> Path:
    """Return a data folder in which a batch of each array is computed; read only."""
    if "mixed" not in _made:
        folder = temporary.mktemp("mixed")
        data = folder / "data"
        classes = tuple((name, 5) for name, _ in DESIGN.classes)
        old = replace(DESIGN, classes=classes, diagnostic=2, biology=3, truth_betas=False)
        manifest = successor_manifest(folder / "new")
        new = replace(old, manifest=manifest, seed=2, first_number=101)
        cohort(old, folder / "one", data)
        cohort(new, folder / "two", data)
        two_centres(data / "landing")
        every = PARAMETERS.replace(SCHEMES, "")
        assert every != PARAMETERS
        (data / "parameters.toml").write_text(every)
        with cheaply(), dg.DagsterInstance.ephemeral() as instance:
            assert not failures(Chain(data, instance).up_to_date())
        _made["mixed"] = data
    return _made["mixed"]
