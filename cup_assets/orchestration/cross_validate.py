"""Nested cross-validation that takes finished folds over.

Belongs here: the platform's way to cross-validate, for every asset that does. Does not belong here:
the cross-validation itself (`cup_assets.classify.nested`) and the files (`fold_store`).
"""

from __future__ import annotations

import dagster as dg
import polars as pl

from cup_assets.classify.data import TrainingData
from cup_assets.classify.nested import CvResult, FoldResult, nested_cv, outer_folds
from cup_assets.classify.parameters import EvaluationParameters
from cup_assets.orchestration.fold_keys import fold_keys
from cup_assets.orchestration.fold_store import FoldStore, Keeper
from cup_assets.orchestration.materialise import is_forced
from cup_assets.orchestration.progress import progress_of
from cup_assets.orchestration.resources import Platform

FOLDER = "folds"
"""Below the platform's cache."""


def cross_validate(
    context: dg.AssetExecutionContext,
    platform: Platform,
    data: TrainingData,
    model: str,
    folds: pl.DataFrame,
    parameters: EvaluationParameters,
    *,
    features: str = "betas",
) -> CvResult:
    """Score every sample by a classifier that never saw its patient, one scheme at a time.

    The result of each outer fold is kept as it finishes, under a name that covers all it is made
    of. A run that was killed, or a study that needs the same fold, takes it over to the last bit
    and computes the others. A forced run computes all of them.

    Parameters
    ----------
    data
        What to learn from; its columns are the features named.
    folds
        Frame (scheme, repeat, outer_fold, inner_fold, sample_id) of one scheme.
    features
        ``betas``, ``cnv`` or ``betas_cnv``: a name, for progress and for the fold's.

    Raises
    ------
    ClassifyError
        As `cup_assets.classify.nested.nested_cv`.
    """
    splits = outer_folds(data, folds)
    store = FoldStore(platform.settings.cache / FOLDER)
    store.prepare()
    keys = fold_keys(data, model, parameters, features, splits)
    done: dict[tuple[int, int], FoldResult] = {}
    if not is_forced(context):
        found = ((fold, store.load(key, context.log.warning)) for fold, key in keys.items())
        done = {fold: result for fold, result in found if result}
    scheme = str(folds["scheme"][0])
    if done:
        context.log.info(
            "%s, %s, %s, %s: %d of %d outer folds are taken over from an earlier run",
            *(model, scheme, parameters.strategy, features, len(done), len(keys)),
        )
    report = progress_of(context, f"outer folds, {scheme}")
    report(len(done), len(keys))
    return nested_cv(
        data,
        model,
        folds,
        parameters,
        platform.mapper,
        lambda computed, _: report(len(done) + computed, len(keys)),
        completed=done,
        on_fold=Keeper(store, keys),
    )
