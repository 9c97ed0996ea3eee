"""Which CpGs matter, and how few of them are enough.

Belongs here: ranking, redundancy, panels and their honest evaluation. Does not belong here: the
classifiers of the leaderboard, pictures, which samples take part.
"""

from cup_assets.panels.choice_stability import choice_stability, chosen_in, with_votes
from cup_assets.panels.curve import PanelCurve, panel_curve, recommendations
from cup_assets.panels.importance import METHODS, importance
from cup_assets.panels.parameters import PanelError, PanelParameters
from cup_assets.panels.redundancy import redundancy
from cup_assets.panels.select import final_panels, mean_ranks, order_cpgs

__all__ = [
    "METHODS",
    "PanelCurve",
    "PanelError",
    "PanelParameters",
    "choice_stability",
    "chosen_in",
    "final_panels",
    "importance",
    "mean_ranks",
    "order_cpgs",
    "panel_curve",
    "recommendations",
    "redundancy",
    "with_votes",
]
