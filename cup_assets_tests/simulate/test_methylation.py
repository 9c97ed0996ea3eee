from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from cup_assets.simulate import CohortDesign, SimulationError
from cup_assets.simulate.arrays import array_layout
from cup_assets.simulate.hashing import normal, probe_keys, uniform
from cup_assets.simulate.methylation import Methylome
from cup_assets.simulate.people import Sample, draw_samples

DESIGN = replace(CohortDesign.tiny(), purity=(1.0, 1.0), ffpe_fraction=0.0)
SCC, LUNG = "hpv-negative squamous cell carcinoma", "lung squamous cell carcinoma"


@pytest.fixture(scope="module")
def methylome() -> Methylome:
    return Methylome.of(DESIGN, array_layout("mini"))


def _sample(diagnosis: str, **changes: object) -> Sample:
    sample = draw_samples(DESIGN, ("R01C01",))[0]
    fields = {"diagnosis": diagnosis, "purity": 1.0, "sex": "M"} | changes
    return replace(sample, **fields)  # type: ignore[arg-type]


def _betas(methylome: Methylome, sample: Sample) -> np.ndarray:
    two = np.full(len(methylome.keys), 2, dtype=np.float32)
    return methylome.sample_betas(sample, two, two)


def test_hashed_numbers_are_even_independent_and_fixed() -> None:
    keys = np.arange(100_000, dtype=np.uint64)
    u, v = uniform(keys, "one"), uniform(keys, "two")
    assert u.min() >= 0
    assert u.max() < 1
    assert np.abs(np.histogram(u, 10, (0, 1))[0] / len(u) - 0.1).max() < 0.005
    assert abs(np.corrcoef(u, v)[0, 1]) < 0.01
    assert abs(np.corrcoef(u[1:], u[:-1])[0, 1]) < 0.01
    n = normal(keys, "three")
    assert abs(n.mean()) < 0.02
    assert abs(n.std() - 1) < 0.02
    # A change here changes every simulated cohort: it must be meant.
    assert uniform(keys[:2], "one").tolist() == pytest.approx([0.56245655, 0.39382])


def test_probe_names_of_different_kinds_have_different_keys() -> None:
    names = pl.Series(["cg00000029", "rs29", "ch.2.9F", "nv-GRCh38-chr29"])
    assert len(set(probe_keys(names).tolist())) == 4


def test_a_name_without_a_number_is_refused() -> None:
    with pytest.raises(SimulationError, match="'control'"):
        probe_keys(pl.Series(["cg1", "control"]))


def test_a_cpg_behaves_alike_on_every_array(methylome: Methylome) -> None:
    other = Methylome.of(DESIGN, array_layout("450k"))
    row = {name: i for i, name in enumerate(other.layout.probes["name"])}
    rows = [row[name] for name in methylome.layout.probes["name"]]
    for level, group in methylome.levels(SCC):
        np.testing.assert_array_equal(
            methylome.shift(level, group), other.shift(level, group)[rows]
        )
    np.testing.assert_array_equal(methylome.normal_betas("F"), other.normal_betas("F")[rows])


def test_normal_tissue_is_bimodal_and_islands_are_low(methylome: Methylome) -> None:
    betas = methylome.normal_betas("M")
    assert 0.01 <= betas.min() <= betas.max() <= 0.99
    middle = ((betas > 0.25) & (betas < 0.7)).mean()
    assert middle < 0.2
    type_one = (methylome.layout.probes["design"] == "I").to_numpy()
    assert np.median(betas[type_one]) < 0.2 < np.median(betas[~type_one])


def test_one_x_is_inactive_in_females_only_on_x(methylome: Methylome) -> None:
    difference = methylome.normal_betas("F") - methylome.normal_betas("M")
    on_x = (methylome.layout.probes["chrom"] == "X").to_numpy()
    assert np.abs(difference[~on_x]).max() == 0
    assert difference[on_x].mean() > 0.08
    off = Methylome.of(replace(DESIGN, sex_effect=0.0), methylome.layout)
    np.testing.assert_array_equal(off.normal_betas("F"), off.normal_betas("M"))


