"""Per-probe intensities and the model of an intensity, written out plainly.

Belongs here: what the second implementation of every method stands on; nothing is shared with the
package. Does not belong here: the methods (`ladder`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import stats
from scipy.special import log_ndtr

from cup_assets.methylome import Idat, Manifest

Floats = NDArray[np.float64]


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


def mad_constant(rounded: bool) -> float:
    """Return the scaled MAD's constant: R's, or methylprep's, whose decimals decide roundings."""
    return float(1 / stats.norm.ppf(0.75)) if rounded else 1.4826


def normexp_model(
    background: Floats, signal: Floats, constant: float
) -> tuple[float, float, float]:
    """Return mu, sigma and alpha of a channel."""
    mu, sigma = huber(background, constant)
    return mu, sigma, max(huber(signal, constant)[0] - mu, 10.0)


def huber(y: Floats, constant: float) -> tuple[float, float]:
    """Return ``MASS::huber``'s location and scale."""
    mu = float(np.median(y))
    scale = constant * float(np.median(np.abs(y - mu)))
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
