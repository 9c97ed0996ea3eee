"""A released panel: as good as was expected of it, sure of nothing it was not shown, and sealed."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from cup_assets.classify.data import TrainingData
from cup_assets.classify.errors import ReleaseError
from cup_assets.classify.parameters import EvaluationParameters
from cup_assets.classify.release import Release
from cup_assets.classify.release_files import load_release, save_release
from cup_assets.panels.assay import AssayPanel
from cup_assets.panels.assay_accuracy import expected_accuracy
from cup_assets.panels.assay_folds import (
    Assay,
    choose_in_parts,
    choose_on_all,
    parts_of,
    used_splits,
)
from cup_assets.panels.assay_parameters import AssayParameters
from cup_assets.panels.assay_release import PanelMaking, fit_panel_release
from cup_assets.panels.noise import measured_by, only_some
from cup_assets.panels.parameters import PanelError, PanelParameters
from cup_assets.panels.technology import technologies
from cup_assets_tests.panels.conftest import make_cohort, make_folds

QUICK = PanelParameters(sizes=(3, 12), trees=20, components=3, bootstraps=50, correlated=0.95)
EVALUATION = EvaluationParameters(calibration_c=(0.01, 1.0), typicality_threshold=0.02)
# So noisy that the panel is often wrong: else every estimate would be right.
NOISY = dataclasses.replace(technologies()["bisulfite_amplicon_seq"], sd=0.35)
ASSAYS = AssayParameters(draws=3, masked_copies=3)
SIZE = 9


@dataclasses.dataclass(frozen=True, eq=False)
class Made:
    data: TrainingData
    making: PanelMaking
    panel: AssayPanel
    panels: pl.DataFrame
    expected: pl.DataFrame
    release: Release


@pytest.fixture(scope="module")
def made(cohort: TrainingData, folds_of: Callable[[TrainingData], pl.DataFrame]) -> Made:
    names = cohort.probe_ids.tolist()
    places = pl.DataFrame(
        {"probe_id": names, "hg38": [f"1:{1000 + 30 * at}" for at in range(len(names))]}
    )
    assay, folds = Assay(NOISY, places, {}, SIZE), folds_of(cohort)
    parts = parts_of(used_splits(cohort, folds, QUICK))
    (found,) = choose_in_parts(cohort, parts, [assay], QUICK)
    (panel,) = choose_on_all(cohort, [assay], QUICK)
    assert isinstance(panel, AssayPanel)
    panels = found.panels
    expected = expected_accuracy(
        cohort, folds, panels, NOISY, (5, SIZE), QUICK, ASSAYS.simulation(), EVALUATION
    )
    inputs = [{"input": "datasets/reference", "input_version": "abc"}]
    making = PanelMaking(cohort, folds, QUICK, ASSAYS, EVALUATION, {"m": "noob"}, "mean", inputs)
    metrics = expected.filter((pl.col("measured_by") == NOISY.name) & (pl.col("measured") == SIZE))
    release = fit_panel_release(making, panel, panels, metrics, "p1-seq")
    return Made(cohort, making, panel, panels, expected, release)


def measured(data: TrainingData, panel: AssayPanel, seed: int = 9) -> np.ndarray:
    """Return the betas of the panel's CpGs as the technology might measure them."""
    at = [data.probe_ids.tolist().index(name) for name in panel.targets["probe_id"]]
    return measured_by(NOISY, data.X[:, at], seed, panel.targets["amplicon"].to_numpy())


def calls_of(made: Made, data: TrainingData, betas: np.ndarray) -> pl.DataFrame:
    names = made.panel.targets["probe_id"].to_list()
    given = {"material": data.material.tolist()}
    return made.release.predict(betas, names, given, data.sample_ids).calls


def expected_of(made: Made, k: int, metric: str) -> float:
    rows = made.expected.filter(
        (pl.col("measured_by") == NOISY.name)
        & (pl.col("measured") == k)
        & (pl.col("metric") == metric)
        & pl.col("class").is_null()
    )
    return float(rows["value"].item())


@pytest.mark.parametrize("k", [5, SIZE])
def test_new_patients_are_classified_about_as_well_as_was_expected(made: Made, k: int) -> None:
    new = make_cohort(seed=77, per_class=120)
    betas = only_some(measured(new, made.panel), k, 3)
    calls = calls_of(made, new, betas)
    scored = calls["class"].is_not_null().to_numpy()
    right = (calls["class"].fill_null("") == pl.Series(new.y.tolist())).to_numpy()[scored].mean()
    expected = expected_of(made, k, "accuracy")
    assert 0.5 < expected < 0.97
    assert right == pytest.approx(expected, abs=0.08)


