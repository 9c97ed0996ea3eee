"""A light classifier that knows missing CpGs, because it learnt with CpGs hidden.

Belongs here: its fit. Does not belong here: which CpGs it gets (assay, differential), how often it
is right (assay_accuracy).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cup_assets.classify.data import Ints, TrainingData
from cup_assets.classify.models.linear import LinearModel
from cup_assets.classify.pipeline import Pipeline
from cup_assets.panels.light import panel_classifier
from cup_assets.panels.noise import only_some
from cup_assets.panels.parameters import PanelError


@dataclass(frozen=True)
class Simulation:
    """How measurements are simulated.

    Attributes
    ----------
    draws
        Simulated measurements of each test sample.
    masked_copies
        Copies of each training sample of which a random number of CpGs is hidden, beside itself:
        so the classifier learns not to rely on any single CpG.
    """

    draws: int = 5
    masked_copies: int = 4

    def __post_init__(self) -> None:
        if self.draws < 1 or self.masked_copies < 0:
            raise PanelError(
                f"draws is {self.draws}, masked_copies {self.masked_copies}: give at least 1 and 0"
            )


def fit_masked(
    data: TrainingData,
    rows: Ints,
    pipeline: Pipeline,
    copies: int,
    c: float,
    seed: Sequence[int],
) -> LinearModel:
    """Learn from training samples as they are, and from copies with CpGs hidden at random.

    What is hidden is filled in by the pipeline as what is missing: by its mean in the training
    part, which is no evidence for any class.

    Parameters
    ----------
    data
        With the panel's CpGs.
    rows : int64[n]
        The training part; the model's classes are those that it holds, sorted.
    pipeline
        Learnt from the same rows.
    copies
        Copies of each sample (`Simulation.masked_copies`). All of a sample weigh together as much
        as itself: copies are no further evidence.
    c
        Inverse L2 penalty for standardised CpGs.
    seed
        Of what is hidden.
    """
    betas = data.X[np.ix_(rows, pipeline.columns)]
    levels = data.levels(pipeline.factors, rows)
    n, q = betas.shape
    parts = [betas]
    for copy in range(copies):
        kept = np.random.default_rng((*seed, copy)).integers(1, q + 1, size=(n, 1))
        parts.append(only_some(betas, kept, (*seed, copy, 1)))
    features = np.vstack([pipeline.features(part, levels) for part in parts])
    classes, codes = np.unique(data.y[rows], return_inverse=True)
    return panel_classifier(
        features, np.tile(codes, len(parts)).astype(np.int64), len(classes), c / len(parts)
    )
