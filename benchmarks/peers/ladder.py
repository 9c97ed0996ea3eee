"""From our definition to methylprep's, one choice after another, written out plainly.

Belongs here: both methods on per-probe intensities, each of methylprep's choices a switch. What a
choice does to beta is then seen by switching it, not argued. Does not belong here: speed.

Nothing is shared with the package: no histograms, no tables, no plans.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import interpolate, stats
from scipy.special import log_ndtr

from cup_assets.methylome import Idat, Manifest

Floats = NDArray[np.float64]
OFFSET = 15.0


@dataclass(frozen=True)
class Intensities:
    """Raw intensities of p probes in both colours, and of the controls.

    ``color`` is G or R for Type I, 2 for Type II, whose one bead gives both M and U.
    """

    mg: Floats
    mr: Floats
    ug: Floats
    ur: Floats
    color: NDArray[np.str_]
    green_controls: dict[str, Floats]
    red_controls: dict[str, Floats]

    @property
    def m(self) -> Floats:
        return np.where(self.color == "R", self.mr, self.mg)

    @property
    def u(self) -> Floats:
        return np.where(self.color == "G", self.ug, self.ur)

    def in_band(self, color: str) -> Floats:
        """Signals of one colour: Type I of that colour, and Type II."""
        one, two = self.color == color, self.color == "2"
        if color == "G":
            return np.concatenate([self.mg[one], self.ug[one], self.mg[two]])
        return np.concatenate([self.mr[one], self.ur[one], self.ur[two]])

    def out_of_band(self, color: str, of: NDArray[np.bool_] | None = None) -> Floats:
        """Type I probes of the other colour, as seen in this one."""
        rows = self.color == ("R" if color == "G" else "G")
        rows &= True if of is None else of
        return np.concatenate(
            [self.mg[rows], self.ug[rows]] if color == "G" else [self.mr[rows], self.ur[rows]]
        )

    def rows(self, of: NDArray[np.bool_]) -> Intensities:
        """Only these probes, and all controls."""
        return replace(
            self, mg=self.mg[of], mr=self.mr[of], ug=self.ug[of], ur=self.ur[of],
            color=self.color[of],
        )  # fmt: skip

    def controls(self, color: str, *kinds: str) -> Floats:
        found = self.green_controls if color == "G" else self.red_controls
        return np.concatenate([found[kind] for kind in kinds if kind in found])


def intensities(grn: Idat, red: Idat, manifest: Manifest) -> Intensities:
    """Gather the intensities of a pair; every address must be in the files."""
    order = np.argsort(grn.address)

    def of(file: Idat, address: NDArray[np.int32]) -> Floats:
        at = order[np.searchsorted(file.address, address, sorter=order)]
        if not np.array_equal(file.address[at], address):
            raise ValueError("the files lack addresses of the manifest")
        return file.mean[at].astype(np.float64)

    probes, controls = manifest.probes, manifest.controls
    a = probes["address_a"].to_numpy()
    b = probes["address_b"].fill_null(probes["address_a"]).to_numpy()
    color = probes["channel"].str.head(1).fill_null("2").to_numpy().astype(str)
    by_kind = {
        kind: controls["address"].to_numpy()[(controls["kind"] == kind).to_numpy()]
        for kind in controls["kind"].unique()
    }
    return Intensities(
        of(grn, b), of(red, b), of(grn, a), of(red, a), color,
        {kind: of(grn, address) for kind, address in by_kind.items()},
        {kind: of(red, address) for kind, address in by_kind.items()},
    )  # fmt: skip


# ---- noob ----------------------------------------------------------------------------------------


def noob_beta(
    raw: Intensities, *, rounded: bool = False, of: NDArray[np.bool_] | None = None
) -> Floats:
    """Return betas by minfi's noob with ``dyeMethod = "single"``.

    ``rounded`` as methylprep rounds; ``of``: the probes that enter the estimates, with their
    intensities raised to at least 1, as in minfi.
    """
    least = 0.0 if of is None else 1.0
    seen = raw if of is None else raw.rows(of)
    model = {
        c: _model(seen.out_of_band(c), np.maximum(seen.in_band(c), least), _mad(rounded))
        for c in "GR"
    }
    green = expected_signal(raw.controls("G", "NORM_C", "NORM_G"), *model["G"]) + OFFSET
    red = expected_signal(raw.controls("R", "NORM_A", "NORM_T"), *model["R"]) + OFFSET
    factor = green.mean() / red.mean()

    def corrected(values: Floats, in_red: NDArray[np.bool_]) -> Floats:
        result = np.empty(len(values))
        for color, rows in (("G", ~in_red), ("R", in_red)):
            signal = expected_signal(np.maximum(values[rows], least), *model[color]) + OFFSET
            signal = np.round(np.round(signal, 1)) if rounded else signal
            signal = signal * factor if color == "R" else signal
            result[rows] = np.round(signal) if rounded and color == "R" else signal
        return result

    m, u = corrected(raw.m, raw.color == "R"), corrected(raw.u, raw.color != "G")
    return m / (m + u + 100)


# ---- illumina ------------------------------------------------------------------------------------


def illumina_beta(raw: Intensities, scale: float | None = 10_000.0) -> Floats:
    """Return betas by control normalisation to ``scale`` and Illumina's background.

    Without a scale: the mean of the sample's own two channels, as minfi's single sample has it.
    """
    means = {
        "G": raw.controls("G", "NORM_C", "NORM_G").mean(),
        "R": raw.controls("R", "NORM_A", "NORM_T").mean(),
    }
    aim = (means["G"] + means["R"]) / 2 if scale is None else scale

    def corrected(values: Floats, in_red: NDArray[np.bool_]) -> Floats:
        result = np.empty(len(values))
        for color, rows in (("G", ~in_red), ("R", in_red)):
            background = np.sort(raw.controls(color, "NEGATIVE"))[30]
            result[rows] = np.maximum(values[rows] - background, 0) * aim / means[color]
        return result

    m, u = corrected(raw.m, raw.color == "R"), corrected(raw.u, raw.color != "G")
    return m / (m + u + 100)


# ---- sesame --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Choices:
    """Where methylprep's ``sesame`` differs from sesame's QCDPB; the default is QCDPB."""

    moved: NDArray[np.bool_] | None = None  # probes whose two colours it exchanges
    noob_before_dye: bool = False
    detected_background: bool = False  # no negative controls, no cap, detected probes only
    dye_of_detected: bool = False
    stretched_quantiles: bool = False
    rounded: bool = False


@dataclass(frozen=True)
class _State:
    p: Floats
    choices: Choices


def sesame_beta(raw: Intensities, choices: Choices) -> Floats:
    """Return betas by sesame's QCDPB, or as far towards methylprep as the choices go."""
    seen = _inferred(raw) if choices.moved is None else _exchanged(raw, choices.moved)
    state = _State(poobah(seen), choices)
    if choices.noob_before_dye:
        signal = _dye(_background(seen, state), state)
    else:
        signal = _background(_dye(seen, state), state)
    m, u = signal.m, signal.u
    if choices.rounded:
        m, u = np.maximum(np.round(m), 1), np.maximum(np.round(u), 1)
    return m / (m + u)


