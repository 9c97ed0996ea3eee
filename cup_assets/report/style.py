"""The one house style: canvas, fonts, colours, and how a figure becomes PNG bytes.

Belongs here: what every picture shares. Does not belong here: any particular picture.

Pictures go base64-encoded into an event log, so a PNG never exceeds `MAX_BYTES`; and the same
input gives the same bytes, so that a picture can be compared between two runs.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Iterable, Sequence
from functools import wraps
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, ParamSpec

if TYPE_CHECKING:
    import polars as pl
    from matplotlib.axes import Axes
    from matplotlib.colors import LinearSegmentedColormap
    from matplotlib.figure import Figure

DPI = 100
WIDTH = 9.0
"""Inches; times `DPI` the 900 pixels that a metadata panel shows unscaled."""
MAX_BYTES = 120_000

INK = "#222222"
MUTED = "#6b6b6b"
GRID = "#e3e3e3"
ACCENT = "#0072B2"
GAIN = "#0072B2"
LOSS = "#D55E00"
NEUTRAL = "#a8a8a8"
FULL_COLOUR = 0.4
"""Absolute log2 ratio from which the colour of a gain or loss is saturated."""
STAIN_COLOURS = {
    "gneg": "#f4f4f4", "gpos25": "#c8c8c8", "gpos50": "#9c9c9c", "gpos75": "#707070",
    "gpos100": "#444444", "acen": "#c46a6a", "gvar": "#dcdcdc", "stalk": "#a9bccb",
}  # fmt: skip
"""Of chromosome bands, by their stain in UCSC's tables."""
VERDICT_COLOURS = {"pass": "#7a9bb0", "warn": "#E69F00", "fail": "#C1272D"}
CALL_COLOURS = {"match": "#009E73", "family_only": "#E69F00", "no_match": "#8a8a8a"}

# Okabe-Ito and Tol's muted scheme without their near-duplicates and without grey, which is kept
# for "no class". Fourteen hues cannot all be safe for every eye, so a marker shape goes with them.
_HUES = (
    *("#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#56B4E9", "#332288"),
    *("#999933", "#882255", "#44AA99", "#661100", "#AA4499", "#117733", "#DDCC77"),
)
_MARKERS = ("o", "s", "^", "D", "v", "P", "X")

_STYLE: dict[str, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 9.5,
    "axes.titlesize": 10,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.labelsize": 9.5,
    "axes.edgecolor": MUTED,
    "axes.labelcolor": INK,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.formatter.useoffset": False,
    "grid.color": GRID,
    "grid.linewidth": 0.8,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "xtick.labelsize": 9,
    "ytick.labelsize": 9,
    "legend.frameon": False,
    "legend.fontsize": 9,
    "text.color": INK,
    "text.parse_math": False,
    "lines.linewidth": 1.6,
    "figure.facecolor": "white",
    "figure.dpi": DPI,
    "savefig.dpi": DPI,
}

Arguments = ParamSpec("Arguments")


class ReportError(ValueError):
    """A picture or table cannot be made from what was given."""


class Mark(NamedTuple):
    """How one class looks in every picture."""

    colour: str
    marker: str


def picture(draw: Callable[Arguments, Figure]) -> Callable[Arguments, bytes]:
    """Turn a function that draws a figure into one that returns PNG bytes in the house style.

    The style is matplotlib's own defaults plus the house's, so that nobody's matplotlibrc can
    change a picture.
    """

    @wraps(draw)
    def drawn(*args: Arguments.args, **kwargs: Arguments.kwargs) -> bytes:
        import matplotlib as mpl

        # Only parameters that shape a drawing: the backend stays whatever the process uses.
        neutral = {
            key: value
            for key, value in mpl.rcParamsDefault.items()
            if not key.startswith(("backend", "interactive", "toolbar", "webagg", "date"))
        }
        with mpl.rc_context({**neutral, **_STYLE}):
            return _png(draw(*args, **kwargs))

    return drawn


