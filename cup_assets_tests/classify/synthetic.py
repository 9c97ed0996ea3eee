"""Small labelled cohorts for the tests of the classifiers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl

from cup_assets.classify.data import TrainingData
from cup_assets.classify.parameters import EvaluationParameters

QUICK = EvaluationParameters(
    n_probes=100,
    trees=30,
    forest_features=(1.0,),
    logistic_c=(10.0, 1000.0),
    logistic_l1=(0.05,),
    svm_c=(1.0, 10.0),
    xgboost_rounds=(5, 15),
    xgboost_depth=(2,),
    network_hidden=(16,),
    network_dropout=(0.25,),
    network_epochs=40,
    calibration_c=(0.01, 1.0),
    bootstraps=200,
)


def cohort(
    n: int = 120,
    p: int = 500,
    classes: int = 4,
    seed: int = 1,
    signal: float = 3.0,
    missing: float = 0.01,
) -> TrainingData:
    """Return n samples of equal classes, two samples a patient, both materials in every class."""
    generator = np.random.default_rng(seed)
    codes = np.arange(n) // 2 % classes
    centres = generator.normal(0, 1, p) + np.zeros((classes, p))
    for code in range(classes):
        own = generator.choice(p, p // 20, replace=False)
        centres[code, own] += signal
    material = np.where(generator.random(n) < 0.5, "FFPE", "frozen")
    m_values = centres[codes] + generator.normal(0, 0.7, (n, p))
    m_values += np.where(material == "FFPE", 1.0, 0.0)[:, None] * generator.normal(0, 0.3, p)
    betas = (1 / (1 + np.exp2(-m_values))).astype(np.float32)
    betas[generator.random((n, p)) < missing] = np.nan
    samples = pl.DataFrame(
        {
            "sample_id": [f"s{row:03d}" for row in range(n)],
            "class": [f"class {code}" for code in codes],
            "family": [f"family {code // 2}" for code in codes],
            "patient_id": [f"p{row // 2:03d}" for row in range(n)],
            "material": material.tolist(),
        }
    )
    return TrainingData.from_frame(samples, betas, [f"cg{probe:05d}" for probe in range(p)])


def shuffled(data: TrainingData, seed: int) -> TrainingData:
    """Return the same cohort with the labels of patients in random order."""
    order = np.random.default_rng(seed).permutation(len(data.y) // 2)
    y = data.y.reshape(-1, 2)[order].ravel()
    return replace(data, y=y, family=np.array(["family"] * len(y)))


def folds(data: TrainingData, outer: int = 4, inner: int = 3, repeats: int = 1) -> pl.DataFrame:
    """Stratified by class, grouped by patient, for cohorts that hold two samples a patient."""
    rows = []
    for repeat in range(repeats):
        generator = np.random.default_rng(repeat)
        place = np.zeros(len(data.y), dtype=int)
        for name in np.unique(data.y):
            patients = np.unique(data.patient[data.y == name])
            for rank, patient in enumerate(generator.permutation(patients)):
                place[data.patient == patient] = rank
        for fold in range(outer):
            for sample, rank in zip(data.sample_ids.tolist(), place.tolist(), strict=True):
                within = None if rank % outer == fold else rank // outer % inner
                rows.append(("stratified", repeat, fold, within, sample))
    columns = ["scheme", "repeat", "outer_fold", "inner_fold", "sample_id"]
    return pl.DataFrame(rows, schema=columns, orient="row")


def with_other_rows(data: TrainingData, rows: np.ndarray, seed: int) -> TrainingData:
    """Return the cohort with some rows replaced: values, labels, materials and patients."""
    generator = np.random.default_rng(seed)
    X, y, family = data.X.copy(), data.y.copy(), data.family.copy()
    material, patient = data.material.copy(), data.patient.astype("<U20")
    X[rows] = generator.random((len(rows), X.shape[1]))
    donors = generator.permutation(rows)
    y[rows], family[rows] = data.y[donors], data.family[donors]
    material[rows] = "FFPE"
    patient[rows] = [f"other {row}" for row in rows]
    return replace(data, X=X, y=y, family=family, material=material, patient=patient)


def with_copy_number(
    data: TrainingData, labels: np.ndarray | None = None, q: int = 24, seed: int = 6
) -> TrainingData:
    """Return the cohort with log2 ratios of q regions, each class with gains and losses of its own.

    Half of the regions are quiet; one value of fifty is missing. ``labels`` are other classes to
    be told from copy number than those of the data.
    """
    generator = np.random.default_rng(seed)
    classes, codes = np.unique(data.y if labels is None else labels, return_inverse=True)
    typical = np.zeros((len(classes), q))
    for own in typical:
        regions = generator.choice(q // 2, 4, replace=False)
        own[regions] = generator.choice([-0.5, 0.4], 4)
    cnv = typical[codes] + generator.normal(0, 0.08, (len(codes), q))
    cnv[generator.random(cnv.shape) < 0.02] = np.nan
    names = [f"arm {region}" for region in range(q)]
    return replace(data, cnv=cnv.astype(np.float32), cnv_names=np.array(names))