def poobah(raw: Intensities) -> Floats:
    """Return the share of the background above the larger of a probe's intensities."""
    p = []
    for color in "GR":
        background = np.concatenate([raw.out_of_band(color), raw.controls(color, "NEGATIVE")])
        ecdf = stats.ecdf(background).cdf
        values = (raw.mg, raw.ug) if color == "G" else (raw.mr, raw.ur)
        p += [1 - ecdf.evaluate(value) for value in values]
    m = np.where(raw.color == "R", p[2], p[0])
    u = np.where(raw.color == "G", p[1], p[3])
    return np.minimum(m, u)


def _inferred(raw: Intensities) -> Intensities:
    """Sesame's channel inference: the colour of the largest of a probe's four intensities."""
    one = raw.color != "2"
    green, red = np.maximum(raw.mg, raw.ug), np.maximum(raw.mr, raw.ur)
    color = np.where(red > green, "R", "G")
    guess = replace(raw, color=np.where(one, color, "2"))
    background = np.concatenate([guess.out_of_band(c) for c in "GR"])
    failed = np.maximum(green, red) < np.quantile(background, 0.95)
    return replace(raw, color=np.where(one & ~failed, color, raw.color))


def _exchanged(raw: Intensities, rows: NDArray[np.bool_]) -> Intensities:
    """Methylprep's switch: the probe's colours change places, so that green is treated as red."""
    return replace(
        raw,
        mg=np.where(rows, raw.mr, raw.mg), mr=np.where(rows, raw.mg, raw.mr),
        ug=np.where(rows, raw.ur, raw.ug), ur=np.where(rows, raw.ug, raw.ur),
    )  # fmt: skip


