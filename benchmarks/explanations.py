"""Time, memory and additivity of the explanations, and the forest's against shap's TreeExplainer.

    python benchmarks/explanations.py                   # 1,400 samples, 10,000 CpGs, 30 classes
    python benchmarks/explanations.py --samples 350 --explained 10

Each kind of model is fitted once on four fifths of simulated samples; some of the others are
explained, one after the other on one thread, all features and classes. The last column is what all
of a cohort would take on one thread, the refits of its five outer folds not counted. Each model
runs in a process of its own, imports and compilation not counted; processor seconds beside wall
seconds, since other programs may be at work. Nothing is asserted.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from typing import Any

import numpy as np
from models import _resident, simulated
from rich.console import Console
from rich.table import Table

from cup_assets.classify.calibrate import fit_calibrator
from cup_assets.classify.explain import Explainer, draw_background, explainer
from cup_assets.classify.explain_linear import CalibratedLogits
from cup_assets.classify.models import MODELS
from cup_assets.classify.models.random_forest import Forest
from cup_assets.classify.parameters import EvaluationParameters
from cup_assets.classify.tuned import TunedClassifier, one_thread

_KINDS: dict[str, tuple[str, dict[str, float]]] = {
    "logistic regression": ("logistic_regression", {"C": 1000.0}),
    "linear SVM": ("svm", {"C": 1.0}),
    "RBF SVM": ("svm", {"C": 10.0, "gamma": 0.5}),
    "XGBoost": ("xgboost", {"rounds": 75, "depth": 3, "rate": 0.3}),
    "neural network": ("neural_network", {"hidden": 256, "dropout": 0.5}),
    "random forest": ("random_forest", {"features": 1.0}),
}


def main() -> None:
    options = _options()
    if options.measure:
        print(json.dumps(_measure(options.measure, options)))
        return
    console = Console(highlight=False, width=110)
    rows = {}
    for kind in _KINDS:
        given = [*sys.argv[1:], "--measure", kind]
        run = subprocess.run([sys.executable, __file__, *given], stdout=subprocess.PIPE, check=True)
        rows[kind] = json.loads(run.stdout)
        console.print(f"{kind}: done", style="dim")
    _report(rows, options, console)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n", maxsplit=1)[0])
    parser.add_argument("--samples", type=int, default=1400)
    parser.add_argument("--probes", type=int, default=10_000)
    parser.add_argument("--explained", type=int, default=40)
    parser.add_argument("--measure", choices=list(_KINDS), help=argparse.SUPPRESS)
    return parser.parse_args()


def _measure(kind: str, options: argparse.Namespace) -> dict[str, Any]:
    name, candidate = _KINDS[kind]
    spec, parameters = MODELS[name], EvaluationParameters()
    training, held = simulated(options.samples, options.probes)
    with one_thread():
        (model,) = spec.fit(training, [candidate], parameters, 1)
        groups = np.arange(len(held.codes)) % 3
        raw = model.scores(held.features)
        calibrator = fit_calibrator(raw, held.codes, groups, parameters, spec.floor(parameters))
        names = np.arange(training.n_classes).astype(str)
        fitted = TunedClassifier(names, None, model, calibrator, candidate)  # type: ignore[arg-type]
        own = explainer(fitted, draw_background(training.features, 1))
        own.contributions(held.features[0])  # imports, compilation
        rows = held.features[: options.explained]
        wall, processor = time.perf_counter(), time.process_time()
        found = [own.contributions(row) for row in rows]
        wall, processor = time.perf_counter() - wall, time.process_time() - processor
    errors = [
        np.abs(own.base + each.sum(axis=0) - own.output(row)).max()
        for each, row in zip(found, rows, strict=True)
    ]
    decision = getattr(own, "decision", None)
    gaps = (
        [decision.floor_gap(row) for row in rows] if isinstance(decision, CalibratedLogits) else []
    )
    return {
        "method": own.method, "wall": wall / len(rows), "processor": processor / len(rows),
        "memory": _resident(), "worst": max(errors), "median": float(np.median(errors)),
        "gap": max(gaps, default=None), "n": len(rows),
        **(_peer(model, own, rows[:5], found) if isinstance(model, Forest) else {}),
    }  # fmt: skip


def _peer(forest: Forest, own: Explainer, rows: np.ndarray, found: list[Any]) -> dict[str, Any]:
    """Explain some samples by shap's TreeExplainer on the same trees."""
    import shap

    ends = [*forest.roots[1:].tolist(), len(forest.feature)]
    trees = []
    for start, end in zip(forest.roots.tolist(), ends, strict=True):
        leaf = forest.feature[start:end] < 0
        left, right = (
            np.where(leaf, -1, side[start:end] - start) for side in (forest.left, forest.right)
        )
        trees.append(
            {
                "children_left": left,
                "children_right": right,
                "children_default": left,
                "features": np.where(leaf, -2, forest.feature[start:end]),
                "thresholds": forest.threshold[start:end],
                "values": forest.value[start:end] / len(forest.roots),
                "node_sample_weight": forest.cover[start:end].astype(np.float64),
            }
        )
    peer = shap.TreeExplainer(
        {
            "trees": trees, "internal_dtype": np.float64, "input_dtype": np.float64,
            "objective": None, "tree_output": "probability", "base_offset": 0.0,
        },
        feature_perturbation="tree_path_dependent",
    )  # fmt: skip
    wall, processor = time.perf_counter(), time.process_time()
    theirs = peer.shap_values(rows.astype(np.float64), check_additivity=False)
    wall, processor = time.perf_counter() - wall, time.process_time() - processor
    difference = max(
        np.abs(mine - other).max() for mine, other in zip(found, np.asarray(theirs), strict=False)
    )
    return {
        "peer": [wall / len(rows), processor / len(rows)], "difference": float(difference),
    }  # fmt: skip


def _report(rows: dict[str, dict[str, Any]], options: argparse.Namespace, console: Console) -> None:
    table = Table(
        title=f"{options.samples:,} samples, {options.probes:,} CpGs, 30 classes, one thread;"
        " milliseconds a sample: wall (processor)"
    )
    for name in ("model", "method", "a sample", "peak GB", "additivity error: worst", "median",
                 "floor", "cohort"):  # fmt: skip
        table.add_column(name, justify="left" if name in ("model", "method") else "right")
    for kind, row in rows.items():
        gap = "" if row["gap"] is None else f"{row['gap']:.1g}"
        table.add_row(
            kind, row["method"], f"{row['wall'] * 1e3:.1f} ({row['processor'] * 1e3:.1f})",
            f"{row['memory']:.2f}", f"{row['worst']:.1g}", f"{row['median']:.1g}", gap,
            f"{row['processor'] * options.samples:.0f} s",
        )  # fmt: skip
    console.print(table)
    forest = rows["random forest"]
    wall, processor = forest["peer"]
    console.print(
        f"shap's TreeExplainer on the same forest: {wall * 1e3:.0f} ({processor * 1e3:.0f}) ms a"
        f" sample, {processor / forest['processor']:.1f} times the processor time;"
        f" largest difference of a contribution {forest['difference']:.1g}"
    )


if __name__ == "__main__":
    main()
