"""What Boruta and stability selection find of what is known to be informative, and how fast.

    python benchmarks/important_cpgs.py
    python benchmarks/important_cpgs.py --seeds 1 --rounds 30 --repeats 1      # a look, a minute

Cohorts are simulated, every seed with other patients and other class signatures. A CpG is
informative if the classes of the cohort differ at it by .05 of beta or more in pure tumour; what
varies for other reasons (purity, differences between people, programmes that move many CpGs, what
all tumours share) is not. Betas are the true ones of each sample's DNA with technical noise.

Counted as the product uses them: candidates are the most variable CpGs, Boruta judges the
representative of each cluster of correlated ones, and the cluster shares its verdict. A CpG is
found if its cluster is; a found cluster is false if no member of it is informative. Members of a
true cluster that are not informative themselves are counted, too (CpGs not informative). Beside it
the same with the labels shuffled among the patients, where whatever is found is false.

Then, on the candidates of the first seed: seconds of our Boruta against plain BorutaPy with
scikit-learn's forest of the same settings, in turns, the best of the repeats, and whether their
verdicts agree.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import polars as pl
from processes import look
from rich.console import Console
from rich.table import Table
from threadpoolctl import threadpool_limits

from cup_assets.classify.data import Features, Floats, Ints, TrainingData
from cup_assets.compute import Mapper, local, serial
from cup_assets.panels.boruta import VERDICTS, BorutaSettings, boruta
from cup_assets.panels.importance import find_candidates
from cup_assets.panels.parameters import PanelParameters
from cup_assets.panels.redundancy import redundancy
from cup_assets.panels.relevance import relevance
from cup_assets.simulate import CohortDesign
from cup_assets.simulate.arrays import array_layout
from cup_assets.simulate.class_sizes import DEMO
from cup_assets.simulate.methylation import Methylome
from cup_assets.simulate.people import draw_samples

INFORMATIVE = 0.05  # least difference of beta between two classes
NOISE = 0.03  # standard deviation of a beta that is measured twice
STABLE = 0.9


@dataclass(frozen=True)
class Cohort:
    """Patients of known classes, and which CpGs tell the classes apart."""

    data: TrainingData
    informative: frozenset[str]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n", maxsplit=1)[0])
    parser.add_argument("--seeds", type=int, default=5, help="simulated cohorts")
    parser.add_argument("--classes", type=int, default=8)
    parser.add_argument("--samples", type=int, default=30, help="of each class")
    parser.add_argument("--candidates", type=int, default=2000, help="most variable CpGs")
    parser.add_argument("--rounds", type=int, default=100, help="most forests of Boruta")
    parser.add_argument(
        "--repeats", type=int, default=2, help="of each way, for its seconds; 0: none"
    )
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    options = parser.parse_args()
    parameters = PanelParameters(
        candidates=options.candidates, boruta_rounds=options.rounds, adjust=()
    )
    console, mapper = Console(width=150), local(options.workers)
    rows, shuffled = [], []
    for seed in range(1, options.seeds + 1):
        cohort = simulated(seed, options.classes, options.samples)
        rows.append(judged(cohort, replace(parameters, seed=seed), mapper))
        nothing = with_shuffled_labels(cohort, seed)
        shuffled.append(judged(nothing, replace(parameters, seed=seed), mapper))
        console.print(f"seed {seed} of {options.seeds} done", style="dim")
    title = f"{options.classes} classes of {options.samples} samples, {options.seeds} seeds"
    console.print(truth_table(title, rows, shuffled, parameters))
    if not options.repeats:
        return
    first = replace(parameters, seed=1)
    features, codes = judged_candidates(simulated(1, options.classes, options.samples), first)
    console.print(speed_table(features, codes, first, options.repeats, options.workers))


def simulated(seed: int, n_classes: int, n_samples: int) -> Cohort:
    classes = tuple((name, n_samples) for name, _ in DEMO[:n_classes])
    design = CohortDesign(
        seed=seed,
        biology=seed,
        classes=classes,
        normals=0,
        diagnostic=0,
        novel=0,
        second_samples=0,
        duplicates=0,
        swaps=0,
        wrong_sexes=0,
        degraded=0,
    )
    layout = array_layout(design.array)
    methylome = Methylome.of(design, layout)
    copies = np.full(layout.probes.height, 2.0, dtype=np.float32)
    samples = draw_samples(design, layout.positions)
    noise = np.random.default_rng(seed)
    betas = np.stack([methylome.sample_betas(sample, copies, copies) for sample in samples])
    betas = np.clip(betas + noise.normal(0, NOISE, betas.shape), 0, 1).astype(np.float32)
    # On autosomes, as in the product: sex is no class.
    kept = (~layout.probes["chrom"].is_in(["X", "Y"])).fill_null(False).to_numpy()
    names = layout.probes["probe_id"].filter(pl.Series(kept)).to_list()
    frame = pl.DataFrame(
        {
            "sample_id": [sample.sample_id for sample in samples],
            "patient_id": [sample.patient_id for sample in samples],
            "class": [sample.diagnosis for sample in samples],
        }
    )
    means = np.stack([pure_tumour(methylome, name) for name, _ in classes])[:, kept]
    tells = means.max(axis=0) - means.min(axis=0) >= INFORMATIVE
    return Cohort(
        TrainingData.from_frame(frame, betas[:, kept], names),
        frozenset(np.array(names)[tells].tolist()),
    )


def pure_tumour(methylome: Methylome, diagnosis: str) -> Floats:
    """Return the betas that tumours of a class have on average."""
    base = methylome.normal_betas("M")
    shifts = (methylome.shift(level, group) for level, group in methylome.levels(diagnosis))
    return np.asarray(np.clip(base + np.sum(list(shifts), axis=0), 0.01, 0.99), dtype=np.float64)


def with_shuffled_labels(cohort: Cohort, seed: int) -> Cohort:
    y = np.random.default_rng(seed).permutation(cohort.data.y)
    return Cohort(replace(cohort.data, y=y, family=y), frozenset())


def judged(cohort: Cohort, parameters: PanelParameters, mapper: Mapper) -> dict[str, float]:
    """Return what is found of a cohort, and how much of it is false."""
    candidates = find_candidates(cohort.data, np.arange(len(cohort.data.y)), parameters)
    found = relevance(candidates, cohort.data.patient, parameters, mapper)
    table = found.table.with_columns(
        tells=pl.col("probe_id").is_in(list(cohort.informative)),
        stable=pl.col("frequency_of_cluster") >= STABLE,
        confirmed=(pl.col("verdict") == "confirmed").fill_null(False),
        judged=pl.col("verdict").is_not_null(),
    )
    numbers = {
        "informative": len(cohort.informative),
        "candidates": table.height,
        "of them informative": int(table["tells"].sum()),
        "clusters": table["cluster"].n_unique(),
        "clusters judged": table.filter("judged")["cluster"].n_unique(),
        "tentative clusters": table.filter(pl.col("verdict") == "tentative")["cluster"].n_unique(),
        "expected false choices": found.stability.expected_false(STABLE),
    }
    for name in ("confirmed", "stable"):
        numbers |= {f"{name} {key}": value for key, value in outcome(table, name).items()}
    return numbers


def outcome(table: pl.DataFrame, chosen: str) -> dict[str, float]:
    """Count what a column of choices finds: recall of CpGs, false clusters among the found."""
    clusters = table.group_by("cluster").agg(pl.col(chosen).any(), pl.col("tells").any())
    found = clusters.filter(chosen)
    false = int((~found["tells"]).sum())
    telling = table.filter("tells")
    return {
        "clusters": found.height,
        "recall": share(telling[chosen]),
        "recall of the judged": share(telling.filter("judged")[chosen]),
        "false": false,
        "false-discovery rate": false / found.height if found.height else 0.0,
        "CpGs": int(table[chosen].sum()),
        "CpGs not informative, share": share(~table.filter(chosen)["tells"]),
    }


def share(values: pl.Series) -> float:
    return float(values.cast(pl.Float64).mean()) if len(values) else float("nan")  # type: ignore[arg-type]


def truth_table(
    title: str,
    rows: list[dict[str, float]],
    shuffled: list[dict[str, float]],
    parameters: PanelParameters,
) -> Table:
    table = Table(title=title)
    table.add_column("", no_wrap=True)
    for column in ("mean", "least", "most", "labels shuffled (mean, most)"):
        table.add_column(column, justify="right")
    for key in rows[0]:
        values, null = np.array([row[key] for row in rows]), [row[key] for row in shuffled]
        fraction = any(word in key for word in ("recall", "rate", "share"))
        digits = 3 if fraction else 1
        known = not fraction and "informative" not in key
        table.add_row(
            key, *(f"{v:.{digits}f}" for v in (values.mean(), values.min(), values.max())),
            f"{np.mean(null):.{digits}f}, {max(null):.{digits}f}" if known else "–",
        )  # fmt: skip
    table.caption = (
        f"confirmed: by Boruta, at most {parameters.boruta_rounds} rounds; stable: its cluster is"
        f" among the {parameters.stability_chosen} CpGs of the largest F in {STABLE:.0%} of"
        f" {parameters.stability_halves} random halves. Recall: share of the informative candidates"
        " whose cluster is found; of the judged: of those in clusters that Boruta judged."
        " Expected false choices: bound of Meinshausen and Bühlmann."
    )
    return table


def judged_candidates(cohort: Cohort, parameters: PanelParameters) -> tuple[Features, Ints]:
    """Return features float32[n, q] of the clusters' representatives, and codes of the classes."""
    candidates = find_candidates(cohort.data, np.arange(len(cohort.data.y)), parameters)
    order = np.argsort(-candidates.features.var(axis=0, dtype=np.float64), kind="stable")
    features = candidates.features[:, order]
    names = candidates.pipeline.probe_ids[order].tolist()
    clusters = redundancy(features, names, parameters.correlated)
    first = np.flatnonzero((clusters["probe_id"] == clusters["representative"]).to_numpy())
    return np.ascontiguousarray(
        features[:, first[: parameters.boruta_candidates]]
    ), candidates.codes


