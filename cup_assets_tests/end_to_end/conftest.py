"""One platform that lives through these tests: what happened to it, step by step.

It is stopped with the last of them: what it would go on computing costs the other tests their time.
"""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Iterator

import pytest

from cup_assets.simulate import CohortDesign, SimulatedCohort, simulate_cohort
from cup_assets_tests.end_to_end.harness import LivePlatform, is_up_to_date


@pytest.fixture(scope="package")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> SimulatedCohort:
    """Return two small batches, each with every class, normals and diagnostic cases.

    They lie outside of any landing folder. The seed is one that deals the classes out evenly.
    """
    tiny = CohortDesign.tiny()
    design = dataclasses.replace(
        tiny,
        seed=4,
        classes=tuple((diagnosis, 9) for diagnosis, _ in tiny.classes[:3]),
        normals=8,
        duplicates=0,
        swaps=0,
        second_samples=0,
        confounding=0.0,
        truth_betas=False,
    )
    return simulate_cohort(tmp_path_factory.mktemp("simulated"), design)


@pytest.fixture(scope="package")
def live(
    cohort: SimulatedCohort, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[LivePlatform]:
    """Return a platform that has just been started; nothing has landed yet."""
    platform = LivePlatform(tmp_path_factory.mktemp("live"))
    shutil.copytree(cohort.manifests, platform.settings.manifests)
    try:
        platform.start()
        yield platform
    finally:
        platform.stop()


@pytest.fixture(scope="package")
def first_batch(live: LivePlatform, cohort: SimulatedCohort) -> str:
    """Land the first batch, do nothing more, and return its name once it has been processed."""
    batch = live.land(cohort.landing / cohort.batches[0])
    live.wait_for(
        lambda: live.runs(job="process_batch", partition=batch, status="SUCCESS"),
        "the first batch is processed",
        180,
    )
    return batch


@pytest.fixture(scope="package")
def second_batch(live: LivePlatform, cohort: SimulatedCohort, first_batch: str) -> str:
    """Land the second batch while the aggregates of the first are being made, in bad manner.

    First some files are there, one of them under the name that a copying program gives; then one
    keeps growing; then it is complete. Each state is left only after the sensor saw it.
    """
    source = cohort.landing / cohort.batches[1]
    live.wait_for(
        lambda: live.materialisations("datasets/reference"), "the first aggregates are begun", 90
    )
    target = live.settings.landing / source.name
    target.mkdir()
    *early, late = sorted(source.glob("*.idat"))
    for file in [*early, source / "samplesheet.csv"]:
        shutil.copy2(file, target)
    partial = target / f"{late.name}.part"
    partial.write_bytes(late.read_bytes()[:1000])
    live.wait_for_skip(f"{source.name} is being copied ({partial.name})")
    growing = partial.rename(target / late.name)
    content = late.read_bytes()

    def grow() -> None:
        growing.write_bytes(content[: growing.stat().st_size + 1])

    for _ in range(2):
        live.wait_for_skip(f"{source.name} is new or changing", meanwhile=grow)
    assert not live.runs(partition=source.name)
    growing.write_bytes(content)
    (target / "_COMPLETE").touch()
    live.wait_for(
        lambda: live.runs(job="process_batch", partition=source.name, status="SUCCESS"),
        "the second batch is processed",
        180,
    )
    return source.name


@pytest.fixture(scope="package")
def refreshed(live: LivePlatform, first_batch: str, second_batch: str) -> None:
    """Wait until the aggregates know of the second batch."""
    live.wait_for(
        lambda: is_up_to_date(live.settings, [first_batch, second_batch]),
        "the aggregates are made of both batches",
        400,
    )
