"""What a power cut leaves: every process of the platform is killed at once, in mid work."""

from __future__ import annotations

import shutil
from pathlib import Path

import polars as pl
import pytest

from cup_assets.simulate import SimulatedCohort
from cup_assets_tests.end_to_end.harness import LivePlatform, is_up_to_date

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1500)]

RESULTS = (
    "SELECT asset, partition, data_version FROM asset_versions WHERE is_current ORDER BY ALL",
    'SELECT model, sample_id, "class", raw_score, score FROM cv_scores ORDER BY ALL',
    'SELECT sample_id, release, "class", score, call FROM predictions ORDER BY ALL',
    "SELECT sample_id, chrom, start, log2, call FROM cnv_segments ORDER BY ALL",
    "SELECT sample_id, sum(beta) AS total FROM betas GROUP BY sample_id ORDER BY sample_id",
)


def _results(platform: LivePlatform) -> list[pl.DataFrame]:
    return [platform.catalogue.query(sql) for sql in RESULTS]


def _platform(folder: Path, cohort: SimulatedCohort) -> LivePlatform:
    folder.mkdir()
    platform = LivePlatform(folder)
    shutil.copytree(cohort.manifests, platform.settings.manifests)
    platform.land(cohort.landing / cohort.batches[0])
    return platform


def _retry_of(platform: LivePlatform, killed: str) -> str:
    """Wait until a killed run is marked as failed and started again; return the new run."""
    platform.wait_for(
        lambda: [r for r in platform.runs(status="FAILURE") if r.run_id == killed],
        "the killed run is marked as failed",
        120,
    )
    (retry,) = platform.wait_for(
        lambda: [r for r in platform.runs() if r.tags.get("dagster/parent_run_id") == killed],
        "the killed run is started again",
        120,
    )
    return retry.run_id


def test_a_platform_killed_in_mid_work_ends_like_one_that_was_not(
    cohort: SimulatedCohort, tmp_path: Path
) -> None:
    batch = cohort.batches[0]
    platform = _platform(tmp_path / "killed", cohort)
    try:
        platform.start()
        during_betas = platform.wait_for_step("normalised/betas", 180)
        platform.kill()
        assert platform.catalogue.current("normalised/betas", batch) is None
        platform.start()
        _retry_of(platform, during_betas.run_id)

        during_aggregates = platform.wait_for_step("evaluation/landscape", 400)
        platform.kill()
        platform.start()
        _retry_of(platform, during_aggregates.run_id)

        platform.wait_for(
            lambda: is_up_to_date(platform.settings, [batch]), "everything is complete", 600
        )
        platform.wait_until_idle(120)
        platform.wait_for(
            lambda: not any(platform.claimed_slots().values()), "all pool slots are free", 120
        )
    finally:
        platform.stop()

    undisturbed = _platform(tmp_path / "undisturbed", cohort)
    undisturbed.materialise_headless()
    for found, expected in zip(_results(platform), _results(undisturbed), strict=True):
        assert expected.height
        assert found.equals(expected), (found, expected)


def test_a_killed_headless_run_does_not_block_the_platform(
    cohort: SimulatedCohort, tmp_path: Path
) -> None:
    platform = _platform(tmp_path / "headless", cohort)
    platform.kill_headless_during("normalised/betas")
    try:
        platform.start()
        platform.wait_for(
            lambda: is_up_to_date(platform.settings, [cohort.batches[0]]), "it catches up", 900
        )
        (killed,) = platform.runs(status="FAILURE")
        assert "cup/pid" in killed.tags
    finally:
        platform.stop()


def test_a_killed_headless_run_does_not_block_the_next_one(
    cohort: SimulatedCohort, tmp_path: Path
) -> None:
    platform = _platform(tmp_path / "headless", cohort)
    platform.kill_headless_during("normalised/betas")
    platform.materialise_headless()
    assert is_up_to_date(platform.settings, [cohort.batches[0]])
