"""A team's own list of probes to mask reaches the betas, with its reason and its content hash."""

from __future__ import annotations

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
