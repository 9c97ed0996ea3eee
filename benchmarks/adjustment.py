"""What adjusting for the material does to samples never seen, against simulated truth.

    make bench-adjustment

A cohort of 8 classes teaches the adjustment, another one, of the same biology and of other
batches, is adjusted by it. Twice: with FFPE and frozen in every class alike, and with classes
that are almost all of one material. Beside the pipeline's model, which has terms for classes, the
one without, as Capper et al. (Nature 2018) fit it. Under a minute.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import polars as pl
from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from cup_assets.classify.adjustment import explained_share
from cup_assets.classify.data import TrainingData
from cup_assets.classify.parameters import EvaluationParameters
from cup_assets.classify.pipeline import Pipeline, fit_pipeline
from cup_assets.methylome import load_manifests, process_batch
from cup_assets.simulate import CohortDesign, simulate_cohort
from cup_assets.simulate.classes import CLASSES

N_CLASSES, PER_CLASS = 8, 14
_INFORMATIVE = 500
_KEPT = 0.15  # of the rare material of a class, where material and class are confounded


@dataclass(frozen=True)
class Measured:
    """A cohort as measured and as it truly is, probes in the same order.

    Attributes
    ----------
    data
        Betas with labels.
    truth : float32[n, p]
        True betas.
    ffpe_shift : float64[p]
        What FFPE truly adds to the M-value.
    """

    data: TrainingData
    truth: np.ndarray
    ffpe_shift: np.ndarray

    def rows(self, rows: np.ndarray) -> Measured:
        """Return some of its samples."""
        own = {
            name: getattr(self.data, name)[rows]
            for name in ("sample_ids", "X", "y", "patient", "material", "array", "site", "family",
                         "batch")
        }  # fmt: skip
        return replace(self, data=replace(self.data, **own), truth=self.truth[rows])


def measured_cohort(folder: Path, design: CohortDesign) -> Measured:
    """Simulate a cohort, normalise it, and put it beside its truth; CpGs on autosomes only."""
    cohort = simulate_cohort(folder, design)
    samples = pl.read_parquet(cohort.truth / "samples.parquet")
    samples = samples.filter(pl.col("role") == "reference").sort("sample_id")
    items = []
    for row in samples.iter_rows(named=True):
        stem = f"{row['sentrix_id']}_{row['sentrix_position']}"
        pair = [
            cohort.landing / row["batch"] / f"{stem}_{colour}.idat" for colour in ("Grn", "Red")
        ]
        items.append((row["sample_id"], *pair))
    (array,) = process_batch(items, load_manifests(cohort.manifests, folder / "cache")).arrays
    probes = array.manifest.probes
    used = ((probes["kind"] == "cg") & ~probes["chrom"].is_in(["X", "Y"])).to_numpy()
    truth = pl.read_parquet(cohort.truth / "betas.parquet").select(samples["sample_id"].to_list())
    effects = pl.read_parquet(cohort.truth / "effects.parquet")
    shift = (effects["ffpe/FFPE/m"] - effects["ffpe/FFPE/u"]).to_numpy()
    frame = samples.rename({"true_class": "class"}).select(
        "sample_id", "class", "patient_id", "material", "site", "batch"
    )
    data = TrainingData.from_frame(
        frame, array.beta.T[:, used], probes["probe_id"].filter(pl.Series(used)).to_list()
    )
    return Measured(data, truth.to_numpy().T[:, used], shift[used].astype(np.float64))


def design(seed: int, per_class: int, n_classes: int = N_CLASSES) -> CohortDesign:
    """Return a cohort without mistakes, half of it FFPE, and of a biology that all share."""
    classes = tuple((name, per_class) for name in list(CLASSES)[:n_classes])
    return CohortDesign(
        seed=seed, first_number=1000 * seed, classes=classes, normals=1, diagnostic=0, novel=0,
        batches=3, sites=2, second_samples=0, duplicates=0, swaps=0, wrong_sexes=0, degraded=0,
        confounding=0.0, ffpe_fraction=0.5,
    )  # fmt: skip


def confounded(cohort: Measured) -> Measured:
    """Leave out most FFPE samples of every other class, and most frozen ones of the others."""
    data = cohort.data
    even = np.isin(data.y, np.unique(data.y)[::2])
    rare = np.where(even, data.material == "FFPE", data.material == "frozen")
    kept = np.random.default_rng(1).random(len(rare)) < _KEPT
    return cohort.rows(np.flatnonzero(~rare | kept))


def fitted(train: Measured, adjust: tuple[str, ...], *, by_class: bool = True) -> Pipeline:
    """Fit the pipeline on all probes; without classes, every sample is of one class."""
    n = len(train.data.y)
    one = np.array(["tumour"] * n)
    data = train.data if by_class else replace(train.data, y=one, family=one)
    parameters = EvaluationParameters(n_probes=data.X.shape[1], adjust=adjust)
    return fit_pipeline(data, np.arange(n), parameters)


def measures(pipeline: Pipeline, test: Measured) -> dict[str, float]:
    """Measure the pipeline's features of samples that it was not fitted on."""
    data = test.data
    features = pipeline.features_of(data, np.arange(len(data.y)))
    errors = np.abs(features - test.truth[:, pipeline.columns])
    ffpe = data.material == "FFPE"
    one = np.array([""] * len(data.y))
    told = informative(test)[pipeline.columns]
    found = {
        "error, FFPE": float(errors[ffpe].mean()),
        "error, frozen": float(errors[~ffpe].mean()),
        "error, all": float(errors.mean()),
        "variance by material": explained_share(features, data.material, data.y),
        f"by class, {_INFORMATIVE} CpGs": explained_share(features[:, told], data.y, one),
    }
    if len(pipeline.levels):
        own = pipeline.shift[pipeline.levels == "FFPE"][0]
        other = pipeline.shift[pipeline.levels == "frozen"][0]
        true = test.ffpe_shift[pipeline.columns]
        wrong = own - other - true
        found["r of shift with truth"] = float(np.corrcoef(own - other, true)[0, 1])
        found["shift wrong by"] = float(np.sqrt(np.mean(wrong**2)))
        found[f"{_INFORMATIVE} CpGs"] = float(np.sqrt(np.mean(wrong[told] ** 2)))
    return found


