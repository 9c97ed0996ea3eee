"""The panel that patients' few CpGs meet: its classifier, refitted on all reference samples.

Belongs here: making a release of a panel, and its record. Does not belong here: applying it
(`cup_assets.classify.release`), its files (`release_files`), the choice of CpGs (assay).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import polars as pl

from cup_assets.classify.calibrate import Calibrator, fit_calibrator
from cup_assets.classify.data import Floats, Ints, Strings, TrainingData
from cup_assets.classify.errors import ClassifyError
from cup_assets.classify.explain import draw_background, kept_background
from cup_assets.classify.parameters import EvaluationParameters
from cup_assets.classify.pipeline import fit_pipeline
from cup_assets.classify.release import Release, probe_list_sha256
from cup_assets.classify.tuned import TunedClassifier, one_thread
from cup_assets.classify.typicality import fit_typicality
from cup_assets.compute import Mapper, serial
from cup_assets.panels.assay import AssayPanel
from cup_assets.panels.assay_folds import Part, used_splits
from cup_assets.panels.assay_parameters import AssayParameters
from cup_assets.panels.assay_scores import FLOOR, Judge, of_panel, of_panels
from cup_assets.panels.masked import fit_masked
from cup_assets.panels.noise import measured_by
from cup_assets.panels.parameters import PanelError, PanelParameters

MODEL = "logistic_regression"
_LEARN, _MEASURE = 3, 4  # what a seed is for, beside those of `Judge`


@dataclass(frozen=True, eq=False)
class PanelMaking:
    """What the releases of all technologies are made with.

    Attributes
    ----------
    data, folds
        Reference samples; every one must be held out by one outer fold of the first repeat.
    parameters, assays, evaluation
        Of CpGs, of assays, and of calibration and calls.
    normalisation, replicates
        How the betas of the reference were made.
    inputs
        Rows naming the inputs and their versions.
    """

    data: TrainingData
    folds: pl.DataFrame
    parameters: PanelParameters
    assays: AssayParameters
    evaluation: EvaluationParameters
    normalisation: Mapping[str, Any]
    replicates: str
    inputs: Sequence[Mapping[str, Any]]


def fit_panel_release(
    making: PanelMaking,
    panel: AssayPanel,
    fold_panels: pl.DataFrame,
    accuracy: pl.DataFrame,
    version: str,
    mapper: Mapper = serial,
    progress: Callable[[int, int], None] | None = None,
) -> Release:
    """Refit the classifier of a panel on all reference samples.

    The classifier learns from clean betas and from copies with CpGs hidden, as in
    `cup_assets.panels.assay_accuracy.expected_accuracy`. The calibrator is fitted on the reference
    samples as the technology might measure them, each scored by the panel and classifier of the
    outer fold that held it out; so are the distances that are usual for a class, with the noise
    and the losses of the technology in them. A sample that lacks more CpGs than usual looks less
    like its class: this errs towards no match.

    Parameters
    ----------
    panel
        Chosen on all reference samples.
    fold_panels
        (repeat, outer_fold, inner_fold, order, probe_id, amplicon) chosen in the same way inside
        the training parts.
    accuracy
        (metric, class, value, low, high) of such panels on held-out samples, for the record.

    Raises
    ------
    PanelError, ClassifyError
        Where folds, panels and data do not fit.
    """
    data = making.data.with_features("betas")
    names = panel.targets["probe_id"].to_list()
    some, amplicons = of_panel(data, names), panel.targets["amplicon"].to_numpy()
    rows: Ints = np.arange(len(data.y), dtype=np.int64)
    groups, calibrator = _calibrated(making, panel, fold_panels, mapper, progress)
    evaluation = replace(
        making.evaluation,
        n_probes=len(names),
        adjust=making.parameters.adjust,
        adjust_ridge=making.parameters.adjust_ridge,
        probe_max_missing=making.parameters.probe_max_missing,
        strategy="none",
        seed=making.parameters.seed,
        # Rounded: 1 - .9 must allow one of ten to be missing.
        max_missing=round(1 - making.assays.least_measured, 9),
    )
    classes, codes = np.unique(data.y, return_inverse=True)
    with one_thread():
        pipeline = fit_pipeline(some, rows, making.parameters.preparation(len(names)))
        if lost := sorted(set(names) - set(pipeline.probe_ids.tolist())):
            raise PanelError(f"{lost[0]} is missing too often, or does not vary: choose others")
        model = fit_masked(
            some, rows, pipeline, making.assays.masked_copies, making.parameters.panel_c,
            (making.parameters.seed, _LEARN),
        )  # fmt: skip
        measured = measured_by(
            panel.technology, some.X[:, pipeline.columns], (making.parameters.seed, _MEASURE),
            amplicons[pipeline.columns],
        )  # fmt: skip
        features = pipeline.features(measured, some.levels(pipeline.factors, rows))
    typicality = fit_typicality(features, codes.astype(np.int64), groups, evaluation, mapper)
    candidate = {
        "C": making.parameters.panel_c,
        "masked_copies": float(making.assays.masked_copies),
    }
    classifier = TunedClassifier(classes, pipeline, model, calibrator, candidate)
    record = _record(making, panel, classifier, evaluation, accuracy, version)
    background = draw_background(features, making.parameters.seed)
    return Release(
        version, MODEL, classifier, typicality, data.family_of(), record,
        kept_background(model, background),
    )  # fmt: skip


def _calibrated(
    making: PanelMaking,
    panel: AssayPanel,
    fold_panels: pl.DataFrame,
    mapper: Mapper,
    progress: Callable[[int, int], None] | None,
) -> tuple[Ints, Calibrator]:
    """Return the outer fold of each sample, and the calibrator by their held-out scores."""
    data = making.data.with_features("betas")
    splits = used_splits(data, making.folds, making.parameters)
    parts = [
        Part(split.repeat, split.outer_fold, None, split.train, split.test)
        for split in splits
        if split.repeat == splits[0].repeat
    ]
    classes, codes = np.unique(data.y, return_inverse=True)
    groups: Ints = np.full(len(data.y), -1, dtype=np.int64)
    for number, part in enumerate(parts):
        if (groups[part.held] >= 0).any():
            raise ClassifyError("a sample is held out by two outer folds")
        groups[part.held] = number
    if (groups < 0).any():
        name = str(data.sample_ids[groups < 0][0])
        raise ClassifyError(f"sample {name!r} is held out by no outer fold: calibration needs it")
    judge = Judge(
        of_panels(data, fold_panels), fold_panels, panel.technology, (1,), making.parameters,
        making.assays.simulation(), making.evaluation,
    )  # fmt: skip
    task = partial(_held_out, judge)
    raw: Floats = np.zeros((len(data.y), len(classes)))
    for part, scores in zip(parts, mapper(task, parts, progress), strict=True):
        present = np.searchsorted(classes, np.unique(data.y[part.train]))
        raw[np.ix_(part.held, present)] = scores
    with one_thread():
        return groups, fit_calibrator(raw, codes.astype(np.int64), groups, making.evaluation, FLOOR)


def _held_out(judge: Judge, part: Part) -> Floats:
    return judge.held_out(part, judge.technology)


def _record(
    making: PanelMaking,
    panel: AssayPanel,
    classifier: TunedClassifier,
    evaluation: EvaluationParameters,
    accuracy: pl.DataFrame,
    version: str,
) -> Mapping[str, Any]:
    data, technology = making.data, panel.technology
    record = {
        "version": version,
        "model": MODEL,
        "candidate": dict(classifier.candidate),
        "parameters": asdict(evaluation),
        "normalisation": dict(making.normalisation),
        "replicates": making.replicates,
        "classes": _sizes(data.y),
        "families": data.family_of(),
        "factors": {
            name: _sizes(getattr(data, name)) for name in classifier.pipeline.factors.tolist()
        },
        "n_samples": len(data.sample_ids),
        "n_patients": len(np.unique(data.patient)),
        "n_probes": len(classifier.pipeline.probe_ids),
        "probe_list_sha256": probe_list_sha256(classifier.pipeline.probe_ids),
        "calibration": {
            "penalty": classifier.calibrator.penalty,
            "log_loss": classifier.calibrator.log_loss,
        },
        "metrics": accuracy.select("metric", "class", "value", "low", "high").to_dicts(),
        "input_manifest": [dict(row) for row in making.inputs],
        "panel": {
            "technology": technology.name,
            "title": technology.title,
            "material": panel.material,
            "build": panel.build,
            "least_measured": making.assays.least_measured,
            "noise": {
                name: getattr(technology, name)
                for name in ("resolution", "sd", "molecules", "dropout")
            },
            "assumed": list(technology.assumed()),
            "simulation": asdict(making.assays.simulation()),
            "targets": panel.targets.select(
                "probe_id", "amplicon", "chrom", "start", "end", "class", "difference"
            ).to_dicts(),
        },
    }
    # As it will be read back from disk, so that a release is the same before and after.
    plain: Mapping[str, Any] = json.loads(json.dumps(record, sort_keys=True, allow_nan=False))
    return plain


def _sizes(names: Strings) -> dict[str, int]:
    found, counts = np.unique(names, return_counts=True)
    return dict(zip(found.tolist(), counts.tolist(), strict=True))
