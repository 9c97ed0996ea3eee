"""When a profile's pool gives way to a newer one, and what its files are."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from cup_assets.copynumber import CnvParameters
from cup_assets.orchestration import pool_rule
from cup_assets.orchestration.cnv_cohort import read_cnv_features
from cup_assets.orchestration.cnv_files import file_name
from cup_assets.orchestration.landing import batches_awaiting_controls
from cup_assets.orchestration.pool_rule import superseded
from cup_assets.orchestration.resources import Platform
from cup_assets_tests.orchestration.chain import Chain

RULE = CnvParameters(advised_controls=6)


def pool(version: str, n: int, first: int = 0) -> dict[str, Any]:
    ids = ";".join(f"n{i:02d}" for i in range(first, first + n))
    return {"pool_version": version, "n_controls": n, "sample_ids": ids}


def test_a_newer_pool_alone_is_no_reason() -> None:
    assert superseded(pool("a", 4), pool("b", 5), RULE) is None
    assert superseded(pool("a", 6), pool("b", 20), RULE) is None
    assert superseded(pool("a", 4), pool("a", 4), RULE) is None


def test_a_pool_of_few_controls_gives_way_to_one_of_enough() -> None:
    reason = superseded(pool("a", 4), pool("b", 6), RULE)
    assert reason == "it had 4 controls, 6 are there now"
    assert superseded(pool("a", 4), pool("b", 6), replace(RULE, renew_when_advised=False)) is None


def test_a_pool_that_lost_a_control_gives_way() -> None:
    reason = superseded(pool("a", 6), pool("b", 6, first=1), RULE)
    assert reason == "no longer normal controls: n00"
    keeping = replace(RULE, renew_when_control_lost=False)
    assert superseded(pool("a", 6), pool("b", 6, first=1), keeping) is None


def test_without_another_pool_the_old_one_stays() -> None:
    assert superseded(pool("a", 4), None, RULE) is None


def test_a_pool_that_nothing_can_replace_stays_and_names_the_controls_it_lost(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    left = pl.DataFrame({"sample_id": ["n01", "n02"]})
    monkeypatch.setattr(pool_rule, "normal_controls", lambda _: (left, []))
    choice = pool_rule._choose(Platform(data=str(tmp_path)), pool("a", 4), None)
    assert (choice.version, choice.lost) == ("a", ("n00", "n03"))


@pytest.mark.parametrize("name", ["a/b", "../x", ".hidden", "räum lich", "a b"])
def test_no_sample_name_leaves_the_folder_or_takes_anothers_place(name: str) -> None:
    made = file_name(name)
    assert "/" not in made
    assert not made.startswith(".")
    assert made.isascii()
    assert " " not in made
    assert made != file_name("a_b")
    assert file_name("SIM-0001.x") == "SIM-0001.x"


def test_profiles_are_renewed_by_rule_through_the_assets(landed: Chain) -> None:
    chain = landed
    with chain.settings.parameters.open("a") as file:
        file.write("[cnv]\nadvised_controls = 6\n")
    for batch in ("alpha", "beta"):
        assert chain.run("process_batch", batch).success
    platform = Platform(data=str(chain.data))
    assert pools(chain) == {("alpha", 4), ("beta", 4)}
    assert batches_awaiting_controls(platform) == []
    warned = chain.one("SELECT DISTINCT warnings FROM cnv_profiles WHERE batch = 'beta'")
    assert "only 4 normal controls" in str(warned)

    # Two more controls reach the advised number.
    chain.land("normals")
    assert chain.run("process_batch", "normals").success
    assert batches_awaiting_controls(platform) == ["alpha", "beta"]
    assert chain.run("profile_batch", "beta").success
    assert pools(chain) == {("alpha", 4), ("beta", 6), ("normals", 6)}
    assert batches_awaiting_controls(platform) == ["alpha"]

    check_files(chain)
    check_features(chain, platform)


def pools(chain: Chain) -> set[tuple[str, int]]:
    """Return batch and the number of controls of its profiles' pool."""
    rows = chain.catalogue.query(
        "SELECT DISTINCT p.batch, c.n_controls FROM cnv_profiles p JOIN cnv_pools c"
        " USING (pool_version)"
    )
    return set(rows.iter_rows())


def check_files(chain: Chain) -> None:
    """Each called sample has its page and track, each batch its SEG file and index."""
    folder = chain.settings.reports / "cnv" / "beta"
    samples = chain.catalogue.query("SELECT sample_id FROM cnv_profiles WHERE batch = 'beta'")
    names = {path.name for path in folder.iterdir()}
    expected = {f"{s}.{end}" for s in samples["sample_id"] for end in ("html", "hg19.bedgraph")}
    assert names == expected | {"index.html", "beta.hg19.seg"}
    assert (folder.parent / "plotly.min.js").stat().st_size > 1_000_000
    seg = pl.read_csv(folder / "beta.hg19.seg", separator="\t", schema_overrides={"chrom": str})
    stored = chain.catalogue.query("SELECT * FROM cnv_segments WHERE batch = 'beta'")
    assert seg.height == stored.height
    assert set(seg["ID"]) == set(stored["sample_id"])
    index = (folder / "index.html").read_text()
    assert all(f'href="{s}.html"' in index for s in samples["sample_id"])


def check_features(chain: Chain, platform: Platform) -> None:
    ids = chain.catalogue.query("SELECT sample_id FROM cnv_profiles ORDER BY sample_id DESC")
    features = read_cnv_features(platform, ids["sample_id"].to_list())
    assert features.sample_ids == tuple(ids["sample_id"])
    stored = chain.catalogue.query(
        "SELECT CASE WHEN call <> 'no_call' THEN log2 END AS log2 FROM cnv_calls"
        " WHERE kind = 'arm' AND region = '3q' ORDER BY sample_id DESC"
    )
    found = features.values[:, features.names.index("arm:3q")]
    expected = stored["log2"].fill_null(float("nan")).to_list()
    assert found.tolist() == pytest.approx(expected, abs=1e-6, nan_ok=True)
    # A control of a pool of four has three others: too few to be measured against.
    assert stored["log2"].null_count() == 4
    purity = chain.catalogue.query(
        "SELECT s.role, q.purity, q.purity_reason FROM sample_qc q JOIN samples s USING (sample_id)"
    )
    normals = purity.filter(pl.col("role") == "normal_control")
    assert normals["purity"].null_count() == normals.height
    assert normals["purity_reason"].unique().to_list() == ["normal control"]
    truth = pl.read_parquet(chain.data / "truth" / "samples.parquet").select(
        "sample_id", true="purity"
    )
    estimated = (
        chain.catalogue.query("SELECT sample_id, purity FROM cnv_profiles WHERE purity IS NOT NULL")
        .join(truth, on="sample_id")
        .select((pl.col("purity") - pl.col("true")).abs())
        .to_series()
    )
    assert estimated.len() >= 15
    assert float(estimated.median()) < 0.1  # type: ignore[arg-type]
