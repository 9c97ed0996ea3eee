"""Random numbers that are a pure function of a probe's name and a topic.

Belongs here: counter-based random numbers over probes, so that the same CpG has the same biology on
every array and in every cohort. Does not belong here: randomness of a person or a sample, which
comes from seeded generators (`generator`).
"""

from __future__ import annotations

import hashlib

import numpy as np
import numpy.typing as npt
import polars as pl

from cup_assets.simulate.errors import SimulationError

Keys = npt.NDArray[np.uint64]
Floats = npt.NDArray[np.float32]

_KIND_OFFSETS = {"cg": 0, "ch": 1 << 60, "rs": 2 << 60}
_OTHER_KIND = 3 << 60


def probe_keys(names: pl.Series) -> Keys:
    """Turn probe names into integer keys: the digits of the name, apart for each kind of probe.

    Parameters
    ----------
    names : pl.Series of str
        Names without replicate suffixes.

    Returns
    -------
    ndarray of uint64, shape (n,)

    Raises
    ------
    SimulationError
        If a name holds no digit, so that it could not be told from its neighbours.
    """
    frame = pl.DataFrame({"name": names}).select(
        digits=pl.col("name").str.replace_all(r"\D", "").str.tail(17).cast(pl.UInt64, strict=False),
        offset=pl.col("name")
        .str.head(2)
        .replace_strict(_KIND_OFFSETS, default=_OTHER_KIND, return_dtype=pl.UInt64),
    )
    if frame["digits"].null_count():
        name = names.filter(frame["digits"].is_null())[0]
        raise SimulationError(f"probe {name!r}: a probe name needs a number to be simulated")
    return (frame["digits"] + frame["offset"]).to_numpy()


def uniform(keys: Keys, topic: str) -> Floats:
    """Return a uniform number in [0, 1) for every key; another topic gives independent ones.

    Notes
    -----
    The finaliser of SplitMix64 (Steele, Lea and Flood, OOPSLA 2014) over key and topic.
    """
    salt = np.frombuffer(hashlib.blake2b(topic.encode(), digest_size=8).digest(), dtype="<u8")
    z = (keys + salt) * np.uint64(0x9E3779B97F4A7C15)
    z ^= z >> np.uint64(30)
    z *= np.uint64(0xBF58476D1CE4E5B9)
    z ^= z >> np.uint64(27)
    z *= np.uint64(0x94D049BB133111EB)
    z ^= z >> np.uint64(31)
    # The top 24 bits: exact in float32, and never rounded up to 1.
    return np.asarray((z >> np.uint64(40)).astype(np.float32) * np.float32(2.0**-24))


def normal(keys: Keys, topic: str) -> Floats:
    """Return a standard normal number for every key (Box-Muller)."""
    radius = np.sqrt(-2.0 * np.log1p(-uniform(keys, topic + "/radius")))
    turns = np.cos(np.float32(2.0 * np.pi) * uniform(keys, topic + "/angle"))
    return np.asarray(radius * turns, dtype=np.float32)


def generator(seed: int, topic: str, index: int = 0) -> np.random.Generator:
    """Return a generator of its own for one topic (and one sample or person) of a cohort."""
    digest = hashlib.blake2b(topic.encode(), digest_size=8).digest()
    return np.random.default_rng([seed, index, int.from_bytes(digest, "little")])
