"""What was fetched goes through the platform like any other batch."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import dagster as dg
import pytest

from cup_assets.public.fetch import carry_out
from cup_assets.public.plan import make_plan
from cup_assets.public.web import Web
from cup_assets.simulate import SimulatedCohort
from cup_assets_tests.orchestration.chain import Chain
from cup_assets_tests.public.cohorts import serve_series, submitted
from cup_assets_tests.public.server import Site


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as found:
        yield found


@pytest.mark.slow
def test_a_fetched_batch_is_taken_in_and_normalised(
    site: Site, web: Web, request_for, mini_cohort: SimulatedCohort, instance: dg.DagsterInstance,
    tmp_path,
) -> None:  # fmt: skip
    serve_series(site, submitted(mini_cohort))
    request = request_for(landing=tmp_path / "data" / "landing")
    (batch,) = carry_out(web, request, make_plan(web, request)).batches
    shutil.copytree(mini_cohort.manifests, tmp_path / "data" / "manifests")
    chain = Chain(tmp_path / "data", instance)
    assert chain.run("read_batch", batch.name).success
    rows = chain.catalogue.query(
        "SELECT sample_id, class, role, cohort, site, extra ->> 'source: hpv status' AS hpv,"
        " verdict FROM samples JOIN sample_measures USING (sample_id) ORDER BY sample_id"
    )
    assert rows["sample_id"].to_list() == [f"GSM230000{i}" for i in range(6)]
    assert rows["class"].to_list() == [
        "normal",
        "hpv_positive_squamous_cell_carcinoma",
        "hpv_negative_squamous_cell_carcinoma",
        None,
        "normal",
        "hpv_positive_squamous_cell_carcinoma",
    ]
    assert set(rows["cohort"]) == set(rows["site"]) == {"GSE87053"}
    assert rows["hpv"][3] == "not tested"
    n_betas = chain.one("SELECT count(DISTINCT sample_id) FROM betas WHERE beta IS NOT NULL")
    assert n_betas == 6
