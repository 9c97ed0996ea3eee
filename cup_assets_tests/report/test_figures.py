"""Every picture: a valid PNG of the promised width and size, deterministic, and of its data."""

from __future__ import annotations

import io
import subprocess
import sys
from collections.abc import Callable

import matplotlib as mpl
import numpy as np
import polars as pl
import pytest
from PIL import Image

from cup_assets import report
from cup_assets.genome import chromosome_arms
from cup_assets.report.style import MAX_BYTES

CLASSES = ["Acinic cell carcinoma", "Adenoid cystic | carcinoma", "NUT carcinoma $x_1$"]
NO_CLASS = pl.Series([None], dtype=pl.String)


def betas(seed: int) -> bytes:
    rng = np.random.default_rng(seed)
    values = rng.beta(0.5, 0.5, (500, 4)).astype(np.float32)
    values[::7] = np.nan
    return report.beta_density(values, ["a", "b", "c", "d"], ["pass", "pass", "warn", "fail"])


def quality(seed: int) -> bytes:
    rng = np.random.default_rng(seed)
    return report.quality_scatter(
        pl.DataFrame(
            {
                "sample_id": ["a", "b", "c"],
                "median_m": rng.normal(11, 1, 3),
                "median_u": [11.0, 12.0, None],
                "verdict": ["pass", "fail", "warn"],
            }
        )
    )


LIMITS = pl.DataFrame(
    {
        "measure": [f"m{i}" for i in range(28)],
        "title": [f"measure {i}" for i in range(28)],
        "above": [i % 3 == 0 for i in range(28)],
        "warn": [None if i % 5 == 0 else 5.0 for i in range(28)],
        "fail": [1.0 if i % 5 == 0 else None for i in range(28)],
    }
)


def strips(seed: int, n: int = 30) -> bytes:
    rng = np.random.default_rng(seed)
    measures = {f"m{i}": rng.lognormal(2, 1, n) for i in range(28)}
    verdicts = ["fail", *["pass"] * (n - 1)]
    ids = [f"sample {i}" for i in range(n)]
    frame = pl.DataFrame({"sample_id": ids, "verdict": verdicts, **measures})
    return report.control_strips(frame, LIMITS)


def sizes(seed: int) -> bytes:
    rng = np.random.default_rng(seed)
    return report.class_sizes(
        pl.DataFrame(
            {
                "sample_id": [f"s{i}" for i in range(40)],
                "class": [None, *rng.choice(CLASSES, 39)],
                "included": rng.random(40) > 0.3,
            }
        )
    )


def genome(seed: int) -> bytes:
    rng = np.random.default_rng(seed)
    arms = chromosome_arms("hg19")
    bins = arms.with_columns(pl.Series("log2", rng.normal(0, 0.5, arms.height)))
    calls = pl.DataFrame(
        {"kind": ["gene"], "region": ["EGFR"], "log2": [0.8], "call": ["amplification"]}
    )
    genes = pl.DataFrame({"region": ["EGFR"], "chrom": ["7"], "start": [1], "end": [9]})
    return report.genome_plot(bins, bins, calls, "case", "hg19", genes)


def arms(seed: int) -> bytes:
    rng = np.random.default_rng(seed)
    names = chromosome_arms("hg19")["arm"]
    calls = pl.DataFrame({"sample_id": ["a", "b", "c"]}).join(
        pl.DataFrame({"region": names}), how="cross"
    )
    calls = calls.with_columns(
        kind=pl.lit("arm"), log2=pl.Series(rng.normal(0, 0.3, calls.height)), call=pl.lit("gain")
    )
    return report.arm_heatmap(
        calls, pl.DataFrame({"sample_id": ["a", "b"], "class": ["one", "two"]})
    )


def cases(seed: int, n: int = 6) -> pl.DataFrame:
    rng = np.random.default_rng(seed)
    scores = rng.dirichlet([0.4] * len(CLASSES), n)
    return pl.DataFrame(
        {
            "sample_id": np.repeat([f"s{i}" for i in range(n)], len(CLASSES)),
            "class": CLASSES * n,
            "score": scores.ravel(),
            "raw_score": scores.ravel() ** 0.5,
            "call": ["match", "family_only", "no_match"] * n,
        }
    )


