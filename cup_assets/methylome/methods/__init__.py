"""The normalisation methods, each a table per channel estimated within one sample.

Belongs here: one module a method, and the register. Does not belong here: betas, detection, masks.
Adding a method: a module with its formula and source, a line below, and its name and beta offset
in `cup_assets.methylome.parameters`.
"""

from __future__ import annotations

from collections.abc import Callable

from cup_assets.methylome.layout import GatherPlan
from cup_assets.methylome.methods.correction import Correction, Intensities
from cup_assets.methylome.methods.illumina import illumina_mnp
from cup_assets.methylome.methods.noob import noob
from cup_assets.methylome.methods.raw import raw
from cup_assets.methylome.methods.sesame import sesame
from cup_assets.methylome.parameters import BetaParameters

Method = Callable[[Intensities, Intensities, GatherPlan, BetaParameters], Correction]

METHODS: dict[str, Method] = {
    "noob": noob,
    "illumina_mnp": illumina_mnp,
    "sesame": sesame,
    "raw": raw,
}

__all__ = ["METHODS", "Correction", "Method"]
