"""Slow implementations of the published definitions, one step a function, to compare with.

Written from the definitions with numpy's and scipy's own statistics on plain lists of values: no
histograms, no tables, no gather plans.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import stats

from cup_assets.methylome import Manifest
from cup_assets.methylome.idat import Idat


@dataclass
class Probes:
    """Four intensities a probe and the colour it is read in: "G", "R" or "2" (Type II)."""

    mg: np.ndarray
    mr: np.ndarray
    ug: np.ndarray
    ur: np.ndarray
    color: np.ndarray

    def m(self) -> np.ndarray:
        return np.where(self.color == "R", self.mr, self.mg)

    def u(self) -> np.ndarray:
        return np.where(self.color == "G", self.ug, self.ur)

    def type_one(self, color: str) -> tuple[np.ndarray, np.ndarray]:
        """Return in-band and out-of-band intensities of one colour's Type I probes."""
        of = self.color == color
        green = np.concatenate([self.mg[of], self.ug[of]])
        red = np.concatenate([self.mr[of], self.ur[of]])
        return (green, red) if color == "G" else (red, green)


def probes_of(grn: Idat, red: Idat, manifest: Manifest) -> Probes:
    green = dict(zip(grn.address.tolist(), grn.mean.astype(float), strict=True))
    rot = dict(zip(red.address.tolist(), red.mean.astype(float), strict=True))
    rows = []
    for probe in manifest.probes.iter_rows(named=True):
        a = probe["address_a"]
        b = probe["address_b"] if probe["design"] == "I" else a
        color = "2" if probe["design"] == "II" else probe["channel"][0]
        rows.append((green[b], rot[b], green[a], rot[a], color))
    return Probes(*(np.array(column) for column in zip(*rows, strict=True)))


def controls(file: Idat, manifest: Manifest, *kinds: str) -> np.ndarray:
    values = dict(zip(file.address.tolist(), file.mean.astype(float), strict=True))
    pairs = manifest.controls.select("address", "kind").iter_rows()
    return np.array([values[address] for address, kind in pairs if kind in kinds])


def huber(y: np.ndarray) -> tuple[float, float]:
    mu = np.median(y)
    s = stats.median_abs_deviation(y) * 1.4826
    while True:
        moved = np.mean(np.clip(y, mu - 1.5 * s, mu + 1.5 * s))
        if abs(mu - moved) < 1e-6 * s:
            return mu, s
        mu = moved


def normexp(x: np.ndarray, background: np.ndarray, signal: np.ndarray) -> np.ndarray:
    mu, sigma = huber(background)
    alpha = max(huber(signal)[0] - mu, 10)
    m = x - mu - sigma**2 / alpha
    log_hazard = stats.norm.logpdf(0, m, sigma) - stats.norm.logsf(0, m, sigma)
    return m + sigma**2 * np.exp(log_hazard) + 15


def illumina_mnp(grn: Idat, red: Idat, manifest: Manifest) -> tuple[np.ndarray, np.ndarray]:
    probes = probes_of(grn, red, manifest)
    corrected = {}
    for color, file, kinds in (("g", grn, ("NORM_C", "NORM_G")), ("r", red, ("NORM_A", "NORM_T"))):
        factor = 10_000 / controls(file, manifest, *kinds).mean()
        background = np.sort(controls(file, manifest, "NEGATIVE") * factor)[30]
        for letter in "mu":
            values = getattr(probes, letter + color) * factor - background
            corrected[letter + color] = np.maximum(values, 0)
    scaled = Probes(**corrected, color=probes.color)
    return scaled.m(), scaled.u()


def inferred(probes: Probes) -> Probes:
    one = probes.color != "2"
    green, red = np.maximum(probes.mg, probes.ug), np.maximum(probes.mr, probes.ur)
    color = np.where(red > green, "R", "G")
    r, g = one & (color == "R"), one & (color == "G")
    background = np.concatenate([probes.mg[r], probes.ug[r], probes.mr[g], probes.ur[g]])
    failed = np.maximum(green, red) < np.quantile(background, 0.95)
    color = np.where(one & ~failed, color, probes.color)
    return Probes(probes.mg, probes.mr, probes.ug, probes.ur, color)


def dye_map(own: np.ndarray, other: np.ndarray):
    """Return the function that corrects one channel."""
    x = np.sort(own)
    shares = (stats.rankdata(x) - 1) / (len(x) - 1)
    middle = (x + np.quantile(other, shares)) / 2

    def corrected(values: np.ndarray) -> np.ndarray:
        result = np.interp(values, x, middle)
        result = np.where(values > x[-1], values - x[-1] + middle[-1], result)
        return np.where(values < x[0], values * middle[0] / max(x[0], 1), result)

    return corrected


def sesame(
    grn: Idat, red: Idat, manifest: Manifest
) -> tuple[np.ndarray, np.ndarray, np.ndarray, Probes]:
    """Return M, U, p-values and the probes with their inferred colours."""
    probes = inferred(probes_of(grn, red, manifest))
    (ig, _), (ir, _) = probes.type_one("G"), probes.type_one("R")
    green_map, red_map = dye_map(ig, ir), dye_map(ir, ig)
    dyed = Probes(
        green_map(probes.mg), red_map(probes.mr), green_map(probes.ug), red_map(probes.ur),
        probes.color,
    )  # fmt: skip
    (in_green, oob_red), (in_red, oob_green) = dyed.type_one("G"), dyed.type_one("R")
    two = probes.color == "2"
    result, p = {}, []
    for letter, oob, file, channel_map, in_band, type_two in (
        ("g", oob_green, grn, green_map, in_green, dyed.mg[two]),
        ("r", oob_red, red, red_map, in_red, dyed.ur[two]),
    ):
        background = np.concatenate([oob, channel_map(controls(file, manifest, "NEGATIVE"))])
        signal = np.concatenate([in_band, type_two])
        ecdf = stats.ecdf(background).cdf
        for which in "mu":
            values = getattr(dyed, which + letter)
            in_use = values if which == "m" else getattr(dyed, "u" + letter)
            p.append(1 - ecdf.evaluate(in_use))
            kept = np.maximum(background, 1e-300)
            kept[background == 0] = 1
            cap = np.median(kept) + 10 * (np.quantile(kept, 0.75) - np.quantile(kept, 0.25))
            positive = np.where(signal == 0, 1, signal)
            result[which + letter] = normexp(values, kept[kept < cap], positive)
    corrected = Probes(result["mg"], result["mr"], result["ug"], result["ur"], probes.color)
    m_p = np.where(probes.color == "R", p[2], p[0])
    u_p = np.where(probes.color == "G", p[1], p[3])
    return corrected.m(), corrected.u(), np.minimum(m_p, u_p), dyed


def negative_p(grn: Idat, red: Idat, manifest: Manifest) -> np.ndarray:
    probes = probes_of(grn, red, manifest)
    found = []
    spread = {}
    for color, file in (("G", grn), ("R", red)):
        values = controls(file, manifest, "NEGATIVE")
        spread[color] = np.median(values), 1.4826 * stats.median_abs_deviation(values)
    (gm, gs), (rm, rs) = spread["G"], spread["R"]
    for total, color in zip(probes.m() + probes.u(), probes.color, strict=True):
        mean, sd = {"G": (2 * gm, 2 * gs), "R": (2 * rm, 2 * rs), "2": (gm + rm, gs + rs)}[color]
        found.append(stats.norm.sf(total, mean, sd))
    return np.array(found)
