"""Which CpGs matter, and how few of them are enough.

Belongs here: ranking, redundancy, panels and their honest evaluation. Does not belong here: the
classifiers of the leaderboard, pictures, which samples take part.
"""

from cup_assets.panels.curve import PanelCurve, panel_curve, recommended_size
from cup_assets.panels.importance import METHODS, importance
from cup_assets.panels.parameters import PanelError, PanelParameters
from cup_assets.panels.redundancy import redundancy
from cup_assets.panels.select import final_panels, mean_ranks, order_cpgs

__all__ = [
    "METHODS",
    "PanelCurve",
    "PanelError",
    "PanelParameters",
    "final_panels",
    "importance",
    "mean_ranks",
    "order_cpgs",
    "panel_curve",
    "recommended_size",
    "redundancy",
]