def informative(test: Measured) -> np.ndarray:
    """Return which CpGs the classes truly differ in most, bool[p]."""
    means = np.array([test.truth[test.data.y == y].mean(axis=0) for y in np.unique(test.data.y)])
    spread = means.std(axis=0)
    return np.asarray(spread >= np.sort(spread)[-_INFORMATIVE])


def compared(train: Measured, test: Measured) -> Iterator[tuple[str, dict[str, float]]]:
    """Yield the measures without adjustment, with it, and as it is without class terms."""
    for name, adjust, by_class in (
        ("not adjusted", (), True),
        ("adjusted", ("material",), True),
        ("adjusted, no class terms", ("material",), False),
    ):
        yield name, measures(fitted(train, adjust, by_class=by_class), test)


def main() -> None:
    """Print the table."""
    console = Console(highlight=False, width=160)
    with TemporaryDirectory() as folder:
        train = measured_cohort(Path(folder) / "train", design(1, PER_CLASS))
        test = measured_cohort(Path(folder) / "test", design(2, PER_CLASS // 2))
    for title, taught in (("material alike in all classes", train),
                          ("material follows the class", confounded(train))):  # fmt: skip
        n = len(taught.data.y)
        table = Table(title=f"{title}: taught by {n} samples, applied to {len(test.data.y)} others")
        table.add_column("")
        rows = list(compared(taught, test))
        names = list(rows[-1][1])
        for name in names:
            table.add_column(name, justify="right")
        for label, found in rows:
            table.add_row(label, *(f"{found[name]:.4f}" if name in found else "" for name in names))
        console.print(table)


if __name__ == "__main__":
    main()
