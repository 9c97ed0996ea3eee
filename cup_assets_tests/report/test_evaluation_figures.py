"""Pictures of an evaluation: what is drawn, what is said, and what is never claimed."""

from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
import polars as pl
import pytest
from matplotlib.figure import Figure
from PIL import Image

from cup_assets import report
from cup_assets.classify.comparison import compare, recall_change
from cup_assets.classify.extrapolation import extrapolate, patients_needed
from cup_assets.classify.learning_curve import POINT_SCHEMA, LearningCurve
from cup_assets.classify.novelty import OUTCOME_SCHEMA, OUTCOMES
from cup_assets.classify.reliability import confusion_table, reject_curve, reliability_table
from cup_assets.report import comparison_figures, evaluation_figures, style
from cup_assets.report.style import MAX_BYTES

CLASSES = ["Acinic cell carcinoma", "Adenoid cystic | carcinoma", "NUT carcinoma $x_1$"]
SAMPLES = [f"s{i:02d}" for i in range(60)]
TRUTH = pl.DataFrame({"sample_id": SAMPLES, "class": [CLASSES[i % 3] for i in range(60)]})


def scores(seed: int, model: str = "svm") -> pl.DataFrame:
    rng = np.random.default_rng(seed)
    own = np.eye(3)[np.arange(60) % 3]
    values = 0.6 * rng.dirichlet([0.5] * 3, 60) + 0.4 * own
    return pl.DataFrame(
        {
            "model": [model] * 180,
            "repeat": [0] * 180,
            "sample_id": np.repeat(SAMPLES, 3),
            "class": CLASSES * 60,
            "raw_score": (0.5 * values + 1 / 6).ravel(),
            "score": values.ravel(),
        }
    )


def reliability(seed: int) -> bytes:
    return report.reliability_diagram(reliability_table(scores(seed), TRUTH, 1, 50))


def rejection(seed: int) -> bytes:
    curve = reject_curve(scores(seed), TRUTH, 1, 50)
    novel = curve.select(
        "threshold", false_match=0.5, low=pl.lit(0.4), high=pl.lit(None, pl.Float64)
    )
    return report.reject_plot(curve, novel, threshold=0.9)


def points(seed: int) -> LearningCurve:
    sizes = np.array([40.0, 70.0, 110.0, 160.0, 220.0])
    rng = np.random.default_rng(seed)
    draws = 0.02 + 4 / sizes + rng.normal(0, 0.005, (201, 5))
    frame = pl.DataFrame(
        {
            "fraction": sizes / 220,
            "n_train_patients": sizes,
            "n_train_samples": sizes,
            "n_test_patients": [300] * 5,
            "error": draws[0],
            "low": draws[0] - 0.01,
            "high": draws[0] + 0.01,
        },
        schema=POINT_SCHEMA,
    )
    return LearningCurve(frame, draws, 280)


def learning(seed: int) -> bytes:
    found = extrapolate(points(seed), 1)
    note = patients_needed(found, 0.035).answer
    return report.learning_curve_plot(points(seed).points, found.fitted, note=note)


def comparison(seed: int) -> bytes:
    both = pl.concat([scores(seed, "svm"), scores(seed + 50, "random_forest")])
    return report.comparison_plot(compare(both, TRUTH, 1, draws=50))


def recalls(seed: int) -> bytes:
    parts = [
        scores(seed + i).with_columns(strategy=pl.lit(name))
        for i, name in enumerate(("none", "class_weight"))
    ]
    return report.recall_change_plot(recall_change(pl.concat(parts), TRUTH, 1, draws=50))


def outcomes(seed: int, classes: int = 3) -> pl.DataFrame:
    rng = np.random.default_rng(seed)
    rows = [
        (
            name,
            "family",
            None if name is None else i > 1,
            20,
            15,
            outcome,
            share,
            share / 2,
            min(1.0, share * 1.5),
        )
        for i, name in enumerate([None, *(f"class {i}" for i in range(classes))])
        for outcome, share in zip(OUTCOMES, rng.dirichlet([1] * 4).tolist(), strict=True)
    ]
    return pl.DataFrame(rows, schema=OUTCOME_SCHEMA, orient="row")


def novelty(seed: int) -> bytes:
    return report.novelty_plot(outcomes(seed))


def families(seed: int) -> bytes:
    own = dict(zip(CLASSES, ["salivary", "salivary", "NUT"], strict=True))
    table = confusion_table(scores(seed), TRUTH, own)
    return report.confusion_diagram(table, level="family")


