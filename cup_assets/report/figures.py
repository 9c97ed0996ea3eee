"""Every picture of the platform in one place, to import from.

Belongs here: names only. Does not belong here: drawing code, which has one module a subject.
"""

from cup_assets.report.arm_figures import arm_heatmap
from cup_assets.report.case_figures import score_bars
from cup_assets.report.classifier_figures import leaderboard_plot
from cup_assets.report.comparison_figures import comparison_plot, recall_change_plot
from cup_assets.report.confusion_figures import confusion_diagram
from cup_assets.report.control_figures import control_strips
from cup_assets.report.evaluation_figures import (
    learning_curve_plot,
    novelty_plot,
    reject_plot,
    reliability_diagram,
)
from cup_assets.report.genome_figures import gene_places, genome_plot
from cup_assets.report.landscape_figures import landscape_plot
from cup_assets.report.panel_figures import importance_plot, panel_curve_plot
from cup_assets.report.sample_figures import beta_density, class_sizes, quality_scatter
from cup_assets.report.style import class_palette

__all__ = [
    "arm_heatmap",
    "beta_density",
    "class_palette",
    "class_sizes",
    "comparison_plot",
    "confusion_diagram",
    "control_strips",
    "gene_places",
    "genome_plot",
    "importance_plot",
    "landscape_plot",
    "leaderboard_plot",
    "learning_curve_plot",
    "novelty_plot",
    "panel_curve_plot",
    "quality_scatter",
    "recall_change_plot",
    "reject_plot",
    "reliability_diagram",
    "score_bars",
]
