"""Pictures and tables for people: frames in, PNG bytes or markdown out.

Belongs here: drawing, and nothing that is not drawing. Does not belong here: computing what is
drawn (the domain packages do), files, Dagster.
"""

from cup_assets.report.figures import (
    arm_heatmap,
    beta_density,
    class_palette,
    class_sizes,
    comparison_plot,
    confusion_diagram,
    control_strips,
    gene_places,
    genome_plot,
    importance_plot,
    landscape_plot,
    leaderboard_plot,
    learning_curve_plot,
    novelty_plot,
    panel_curve_plot,
    quality_scatter,
    recall_change_plot,
    reject_plot,
    reliability_diagram,
    score_bars,
)
from cup_assets.report.style import ReportError
from cup_assets.report.tables import markdown_estimates, markdown_table

__all__ = [
    "ReportError",
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
    "markdown_estimates",
    "markdown_table",
    "novelty_plot",
    "panel_curve_plot",
    "quality_scatter",
    "recall_change_plot",
    "reject_plot",
    "reliability_diagram",
    "score_bars",
]
