"""The default normalisation gives the values that it has always given, to the last bit.

A stored beta must not change because another method was added: whoever changes these values on
purpose raises the code version of the betas and pins them anew.
"""

from __future__ import annotations

import hashlib

import numpy as np
import pytest

from cup_assets.methylome import BetaParameters, SampleSignal, process_pair, read_idat
from cup_assets.simulate.idat_writer import write_idat

_MULTIPLIER, _MODULUS = 2_654_435_761, 2**32


def _scattered(n: int, start: int) -> np.ndarray:
    """Return values in [0, 1) from whole-number arithmetic: the same on every machine."""
    whole = (np.arange(start, start + n, dtype=np.uint64) * _MULTIPLIER) % _MODULUS
    return (whole >> 16) / 65_536


class _SameNoise:
    """Stands for a random generator whose streams nobody promises to keep."""

    def __init__(self) -> None:
        self.start = 1

    def lognormal(self, _mean: float, sigma: float, size: int) -> np.ndarray:
        self.start += size
        return 1 + sigma * (2 * _scattered(size, self.start) - 1)

    def normal(self, mean: float, sd: float, size: int) -> np.ndarray:
        self.start += size
        return mean + 2 * sd * (2 * _scattered(size, self.start) - 1)


@pytest.fixture
def signal(tiny) -> SampleSignal:
    address = tiny.manifest.addresses
    levels = np.array([0.03, 0.5, 0.9])[(3 * _scattered(640, 9)).astype(int)]
    intensities = tiny.intensities(levels, _SameNoise(), 8000.0, 1.5, dead=range(0, 640, 16))
    n_beads = np.full(len(address), 12)
    n_beads[::50] = 2
    files = []
    for color, mean in zip(("Grn", "Red"), intensities, strict=True):
        path = tiny.folder / f"100_R01C01_{color}.idat"
        write_idat(path, address, mean, mean // 10, n_beads, barcode="100", position="R01C01")
        files.append(read_idat(path))
    return process_pair(*files, tiny.manifest, BetaParameters())


def test_noob_gives_the_pinned_bytes(signal: SampleSignal) -> None:
    pinned = {
        "beta": "1ba99a97605abfb96008cfa6c10bdf56eab25a1c4281abed1a5364e6e99919d9",
        "detection_p": "7a09310b1d6ba3c0f62906f0140d22afd0404861b622f21cabc271976dd811e3",
        "mask": "505d1f35c898e15c6e72deff0487bf6044be2e614123b06981b69d10fb88e290",
    }
    for name, expected in pinned.items():
        values = getattr(signal, name)
        little_endian = values.astype(values.dtype.newbyteorder("<")).tobytes()
        assert hashlib.sha256(little_endian).hexdigest() == expected, name


def test_noob_gives_the_pinned_totals_and_measures(signal: SampleSignal) -> None:
    # Not hashed: the last bit of a float32 logarithm differs between processors.
    expected = [13.018808, 13.01021, 12.907578, 13.000738, 12.941321]
    np.testing.assert_allclose(signal.log2_total[5::128], expected, rtol=1e-6)
    pinned = {
        "background_grn": 398.0,
        "background_sd_grn": 118.608,
        "background_red": 502.225,
        "background_sd_red": 200.8923,
        "dye_factor": 0.666497091707961,
        "failed_fraction": 0.08125,
        "masked_fraction": 0.08125,
        "bisulfite_ii": 23.231372549019607,
    }
    for name, value in pinned.items():
        assert signal.measures[name] == pytest.approx(value, rel=1e-12), name
