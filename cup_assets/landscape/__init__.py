"""Unsupervised structure of the samples: maps of them, and how it agrees with what is known.

Belongs here: projections, neighbours, agreement in numbers. Does not belong here: classifiers,
pictures, which samples take part.
"""

from cup_assets.landscape.agreement import agreement
from cup_assets.landscape.neighbours import neighbours
from cup_assets.landscape.parameters import LandscapeError, LandscapeParameters
from cup_assets.landscape.projections import METHODS, Landscape, make_landscape, project
from cup_assets.landscape.space import PcaSpace, fit_space

__all__ = [
    "METHODS",
    "Landscape",
    "LandscapeError",
    "LandscapeParameters",
    "PcaSpace",
    "agreement",
    "fit_space",
    "make_landscape",
    "neighbours",
    "project",
]
