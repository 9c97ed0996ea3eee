"""Chains to run: an empty one, and one that is complete."""

from __future__ import annotations

import base64
import shutil
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from cup_assets.orchestration import cnv_cohort, cnv_files, leaderboard_notes, quality_page
from cup_assets.orchestration.assets import (
    ablations,
    assays,
    cnv,
    cross_validation,
    datasets,
    diagnosis,
    explanations,
    importance,
    landscape,
    learning_curve,
    normalised,
    novelty,
    panels,
)
from cup_assets_tests.orchestration.chain import (
    Chain,
    cheaply,
    complete_folder,
    landed_folder,
)

PICTURES = {
    *("arm_heatmap", "beta_density", "class_sizes", "comparison_plot", "genome_plot"),
    *("confusion_diagram", "control_strips"),
    *("importance_plot", "landscape_plot", "leaderboard_plot", "panel_curve_plot"),
    *("frequency_plot", "interactive_genome"),
    *("agreement_plot", "swarm_plot", "waterfall_plot"),
    *("assay_accuracy_plot", "refusal_plot"),
    *("learning_curve_plot", "novelty_plot", "recall_change_plot"),
    *("quality_scatter", "reject_plot", "reliability_diagram", "score_bars"),
}


@pytest.fixture(scope="session")
def landed_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a data folder with two landed batches and nothing computed; read only."""
    return landed_folder(tmp_path_factory)


@pytest.fixture(scope="session")
def complete_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a data folder in which everything is computed; read only."""
    return complete_folder(tmp_path_factory)


_ASSETS = (
    ablations,
    assays,
    cnv,
    cnv_cohort,
    cnv_files,
    cross_validation,
    datasets,
    diagnosis,
    explanations,
    importance,
    landscape,
    leaderboard_notes,
    learning_curve,
    normalised,
    novelty,
    panels,
    quality_page,
)
_BLANK = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


@pytest.fixture
def small_chain() -> Iterator[None]:
    """Compute cheaply and draw nothing: `complete_data` has been drawn in full."""
    with cheaply() as patch:
        for module in _ASSETS:
            for name in PICTURES & set(vars(module)):
                patch.setattr(module, name, lambda *_, **__: _BLANK)
        yield


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


@pytest.fixture
def landed(
    landed_data: Path, small_chain: None, instance: dg.DagsterInstance, tmp_path: Path
) -> Chain:
    """Return a chain of one's own, of which nothing is computed yet."""
    return Chain(shutil.copytree(landed_data, tmp_path / "data"), instance)


@pytest.fixture
def complete(
    complete_data: Path, small_chain: None, instance: dg.DagsterInstance, tmp_path: Path
) -> Chain:
    """Return a chain of one's own, everything computed."""
    return Chain(shutil.copytree(complete_data, tmp_path / "data"), instance)
