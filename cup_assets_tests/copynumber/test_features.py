"""Copy number as one matrix for samples of any array."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from cup_assets.copynumber import make_pool, no_call_profile, profile_sample
from cup_assets.copynumber.features import ALTERED, ARMS, cnv_features, cnv_log2_ratios
from cup_assets_tests.copynumber.synthetic import PARAMETERS, Array, arm_event, probes_frame


def test_samples_of_two_arrays_have_the_same_columns() -> None:
    calls, altered = [], []
    for seed, n in ((1, 12_000), (2, 20_000)):
        array = Array(probes_frame(n, seed=seed, genes=PARAMETERS.genes[: 10 * seed]))
        bins = array.bins()
        sexes = list("FMFM")
        log2 = np.stack([array.sample(100 + i, sex) for i, sex in enumerate(sexes)])
        pool = make_pool("test", list("abcd"), sexes, log2, bins, PARAMETERS)
        sample = array.sample(5, "F", (arm_event("3q", 0.5),))
        profile = profile_sample(f"s{seed}", "F", sample, pool, bins, PARAMETERS)
        calls.append(profile.calls)
        altered.append(profile.summary().select("sample_id", "altered_fraction"))
    features = cnv_features(["s2", "s1"], pl.concat(calls), pl.concat(altered), PARAMETERS.genes)
    assert features.sample_ids == ("s2", "s1")
    assert features.values.shape == (2, len(features.names))
    gained = features.values[:, features.names.index("arm:3q")]
    assert np.abs(gained - 0.5).max() < 0.1
    # A gene that an array has no probes for is not known there.
    beyond = features.names.index(f"gene:{PARAMETERS.genes[15]}")
    assert np.isnan(features.values[1, beyond])
    assert not np.isnan(features.values[0, beyond])


def test_the_columns_do_not_depend_on_the_samples() -> None:
    empty = no_call_profile("x", "hg38", "no pool", PARAMETERS)
    features = cnv_features(["x", "unknown"], empty.calls, empty.summary(), PARAMETERS.genes)
    assert np.isnan(features.values).all()
    assert len(features.names) == len(ARMS) + len(PARAMETERS.genes) + 1
    assert len(set(features.names)) == len(features.names)


def test_states_are_ordered_and_no_call_is_missing() -> None:
    states = ("deletion", "loss", "neutral", "gain", "amplification", "no_call")
    calls = pl.DataFrame(
        {
            "sample_id": [f"s{i}" for i in range(6)],
            "kind": ["gene"] * 6,
            "region": ["MYC"] * 6,
            "log2": [0.0] * 6,
            "call": states,
        }
    )
    altered = pl.DataFrame({"sample_id": ["s0"], "altered_fraction": [0.4]})
    features = cnv_features([f"s{i}" for i in range(6)], calls, altered, ("MYC",))
    genes = features.values[:, features.names.index("gene:MYC")].tolist()
    assert genes[:5] == [-2, -1, 0, 1, 2]
    assert np.isnan(genes[5])
    assert features.values[0, features.names.index(ALTERED)] == np.float32(0.4)


def test_an_arm_that_is_not_sure_enough_is_missing_though_it_has_a_level() -> None:
    calls = pl.DataFrame(
        {
            "sample_id": ["s", "s"],
            "kind": ["arm", "arm"],
            "region": ["1p", "1q"],
            "log2": [0.3, 0.3],
            "call": ["no_call", "gain"],
        }
    )
    altered = pl.DataFrame(schema={"sample_id": pl.String, "altered_fraction": pl.Float64})
    features = cnv_features(["s"], calls, altered, ())
    values = dict(zip(features.names, features.values[0].tolist(), strict=True))
    assert np.isnan(values["arm:1p"])
    assert values["arm:1q"] == pytest.approx(0.3)


def test_what_is_learnt_from_is_of_one_unit_and_unknown_where_there_is_no_call() -> None:
    calls = pl.DataFrame(
        {
            "sample_id": ["s", "s", "s", "t"],
            "kind": ["arm", "gene", "gene", "focal"],
            "region": ["1q", "MYC", "TP53", "1:5-6"],
            "log2": [0.3, 1.7, -0.2, 2.0],
            "call": ["gain", "amplification", "no_call", "amplification"],
        }
    )
    features = cnv_log2_ratios(["t", "s"], calls, ("TP53", "MYC"))
    assert features.names[len(ARMS) :] == ("gene:MYC", "gene:TP53")
    assert np.isnan(features.values[0]).all()
    values = dict(zip(features.names, features.values[1].tolist(), strict=True))
    known = {name: value for name, value in values.items() if not np.isnan(value)}
    assert known == pytest.approx({"arm:1q": 0.3, "gene:MYC": 1.7})


def test_sex_chromosomes_and_bare_arms_are_no_features() -> None:
    assert not {"Xp", "Xq", "Yp", "Yq", "13p", "21p"} & set(ARMS)
    assert len(ARMS) == 39
