"""The expected accuracy of an assay: right where the truth is known, blind to the test samples."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np
import polars as pl
import pytest

from cup_assets.classify.data import TrainingData
from cup_assets.compute import Mapper, local, serial
from cup_assets.panels.assay_accuracy import expected_accuracy, measured_counts
from cup_assets.panels.assay_folds import (
    Assay,
    choose_in_parts,
    choose_on_all,
    parts_of,
    used_splits,
)
from cup_assets.panels.masked import Simulation
from cup_assets.panels.parameters import PanelError, PanelParameters
from cup_assets.panels.refusals import refusals
from cup_assets.panels.technology import ARRAY, Technology, technologies

QUICK = PanelParameters(sizes=(3, 12), trees=20, components=3, bootstraps=50, correlated=0.95)
SEQ = technologies()["bisulfite_amplicon_seq"]
NOISELESS = dataclasses.replace(SEQ, sd=0.0, molecules=None, dropout=0.0)
FEW = Simulation(draws=3, masked_copies=3)
Folds = Callable[[TrainingData], pl.DataFrame]


def places_of(data: TrainingData) -> pl.DataFrame:
    """Lay all CpGs 30 bp apart, so that neighbours share amplicons."""
    names = data.probe_ids.tolist()
    places = [f"1:{1000 + 30 * at}" for at in range(len(names))]
    return pl.DataFrame({"probe_id": names, "hg38": places, "genes": [None] * len(names)})


def chosen_in(
    data: TrainingData,
    folds: pl.DataFrame,
    excluded: dict[str, str] | None = None,
    mapper: Mapper = serial,
) -> tuple[pl.DataFrame, pl.DataFrame]:
    parts = parts_of(used_splits(data, folds, QUICK))
    assay = Assay(SEQ, places_of(data), excluded or {}, 12)
    (found,) = choose_in_parts(data, parts, [assay], QUICK, mapper)
    assert found.refused is None
    return found.panels, found.left_out


def by_fold(names: list[str], amplicons: list[str] | None = None) -> pl.DataFrame:
    """Return the same panel for every part of the folds, inner ones too."""
    return pl.concat(
        pl.DataFrame(
            {
                "order": range(len(names)), "probe_id": names, "amplicon": amplicons or names,
            }
        ).with_columns(
            repeat=pl.lit(0, pl.Int64),
            outer_fold=pl.lit(outer, pl.Int64),
            inner_fold=pl.lit(inner, pl.Int64),
        )
        for outer in range(4)
        for inner in (None, *range(4))
    )  # fmt: skip


@pytest.fixture(scope="module")
def panels(cohort: TrainingData, folds_of: Folds) -> pl.DataFrame:
    return chosen_in(cohort, folds_of(cohort))[0]


def accuracy(
    found: pl.DataFrame, measured_by: str, measured: int, metric: str = "accuracy"
) -> float:
    row = found.filter(
        (pl.col("measured_by") == measured_by)
        & (pl.col("measured") == measured)
        & (pl.col("metric") == metric)
    )
    return float(row["value"].item())


def judged(
    data: TrainingData,
    folds: pl.DataFrame,
    panels: pl.DataFrame,
    technology: Technology,
    measured: tuple[int, ...] = (1, 3, 12),
) -> pl.DataFrame:
    return expected_accuracy(data, folds, panels, technology, measured, QUICK, FEW)


def test_every_fold_chooses_the_planted_cpgs_and_accounts_for_the_others(
    cohort: TrainingData, folds_of: Folds, informative: list[str]
) -> None:
    banned = {informative[0]: "SNP under the probe"}
    panels, left_out = chosen_in(cohort, folds_of(cohort), banned)
    part = ["repeat", "outer_fold", "inner_fold"]
    assert panels.select(part).unique().height == 4 * (1 + 3)
    for fold, some in panels.group_by(part):
        assert set(informative[1:8]) <= set(some["probe_id"])
        others = left_out.filter(
            (pl.col("outer_fold") == fold[1]) & pl.col("inner_fold").eq_missing(fold[2])
        )
        reasons = dict(others.select("probe_id", "reason").iter_rows())
        assert reasons[informative[0]] == "excluded: SNP under the probe"
        assert not set(reasons) & set(some["probe_id"])
        assert len(reasons) + some.height == len(cohort.probe_ids)
    counted = refusals(left_out.filter(pl.col("outer_fold") == 0), SEQ)
    assert counted["n"].sum() == left_out.filter(pl.col("outer_fold") == 0).height
    assert "excluded: SNP under the probe" in counted["reason"]
    assert "other" not in counted["reason"]


def test_nothing_of_the_test_samples_reaches_the_choice(
    cohort: TrainingData, folds_of: Folds, panels: pl.DataFrame
) -> None:
    folds = folds_of(cohort).filter(pl.col("outer_fold") == 0)
    whole = pl.col("inner_fold").is_null()
    held_out = folds.filter(pl.col("inner_fold").is_null())
    test = np.isin(cohort.sample_ids, held_out["sample_id"].to_list())
    X, y = cohort.X.copy(), cohort.y.copy()
    X[test] = np.random.default_rng(0).random((int(test.sum()), X.shape[1]))
    y[test] = "acinic"
    spoilt = dataclasses.replace(cohort, X=X, y=y, family=np.array(["salivary"] * len(y)))
    expected = panels.filter(pl.col("outer_fold") == 0)
    assert chosen_in(spoilt, folds)[0].equals(expected)
    assert not chosen_in(spoilt, folds_of(cohort))[0].filter(whole).equals(panels.filter(whole))


def test_fewer_cpgs_and_more_noise_cost_accuracy(
    cohort: TrainingData, folds_of: Folds, panels: pl.DataFrame
) -> None:
    folds = folds_of(cohort)
    found = judged(cohort, folds, panels, dataclasses.replace(SEQ, sd=0.3))
    overall = found.filter(pl.col("class").is_null())
    assert overall.height % (2 * 3) == 0
    assert found.height - overall.height == 2 * 3 * 2 * 3  # recall and precision of three classes
    whole, three, one = (accuracy(found, ARRAY.name, k) for k in (12, 3, 1))
    assert whole > 0.95
    # One CpG marks one class of three: the best that can be done is that class or the others.
    assert 0.4 < one < 0.75
    assert one < three < whole
    for k in (1, 3, 12):
        assert accuracy(found, SEQ.name, k) < accuracy(found, ARRAY.name, k)
        assert accuracy(found, SEQ.name, k, "log_loss") > accuracy(found, ARRAY.name, k, "log_loss")
    known = found.drop_nulls(["value", "low", "high"])
    assert known.height > overall.height
    assert ((known["low"] <= known["value"]) & (known["value"] <= known["high"])).all()


def test_without_noise_and_losses_a_technology_is_as_good_as_the_array(
    cohort: TrainingData, folds_of: Folds, panels: pl.DataFrame
) -> None:
    found = judged(cohort, folds_of(cohort), panels, NOISELESS)
    array, other = found.partition_by("measured_by", include_key=False, maintain_order=True)
    assert array.equals(other)


@pytest.mark.parametrize(("amplicons", "right"), [("AAAABC", True), ("BBAABA", False)])
def test_one_value_for_cpgs_of_different_classes_tells_them_no_more(
    cohort: TrainingData, folds_of: Folds, amplicons: str, right: bool
) -> None:
    # 0-3 mark one class, 4 and 8 the two others; A holds them all, or those of one.
    names = [f"cg{at:08d}" for at in (0, 1, 2, 3, 4, 8)]
    panels = by_fold(names, list(amplicons))
    pcr = dataclasses.replace(NOISELESS, resolution="amplicon")
    found = judged(cohort, folds_of(cohort), panels, pcr, (6,))
    assert accuracy(found, ARRAY.name, 6) > 0.9
    assert (accuracy(found, pcr.name, 6) > 0.9) == right


def test_losing_everything_leaves_the_guess_of_the_largest_class(
    cohort: TrainingData, folds_of: Folds, panels: pl.DataFrame
) -> None:
    lost = dataclasses.replace(SEQ, dropout=0.999)
    found = judged(cohort, folds_of(cohort), panels, lost, (12,))
    assert 0.2 < accuracy(found, SEQ.name, 12) < 0.45


def test_hiding_cpgs_in_training_helps_where_cpgs_are_missing(
    cohort: TrainingData, folds_of: Folds
) -> None:
    # The first CpG nearly gives the class away, so that plain training relies on it alone.
    X = cohort.X.copy()
    codes = np.unique(cohort.y, return_inverse=True)[1]
    X[:, 12] = 0.1 + 0.4 * codes + np.random.default_rng(5).normal(0, 0.01, len(codes))
    data = dataclasses.replace(cohort, X=np.clip(X, 0, 1))
    folds = folds_of(data)
    names = data.probe_ids[[12, *range(12)]].tolist()
    panels = by_fold(names)
    loss = {
        copies: accuracy(
            expected_accuracy(
                *(data, folds, panels, NOISELESS, (6,), QUICK, Simulation(3, copies))
            ),
            ARRAY.name,
            6,
            "raw_log_loss",
        )
        for copies in (0, 6)
    }
    assert loss[6] < loss[0]


def test_copies_of_which_nothing_is_hidden_teach_nothing_more(
    cohort: TrainingData, folds_of: Folds
) -> None:
    # At least one CpG is kept: of a panel of one, copies are the sample itself.
    panels = by_fold(["cg00000000"])
    losses = [
        accuracy(
            expected_accuracy(
                *(cohort, folds_of(cohort), panels, NOISELESS, (1,), QUICK, Simulation(1, copies))
            ),
            *(ARRAY.name, 1, "raw_log_loss"),
        )
        for copies in (0, 4)
    ]
    assert losses[0] == pytest.approx(losses[1], abs=1e-5)


def test_the_result_is_the_same_every_time_and_on_any_number_of_processes(
    cohort: TrainingData, folds_of: Folds, panels: pl.DataFrame
) -> None:
    folds = folds_of(cohort)
    arguments = (cohort, folds, panels, SEQ, (3,), QUICK, FEW)
    again = expected_accuracy(*arguments, mapper=local(2))
    assert again.equals(expected_accuracy(*arguments))
    assert chosen_in(cohort, folds, mapper=local(2))[0].equals(panels)


def test_panels_that_do_not_fit_are_refused_in_a_line(
    cohort: TrainingData, folds_of: Folds, panels: pl.DataFrame
) -> None:
    folds = folds_of(cohort)
    with pytest.raises(PanelError, match="outer fold 0: its panel has 12 CpGs, of which 13 cannot"):
        judged(cohort, folds, panels, SEQ, (13,))
    with pytest.raises(PanelError, match="outer fold 2 has no panel: choose one in its training"):
        judged(cohort, folds, panels.filter(pl.col("outer_fold") != 2), SEQ)
    inner = (pl.col("outer_fold") == 2) & pl.col("inner_fold").eq_missing(3)
    with pytest.raises(PanelError, match="outer fold 2, inner fold 3 has no panel: choose one"):
        judged(cohort, folds, panels.filter(~inner), SEQ)
    with pytest.raises(PanelError, match="cg9 of the panel is not in the data"):
        judged(cohort, folds, panels.with_columns(probe_id=pl.lit("cg9")), SEQ)
    with pytest.raises(PanelError, match=r"measured is \(3, 1\): give distinct numbers"):
        judged(cohort, folds, panels, SEQ, (3, 1))
    with pytest.raises(PanelError, match="draws is 0"):
        Simulation(draws=0)
    X = cohort.X.copy()
    X[:, 0] = 0.5
    flat = dataclasses.replace(cohort, X=X)
    with pytest.raises(PanelError, match="fold 0: cg00000000 is missing too often, or does not"):
        judged(flat, folds, panels, SEQ)


def test_calibration_makes_the_scores_of_few_and_noisy_cpgs_as_sure_as_they_are_right(
    cohort: TrainingData, folds_of: Folds, panels: pl.DataFrame
) -> None:
    found = judged(cohort, folds_of(cohort), panels, dataclasses.replace(SEQ, sd=0.3), (12,))
    name = SEQ.name
    assert accuracy(found, name, 12, "log_loss") < accuracy(found, name, 12, "raw_log_loss")
    assert accuracy(found, name, 12, "ece") < 0.12


def test_the_numbers_judged_are_shares_of_the_smallest_panel() -> None:
    panels = by_fold([f"cg{at}" for at in range(10)]).filter(
        ~((pl.col("outer_fold") == 1) & (pl.col("order") > 8))
    )
    assert measured_counts(panels, (0.25, 0.5, 1.0)) == (2, 4, 9)
    assert measured_counts(panels, (0.01, 0.05)) == (1,)


def test_a_technology_that_measures_nothing_says_so_and_spares_the_others(
    cohort: TrainingData, folds_of: Folds
) -> None:
    places = places_of(cohort)
    blind = Assay(dataclasses.replace(SEQ, least_effect=0.9), places, {}, 5)
    parts = parts_of(used_splits(cohort, folds_of(cohort), QUICK))[:2]
    none, some = choose_in_parts(cohort, parts, [blind, Assay(SEQ, places, {}, 5)], QUICK)
    assert none.refused is not None
    assert none.refused.startswith("none of 300 CpGs can be measured by multiplex bisulfite")
    assert some.refused is None
    assert some.panels.height == 10


def test_few_cpgs_are_chosen_to_separate_all_classes_and_not_one_class_again_and_again(
    cohort: TrainingData, informative: list[str]
) -> None:
    # The first class is marked twice as clearly: by strength alone it would take all places.
    X = cohort.X.copy()
    X[np.ix_(cohort.y == "acinic", range(4))] = 0.97
    (panel,) = choose_on_all(
        dataclasses.replace(cohort, X=X), [Assay(SEQ, places_of(cohort), {}, 3)], QUICK
    )
    assert not isinstance(panel, PanelError)
    marked = {informative.index(name) // 4 for name in panel.targets["probe_id"]}
    assert len(marked) >= 2