def test_a_match_is_as_sure_as_its_score_and_unseen_tumours_match_less(made: Made) -> None:
    new = make_cohort(seed=78, per_class=120)
    calls = calls_of(made, new, measured(new, made.panel))
    match = (calls["call"] == "match").to_numpy()
    right = (calls["class"].fill_null("") == pl.Series(new.y.tolist())).to_numpy()
    assert match.sum() > 20
    assert right[match].mean() > 0.85
    # High at every CpG of every class: no class of the reference.
    strange = np.clip(measured(new, made.panel) * 0 + 0.97, 0, 1).astype(np.float32)
    assert (calls_of(made, new, strange)["call"] == "match").mean() < match.mean() / 2


def test_too_few_cpgs_are_not_scored_and_the_share_is_the_parameter(made: Made) -> None:
    new = make_cohort(seed=79, per_class=4)
    betas = measured(new, made.panel)
    betas[:] = np.float32(0.5)
    for row, missing in enumerate((4, 5)):
        betas[row, :missing] = np.nan
    calls = calls_of(made, new, betas)
    assert calls["class"].is_null().to_list()[:3] == [False, True, False]
    assert calls["note"][1] == "not scored: 56% of the probes missing (limit 50%)"


def test_the_release_read_back_gives_the_same_bits_alone_or_in_a_batch(
    made: Made, tmp_path: Path
) -> None:
    digest = save_release(made.release, tmp_path / "p")
    loaded = load_release(tmp_path / "p", digest=digest)
    again = dataclasses.replace(made, release=loaded)
    betas = measured(made.data, made.panel)
    batch = calls_of(made, made.data, betas)
    assert_frame_equal(calls_of(again, made.data, betas), batch, check_exact=True)
    names = made.panel.targets["probe_id"].to_list()
    for row in (0, 30, 71):
        alone = loaded.predict(
            betas[[row]], names, {"material": [made.data.material[row]]}, [f"s{row:03d}"]
        )
        assert_frame_equal(alone.calls, batch[row], check_exact=True)
    refit = fit_panel_release(
        made.making, made.panel, made.panels, metrics_of(made), made.release.version
    )
    save_release(refit, tmp_path / "again")
    for name in ("release.json", "model.npz", "model_card.md"):
        assert (tmp_path / "again" / name).read_bytes() == (tmp_path / "p" / name).read_bytes()


def metrics_of(made: Made) -> pl.DataFrame:
    return made.expected.filter(
        (pl.col("measured_by") == NOISY.name) & (pl.col("measured") == SIZE)
    )


def test_a_changed_file_of_a_panel_is_refused(made: Made, tmp_path: Path) -> None:
    save_release(made.release, tmp_path / "p")
    record = tmp_path / "p" / "release.json"
    text = record.read_text()
    assert '"least_measured": 0.5' in text
    record.write_text(text.replace('"least_measured": 0.5', '"least_measured": 0.1'))
    with pytest.raises(ReleaseError, match="was changed after release"):
        load_release(tmp_path / "p")


def test_the_card_says_what_the_panel_is_for_and_what_was_only_simulated(
    made: Made, tmp_path: Path
) -> None:
    save_release(made.release, tmp_path / "p")
    card = (tmp_path / "p" / "model_card.md").read_text()
    assert "For multiplex bisulfite amplicon sequencing of FFPE DNA" in card
    assert "measured by simulation (standard deviation 0.35, dropout 5%, 200 molecules" in card
    assert "A sample needs 50% of the CpGs" in card
    first = made.panel.targets.row(0, named=True)
    assert f"| {first['probe_id']} | {first['amplicon']} | chr1:{first['start'] + 1} |" in card
    assert f"| macro_f1 | {expected_of(made, SIZE, 'macro_f1'):.3f} |" in card


def test_nothing_is_released_that_no_fold_held_out(made: Made) -> None:
    folds = make_folds(made.data).filter(pl.col("outer_fold") != 1)
    with pytest.raises(ValueError, match="held out by no outer fold"):
        fit_panel_release(
            dataclasses.replace(made.making, folds=folds),
            *(made.panel, made.panels, metrics_of(made), "v"),
        )
    with pytest.raises(PanelError, match="least_measured is 0"):
        AssayParameters(least_measured=0)
