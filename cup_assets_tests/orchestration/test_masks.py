"""Masks, a team's own and those with a name, reach the betas with reasons and are accounted for."""

from __future__ import annotations

import importlib.util

import polars as pl
import pytest

from cup_assets.methylome import read_manifest
from cup_assets_tests.orchestration.chain import Chain


def masked(chain: Chain) -> int:
    found = chain.catalogue.query("SELECT sum(n) AS n FROM masked_betas WHERE reason = 'snp'")
    return int(found["n"][0] or 0)


def test_a_mask_file_masks_its_probes_and_a_changed_one_computes_betas_anew(landed: Chain) -> None:
    assert landed.run("read_batch", "alpha").success
    assert masked(landed) == 0
    probes = landed.catalogue.query("SELECT probe_id FROM probes ORDER BY probe_id LIMIT 3")
    samples = landed.catalogue.query("SELECT * FROM samples").height
    names = probes["probe_id"].to_list()
    with (landed.data / "parameters.toml").open("a") as parameters:
        parameters.write('[betas]\nmasks = ["own.csv"]\n')
    for n in (2, 3):
        rows = "".join(f"{name},snp\n" for name in names[:n])
        (landed.data / "own.csv").write_text(f"probe_id,reason\n{rows}")
        assert landed.run("read_batch", "alpha").success
        assert masked(landed) == n * samples
    stored = landed.catalogue.query(
        "SELECT count(*) AS n FROM betas WHERE list_contains(?, probe_id)", [names]
    )
    assert stored["n"][0] == 0


@pytest.mark.skipif(
    importlib.util.find_spec("methylprep") is None, reason="needs the package methylprep"
)
def test_named_masks_reach_the_betas_and_the_page_accounts_for_every_missing_one(
    landed: Chain,
) -> None:
    with (landed.data / "parameters.toml").open("a") as parameters:
        parameters.write(
            '[betas]\nmasks = ["manifest:snp", "manifest:sex_chromosomes", "methylprep:quality"]\n'
        )
    run = landed.run("read_batch", "alpha")
    assert run.success
    (manifest,) = landed.settings.manifests.iterdir()
    snps = read_manifest(manifest).snps
    assert snps is not None
    near = snps.filter((pl.col("distance") <= 5) & (pl.col("maf") >= 0.01))["row"].n_unique()
    counts = landed.catalogue.query(
        "SELECT reason, min(n) AS least, max(n) AS most FROM masked_betas GROUP BY ALL"
    )
    by_reason = {reason: (least, most) for reason, least, most in counts.iter_rows()}
    assert by_reason["snp"] == (near, near)
    assert by_reason["sex_chromosome"][0] > 100
    assert by_reason["quality_mask"] == (0, 0)
    missing = landed.one(
        "SELECT max(abs(m.n - (p.n - b.n))) FROM"
        " (SELECT sample_id, sum(n) AS n FROM masked_betas GROUP BY ALL) m"
        " JOIN (SELECT sample_id, count(*) AS n FROM betas GROUP BY ALL) b USING (sample_id),"
        " (SELECT count(*) AS n FROM probes) p"
    )
    assert missing == 0
    version = landed.catalogue.current("normalised/betas", "alpha")
    assert version is not None
    table = version.summary["notes"]["missing betas by reason"]
    assert "snp_share" in table
    assert f"| {near:,} |" in table
    (told,) = [e for e in run.get_asset_check_evaluations() if e.check_name == "masks"]
    assert not told.passed
    assert "no probe of mini is masked by it" in str(told.description)
