"""From true betas and copies to the bead intensities of one sample.

Belongs here: the measurement, with its noise and failures. Does not belong here: true methylation
(`methylation`), the file (`idat_writer`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cup_assets.simulate.arrays import ArrayLayout, distinct
from cup_assets.simulate.controls import expected_signal, unconverted_signal
from cup_assets.simulate.design import CohortDesign
from cup_assets.simulate.hashing import Floats, Keys, generator, normal
from cup_assets.simulate.people import Sample

Indices = npt.NDArray[np.int64]
GREEN, RED = 0, 1

# Intensity of a probe with two copies, by design; scanner units.
_BRIGHT = {"I": 9_500.0, "II": 8_500.0}
_PROBE_SD, _SAMPLE_SD = 0.45, 0.25  # log2 units
_BACKGROUND = ((260.0, 70.0), (420.0, 110.0))  # mean and SD, green and red
_CROSSTALK = 0.012
_DYE_BIAS = (0.4, 0.15)  # red over green, log2: mean and SD over samples
_TYPE_ONE_RANGE = (0.01, 0.99)
_TYPE_TWO_LOSS = (0.03, 0.06)  # at the lower and upper end of the range
_BEAD_CV, _PROBE_CV, _ALLELE_CV = 0.28, 0.05, 0.06
_MEAN_BEADS, _BEADS_SHAPE, _LOW_BEADS = 15.0, 10.0, 0.004
_FAILED = {"frozen": 0.0008, "FFPE": 0.006}
_FFPE_LOSS, _DEGRADED_LOSS = 0.8, 3.5  # log2 units
_DEGRADED_FAILED = 0.25
_UNCONVERTED = 0.25  # share of the DNA that an incomplete conversion leaves as it was
_FEW_BEADS = 5.0  # mean number where there should be _MEAN_BEADS
_CROSS_HYBRIDISATION = 0.02  # signal of a locus without any copy


@dataclass(frozen=True, eq=False)
class Intensities:
    """Both colours of one sample, by ascending bead address.

    Attributes
    ----------
    address
        int32[n].
    mean, sd
        uint16[2, n], green then red.
    n_beads
        uint8[n]: the same beads are read in both colours.
    """

    address: npt.NDArray[np.int32]
    mean: npt.NDArray[np.uint16]
    sd: npt.NDArray[np.uint16]
    n_beads: npt.NDArray[np.uint8]


class Scanner:
    """An array as the scanner sees it: which bead shows which signal."""

    def __init__(self, design: CohortDesign, layout: ArrayLayout, keys: Keys) -> None:
        probes = layout.probes
        self._design = design
        self._type_two = np.flatnonzero((probes["design"] == "II").to_numpy())
        self._type_one = tuple(
            np.flatnonzero(((probes["design"] == "I") & (probes["channel"] == color)).to_numpy())
            for color in ("Grn", "Red")
        )
        address_a = probes["address_a"].to_numpy()
        address_b = probes["address_b"].fill_null(-1).to_numpy()
        controls = layout.controls["address"].to_numpy()
        used = np.concatenate([address_a, address_b[address_b >= 0], controls, layout.spare])
        self.address = distinct(used.astype(np.int32))
        self._bead_a = np.searchsorted(self.address, address_a)
        self._bead_b = np.searchsorted(self.address, address_b)
        self._controls = np.searchsorted(self.address, controls)
        self._control_signal = expected_signal(layout.controls)
        self._poor_control_signal = unconverted_signal(
            layout.controls, self._control_signal, _UNCONVERTED
        )
        is_type_two = (probes["design"] == "II").to_numpy()
        bright = np.where(is_type_two, _BRIGHT["II"], _BRIGHT["I"])
        spread = design.intensity_variation * _PROBE_SD * normal(keys, "brightness")
        self._brightness = (bright * 2.0**spread).astype(np.float32)
        loss = design.type_two_compression * np.where(is_type_two, 1.0, 0.0)
        low, high = _TYPE_ONE_RANGE
        self._lowest = np.where(is_type_two, loss * _TYPE_TWO_LOSS[0], low).astype(np.float32)
        self._highest = np.where(is_type_two, 1 - loss * _TYPE_TWO_LOSS[1], high).astype(np.float32)

    def measure(
        self, sample: Sample, betas: Floats, ratio: Floats, offset_m: Floats, offset_u: Floats
    ) -> Intensities:
        """Measure one sample.

        Parameters
        ----------
        sample : Sample
            Its number seeds the measurement.
        betas : ndarray of float32, shape (probes,)
            True betas.
        ratio : ndarray of float32, shape (probes,)
            Copies of each locus in the DNA over two.
        offset_m, offset_u : ndarray of float32, shape (probes,)
            log2 offsets of the methylated and unmethylated signal.

        Returns
        -------
        Intensities
        """
        rng = generator(self._design.seed, "measurement", sample.number)
        if sample.unconverted:
            betas = betas + np.float32(_UNCONVERTED) * (1 - betas)
        strength = self._strength(sample, rng)
        total = self._brightness * np.maximum(ratio, _CROSS_HYBRIDISATION) * np.float32(strength)
        total *= self._lognormal(rng, len(betas), _PROBE_CV)
        total[self._failures(sample, rng, len(betas))] = 0.0
        shown = self._lowest + (self._highest - self._lowest) * betas
        methylated = total * shown * np.exp2(offset_m) * self._lognormal(rng, len(betas))
        unmethylated = total * (1 - shown) * np.exp2(offset_u) * self._lognormal(rng, len(betas))
        light = self._light(sample, methylated, unmethylated, strength)
        return self._read(sample, light, rng)

    def _strength(self, sample: Sample, rng: np.random.Generator) -> float:
        """Return the brightness of a sample relative to a typical frozen one."""
        exponent = self._design.intensity_variation * rng.normal(scale=_SAMPLE_SD)
        if sample.material == "FFPE":
            exponent -= self._design.ffpe_effect * _FFPE_LOSS
        return float(2.0 ** (exponent - (_DEGRADED_LOSS if sample.degraded else 0.0)))

    def _failures(self, sample: Sample, rng: np.random.Generator, n: int) -> npt.NDArray[np.bool_]:
        usual = _FAILED["frozen"]
        if sample.material == "FFPE":
            usual += self._design.ffpe_effect * (_FAILED["FFPE"] - usual)
        fraction = self._design.failed_probes * usual * rng.lognormal(sigma=0.5)
        draws = rng.random(n, dtype=np.float32)
        return np.asarray(draws < fraction + (_DEGRADED_FAILED if sample.degraded else 0.0))

    def _light(
        self, sample: Sample, methylated: Floats, unmethylated: Floats, strength: float
    ) -> Floats:
        """Put every probe's signal on its beads: shape (2 colours, beads), without background."""
        light = np.zeros((2, len(self.address)), dtype=np.float32)
        two = self._type_two
        light[GREEN, self._bead_a[two]] = methylated[two]
        light[RED, self._bead_a[two]] = unmethylated[two]
        leak = np.float32(self._design.out_of_band * _CROSSTALK)
        for color, rows in enumerate(self._type_one):
            for beads, signal in ((self._bead_b, methylated), (self._bead_a, unmethylated)):
                light[color, beads[rows]] = signal[rows]
                light[1 - color, beads[rows]] = leak * signal[rows]
        # The controls' targets are part of the kit or of robust loci: they fade less than DNA.
        controls = self._poor_control_signal if sample.unconverted else self._control_signal
        light[:, self._controls] = controls.T * _BRIGHT["II"] * strength**0.5
        return light

    def _read(self, sample: Sample, light: Floats, rng: np.random.Generator) -> Intensities:
        """Add dye bias, background and bead noise; round to what the scanner stores."""
        n = light.shape[1]
        n_beads = self._count_beads(sample, rng, n)
        # Controls are printed more often than probes: no sample loses one to chance.
        n_beads[self._controls] = np.maximum(n_beads[self._controls], 3)
        error = self._design.noise * _BEAD_CV / np.sqrt(np.maximum(n_beads, 1))
        bias = self._design.dye_bias * rng.normal(*_DYE_BIAS)
        means, sds = [], []
        for color, (mean, sd) in enumerate(_BACKGROUND):
            level = self._design.background * rng.lognormal(sigma=0.12)
            gain = 2.0 ** (bias / 2 if color == RED else -bias / 2)
            spread = np.float32(sd) * rng.standard_normal(n, dtype=np.float32)
            background = np.maximum(np.float32(level) * (np.float32(mean) + spread), 0)
            value = np.float32(gain) * light[color] + background
            value *= 1 + error.astype(np.float32) * rng.standard_normal(n, dtype=np.float32)
            value = np.where(n_beads == 0, 0, np.clip(value, 0, 65_535))
            deviation = value * (0.15 + 0.2 * rng.random(n, dtype=np.float32))
            means.append(np.rint(value).astype(np.uint16))
            sds.append(np.rint(deviation).astype(np.uint16))
        return Intensities(self.address, np.stack(means), np.stack(sds), n_beads)

    def _count_beads(
        self, sample: Sample, rng: np.random.Generator, n: int
    ) -> npt.NDArray[np.uint8]:
        mean = _FEW_BEADS if sample.few_beads else _MEAN_BEADS
        rate = rng.standard_gamma(_BEADS_SHAPE, size=n) * (mean / _BEADS_SHAPE)
        counts = np.clip(rng.poisson(rate), 0 if sample.few_beads else 3, 255)
        low = rng.random(n) < self._design.low_beads * _LOW_BEADS
        counts[low] = rng.integers(0, 3, size=int(low.sum()))
        return counts.astype(np.uint8)

    def _lognormal(self, rng: np.random.Generator, n: int, cv: float = _ALLELE_CV) -> Floats:
        scale = np.float32(self._design.noise * cv)
        return np.asarray(np.exp(scale * rng.standard_normal(n, dtype=np.float32)))
