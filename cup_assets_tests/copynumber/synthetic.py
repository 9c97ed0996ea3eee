"""Arrays with known copy numbers, as bare log2 intensities."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import polars as pl
from numpy.typing import NDArray

from cup_assets.copynumber import Bins, CnvParameters, ControlPool, make_bins, make_pool
from cup_assets.genome import CHROMOSOMES, chromosome_arms

PARAMETERS = CnvParameters()
Event = tuple[str, int, int, float]
"""chrom, start, end, log2 change of the total intensity."""


def probes_frame(n: int, seed: int = 0, genes: tuple[str, ...] = ()) -> pl.DataFrame:
    """Probes spread over the arms by length, in probe_id order; 12 of them in each gene."""
    rng = np.random.default_rng(seed)
    arms = chromosome_arms("hg19").filter(~pl.col("arm").is_in(_BARE_ARMS))
    length = (arms["end"] - arms["start"]).to_numpy()
    which = rng.choice(arms.height, n, p=length / length.sum())
    chrom = arms["chrom"].to_numpy()[which]
    pos = arms["start"].to_numpy()[which] + (rng.random(n) * length[which]).astype(np.int64)
    names = np.full(n, None, object)
    taken: set[int] = set()
    for gene in genes:
        seat = int(next(i for i in rng.integers(0, n - 12, 100) // 12 * 12 if i not in taken))
        taken.add(seat)
        near = slice(seat, seat + 12)
        chrom[near], names[near] = chrom[seat], f"{gene};OTHER"
        pos[near] = pos[seat] + np.arange(12) * 900
    return pl.DataFrame(
        {
            "probe_id": [f"cg{i:08d}" for i in range(n)],
            "chrom": chrom.tolist(),
            "pos": pos,
            "genes": names.tolist(),
            "kind": ["cg"] * n,
        },
        schema_overrides={"genes": pl.String},
    )


_BARE_ARMS = ("13p", "14p", "15p", "21p", "22p")


@dataclass(frozen=True)
class Array:
    """An array whose probes have effects that samples share, like real ones."""

    probes: pl.DataFrame
    noise: float = 0.2
    seed: int = 1
    place: dict[str, NDArray[np.bool_]] = field(init=False)
    level: NDArray[np.float64] = field(init=False)
    drift: NDArray[np.float64] = field(init=False)

    def __post_init__(self) -> None:
        rng = np.random.default_rng(self.seed)
        p = self.probes.height
        chrom = self.probes["chrom"].to_numpy()
        object.__setattr__(self, "place", {c: chrom == c for c in CHROMOSOMES})
        object.__setattr__(self, "level", 12.5 + 0.9 * rng.standard_normal(p))
        object.__setattr__(self, "drift", rng.standard_normal((3, p)))

    def sample(
        self, seed: int, sex: str = "F", events: tuple[Event, ...] = (), noise: float | None = None
    ) -> NDArray[np.float32]:
        """Draw one sample's log2 total intensities."""
        rng = np.random.default_rng([self.seed, seed])
        scale = self.noise if noise is None else noise
        values = self.level + rng.normal(0, 0.12, 3) @ self.drift + rng.normal(0, 0.3)
        # Heavy tails: one probe in fifty is a bad one.
        spread = np.where(rng.random(values.size) < 0.02, 5 * scale, scale)
        values = values + spread * rng.standard_normal(values.size)
        if sex == "M":
            values[self.place["X"]] -= 1.0
        else:
            values[self.place["Y"]] -= 3.0
        pos = self.probes["pos"].to_numpy()
        for chrom, start, end, change in events:
            values[self.place[chrom] & (pos >= start) & (pos < end)] += change
        return values.astype(np.float32)

    def bins(self, parameters: CnvParameters = PARAMETERS) -> Bins:
        return make_bins(self.probes, "hg19", parameters)

    def pool(self, k: int = 20, parameters: CnvParameters = PARAMETERS) -> ControlPool:
        sexes = ["FM"[i % 2] for i in range(k)]
        log2 = np.stack([self.sample(1000 + i, sex) for i, sex in enumerate(sexes)])
        ids = [f"normal{i:02d}" for i in range(k)]
        return make_pool("test", ids, sexes, log2, self.bins(parameters), parameters)


def arm_event(arm: str, change: float) -> Event:
    """Return the event of a whole arm."""
    row = chromosome_arms("hg19").row(by_predicate=pl.col("arm") == arm, named=True)
    return row["chrom"], row["start"], row["end"], change
