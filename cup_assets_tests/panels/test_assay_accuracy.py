"""The expected accuracy of an assay: right where the truth is known, blind to the test samples."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np
import polars as pl
import pytest

from cup_assets.classify.data import TrainingData
from cup_assets.compute import local
from cup_assets.panels.assay_accuracy import ARRAY, Simulation, expected_accuracy
from cup_assets.panels.assay_folds import fold_panels
from cup_assets.panels.parameters import PanelError, PanelParameters
from cup_assets.panels.technology import Technology, technologies

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
    data: TrainingData, folds: pl.DataFrame, excluded: dict[str, str] | None = None
) -> tuple[pl.DataFrame, pl.DataFrame]:
    return fold_panels(data, folds, places_of(data), excluded or {}, SEQ, 12, QUICK)


@pytest.fixture(scope="module")
def panels(cohort: TrainingData, folds_of: Folds) -> pl.DataFrame:
    return chosen_in(cohort, folds_of(cohort))[0]


def accuracy(
    found: pl.DataFrame, technology: str, measured: int, metric: str = "accuracy"
) -> float:
    row = found.filter(
        (pl.col("technology") == technology)
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
    assert panels.select("repeat", "outer_fold").unique().height == 4
    for fold, some in panels.group_by("outer_fold"):
        assert set(informative[1:8]) <= set(some["probe_id"])
        others = left_out.filter(pl.col("outer_fold") == fold[0])
        reasons = dict(others.select("probe_id", "reason").iter_rows())
        assert reasons[informative[0]] == "excluded: SNP under the probe"
        assert not set(reasons) & set(some["probe_id"])
        assert len(reasons) + some.height == len(cohort.probe_ids)


def test_nothing_of_the_test_samples_reaches_the_choice(
    cohort: TrainingData, folds_of: Folds, panels: pl.DataFrame
) -> None:
    folds = folds_of(cohort).filter(pl.col("outer_fold") == 0)
    held_out = folds.filter(pl.col("inner_fold").is_null())
    test = np.isin(cohort.sample_ids, held_out["sample_id"].to_list())
    X, y = cohort.X.copy(), cohort.y.copy()
    X[test] = np.random.default_rng(0).random((int(test.sum()), X.shape[1]))
    y[test] = "acinic"
    spoilt = dataclasses.replace(cohort, X=X, y=y, family=np.array(["salivary"] * len(y)))
    expected = panels.filter(pl.col("outer_fold") == 0)
    assert chosen_in(spoilt, folds)[0].equals(expected)


def test_fewer_cpgs_and_more_noise_cost_accuracy(
    cohort: TrainingData, folds_of: Folds, panels: pl.DataFrame
) -> None:
    folds = folds_of(cohort)
    found = judged(cohort, folds, panels, dataclasses.replace(SEQ, sd=0.3))
    assert found.height == 2 * 3 * 3
    whole, three, one = (accuracy(found, ARRAY, k) for k in (12, 3, 1))
    assert whole > 0.95
    # One CpG marks one class of three: the best that can be done is that class or the others.
    assert 0.4 < one < 0.75
    assert one < three < whole
    for k in (1, 3, 12):
        assert accuracy(found, SEQ.name, k) < accuracy(found, ARRAY, k)
        assert accuracy(found, SEQ.name, k, "log_loss") > accuracy(found, ARRAY, k, "log_loss")
    assert ((found["low"] <= found["value"]) & (found["value"] <= found["high"])).all()


def test_without_noise_and_losses_a_technology_is_as_good_as_the_array(
    cohort: TrainingData, folds_of: Folds, panels: pl.DataFrame
) -> None:
    found = judged(cohort, folds_of(cohort), panels, NOISELESS)
    array, other = found.partition_by("technology", include_key=False, maintain_order=True)
    assert array.equals(other)


@pytest.mark.parametrize(("amplicons", "right"), [("AAAABC", True), ("BBAABA", False)])
def test_one_value_for_cpgs_of_different_classes_tells_them_no_more(
    cohort: TrainingData, folds_of: Folds, amplicons: str, right: bool
) -> None:
    # 0-3 mark one class, 4 and 8 the two others; A holds them all, or those of one.
    names = [f"cg{at:08d}" for at in (0, 1, 2, 3, 4, 8)]
    panels = pl.concat(
        pl.DataFrame({"repeat": 0, "outer_fold": f, "order": range(6), "probe_id": names})
        for f in range(4)
    ).with_columns(amplicon=pl.Series(list(amplicons) * 4))
    pcr = dataclasses.replace(NOISELESS, resolution="amplicon")
    found = judged(cohort, folds_of(cohort), panels, pcr, (6,))
    assert accuracy(found, ARRAY, 6) > 0.9
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
    panels = pl.concat(
        pl.DataFrame({"repeat": 0, "outer_fold": f, "order": range(13), "probe_id": names})
        for f in range(4)
    ).with_columns(amplicon=pl.col("probe_id"))
    loss = {
        copies: accuracy(
            expected_accuracy(
                *(data, folds, panels, NOISELESS, (6,), QUICK, Simulation(3, copies))
            ),
            ARRAY,
            6,
            "log_loss",
        )
        for copies in (0, 6)
    }
    assert loss[6] < loss[0]


def test_copies_of_which_nothing_is_hidden_teach_nothing_more(
    cohort: TrainingData, folds_of: Folds
) -> None:
    # At least one CpG is kept: of a panel of one, copies are the sample itself.
    panels = pl.DataFrame({"repeat": 0, "outer_fold": range(4), "order": 1}).with_columns(
        probe_id=pl.lit("cg00000000"), amplicon=pl.lit("A001")
    )
    losses = [
        accuracy(
            expected_accuracy(
                *(cohort, folds_of(cohort), panels, NOISELESS, (1,), QUICK, Simulation(1, copies))
            ),
            *(ARRAY, 1, "log_loss"),
        )
        for copies in (0, 4)
    ]
    assert losses[0] == pytest.approx(losses[1], abs=1e-5)


def test_the_result_is_the_same_every_time_and_on_any_number_of_processes(
    cohort: TrainingData, folds_of: Folds, panels: pl.DataFrame
) -> None:
    folds = folds_of(cohort)
    arguments = (cohort, folds, panels, SEQ, (3,), QUICK, FEW)
    assert expected_accuracy(*arguments, local(2)).equals(expected_accuracy(*arguments))
    again, _ = fold_panels(cohort, folds, places_of(cohort), {}, SEQ, 12, QUICK, mapper=local(2))
    assert again.equals(panels)


def test_panels_that_do_not_fit_are_refused_in_a_line(
    cohort: TrainingData, folds_of: Folds, panels: pl.DataFrame
) -> None:
    folds = folds_of(cohort)
    with pytest.raises(PanelError, match="outer fold 0: its panel has 12 CpGs, of which 13 cannot"):
        judged(cohort, folds, panels, SEQ, (13,))
    with pytest.raises(PanelError, match="outer fold 2 has no panel: choose one in its training"):
        judged(cohort, folds, panels.filter(pl.col("outer_fold") != 2), SEQ)
    with pytest.raises(PanelError, match="cg9 of its panel is not in the data"):
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