def _background(signal: Intensities, state: _State) -> Intensities:
    corrected = {}
    for color in "GR":
        if state.choices.detected_background:
            background = np.maximum(signal.out_of_band(color, state.p <= 0.05), 1)
        else:
            background = np.concatenate(
                [signal.out_of_band(color), signal.controls(color, "NEGATIVE")]
            )
            background[background == 0] = 1
            low, middle, high = np.quantile(background, [0.25, 0.5, 0.75])
            background = background[background < middle + 10 * (high - low)]
        model = _model(
            background, np.maximum(signal.in_band(color), 1), _mad(state.choices.rounded)
        )
        for letter in "mu":
            name = letter + color.lower()
            values = expected_signal(getattr(signal, name), *model) + OFFSET
            corrected[name] = np.round(np.round(values, 1)) if state.choices.rounded else values
    return replace(signal, **corrected)


def _dye(signal: Intensities, state: _State) -> Intensities:
    of = state.p < 0.05 if state.choices.dye_of_detected else np.ones(len(state.p), dtype=bool)
    green, red = (signal.color == c for c in "GR")
    ig = np.sort(np.concatenate([signal.mg[green & of], signal.ug[green & of]]))
    ir = np.sort(np.concatenate([signal.mr[red & of], signal.ur[red & of]]))
    to_middle = {
        "G": _map(ig, ir, state.choices.stretched_quantiles),
        "R": _map(ir, ig, state.choices.stretched_quantiles),
    }
    changed = {
        letter + color.lower(): to_middle[color](getattr(signal, letter + color.lower()))
        for color in "GR"
        for letter in "mu"
    }
    controls = {
        "green_controls": {k: to_middle["G"](v) for k, v in signal.green_controls.items()},
        "red_controls": {k: to_middle["R"](v) for k, v in signal.red_controls.items()},
    }
    return replace(signal, **changed, **controls)


def _map(own: Floats, other: Floats, stretched: bool):
    """Return the function from one colour's intensities to the middle of both."""
    rank = stats.rankdata(own)
    if stretched:
        # methylprep 1.7.1: positions 0..n instead of 0..n - 1, so that the last are extrapolated.
        line = interpolate.interp1d(np.arange(len(other)), other, fill_value="extrapolate")
        target = np.sort(line(np.linspace(0, len(other), num=len(own))))
        floor = np.floor(rank).astype(int)
        between = rank - floor > 0.4
        quantile = target[floor - 1].copy()
        quantile[between] = (target[floor[between] - 1] + target[floor[between]]) / 2
    else:
        quantile = np.quantile(other, (rank - 1) / (len(own) - 1))
    middle = (own + quantile) / 2

    def corrected(values: Floats) -> Floats:
        result = np.interp(values, own, middle)
        result = np.where(values > own[-1], values - own[-1] + middle[-1], result)
        return np.where(values < own[0], values * middle[0] / max(own[0], 1e-9), result)

    return corrected


# ---- the model of an intensity -------------------------------------------------------------------


def _mad(rounded: bool) -> float:
    """R's constant of the scaled MAD; methylprep's has all decimals, which decides roundings."""
    return float(1 / stats.norm.ppf(0.75)) if rounded else 1.4826


def _model(background: Floats, signal: Floats, mad: float) -> tuple[float, float, float]:
    mu, sigma = huber(background, mad)
    return mu, sigma, max(huber(signal, mad)[0] - mu, 10.0)


def huber(y: Floats, mad: float) -> tuple[float, float]:
    """Return ``MASS::huber``'s location and scale."""
    mu = float(np.median(y))
    scale = mad * float(np.median(np.abs(y - mu)))
    while True:
        moved = float(np.mean(np.clip(y, mu - 1.5 * scale, mu + 1.5 * scale)))
        if abs(mu - moved) < 1e-6 * scale:
            return mu, scale
        mu = moved


def expected_signal(x: Floats, mu: float, sigma: float, alpha: float) -> Floats:
    """Return the expected signal of the normal-exponential model (limma)."""
    m = x - mu - sigma**2 / alpha
    log_density = -0.5 * (m / sigma) ** 2 - np.log(sigma * np.sqrt(2 * np.pi))
    return np.maximum(m + sigma**2 * np.exp(log_density - log_ndtr(m / sigma)), 1e-6)
