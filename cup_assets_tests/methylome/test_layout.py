"""Gather plans find the right beads, also when some are absent."""

from __future__ import annotations

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cup_assets.methylome import Manifest
from cup_assets.methylome.layout import build_plan, layout_of, plan_for


@settings(
    deadline=None, max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(seed=st.integers(0, 2**16), share=st.floats(0.05, 1))
def test_every_probe_is_gathered_from_its_own_beads(
    tiny_manifest: Manifest, seed: int, share: float
) -> None:
    rng = np.random.default_rng(seed)
    known = tiny_manifest.addresses
    strangers = np.arange(1, 50, dtype=np.int32)
    address = rng.permutation(np.concatenate([known[rng.random(len(known)) < share], strangers]))
    plan = build_plan(layout_of(tiny_manifest), address)
    n = len(address)
    present = set(address.tolist())
    for i, probe in enumerate(tiny_manifest.probes.iter_rows(named=True)):
        a, b = probe["address_a"], probe["address_b"] or probe["address_a"]
        assert plan.absent[i] == (a not in present or b not in present)
        m_red = probe["channel"] == "Red"
        u_red = m_red or probe["design"] == "II"
        for place, wanted, in_red in ((plan.m[i], b, m_red), (plan.u[i], a, u_red)):
            bead = place - (n + 1 if in_red else 0)
            assert (address[bead] if bead < n else None) == (wanted if wanted in present else None)
    for beads in (plan.negative, plan.norm_green, plan.out_of_band_green, plan.in_band_red):
        assert (beads < n).all()


def test_bands_follow_the_chemistry(tiny_manifest: Manifest) -> None:
    plan = build_plan(layout_of(tiny_manifest), tiny_manifest.addresses)
    # 160 Type I Grn, 160 Type I Red, 320 Type II.
    assert len(plan.in_band_green) == len(plan.in_band_red) == 2 * 160 + 320
    assert len(plan.out_of_band_green) == len(plan.out_of_band_red) == 2 * 160
    assert not set(plan.out_of_band_green.tolist()) & set(plan.in_band_green.tolist())
    assert (len(plan.negative), len(plan.norm_green), len(plan.norm_red)) == (20, 10, 10)


def test_a_plan_is_made_once_per_address_order(tiny_manifest: Manifest) -> None:
    layout, address = layout_of(tiny_manifest), tiny_manifest.addresses
    assert layout_of(tiny_manifest) is layout
    first = plan_for(layout, address)
    assert plan_for(layout, address.copy()) is first
    assert plan_for(layout, address[::-1].copy()) is not first
    assert plan_for(layout, address) is first
