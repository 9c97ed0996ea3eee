"""A classifier fitted on one training part, its hyperparameters and calibration included.

Belongs here: the inner loop, the refit on the whole part, and scoring. Does not belong here: which
samples form the part (nested, release).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from functools import partial
from importlib import import_module

import numpy as np

from cup_assets.classify.calibrate import Calibrator, fit_calibrator
from cup_assets.classify.calibration_variants import Variant, fit_variants
from cup_assets.classify.data import Features, Floats, Ints, Strings, TrainingData
from cup_assets.classify.errors import ClassifyError
from cup_assets.classify.models import MODELS, Candidate, Model
from cup_assets.classify.parameters import EvaluationParameters
from cup_assets.classify.pipeline import Pipeline
from cup_assets.classify.prepared import Prepared, narrow, prepare, training_set
from cup_assets.compute import Mapper, serial, single_threaded


@dataclass(frozen=True, eq=False)
class TunedClassifier:
    """Pipeline, model and calibrator of one training part.

    Attributes
    ----------
    classes : str[k]
        Classes of the training part, sorted; columns of all scores.
    candidate
        Hyperparameters chosen in the inner loop.
    variants
        Other calibrators of the same held-out scores, by name, to compare; a release has none.
    """

    classes: Strings
    pipeline: Pipeline
    model: Model
    calibrator: Calibrator
    candidate: Candidate
    variants: Mapping[str, Variant] = field(default_factory=dict)

    def scores(self, features: Features) -> tuple[Floats, Floats]:
        """Return raw and calibrated scores float64[n, k] for what the pipeline makes of betas."""
        raw = self.model.scores(features)
        return raw, self.calibrator.scores(raw)


def fit_tuned(
    data: TrainingData,
    rows: Ints,
    groups: Ints,
    model: str,
    parameters: EvaluationParameters,
    seed: int,
    mapper: Mapper = serial,
    progress: Callable[[int, int], None] | None = None,
    prepared: Prepared | None = None,
) -> TunedClassifier:
    """Tune, calibrate and refit a model on the rows of a training part.

    For each group in turn, every candidate is fitted on the other groups (pipeline, balancing and
    model) and scores the group. The candidate whose calibrated scores have the lowest
    cross-validated log loss is chosen; its held-out scores fit the calibrator; pipeline and model
    are then refitted on all the rows.

    Parameters
    ----------
    rows, groups : int64[n]
        Positions in ``data`` and the inner fold of each.
    model
        A name in ``MODELS``.
    seed
        Seed of what is random in balancing and model.
    prepared
        Pipelines of the part, learnt together with those of other parts; default: learnt here.

    Raises
    ------
    ClassifyError
        Where the part, or the part less one group, holds fewer than two classes.
    """
    if model not in MODELS:
        raise ClassifyError(f"model {model!r} is unknown: use one of {', '.join(MODELS)}")
    spec = MODELS[model]
    classes, codes = np.unique(data.y[rows], return_inverse=True)
    candidates = spec.candidates(parameters)
    if prepared is None:
        (prepared,) = prepare(data, [(rows, groups)], parameters, mapper)
    few, (own,) = narrow(data, [prepared])
    names = np.unique(groups)
    task = partial(_score_group, few, rows, groups, model, parameters, seed)
    raw = np.empty((len(candidates), len(rows), len(classes)))
    items = list(zip(names.tolist(), own.without, strict=True))
    for name, scores in zip(names, mapper(task, items, progress), strict=True):
        raw[:, groups == name] = scores
    with one_thread():
        floor = spec.floor(parameters)
        calibrators = [fit_calibrator(one, codes, groups, parameters, floor) for one in raw]
        best = int(np.argmin([calibrator.log_loss for calibrator in calibrators]))
        training = training_set(few, rows, own.whole)
        (fitted,) = spec.fit(training, [candidates[best]], parameters, seed)
        variants = fit_variants(raw[best], codes.astype(np.int64), floor)
    return TunedClassifier(
        classes, prepared.whole, fitted, calibrators[best], candidates[best], variants
    )


def _score_group(
    data: TrainingData,
    rows: Ints,
    groups: Ints,
    model: str,
    parameters: EvaluationParameters,
    seed: int,
    group: tuple[int, Pipeline],
) -> Floats:
    """Return raw scores float64[candidates, held, k] of one group by fits on the others."""
    name, pipeline = group
    spec, held = MODELS[model], groups == name
    with one_thread():
        training = training_set(data, rows[~held], pipeline, np.unique(data.y[rows]))
        models = spec.fit(training, spec.candidates(parameters), parameters, seed)
        features = pipeline.features_of(data, rows[held])
        return spec.scores(models, features)


def one_thread() -> AbstractContextManager[object]:
    """Limit linear algebra to one thread: more would change the order of additions.

    The bits of a fit would then depend on the number of processors.
    """
    # The limit reaches only libraries already loaded, so those of the solvers are loaded first.
    import_module("sklearn.svm")
    import_module("sklearn.linear_model")
    return single_threaded()