def batch_scores(seed: int) -> bytes:
    return report.score_bars(cases(seed))


def case_scores(seed: int) -> bytes:
    return report.score_bars(cases(seed, n=1))


def leaderboard(seed: int) -> bytes:
    rng = np.random.default_rng(seed)
    rows = [
        (model, scheme, metric, None, value, value - 0.1, value + 0.1)
        for model in ("svm", "random_forest")
        for scheme in ("stratified", "leave_batch_out")
        for metric in ("error", "log_loss", "macro_f1", "raw_error")
        for value in rng.random(1)
    ]
    columns = ["model", "scheme", "metric", "class", "value", "low", "high"]
    frame = pl.DataFrame(rows, schema=columns, orient="row", infer_schema_length=None)
    return report.leaderboard_plot(frame.with_columns(pl.col("class").cast(pl.String)))


def landscape(seed: int) -> bytes:
    rng = np.random.default_rng(seed)
    ids = [f"s{i}" for i in range(30)]
    maps = [
        pl.DataFrame(
            {
                "method": method,
                "seed": 1,
                "sample_id": ids,
                "x": rng.random(30),
                "y": rng.random(30),
            }
        )
        for method in ("pca", "tsne", "umap")
    ]
    labels = pl.DataFrame({"sample_id": ids[:-1], "class": (CLASSES * 10)[:29]})
    return report.landscape_plot(pl.concat(maps), labels, explained=(0.4, 0.2))


def panel_curve(seed: int) -> bytes:
    rng = np.random.default_rng(seed)
    rows = [
        ("logistic_regression", selector, size, metric, value, value * 0.9, value * 1.1)
        for selector in ("ranked", "random", "top_variance")
        for size in (5, 10, 200)
        for metric in ("error", "macro_f1", "log_loss")
        for value in rng.random(1)
    ]
    columns = ["model", "selector", "size", "metric", "value", "low", "high"]
    advice = pl.DataFrame(
        {"scope": ["family", "overall"], "model": [rows[0][0]] * 2, "size": [10] * 2}
    )
    curve = pl.DataFrame(rows, schema=columns, orient="row")
    return report.panel_curve_plot(curve, recommended=advice)


def importance(seed: int) -> bytes:
    rng = np.random.default_rng(seed)
    probes = [f"cg{i:08d}" for i in range(60)]
    methods = [
        pl.DataFrame({"probe_id": probes, "method": method, "rank": rng.permutation(60) + 1})
        for method in ("anova_f", "random_forest")
    ]
    frame = pl.concat(methods).with_columns(pl.lit(None, pl.String).alias("class"))
    return report.importance_plot(frame, genes={probes[0]: "HOXA9;HOXA10"})


PICTURES: list[Callable[[int], bytes]] = [
    *(
        betas,
        quality,
        strips,
        sizes,
        genome,
        arms,
        batch_scores,
        case_scores,
    ),
    *(leaderboard, landscape, panel_curve, importance),
]
each_picture = pytest.mark.parametrize("draw", PICTURES, ids=lambda draw: draw.__name__)


@each_picture
def test_a_picture_is_a_png_900_pixels_wide_that_is_not_blank(
    draw: Callable[[int], bytes],
) -> None:
    png = draw(1)
    image = Image.open(io.BytesIO(png))
    assert image.format == "PNG"
    assert image.width == 900
    assert 100 <= image.height <= 950
    assert len(png) <= MAX_BYTES
    assert np.asarray(image.convert("L")).std() > 5


@each_picture
def test_the_same_data_give_the_same_bytes_and_other_data_other_bytes(
    draw: Callable[[int], bytes],
) -> None:
    assert draw(1) == draw(1)
    assert draw(1) != draw(2)


def test_no_timestamp_and_no_version_is_written_into_the_png() -> None:
    assert Image.open(io.BytesIO(quality(1))).text == {}  # type: ignore[attr-defined]


