"""All that is known of each candidate CpG in one row.

Belongs here: joining scores, verdicts, clusters, effects and annotation. Does not belong here: any
of these, and pages that show the rows (`cup_assets.report`).
"""

from __future__ import annotations

import polars as pl

from cup_assets.panels.importance import METHODS
from cup_assets.panels.model_importance import MODEL_METHODS
from cup_assets.panels.relevance import Relevance
from cup_assets.panels.select import mean_ranks
from cup_assets.panels.univariate import strongest

ALL_METHODS = (*METHODS, *MODEL_METHODS)
# A difference of beta that other technologies and other cohorts can be hoped to see, too.
NOTABLE = 0.2
ANNOTATION_SCHEMA = {
    "probe_id": pl.String,
    "hg19": pl.String,
    "hg38": pl.String,
    "genes": pl.String,
    "gene_parts": pl.String,
    "island": pl.String,
}
SUMMARY_SCHEMA = {
    **ANNOTATION_SCHEMA,
    "mean_rank": pl.Float64,
    **{f"rank_{method}": pl.Int64 for method in ALL_METHODS},
    "anova_fdr": pl.Float64,
    "kruskal_fdr": pl.Float64,
    "verdict": pl.String,
    "boruta_importance": pl.Float64,
    "frequency": pl.Float64,
    "frequency_of_cluster": pl.Float64,
    "cluster": pl.Int64,
    "cluster_size": pl.Int64,
    "representative": pl.String,
    "class": pl.String,
    "direction": pl.String,
    "difference": pl.Float64,
    "separation": pl.Float64,
    "hyper_in": pl.String,
    "hypo_in": pl.String,
}
MEANING = {
    "probe_id": "CpG",
    "hg19": "position, 1-based, where the manifests say it in this build",
    "hg38": "position, 1-based, where the manifests say it in this build",
    "genes": "as the manifest says",
    "gene_parts": "part of which gene, as the manifest says",
    "island": "place relative to the CpG island, as the manifest says",
    "mean_rank": "mean over the methods; of ranks for single classes the best counts",
    "rank_anova_f": "F statistic of the classes",
    "rank_pca_loading": "variance carried by the first principal components; knows no class",
    "rank_random_forest": "mean decrease of impurity in a forest; knows no held-out sample",
    "rank_logistic_coefficient": "coefficient of a ridge regression, the best class",
    "rank_forest_permutation": "votes that held-out samples lose when the cluster is shuffled",
    "rank_forest_shap": "mean absolute SHAP value of held-out samples",
    "rank_elastic_net": "coefficient of a sparse regression; all zeros share a rank",
    "anova_fdr": "false-discovery rate (Benjamini and Hochberg over the candidates)",
    "kruskal_fdr": "false-discovery rate (Benjamini and Hochberg over the candidates)",
    "verdict": "Boruta's, of the representative; empty: not judged",
    "boruta_importance": "median over Boruta's rounds, of the representative",
    "frequency": "share of random halves of the patients from which it is chosen",
    "frequency_of_cluster": "the same for any CpG of its cluster",
    "cluster": "CpGs that correlate with each other",
    "cluster_size": "CpGs in the cluster",
    "representative": "the most variable CpG of the cluster",
    "class": "the class that differs most from the others",
    "direction": "methylated more (hyper) or less (hypo) there",
    "difference": "mean beta there less the mean of the other classes' means",
    "separation": "chance that a sample of the class has a higher beta than one of the others",
    "hyper_in": f"classes that are higher by {NOTABLE} or more",
    "hypo_in": f"classes that are lower by {NOTABLE} or more",
}
"""What each column says, in words."""


def cpg_summary(
    importance: pl.DataFrame, found: Relevance, annotation: pl.DataFrame
) -> pl.DataFrame:
    """Return one row a candidate, the best mean rank first.

    Parameters
    ----------
    importance
        (probe_id, method, class, score, rank) of all methods.
    found
        Of the same candidates.
    annotation
        (probe_id, hg19, hg38, genes, gene_parts, island), null where nothing is known; columns and
        CpGs may be absent.

    Returns
    -------
    pl.DataFrame
        Of ``SUMMARY_SCHEMA``; `MEANING` says what the columns are. Null where a method or the
        manifests say nothing.
    """
    ranks = (
        importance.group_by("probe_id", "method")
        .agg(pl.col("rank").min())
        .with_columns(pl.format("rank_{}", "method"))
        .pivot("method", index="probe_id", values="rank")
    )
    fdr = found.tests.with_columns(pl.format("{}_fdr", "method").alias("test")).pivot(
        "test", index="probe_id", values="fdr"
    )
    sizes = found.table.group_by("cluster").agg(cluster_size=pl.len())
    table = mean_ranks(importance)
    for other in (ranks, found.table, fdr, strongest(found.effects), _notable(found.effects)):
        table = table.join(other, on="probe_id", how="left", maintain_order="left")
    table = table.join(sizes, on="cluster", how="left", maintain_order="left").join(
        annotation, on="probe_id", how="left", maintain_order="left"
    )
    return table.select(
        (pl.col(name) if name in table.columns else pl.lit(None).alias(name)).cast(dtype)
        for name, dtype in SUMMARY_SCHEMA.items()
    )


def _notable(effects: pl.DataFrame) -> pl.DataFrame:
    """Return the classes in which each CpG is notably higher or lower, the most so first."""
    text = pl.format("{} ({}{})", "class", "sign", pl.col("size").round(2))
    notable = (
        effects.with_columns(
            size=pl.col("difference").abs(),
            sign=pl.when(pl.col("difference") >= 0).then(pl.lit("+")).otherwise(pl.lit("-")),
        )
        .filter(pl.col("size") >= NOTABLE)
        .sort("size", "class", descending=[True, False])
    )
    return (
        notable.group_by("probe_id", maintain_order=True)
        .agg(
            **{
                f"{direction}_in": text.filter(pl.col("direction") == direction).str.join("; ")
                for direction in ("hyper", "hypo")
            }
        )
        .with_columns(pl.col("hyper_in", "hypo_in").replace("", None))
    )
