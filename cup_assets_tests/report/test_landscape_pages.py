"""The heat map, the interactive map and the picture of classifiers beside clusters."""

from __future__ import annotations

import io
import json
import re

import numpy as np
import polars as pl
import pytest
from PIL import Image

from cup_assets.landscape.clusters import sample_tree
from cup_assets.report.concordance_figures import concordance_plot
from cup_assets.report.heatmap_figures import beta_heatmap
from cup_assets.report.interactive_map import CASE, interactive_map
from cup_assets.report.style import MAX_BYTES, ReportError

IDS = [f"S{number:02d}" for number in range(12)]
LABELS = pl.DataFrame(
    {
        "sample_id": IDS,
        "class": ["Acinic cell carcinoma"] * 6 + ["NUT carcinoma"] * 6,
        "batch": ["b1", "b2"] * 6,
        "material": ["FFPE"] * 11 + [None],
    }
)


def heat(seed: int = 0) -> bytes:
    rng = np.random.default_rng(seed)
    betas = rng.uniform(0, 1, (40, 12)).astype(np.float32)
    betas[3, 4] = np.nan
    return beta_heatmap(betas, sample_tree(betas.T[:, 5:].astype(np.float64)), IDS, LABELS)


def test_the_heat_map_is_a_picture_of_its_betas_and_the_same_every_time() -> None:
    image = Image.open(io.BytesIO(heat()))
    assert image.width == 900
    assert len(heat()) <= MAX_BYTES
    assert heat() == heat()
    assert heat() != heat(1)


def test_a_tree_of_other_samples_is_refused() -> None:
    with pytest.raises(ReportError, match="12 samples, 11 names, 11 merges"):
        beta_heatmap(np.zeros((3, 12), np.float32), np.zeros((11, 4)), IDS[:11], LABELS)


def page(samples: pl.DataFrame) -> tuple[str, list[dict[str, object]]]:
    maps = pl.concat(
        [
            pl.DataFrame(
                {
                    "method": method, "seed": 1, "sample_id": [*IDS, "CASE"],
                    "x": np.arange(13.0), "y": np.arange(13.0) ** 2,
                }
            )
            for method in ("umap", "pca")
        ]
    )  # fmt: skip
    text = interactive_map(maps, samples, shown=["batch"]).decode()
    found = re.search(r'Plotly\.newPlot\(\s*"map",\s*(\[.*?\]),\s*\{"template"', text, re.DOTALL)
    assert found
    return text, json.loads(found[1])


def test_the_interactive_map_shows_every_sample_once_a_map_and_the_first_map_first() -> None:
    text, traces = page(LABELS)
    assert "http://" not in text.replace("http://www.w3.org", "")
    drawn = [trace["text"] for trace in traces if trace["visible"]]
    assert sorted(name for names in drawn for name in names) == ["CASE", *IDS]  # type: ignore[attr-defined]
    assert len(traces) == 2 * 3
    names = {str(trace["name"]) for trace in traces}
    assert names == {"Acinic cell carcinoma (6)", "NUT carcinoma (6)", f"{CASE} (1)"}


def test_hovering_shows_what_is_known_and_a_dash_where_nothing_is() -> None:
    _, traces = page(LABELS)
    (case,) = [trace for trace in traces if trace["visible"] and trace["name"] == f"{CASE} (1)"]
    assert case["customdata"] == [["–", "–"]]
    assert "batch: %{customdata[1]}" in str(case["hovertemplate"])


def test_classifiers_and_clusters_share_a_picture() -> None:
    table = pl.DataFrame(
        {
            "kind": ["classifier", "clusters"], "method": ["svm", "hdbscan"], "n": [12, 12],
            "accuracy": [0.9, 0.0], "low": [0.8, None], "high": [1.0, None],
            "balanced_accuracy": [0.8, 0.0],
        }
    )  # fmt: skip
    assert concordance_plot(table) != concordance_plot(table.with_columns(accuracy=pl.lit(0.5)))
    assert Image.open(io.BytesIO(concordance_plot(table.clear()))).width == 900