def speed_table(
    features: Features, codes: Ints, parameters: PanelParameters, repeats: int, workers: int
) -> Table:
    settings = BorutaSettings(parameters.boruta_rounds, parameters.boruta_depth, seed=1)

    def plain() -> list[str]:
        from boruta import BorutaPy
        from sklearn.ensemble import RandomForestClassifier

        forest = RandomForestClassifier(
            max_depth=settings.depth, class_weight="balanced_subsample", n_jobs=1
        )
        judge = BorutaPy(
            forest, n_estimators="auto", perc=settings.percentile, alpha=settings.alpha,
            max_iter=settings.rounds, random_state=settings.seed,
        )  # fmt: skip
        judge.fit(features, codes)
        verdict = np.where(judge.support_, 0, np.where(judge.support_weak_, 1, 2))
        return [VERDICTS[at] for at in verdict.tolist()]

    def ours(mapper: Mapper) -> Callable[[], list[str]]:
        return lambda: boruta(features, codes, settings, mapper).verdict.tolist()

    parallel = local(workers)
    boruta(features[:, :20], codes, replace(settings, rounds=2), serial)  # compile
    boruta(features[:, :20], codes, replace(settings, rounds=2), parallel)
    ways = {"BorutaPy, one process": plain, "ours, one process": ours(serial)}
    if workers > 1:
        ways[f"ours, {workers} processes"] = ours(parallel)
    seconds: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
    verdicts: dict[str, list[str]] = {}
    with threadpool_limits(1):
        for _ in range(repeats):
            for name, way in ways.items():
                wall, cpu = time.perf_counter(), look().processor
                verdicts[name] = way()
                spent = look().processor - cpu, time.perf_counter() - wall
                seconds[name].append(spent)
    table = Table(title=f"{features.shape[0]} samples, {features.shape[1]} candidates, {settings}")
    for column in ("", "CPU s", "wall s", "times faster (CPU)", "same verdict", *VERDICTS):
        table.add_column(column, justify="right" if column else "left")
    base = next(iter(ways))
    slowest = min(cpu for cpu, _ in seconds[base])
    for name, taken in seconds.items():
        cpu, wall = (min(values) for values in zip(*taken, strict=True))
        same = np.mean(np.array(verdicts[name]) == np.array(verdicts[base]))
        table.add_row(
            name, f"{cpu:.1f}", f"{wall:.1f}", f"{slowest / cpu:.1f}",
            f"{same:.1%}", *(str(verdicts[name].count(verdict)) for verdict in VERDICTS),
        )  # fmt: skip
    table.caption = f"best of {repeats}, in turns"
    return table


if __name__ == "__main__":
    main()
