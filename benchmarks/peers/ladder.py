"""From our definitions to those of other engines, one choice after another, written out plainly.

Belongs here: the methods on per-probe intensities, each of another engine's choices a switch. What
a choice does to beta is then seen by switching it, not argued. Does not belong here: the model of
an intensity (`plain`), speed.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import interpolate, stats

from benchmarks.peers.plain import (
    Floats,
    Intensities,
    expected_signal,
    mad_constant,
    normexp_model,
)

OFFSET = 15.0


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
        c: normexp_model(
            seen.out_of_band(c), np.maximum(seen.in_band(c), least), mad_constant(rounded)
        )
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
        model = normexp_model(
            background, np.maximum(signal.in_band(color), 1), mad_constant(state.choices.rounded)
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
