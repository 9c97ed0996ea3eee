"""Which pool of normal controls a profile is computed with, and when it is computed again."""

from __future__ import annotations

import polars as pl
import pytest

from cup_assets.orchestration.conventions import PROFILES, REFERENCE
from cup_assets_tests.orchestration.chain import Chain


def profiled(chain: Chain) -> dict[str, str | None]:
    """Return batch -> version of the pool that its profiles were computed with."""
    rows = chain.catalogue.query("SELECT DISTINCT batch, pool_version FROM cnv_profiles")
    assert rows["batch"].is_unique().all()
    return dict(rows.iter_rows())


@pytest.fixture
def without_normals(landed: Chain) -> Chain:
    """Return a chain in which only samples of role reference have landed."""
    normals = landed.sheet("alpha").filter(role="normal_control")
    late = landed.data / "aside" / "first_normals"
    late.mkdir()
    for barcode, position in normals["Sentrix_ID", "Sentrix_Position"].iter_rows():
        for colour in ("Grn", "Red"):
            name = f"{barcode}_{position}_{colour}.idat"
            (landed.folder("alpha") / name).rename(late / name)
    normals.write_csv(late / "samplesheet.csv")
    landed.write_sheet("alpha", landed.sheet("alpha").filter(pl.col("role") != "normal_control"))
    landed.remove("beta")
    return landed


@pytest.mark.slow
def test_normals_that_arrive_later_profile_what_had_no_pool_and_change_no_other_profile(
    without_normals: Chain,
) -> None:
    chain = without_normals

    def land_and_process(batch: str) -> None:
        chain.land(batch)
        assert chain.run("process_batch", batch).success

    assert chain.run("process_batch", "alpha").success
    assert profiled(chain) == {"alpha": None}
    calls = chain.catalogue.query("SELECT DISTINCT call FROM cnv_calls WHERE batch = 'alpha'")
    assert calls["call"].to_list() == ["no_call"]
    assert "land at least 4 samples with role normal_control" in str(
        chain.one("SELECT DISTINCT reason FROM cnv_profiles WHERE batch = 'alpha'")
    )

    land_and_process("first_normals")
    assert chain.run("profile_batch", "alpha").success
    first = profiled(chain)
    assert first["alpha"] == first["first_normals"] is not None

    land_and_process("normals")
    land_and_process("beta")
    assert chain.run("profile_batch", "alpha").success
    later = profiled(chain)
    assert later["alpha"] == first["alpha"]
    assert later["beta"] == later["normals"] != first["alpha"]

    forced = chain.run("profile_batch", "alpha", tags={"cup/force": "true"})
    assert forced.success
    assert profiled(chain)["alpha"] == later["beta"]


def test_a_batch_without_normals_is_no_failure_and_waits_for_a_pool(without_normals: Chain) -> None:
    from cup_assets.orchestration.landing import batches_awaiting_controls
    from cup_assets.orchestration.resources import Platform

    platform = Platform(data=str(without_normals.data))
    assert without_normals.run("process_batch", "alpha").success
    assert batches_awaiting_controls(platform) == []
    without_normals.land("first_normals")
    assert without_normals.run("process_batch", "first_normals").success
    assert batches_awaiting_controls(platform) == ["alpha"]
    assert without_normals.run("profile_batch", "alpha", only=[PROFILES]).success
    assert batches_awaiting_controls(platform) == []


def test_a_changed_normalisation_reaches_copy_number_and_never_mixes_in_a_pool(
    complete: Chain,
) -> None:
    with complete.settings.parameters.open("a") as file:
        file.write("[betas]\noffset = 20.0\n")
    before = profiled(complete)
    reference = complete.catalogue.current("datasets/reference", "")
    assert complete.run("read_batch", "beta").success
    assert complete.run("refresh_controls").success
    # The normals, in alpha, are still normalised as before: no pool for beta until they are not.
    assert complete.one("SELECT count(*) FROM cnv_pools WHERE is_current") == 0
    assert complete.run("read_batch", "alpha").success
    assert complete.run("refresh_controls").success
    for batch in ("alpha", "beta"):
        assert complete.run("profile_batch", batch).success
    after = profiled(complete)
    assert after["alpha"] == after["beta"] != before["alpha"]
    assert complete.run("refresh_aggregates_now", only=[REFERENCE]).success
    now = complete.catalogue.current("datasets/reference", "")
    assert now is not None
    assert reference is not None
    assert now.data_version != reference.data_version
