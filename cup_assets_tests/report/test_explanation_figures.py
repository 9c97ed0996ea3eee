from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
import polars as pl
import pytest

from cup_assets.report.explanation_figures import agreement_plot, swarm_plot, waterfall_plot
from cup_assets.report.style import MAX_BYTES, ReportError


def points(seed: int, n: int = 40) -> pl.DataFrame:
    generator = np.random.default_rng(seed)
    return pl.concat(
        [
            pl.DataFrame(
                {
                    "class": [name] * n,
                    "place": [place] * n,
                    "feature": [f"cg{place:08d}"] * n,
                    "gene": ["TP63;LOC1" if place == 1 else None] * n,
                    "value": (value := generator.random(n)),
                    "contribution": (value - 0.5) / place,
                },
                schema_overrides={"gene": pl.String},
            )
            for name in ("acinic cell carcinoma", "secretory carcinoma", "myoepithelioma")
            for place in range(1, 9)
        ]
    )


def cases(seed: int, n: int = 2) -> pl.DataFrame:
    generator = np.random.default_rng(seed)
    rows = 12
    return pl.concat(
        [
            pl.DataFrame(
                {
                    "sample_id": [f"case {case}"] * rows,
                    "label": [f"case {case}: match"] * rows,
                    "class": ["adenoid cystic carcinoma"] * rows,
                    "quantity": ["calibrated_logit"] * rows,
                    "base": [0.1] * rows,
                    "output": [3.0] * rows,
                    "feature": [f"cg{row:08d}" for row in range(rows)],
                    "gene": [None, "MYB", *[None] * (rows - 2)],
                    "value": [None, *generator.random(rows - 1).tolist()],
                    "contribution": sorted(generator.normal(0, 0.5, rows), key=abs, reverse=True),
                    "rank": list(range(1, rows + 1)),
                }
            )
            for case in range(n)
        ]
    )


def pairs(seed: int) -> pl.DataFrame:
    generator = np.random.default_rng(seed)
    rows = [
        (a, b, None, metric, float(generator.random()), 0.01)
        for a, b in (("svm", "xgboost"), ("random_forest", "svm"), ("random_forest", "xgboost"))
        for metric in ("rank_correlation", "overlap")
    ]
    names = ["a", "b", "class", "metric", "value", "by_chance"]
    return pl.DataFrame(rows, schema=names, orient="row")


PICTURES: dict[str, Callable[[int], bytes]] = {
    "swarm": lambda seed: swarm_plot(points(seed), quantity="raw_score"),
    "waterfall": lambda seed: waterfall_plot(cases(seed)),
    "agreement": lambda seed: agreement_plot(pairs(seed)),
}


@pytest.mark.parametrize("name", PICTURES)
def test_a_picture_is_900_pixels_wide_small_and_the_same_for_the_same_data(name: str) -> None:
    from PIL import Image

    first, again, other = (PICTURES[name](seed) for seed in (1, 1, 2))
    assert first == again != other
    assert Image.open(io.BytesIO(first)).width == 900
    assert len(first) <= MAX_BYTES


def test_nothing_to_draw_is_said() -> None:
    for picture in (
        swarm_plot(points(1).clear(), quantity="raw_score"),
        waterfall_plot(cases(1).clear()),
        agreement_plot(pairs(1).clear()),
    ):
        assert 1000 < len(picture) < 20_000


def test_a_case_of_one_feature_and_many_cases_are_drawn() -> None:
    assert waterfall_plot(cases(1).filter(pl.col("rank") == 1)) != waterfall_plot(cases(1))
    assert len(waterfall_plot(cases(1, n=6))) <= MAX_BYTES


def test_a_missing_column_is_named() -> None:
    with pytest.raises(ReportError, match=r"waterfall_plot: missing column.*contribution"):
        waterfall_plot(cases(1).drop("contribution"))
