"""Time of judging scores: every model under every scheme, calibrators, paired comparison, pictures.

    python benchmarks/judging.py                    # 1,400 samples, 30 classes, 5 models, 4 schemes
    python benchmarks/judging.py --samples 350 --classes 12

Random scores that are right more often than not, in this process, with the default number of draws.
Processor seconds stand beside wall seconds, since other programs may be at work. Nothing is
asserted.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import numpy as np
import polars as pl
from rich.console import Console
from rich.table import Table

from cup_assets.classify.board import compare_models, judge_calibrators, judge_models
from cup_assets.classify.doubts import label_doubts
from cup_assets.classify.models import MODELS
from cup_assets.classify.parameters import SCHEMES, EvaluationParameters
from cup_assets.orchestration.leaderboard_notes import board_pictures

_OTHERS = ("platt", "isotonic", "temperature")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n", maxsplit=1)[0])
    parser.add_argument("--samples", type=int, default=1400)
    parser.add_argument("--classes", type=int, default=30)
    options = parser.parse_args()
    scores, truth = simulated(options.samples, options.classes)
    family_of = {name: f"family {place // 3}" for place, name in enumerate(_names(options.classes))}
    first = scores.filter(pl.col("scheme") == SCHEMES[0])
    others = pl.concat(scores.with_columns(calibrator=pl.lit(name)) for name in _OTHERS)
    parameters = EvaluationParameters()
    title = f"{options.samples} samples, {options.classes} classes, {len(MODELS)} models"
    table = Table(title=f"{title}, {len(SCHEMES)} schemes")
    for column in ("step", "processor s", "wall s"):
        table.add_column(column, justify="left" if column == "step" else "right")

    def timed(step: str, work: Callable[[], object]) -> object:
        processor, wall = time.process_time(), time.perf_counter()
        made = work()
        spent = time.process_time() - processor, time.perf_counter() - wall
        table.add_row(step, *(f"{seconds:.1f}" for seconds in spent))
        return made

    judged = judge_models(first, truth, family_of, parameters)[0]
    compared = compare_models(first, truth, parameters)
    timed("all models and schemes", lambda: judge_models(scores, truth, family_of, parameters))
    timed("calibrators", lambda: judge_calibrators(scores, others, truth, parameters))
    timed("paired comparison, 2000 draws", lambda: compare_models(first, truth, parameters))
    timed("doubted labels", lambda: label_doubts(first, truth, parameters))
    timed(
        "pictures", lambda: board_pictures(judged, compared, scores, truth, family_of, parameters)
    )
    Console(highlight=False).print(table)


def simulated(n: int, k: int, seed: int = 1) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return scores of every model under every scheme, each scheme harder than the one before."""
    generator = np.random.default_rng(seed)
    sizes = np.linspace(3, 1, k) ** 2
    codes = np.append(np.arange(k), generator.choice(k, n - k, p=sizes / sizes.sum()))
    names = _names(k)
    samples = [f"s{row:05d}" for row in range(n)]
    shared = generator.normal(0, 0.9, (n, k))
    frames = []
    for place, scheme in enumerate(SCHEMES):
        for model in MODELS:
            logits = shared + generator.normal(0, 0.8, (n, k))
            logits[np.arange(n), codes] += 5 - 0.8 * place
            raw, score = (np.exp(power * logits) for power in (0.5, 1.6))
            frames.append(
                pl.DataFrame(
                    {
                        "repeat": 0,
                        "outer_fold": np.repeat(np.arange(n) % 5, k),
                        "sample_id": np.repeat(samples, k),
                        "class": names * n,
                        "raw_score": (raw / raw.sum(axis=1, keepdims=True)).ravel(),
                        "score": (score / score.sum(axis=1, keepdims=True)).ravel(),
                    }
                ).with_columns(
                    model=pl.lit(model),
                    scheme=pl.lit(scheme),
                    strategy=pl.lit("class_weight"),
                    features=pl.lit("betas"),
                )
            )
    patients = [f"p{row * 14 // 15:05d}" for row in range(n)]
    truth = {"sample_id": samples, "class": [names[code] for code in codes], "patient_id": patients}
    return pl.concat(frames), pl.DataFrame(truth)


def _names(k: int) -> list[str]:
    return [f"class {place:02d}" for place in range(k)]


if __name__ == "__main__":
    main()