def test_signatures_form_a_hierarchy(methylome: Methylome) -> None:
    def overlap(one: str, other: str) -> float:
        a, b = (methylome.shift("class", name) != 0 for name in (one, other))
        return float((a & b).sum() / (a | b).sum())

    assert overlap(SCC, LUNG) > 0.2
    assert overlap(SCC, "adenoid cystic carcinoma") < 0.05
    sizes = [(methylome.shift(*pair) != 0).mean() for pair in methylome.levels(SCC)]
    assert sizes == sorted(sizes, reverse=True)
    assert methylome.levels("normal") == ()


def test_closeness_one_makes_close_classes_alike_and_zero_apart(methylome: Methylome) -> None:
    for closeness, same in ((1.0, True), (0.0, False)):
        made = Methylome.of(replace(DESIGN, closeness=closeness), methylome.layout)
        alike = np.array_equal(made.shift("class", SCC), made.shift("class", LUNG))
        assert alike is same


@pytest.mark.parametrize("level", ["tumour", "family", "class"])
def test_every_level_can_be_switched_off_and_scaled(methylome: Methylome, level: str) -> None:
    group = dict(methylome.levels(SCC))[level]
    off = Methylome.of(replace(DESIGN, **{f"{level}_effect": 0.0}), methylome.layout)
    assert not off.shift(level, group).any()
    double = Methylome.of(replace(DESIGN, **{f"{level}_effect": 2.0}), methylome.layout)
    np.testing.assert_allclose(double.shift(level, group), 2 * methylome.shift(level, group))


def test_signatures_change_with_the_biology_and_not_with_the_seed(methylome: Methylome) -> None:
    other_seed = Methylome.of(replace(DESIGN, seed=9), methylome.layout)
    other_biology = Methylome.of(replace(DESIGN, biology=9), methylome.layout)
    ours = methylome.shift("class", SCC)
    assert np.array_equal(other_seed.shift("class", SCC), ours)
    assert not np.array_equal(other_biology.shift("class", SCC), ours)


def test_purity_mixes_tumour_with_the_persons_normal_tissue(methylome: Methylome) -> None:
    pure, half, none = (_betas(methylome, _sample(SCC, purity=p)) for p in (1.0, 0.5, 0.0))
    np.testing.assert_allclose(half, (pure + none) / 2, atol=1e-6)
    assert np.abs(pure - none).mean() > 0.03


def test_more_copies_in_the_tumour_show_more_of_the_tumour(methylome: Methylome) -> None:
    sample = _sample(SCC, purity=0.5)
    two = np.full(len(methylome.keys), 2, dtype=np.float32)
    pure = _betas(methylome, replace(sample, purity=1.0))
    few, many = (methylome.sample_betas(sample, k * two, two) for k in (0.5, 4.0))
    cpg = (methylome.layout.probes["kind"] == "cg").to_numpy()
    assert np.abs(many - pure)[cpg].mean() < np.abs(few - pure)[cpg].mean()


def test_tumours_of_one_class_are_alike_only_without_individual_variation(
    methylome: Methylome,
) -> None:
    cpg = (methylome.layout.probes["kind"] == "cg").to_numpy()
    plain = Methylome.of(replace(DESIGN, individual_variation=0.0), methylome.layout)
    for made, same in ((plain, True), (methylome, False)):
        one, other = (_betas(made, _sample(SCC, person=person))[cpg] for person in (1, 2))
        assert np.allclose(one, other, atol=1e-6) is same


def test_genotypes_belong_to_the_person(methylome: Methylome) -> None:
    snp = (methylome.layout.probes["kind"] == "rs").to_numpy()
    one, again, other = (
        _betas(methylome, _sample(name, person=person))[snp]
        for name, person in ((SCC, 1), ("normal", 1), (SCC, 2))
    )
    np.testing.assert_array_equal(one, again)
    assert {round(beta, 2) for beta in one.tolist()} == {0.04, 0.5, 0.96}
    assert 0.2 < (one == other).mean() < 0.65
    off = Methylome.of(replace(DESIGN, genotypes=0.0), methylome.layout)
    assert set(_betas(off, _sample(SCC))[snp].tolist()) == {0.5}