def new_figure(height: float, width: float = WIDTH) -> Figure:
    """Return an empty figure (inches) on its own Agg canvas, outside pyplot's global state."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    # Room above for the headline, below for the caption, in inches whatever the height.
    bottom = 0.36 / height
    top = 0.42 / height
    figure.set_layout_engine(
        "constrained", rect=(0.004, bottom, 0.992, 1 - bottom - top), w_pad=0.08, h_pad=0.06
    )
    FigureCanvasAgg(figure)
    return figure


def entitle(figure: Figure, title: str, caption: str) -> None:
    """Write the headline at the top left and the caption (n, what is left out) below."""
    height = figure.get_figheight()
    figure.text(
        0.012, 1 - 0.1 / height, title, fontsize=12.5, fontweight="bold", va="top", color=INK
    )
    figure.text(0.012, 0.1 / height, caption, fontsize=8.5, va="bottom", color=MUTED)


def message_figure(title: str, message: str) -> Figure:
    """Return a small picture that says why there is nothing to draw."""
    figure = new_figure(1.6)
    figure.text(0.012, 0.5, message, fontsize=10.5, va="center", color=MUTED)
    entitle(figure, title, "")
    return figure


def grid(axes: Axes, axis: Literal["both", "x", "y"] = "both") -> None:
    """Draw a light grid behind the data."""
    axes.grid(visible=True, axis=axis)


def class_palette(names: Iterable[str]) -> dict[str, Mark]:
    """Give every class its colour and marker.

    A name's hash chooses the colour, so that a class looks the same in every picture and every
    run. Where two names of one picture want the same colour, the later one in alphabetical order
    takes the next free one; past the number of hues, colours repeat with another marker. Pass the
    union of the classes of several pictures to make them agree without exception.

    Parameters
    ----------
    names : iterable of str
        Class names; the order does not matter.

    Returns
    -------
    dict of str to Mark
        ``colour`` (hex) and ``marker`` (matplotlib), in alphabetical order of the names.
    """
    palette: dict[str, Mark] = {}
    for index, name in enumerate(sorted(set(names))):
        if index % len(_HUES) == 0:
            free = set(range(len(_HUES)))
        slot = int.from_bytes(hashlib.sha256(name.encode()).digest()[:4], "big") % len(_HUES)
        while slot not in free:
            slot = (slot + 1) % len(_HUES)
        free.discard(slot)
        palette[name] = Mark(_HUES[slot], _MARKERS[(index // len(_HUES)) % len(_MARKERS)])
    return palette


def gain_loss_colours() -> LinearSegmentedColormap:
    """Return the colours from loss over neutral to gain."""
    from matplotlib.colors import LinearSegmentedColormap

    return LinearSegmentedColormap.from_list(
        "loss_gain", ["#a33f00", LOSS, "#dcd9d5", GAIN, "#003f6b"]
    )


def need(frame: pl.DataFrame, what: str, columns: Sequence[str]) -> None:
    """Refuse a frame that lacks a column.

    Raises
    ------
    ReportError
        Naming the frame and what is missing.
    """
    missing = [column for column in columns if column not in frame.columns]
    if missing:
        raise ReportError(f"{what}: missing column(s) {', '.join(missing)}; has {frame.columns}")


def shorten(text: str, length: int = 34) -> str:
    """Cut a long name in the middle, where names of one family differ least."""
    if len(text) <= length:
        return text
    head = (length - 1) * 2 // 3
    return f"{text[:head]}…{text[len(text) - (length - 1 - head) :]}"


def count(number: int, noun: str, plural: str | None = None) -> str:
    """Return "1 sample", "1,240 samples"."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def _png(figure: Figure) -> bytes:
    buffer = io.BytesIO()
    # matplotlib would write its version into the file: another version, other bytes.
    figure.savefig(buffer, format="png", metadata={"Software": None})
    if buffer.tell() <= MAX_BYTES:
        return buffer.getvalue()
    return _with_fewer_colours(buffer)


def _with_fewer_colours(buffer: io.BytesIO) -> bytes:
    """Index the colours: a crowded scatter shrinks about fourfold, and nobody sees it.

    Noise that is still too large loses resolution, rather than the run that wanted a picture.
    """
    from PIL import Image

    buffer.seek(0)
    image = Image.open(buffer).convert("RGB")
    while True:
        for colours in (256, 64):
            smaller = io.BytesIO()
            indexed = image.quantize(
                colours, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE
            )
            indexed.save(smaller, format="PNG", optimize=True)
            if smaller.tell() <= MAX_BYTES:
                return smaller.getvalue()
        image = image.resize((image.width * 3 // 4, image.height * 3 // 4), Image.Resampling.BOX)