PICTURES: list[Callable[[int], bytes]] = [
    *(reliability, rejection, learning, comparison, recalls, novelty, families)
]


@pytest.mark.parametrize("draw", PICTURES, ids=lambda draw: draw.__name__)
def test_a_picture_is_a_png_900_pixels_wide_deterministic_and_of_its_data(
    draw: Callable[[int], bytes],
) -> None:
    png = draw(1)
    image = Image.open(io.BytesIO(png))
    assert (image.format, image.width) == ("PNG", 900)
    assert 100 <= image.height <= 950
    assert len(png) <= MAX_BYTES
    assert np.asarray(image.convert("L")).std() > 5
    assert draw(1) == png
    assert draw(2) != png


@pytest.mark.parametrize(
    ("draw", "table"),
    [
        (report.reliability_diagram, reliability_table(scores(1), TRUTH, 1, 5)),
        (report.reject_plot, reject_curve(scores(1), TRUTH, 1, 5)),
        (report.learning_curve_plot, points(1).points),
        (report.comparison_plot, None),
        (report.recall_change_plot, None),
        (report.novelty_plot, outcomes(1)),
        (report.confusion_diagram, confusion_table(scores(1), TRUTH)),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_nothing_to_draw_is_said_and_a_missing_column_is_refused(
    draw: Callable[[pl.DataFrame], bytes], table: pl.DataFrame | None
) -> None:
    if table is None:
        both = pl.concat([scores(1, "svm"), scores(2, "random_forest")])
        table = (
            compare(both, TRUTH, 1, draws=5)
            if draw is report.comparison_plot
            else recall_change(both, TRUTH, 1, by="model", baseline="svm", draws=5)
        )
    assert Image.open(io.BytesIO(draw(table.clear()))).height < 200
    with pytest.raises(report.ReportError, match="missing column"):
        draw(table.select(pl.first().alias("other")))


def texts(draw: Callable[[], bytes], monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return all that a picture says."""
    from matplotlib.text import Text

    said: list[str] = []

    def read(figure: Figure) -> bytes:
        figure.draw_without_rendering()
        said.extend(text.get_text() for text in figure.findobj(Text))
        return b""

    monkeypatch.setattr(style, "_png", read)
    draw()
    return [text for text in said if text]


def test_a_refusal_to_extrapolate_is_written_above_the_points(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    curve = points(1)
    short = LearningCurve(curve.points.head(3), curve.draws[:, :3], 280)
    found = extrapolate(short, 1)
    note = patients_needed(found, 0.03).answer
    said = texts(
        lambda: report.learning_curve_plot(short.points, found.fitted, note=note), monkeypatch
    )
    assert "The curve does not tell: it has 3 sizes of the 4 it needs." in said
    assert "extrapolated" not in said


def test_only_what_holds_after_correction_is_filled() -> None:
    from matplotlib.axes import Axes

    drawn: list[object] = []

    class Recorder(Axes):
        def scatter(self, *args: object, **kwargs: object) -> object:
            drawn.append(kwargs["facecolor"])
            return super().scatter(*args, **kwargs)

    rows = [
        {
            "a": "x",
            "b": b,
            "metric": "error",
            "difference": 0.1,
            "low": 0.05,
            "high": 0.2,
            "p": 0.01,
        }
        | {"p_holm": p, "n_patients": 10}
        for b, p in (("y", 0.03), ("z", 0.2), ("q", None))
    ]
    figure = Figure()
    axes = figure.add_subplot(axes_class=Recorder)
    comparison_figures._forest(axes, pl.DataFrame(rows), [("x", "y"), ("x", "z"), ("x", "q")])
    assert drawn == [style.ACCENT, "white", "white"]


def test_a_class_that_is_alone_in_its_family_is_marked(monkeypatch: pytest.MonkeyPatch) -> None:
    said = texts(lambda: report.novelty_plot(outcomes(1)), monkeypatch)
    assert "class 0* (20)" in said
    assert "class 1 (20)" in said
    assert any("* the only class of its family" in text for text in said)
    assert set(evaluation_figures._OUTCOMES) == set(OUTCOMES)


def test_forty_classes_stay_below_the_limit() -> None:
    png = report.novelty_plot(outcomes(1, classes=40))
    assert len(png) <= MAX_BYTES
