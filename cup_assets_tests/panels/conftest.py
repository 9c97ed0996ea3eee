"""Cohorts of which it is known what each CpG tells."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import polars as pl
import pytest

from cup_assets.classify.data import TrainingData

CLASSES = ("acinic", "adenoid", "nut")
INFORMATIVE = [f"cg{at:08d}" for at in range(12)]


def make_cohort(seed: int = 1, per_class: int = 24, n_probes: int = 300) -> TrainingData:
    """Return three classes of which CpGs 0-3 mark the first, 4-7 the second, 8-11 the third."""
    rng = np.random.default_rng(seed)
    codes = np.repeat(np.arange(3), per_class)
    n = len(codes)
    X = np.clip(0.5 + rng.normal(0, 0.12, (n, n_probes)), 0, 1)
    for code in range(3):
        marks = slice(4 * code, 4 * code + 4)
        X[codes == code, marks] += 0.35
    X = np.clip(X, 0, 1).astype(np.float32)
    X[rng.random(X.shape) < 0.02] = np.nan
    # Two samples a patient, as in a real archive: they must not be split over folds.
    patients = np.array([f"p{i // 2}" for i in range(n)])
    return TrainingData(
        sample_ids=np.array([f"s{i:03d}" for i in range(n)]),
        X=X,
        y=np.array(CLASSES)[codes],
        patient=patients,
        material=rng.permutation(np.resize(["FFPE", "frozen"], n)),
        array=np.array(["mini"] * n),
        site=np.array(["centre"] * n),
        family=np.array(["salivary"] * n),
        batch=np.array(["b1"] * n),
        probe_ids=np.array([f"cg{i:08d}" for i in range(n_probes)]),
    )


def make_folds(data: TrainingData, n_folds: int = 4) -> pl.DataFrame:
    """Return one repeat of outer folds, patients kept together, classes spread evenly."""
    patient = {name: at for at, name in enumerate(dict.fromkeys(data.patient.tolist()))}
    fold = np.array([patient[name] % n_folds for name in data.patient])
    rows = [
        ("stratified", 0, outer, None if at == outer else int(at), name)
        for outer in range(n_folds)
        for at, name in zip(fold, data.sample_ids.tolist(), strict=True)
    ]
    columns = {
        "scheme": pl.String,
        "repeat": pl.Int64,
        "outer_fold": pl.Int64,
        "inner_fold": pl.Int64,
        "sample_id": pl.String,
    }
    return pl.DataFrame(rows, schema=columns, orient="row")


@pytest.fixture(scope="session")
def cohort() -> TrainingData:
    return make_cohort()


@pytest.fixture(scope="session")
def wide_cohort() -> TrainingData:
    """Return the same classes with many more CpGs, of which some fit any labels by chance."""
    return make_cohort(n_probes=1500)


@pytest.fixture(scope="session")
def folds_of() -> Callable[[TrainingData], pl.DataFrame]:
    return make_folds


@pytest.fixture(scope="session")
def informative() -> list[str]:
    return INFORMATIVE
