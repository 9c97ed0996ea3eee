"""The picture of the leaderboard: who stands where, and axes that go no further than values can."""

from __future__ import annotations

import polars as pl
import pytest
from matplotlib.collections import PathCollection
from matplotlib.figure import Figure

from cup_assets import report
from cup_assets.report import style

COLUMNS = ["model", "scheme", "metric", "class", "value", "low", "high"]
SCHEMES = ("stratified", "leave_batch_out", "leave_site_out", "cross_array")


def board(schemes: tuple[str, ...] = SCHEMES, perfect: bool = False) -> pl.DataFrame:
    """Return metrics: the svm has the lower log loss, the forest the lower error."""
    rows = []
    for place, scheme in enumerate(schemes):
        for model, error, loss in (("random_forest", 0.1, 0.5), ("svm", 0.2, 0.3)):
            worse = 0.1 * place
            for metric, value in (
                ("error", 0.0 if perfect else error + worse),
                ("balanced_accuracy", 1.0 if perfect else 1 - error - worse),
                ("log_loss", loss - 2 * worse * (model == "random_forest")),
            ):
                rows.append((model, scheme, metric, None, value, None, None))
    schema = dict.fromkeys(COLUMNS[:4], pl.String) | dict.fromkeys(COLUMNS[4:], pl.Float64)
    return pl.DataFrame(rows, schema=schema, orient="row")


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[Figure]:
    """Return a list that the figures drawn are put into."""
    figures: list[Figure] = []

    def keep(figure: Figure) -> bytes:
        figure.draw_without_rendering()
        figures.append(figure)
        return b""

    monkeypatch.setattr(style, "_png", keep)
    return figures


def test_models_stand_in_the_order_of_the_log_loss_of_the_first_scheme(
    drawn: list[Figure],
) -> None:
    report.leaderboard_plot(board())
    labels = [label.get_text() for label in drawn[0].axes[0].get_yticklabels()]
    assert labels == ["svm", "random forest"]


def test_every_scheme_is_named_in_the_order_given_and_its_dots_stand_apart(
    drawn: list[Figure],
) -> None:
    report.leaderboard_plot(board())
    (legend,) = drawn[0].legends
    names = [text.get_text() for text in legend.get_texts()]
    assert names == [scheme.replace("_", " ") for scheme in SCHEMES]
    scatters = [part for part in drawn[0].axes[0].collections if isinstance(part, PathCollection)]
    dots = [dot for part in scatters for dot in part.get_offsets().tolist()]
    places = sorted(y for _, y in dots)
    assert len(set(places)) == 2 * len(SCHEMES)
    assert max(places[:4]) < 0.5 < min(places[4:]), "each within the row of its model"


def test_with_one_scheme_the_values_are_written_and_no_legend_is_needed(
    drawn: list[Figure],
) -> None:
    report.leaderboard_plot(board(SCHEMES[:1]))
    assert not drawn[0].legends
    written = [text.get_text() for text in drawn[0].axes[0].texts]
    assert sorted(written) == ["10.0%", "20.0%"]


@pytest.mark.parametrize("schemes", [SCHEMES, SCHEMES[:1]])
def test_no_tick_stands_where_no_value_can_be(
    drawn: list[Figure], schemes: tuple[str, ...]
) -> None:
    report.leaderboard_plot(board(schemes, perfect=True))
    for axes in drawn[0].axes[:2]:
        low, high = axes.get_xlim()
        ticks = [tick for tick in axes.get_xticks() if low <= tick <= high]
        assert ticks
        assert min(ticks) >= -1e-9
        assert max(ticks) <= 1 + 1e-9


def test_the_axes_of_the_reject_option_are_labelled_as_they_are(drawn: list[Figure]) -> None:
    rows = [(0.0, 40, 1.0, 0.975), (0.5, 39, 0.975, 0.98), (0.9, 33, 0.825, 1.0)]
    curve = pl.DataFrame(
        rows, schema=["threshold", "n_kept", "coverage", "accuracy"], orient="row"
    ).with_columns(
        coverage_low=pl.col("coverage") - 0.05,
        coverage_high=pl.lit(1.0),
        accuracy_low=pl.col("accuracy") - 0.05,
        accuracy_high=pl.lit(1.0),
    )
    report.reject_plot(curve, threshold=0.9)
    left = drawn[0].axes[0]
    for axis in (left.xaxis, left.yaxis):
        for tick, label in zip(axis.get_ticklocs(), axis.get_ticklabels(), strict=True):
            assert float(label.get_text().rstrip("%")) == pytest.approx(100 * tick, abs=0.051)
    assert left.get_ylim()[0] < 0.925, "the band of all that is called is seen whole"