def test_a_users_matplotlibrc_changes_nothing_and_is_left_as_it_was() -> None:
    expected = quality(1)
    with mpl.rc_context({"axes.facecolor": "yellow", "font.size": 30}):
        assert quality(1) == expected
        assert mpl.rcParams["font.size"] == 30


@pytest.mark.parametrize(("n", "width"), [(1500, 900), (9000, 506)])
def test_a_crowded_picture_stays_below_the_limit(n: int, width: int) -> None:
    rng = np.random.default_rng(0)
    labels = [f"class {i % 40}" for i in range(n)]
    ids = [f"s{i}" for i in range(n)]
    maps = pl.concat(
        pl.DataFrame(
            {"method": m, "seed": 0, "sample_id": ids, "x": rng.random(n), "y": rng.random(n)}
        )
        for m in ("pca", "tsne", "umap")
    )
    png = report.landscape_plot(maps, pl.DataFrame({"sample_id": ids, "class": labels}))
    assert len(png) <= MAX_BYTES
    assert Image.open(io.BytesIO(png)).width == width


def test_nothing_to_draw_is_said_in_a_picture_of_its_own() -> None:
    empty = pl.DataFrame(
        schema={"chrom": pl.String, "start": pl.Int64, "end": pl.Int64, "log2": pl.Float64}
    )
    calls = pl.DataFrame(
        schema={"kind": pl.String, "region": pl.String, "log2": pl.Float64, "call": pl.String}
    )
    said = report.genome_plot(empty, empty, calls, "case 7")
    assert Image.open(io.BytesIO(said)).height < 200
    assert said != report.genome_plot(empty, empty, calls, "case 8")


def test_a_frame_without_a_needed_column_is_refused_with_its_name() -> None:
    with pytest.raises(report.ReportError, match=r"class_sizes: missing column.*included"):
        report.class_sizes(pl.DataFrame({"sample_id": ["a"], "class": ["b"]}))


def test_a_class_keeps_its_look_whatever_the_order_and_the_company() -> None:
    names = [f"class {i}" for i in range(40)]
    palette = report.class_palette(names)
    assert palette == report.class_palette(reversed(names))
    assert len(set(palette.values())) == 40, "forty classes must all look different"
    alone = report.class_palette([CLASSES[0]])[CLASSES[0]]
    assert report.class_palette(CLASSES)[CLASSES[0]] == alone


def test_up_to_fourteen_classes_have_fourteen_colours() -> None:
    palette = report.class_palette(f"tumour {i}" for i in range(14))
    assert len({mark.colour for mark in palette.values()}) == 14


def test_a_gene_is_placed_at_the_span_of_its_probes() -> None:
    probes = pl.DataFrame(
        {
            "chrom": ["7", "7", "9", None],
            "pos": [100, 300, 50, None],
            "genes": ["EGFR;EGFR-AS1", "EGFR", "EGFRX", "EGFR"],
        }
    )
    places = report.gene_places(probes, ["EGFR", "MYC"])
    assert places.rows() == [("EGFR", "7", 100, 300)]


def test_importing_the_package_loads_no_matplotlib_and_drawing_no_pyplot() -> None:
    code = (
        "import sys, polars, cup_assets.report as r; assert 'matplotlib' not in sys.modules;"
        "rows = {'sample_id': ['a'], 'class': ['b'], 'included': [True]};"
        "r.class_sizes(polars.DataFrame(rows)); assert 'matplotlib' in sys.modules;"
        "assert 'matplotlib.pyplot' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("n", [1, 300])
def test_the_control_plot_is_drawn_for_one_sample_and_for_hundreds(n: int) -> None:
    image = Image.open(io.BytesIO(strips(1, n)))
    assert (image.width, image.height) == (900, 930)


def test_the_control_plot_leaves_out_measures_that_no_sample_has() -> None:
    frame = pl.DataFrame({"sample_id": ["a"], "verdict": ["pass"], "m1": [2.0], "m2": [None]})
    few = Image.open(io.BytesIO(report.control_strips(frame, LIMITS)))
    assert few.height == 210
    none = report.control_strips(frame.select("sample_id", "verdict"), LIMITS)
    assert Image.open(io.BytesIO(none)).height == 160
