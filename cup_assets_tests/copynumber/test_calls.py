from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from cup_assets.copynumber import Bins, CnvParameters, ControlPool, profile_sample
from cup_assets_tests.copynumber.synthetic import PARAMETERS, Array, arm_event


def _call(array: Array, pool: ControlPool, bins: Bins, region: str, *events: object) -> str:
    sample = array.sample(7, "F", events)  # type: ignore[arg-type]
    calls = profile_sample("case", "F", sample, pool, bins, PARAMETERS).calls
    return str(calls.filter(pl.col("region") == region)["call"].item())


@pytest.mark.parametrize(("change", "call"), [(1.2, "amplification"), (-1.6, "deletion")])
def test_a_gene_of_high_level_is_called_though_its_arm_is_neutral(
    array: Array, pool: ControlPool, bins: Bins, change: float, call: str
) -> None:
    place = bins.genes["MYC"]
    event = (place.chrom, place.centre - 20_000, place.centre + 20_000, change)
    assert _call(array, pool, bins, "MYC", event) == call
    assert _call(array, pool, bins, place.arm, event) == "neutral"


def test_a_whole_arm_of_high_level_makes_its_genes_gained_not_amplified(
    array: Array, pool: ControlPool, bins: Bins
) -> None:
    arm = bins.genes["MYC"].arm
    assert _call(array, pool, bins, "MYC", arm_event(arm, 0.9)) == "gain"
    assert _call(array, pool, bins, "MYC", arm_event(arm, -0.9)) == "loss"
    assert _call(array, pool, bins, arm, arm_event(arm, 0.9)) == "gain"


def test_a_focal_segment_is_listed_with_its_place_and_an_arm_event_is_not(
    array: Array, pool: ControlPool, bins: Bins
) -> None:
    focal = ("4", 100_000_000, 112_000_000, 1.4)
    sample = array.sample(8, "F", (focal, arm_event("8q", 0.4)))
    calls = profile_sample("case", "F", sample, pool, bins, PARAMETERS).calls
    found = calls.filter(pl.col("kind") == "focal")
    assert found.height == 1
    chrom, span = found["region"].item().split(":")
    start, end = (int(place) for place in span.split("-"))
    assert chrom == "4"
    assert abs(start - 100_000_000) < 2_000_000
    assert abs(end - 112_000_000) < 2_000_000
    assert found["call"].item() == "amplification"
    assert found["confidence"].item() > 0.9


def test_arms_with_too_few_bins_and_genes_without_probes_get_no_call(
    array: Array, pool: ControlPool, bins: Bins
) -> None:
    assert _call(array, pool, bins, "21p") == "no_call"
    parameters = CnvParameters(genes=("MYC", "NOT_A_GENE"))
    sample = array.sample(7)
    calls = profile_sample("case", "F", sample, pool, bins, parameters).calls
    genes = dict(calls.filter(pl.col("kind") == "gene").select("region", "call").iter_rows())
    assert genes == {"MYC": "neutral", "NOT_A_GENE": "no_call"}


def test_a_gene_lost_in_both_copies_is_told_from_one_lost_in_one_at_any_purity(
    array: Array, pool: ControlPool, bins: Bins
) -> None:
    """At purity .4 both copies lost show what one lost shows at purity .8."""
    place = bins.genes["CDKN2A"]
    level = float(np.log2(1 - 0.4))
    event = (place.chrom, place.centre - 3_000_000, place.centre + 3_000_000, level)
    pure = [arm_event(arm, float(np.log2(1 - 0.8 / 2))) for arm in ("3p", "5q", "18q")]
    impure = [arm_event(arm, float(np.log2(1 - 0.4 / 2))) for arm in ("3p", "5q", "18q")]
    assert _call(array, pool, bins, "CDKN2A", event, *pure) == "loss"
    assert _call(array, pool, bins, "CDKN2A", event, *impure) == "deletion"


def test_a_pure_tumours_arm_event_cut_in_pieces_is_no_focal_event(
    array: Array, pool: ControlPool, bins: Bins
) -> None:
    inside = ("8", 100_000_000, 108_000_000, 1.5)
    sample = array.sample(9, "F", (arm_event("8q", 0.4), inside))
    calls = profile_sample("case", "F", sample, pool, bins, PARAMETERS).calls
    (found,) = calls.filter(pl.col("kind") == "focal")["region"]
    start = int(found.split(":")[1].split("-")[0])
    assert abs(start - 100_000_000) < 2_000_000
    assert _call(array, pool, bins, "8q", arm_event("8q", 0.4), inside) == "gain"


def test_a_man_who_lost_his_x_is_called_lost_at_the_level_of_no_copy(
    array: Array, pool: ControlPool, bins: Bins
) -> None:
    events = [arm_event(arm, -1.2) for arm in ("Xp", "Xq")]
    sample = array.sample(11, "M", tuple(events))
    calls = profile_sample("case", "M", sample, pool, bins, PARAMETERS).calls
    arms = dict(calls.filter(pl.col("kind") == "arm").select("region", "call").iter_rows())
    assert (arms["Xp"], arms["Xq"], arms["1p"]) == ("loss", "loss", "neutral")
