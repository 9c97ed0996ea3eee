"""Panels for a differential diagnosis: right CpGs, honest figures, refusals that help."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np
import polars as pl
import pytest

from cup_assets.classify.data import TrainingData
from cup_assets.compute import local
from cup_assets.panels import PanelError, PanelParameters
from cup_assets.panels.differential import DifferentialPanel, differential_panel
from cup_assets.panels.separation import pair_separation, separating

QUICK = PanelParameters(bootstraps=100)
Folds = Callable[[TrainingData], pl.DataFrame]
# What the fixture plants: CpGs 0-3 mark acinic, 4-7 adenoid, 8-11 nut.
MARKS = {name: {f"cg{at:08d}" for at in range(4 * k, 4 * k + 4)} for k, name in
         enumerate(("acinic", "adenoid", "nut"))}  # fmt: skip


@pytest.fixture(scope="module")
def two(cohort: TrainingData, folds_of: Folds) -> DifferentialPanel:
    return differential_panel(cohort, ["adenoid", "acinic"], 8, QUICK, folds_of(cohort))


def figure(panel: DifferentialPanel, metric: str, name: str | None = None) -> float:
    rows = panel.performance.filter(
        (pl.col("metric") == metric) & pl.col("class").eq_missing(pl.lit(name))
    )
    return float(rows["value"].item())


def test_two_classes_are_told_apart_by_the_cpgs_that_mark_either(two: DifferentialPanel) -> None:
    assert set(two.cpgs["probe_id"]) == MARKS["acinic"] | MARKS["adenoid"]
    assert set(two.cpgs["separates"]) == {"acinic | adenoid"}
    for name, difference in two.cpgs["probe_id", "difference"].iter_rows():
        sign = 1 if name in MARKS["acinic"] else -1
        assert sign * difference == pytest.approx(0.32, abs=0.08)
    assert (two.cpgs["chosen_in"] > 0.7).all()
    assert figure(two, "error") < 0.05
    assert two.chance_error == 0.5
    assert two.groups.rows() == [
        ("acinic", "acinic", 24, 12),
        ("adenoid", "adenoid", 24, 12),
    ]
    assert two.confusion["n"].sum() == 48
    assert two.n_folds == 4


def test_effects_are_those_of_the_groups_at_the_chosen_cpgs(
    two: DifferentialPanel, cohort: TrainingData
) -> None:
    assert two.effects.height == 2 * 8
    row = two.effects.row(
        by_predicate=(pl.col("probe_id") == "cg00000000") & (pl.col("class") == "acinic"),
        named=True,
    )
    assert row["direction"] == "hyper"
    assert row["mean"] == pytest.approx(np.nanmean(cohort.X[cohort.y == "acinic", 0]), abs=0.03)


def test_every_pair_of_three_classes_gets_its_cpgs(cohort: TrainingData, folds_of: Folds) -> None:
    names = ["acinic", "adenoid", "nut"]
    panel = differential_panel(cohort, names, 6, QUICK, folds_of(cohort))
    chosen = set(panel.cpgs["probe_id"])
    for name in names:
        assert len(chosen & MARKS[name]) >= 1
    assert chosen <= set.union(*MARKS.values())
    assert figure(panel, "error") < 0.1


def test_one_class_is_told_from_every_other(cohort: TrainingData, folds_of: Folds) -> None:
    panel = differential_panel(cohort, ["nut"], 4, QUICK, folds_of(cohort))
    # The marks of acinic set nut apart from acinic only.
    assert set(panel.cpgs["probe_id"]) == MARKS["nut"]
    assert panel.groups["group"].to_list() == ["not nut", "nut"]
    assert panel.groups["classes"].to_list() == ["acinic, adenoid", "nut"]
    assert panel.chance_error == pytest.approx(1 / 3)
    assert figure(panel, "error") < 0.05
    assert figure(panel, "recall", "nut") > 0.9


def test_a_cpg_in_which_one_rare_class_looks_like_the_target_does_not_suffice(
    cohort: TrainingData, folds_of: Folds
) -> None:
    """CpG 20 sets nut apart from nearly all others, but not from a rare one of them."""
    X, y = cohort.X.copy(), cohort.y.astype("U20")
    rare = np.flatnonzero(y == "acinic")[:4]
    y[rare] = "rare"
    nut = (y == "nut") | (y == "rare")
    rng = np.random.default_rng(0)
    X[:, 20:24] = 0.2 + 0.6 * nut[:, None] + rng.normal(0, 0.02, (len(y), 4))
    X[:, 30] = 0.2 + 0.6 * (y == "rare") + rng.normal(0, 0.02, len(y))
    mixed = dataclasses.replace(cohort, X=X, y=y)
    panel = differential_panel(mixed, ["nut"], 2, QUICK, folds_of(mixed))
    assert set(panel.cpgs["separates"]) == {"acinic | nut", "nut | rare"} or set(
        panel.cpgs["separates"]
    ) == {"adenoid | nut", "nut | rare"}
    assert "cg00000030" in panel.cpgs["probe_id"].to_list()


def test_a_family_is_one_group(cohort: TrainingData, folds_of: Folds) -> None:
    family = np.where(cohort.y == "nut", "carcinoma", "salivary")
    data = dataclasses.replace(cohort, family=family)
    panel = differential_panel(data, ["salivary", "nut"], 4, QUICK, folds_of(data))
    assert panel.groups["classes"].to_list() == ["nut", "acinic, adenoid"]
    assert set(panel.cpgs["probe_id"]) == MARKS["nut"]


def test_permuted_labels_give_chance_however_many_cpgs_there_are(
    wide_cohort: TrainingData, folds_of: Folds
) -> None:
    errors = []
    for seed in range(4):
        labels = np.random.default_rng(seed).permutation(wide_cohort.y[::2])
        shuffled = dataclasses.replace(wide_cohort, y=np.repeat(labels, 2))
        names = ["acinic", "adenoid"]
        errors.append(
            figure(differential_panel(shuffled, names, 10, QUICK, folds_of(shuffled)), "error")
        )
    # Were the ten of 1,500 CpGs chosen on all samples, it would be near .15.
    assert np.mean(errors) > 0.4


def test_nothing_of_the_test_samples_reaches_the_choice(
    cohort: TrainingData, folds_of: Folds
) -> None:
    names = ["acinic", "adenoid", "nut"]
    first = folds_of(cohort).filter(pl.col("outer_fold") == 0)
    held_out = first.filter(pl.col("inner_fold").is_null())["sample_id"].to_list()
    test = np.isin(cohort.sample_ids, held_out)
    X = cohort.X.copy()
    # A probe that spells out the test samples' classes, and says nothing in the training part.
    X[test, 299] = np.searchsorted(np.array(names), cohort.y[test]) / 2
    X[test, :12] = 0.5
    panel = differential_panel(
        dataclasses.replace(cohort, X=X), names, 6, QUICK, first
    )  # fmt: skip
    # The training part still learns the marks, which say nothing of the spoilt samples.
    assert figure(panel, "error") > 0.4


def test_the_panel_is_the_same_every_time_and_on_any_number_of_processes(
    cohort: TrainingData, folds_of: Folds, two: DifferentialPanel
) -> None:
    seen: list[tuple[int, int]] = []
    again = differential_panel(
        cohort, ["acinic", "adenoid"], 8, QUICK, folds_of(cohort), local(2),
        lambda *step: seen.append(step),
    )  # fmt: skip
    for name in ("groups", "cpgs", "effects", "performance", "confusion"):
        assert getattr(again, name).equals(getattr(two, name)), name
    assert seen[-1] == (4, 4)


def test_cpgs_that_share_their_noise_are_taken_once_and_the_others_add_up() -> None:
    rng = np.random.default_rng(2)
    codes = np.repeat([0, 1], 40)
    noise = rng.normal(0, 0.1, (80, 3))
    island = 0.3 + 0.4 * codes[:, None] + noise[:, [0, 0, 0]] + rng.normal(0, 0.01, (80, 3))
    alone = 0.3 + 0.25 * codes[:, None] + noise[:, 1:]
    features = np.hstack([island, alone]).astype(np.float32)
    pairs = np.array([[0, 1]])
    chosen, _ = separating(features, codes, pairs, 3, 0.7)
    assert chosen[0] in (0, 1, 2)
    assert set(chosen[1:].tolist()) == {3, 4}
    assert set(separating(features, codes, pairs, 5, 0.7)[0].tolist()) == set(range(5))
    with pytest.raises(PanelError, match="only 5 CpGs are left for a panel of 6"):
        separating(features, codes, pairs, 6, 0.7)


def test_the_separation_of_a_pair_is_its_squared_distance_in_standard_deviations() -> None:
    rng = np.random.default_rng(3)
    codes = np.repeat([0, 1, 2], 4000)
    betas = np.array([0.3, 0.5, 0.3])[codes][:, None] + rng.normal(0, 0.1, (12_000, 1))
    betas[rng.random(betas.shape) < 0.1] = np.nan
    found = pair_separation(betas.astype(np.float32), codes, np.array([[0, 1], [0, 2]]))
    assert found[0, 0] == pytest.approx(0.2**2 / (0.1**2 + 0.05**2), rel=0.05)
    assert found[1, 0] == pytest.approx(0, abs=0.01)
    unknown = np.full((12_000, 1), np.nan, dtype=np.float32)
    assert pair_separation(unknown, codes, np.array([[0, 1]])).tolist() == [[0.0]]


@pytest.mark.parametrize(
    ("names", "size", "message"),
    [
        (["acinic", "nutt"], 5, "no class or family 'nutt'; classes: acinic, adenoid, nut;"),
        (["acinic", "acinic"], 5, "class 'acinic' is asked for twice"),
        (["acinic", "salivary"], 5, "'acinic' is asked for twice: by 'acinic' and 'salivary'"),
        ([], 5, "no class is named"),
        (["salivary"], 5, "every sample is 'salivary'"),
        (["acinic", "nut"], 0, "size is 0"),
        (["acinic", "nut"], 400, "only 300 CpGs are left for a panel of 400"),
    ],
)
def test_a_question_that_cannot_be_answered_is_refused(
    cohort: TrainingData, folds_of: Folds, names: list[str], size: int, message: str
) -> None:
    with pytest.raises(PanelError, match=message):
        differential_panel(cohort, names, size, QUICK, folds_of(cohort))


def test_too_few_patients_or_no_folds_are_refused(cohort: TrainingData, folds_of: Folds) -> None:
    y = cohort.y.astype("U20")
    y[np.flatnonzero(y == "nut")[:8]] = "seldom"
    rare = dataclasses.replace(cohort, y=y)
    with pytest.raises(PanelError, match="'seldom' has 4 patients: at least 5 are needed"):
        differential_panel(rare, ["seldom", "acinic"], 5, QUICK, folds_of(rare))
    none = folds_of(cohort).filter(pl.col("inner_fold").is_not_null())
    with pytest.raises(PanelError, match="no fold tests a sample of these classes"):
        differential_panel(cohort, ["nut", "acinic"], 5, QUICK, none)
