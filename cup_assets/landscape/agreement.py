"""How far unsupervised structure agrees with class, and with batch, centre and material.

Belongs here: figures that compare a map or a clustering with labels. Does not belong here: making
maps (`projections`) and clusters (`clusters`), what a map keeps of PC space (`stability`). The same
figures for class and for batch tell biology from technique.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

from cup_assets.landscape.clusters import NO_CLUSTER, clusters, sample_tree
from cup_assets.landscape.neighbours import distances, nearest
from cup_assets.landscape.parameters import LandscapeError, LandscapeParameters
from cup_assets.landscape.space import Floats
from cup_assets.landscape.stability import Row, map_figures

LABELS = ("class", "family", "batch", "site", "material", "array", "sex")
AGREEMENT_SCHEMA = {
    "method": pl.String,
    "seed": pl.Int64,
    "metric": pl.String,
    "label": pl.String,
    "value": pl.Float64,
    "n": pl.Int64,
}


def agreement(
    scores: Floats,
    sample_ids: Sequence[str],
    landscape: pl.DataFrame,
    labels: pl.DataFrame,
    parameters: LandscapeParameters,
) -> pl.DataFrame:
    """Compare PC space and every map with what is known of the samples.

    Parameters
    ----------
    scores : float64[n, k]
        Reference samples in PC space.
    sample_ids : n str
    landscape
        (method, seed, sample_id, x, y); samples that are not in ``sample_ids`` are left out.
    labels
        ``sample_id`` and any of `LABELS`; ``patient_id`` where known, so that samples of one
        patient are not each other's neighbours.

    Returns
    -------
    pl.DataFrame
        (method, seed, metric, label, value, n): method is ``pc_space``, that of a map or one of
        `CLUSTERINGS`, n the samples that carry the label.

        Of PC space and maps: ``knn_accuracy`` (the nearest neighbours' majority is right),
        ``knn_purity`` (share of the neighbours that carry the same label), ``majority_share`` (what
        always naming the commonest label would get: the base line of the former) and, in PC space,
        ``silhouette``. Of clusterings, k-means and the tree with as many clusters as labels:
        ``clusters`` (their number), ``clustered`` (share of the samples that are in one), ``ari``
        and ``ami`` (adjusted Rand index, adjusted mutual information; a sample in no cluster counts
        as one by itself). Of maps also what `map_figures` gives. A label with fewer than two values
        has no rows; a silhouette needs two samples of some label.

    Raises
    ------
    LandscapeError
        Where a sample has no row in ``labels`` or in a map.
    """
    wanted = pl.DataFrame({"sample_id": list(sample_ids)}, schema={"sample_id": pl.String})
    known = wanted.join(labels.unique("sample_id"), on="sample_id", how="inner")
    if known.height != wanted.height:
        raise LandscapeError(f"{wanted.height - known.height} samples have no row in the labels")
    known = wanted.join(known, on="sample_id", how="left", maintain_order="left")
    maps = _maps(wanted, landscape)
    spaces = {("pc_space", parameters.seeds[0]): scores, **maps}
    rows = map_figures(scores, maps, parameters)
    for label in (name for name in LABELS if name in known.columns):
        labelled = known[label].is_not_null().to_numpy()
        values, codes = np.unique(
            known.filter(labelled)[label].to_numpy().astype(str), return_inverse=True
        )
        if len(values) < 2:
            continue
        patients = _patients(known.filter(labelled))
        for (method, seed), places in spaces.items():
            figures = _neighbour_figures(places[labelled], codes, patients, parameters.neighbours)
            if method == "pc_space" and len(values) < len(codes):
                figures["silhouette"] = _silhouette(places[labelled], codes)
            rows += [(method, seed, name, label, v, len(codes)) for name, v in figures.items()]
        rows += _cluster_rows(scores[labelled], label, codes, parameters)
    return pl.DataFrame(rows, schema=AGREEMENT_SCHEMA, orient="row")


def _maps(wanted: pl.DataFrame, landscape: pl.DataFrame) -> dict[tuple[str, int], Floats]:
    maps = {}
    keys = landscape.select("method", "seed").unique(maintain_order=True)
    for method, seed in keys.iter_rows():
        some = landscape.filter((pl.col("method") == method) & (pl.col("seed") == seed))
        placed = wanted.join(some, on="sample_id", how="left", maintain_order="left")
        if placed["x"].null_count():
            raise LandscapeError(
                f"{placed['x'].null_count()} samples have no place in {method}, seed {seed}"
            )
        maps[method, seed] = placed.select("x", "y").to_numpy().astype(np.float64)
    return maps


def _patients(known: pl.DataFrame) -> NDArray[np.str_]:
    """Return a name per sample; a sample without a patient is a patient of its own."""
    if "patient_id" not in known.columns:
        return known["sample_id"].to_numpy().astype(str)
    named = known.select(
        pl.coalesce("p:" + pl.col("patient_id"), "s:" + pl.col("sample_id")).alias("patient")
    )
    return named["patient"].to_numpy().astype(str)


def _neighbour_figures(
    places: Floats, codes: NDArray[np.int64], patients: NDArray[np.str_], k: int
) -> dict[str, float]:
    table = distances(places, places)
    table[patients[:, None] == patients[None, :]] = np.inf
    order = nearest(table, k)
    reachable = np.isfinite(np.take_along_axis(table, order, axis=1))
    votes = np.zeros((len(codes), int(codes.max()) + 1))
    for column in range(order.shape[1]):
        # The nearest neighbour's vote weighs a little more, which settles ties.
        weight = reachable[:, column] * (1 + (column == 0) * 0.5)
        votes[np.arange(len(codes)), codes[order[:, column]]] += weight
    judged = reachable.any(axis=1)
    if not judged.any():
        return {}
    same = (codes[order] == codes[:, None]) & reachable
    purity = same.sum(axis=1)[judged] / reachable.sum(axis=1)[judged]
    sizes = np.bincount(codes)
    return {
        "knn_accuracy": float((votes.argmax(axis=1) == codes)[judged].mean()),
        "knn_purity": float(purity.mean()),
        "majority_share": float(sizes.max() / sizes.sum()),
    }


def _silhouette(places: Floats, codes: NDArray[np.int64]) -> float:
    from sklearn.metrics import silhouette_score

    return float(silhouette_score(places, codes))


def _cluster_rows(
    scores: Floats, label: str, codes: NDArray[np.int64], parameters: LandscapeParameters
) -> list[Row]:
    from sklearn.metrics import adjusted_mutual_info_score, adjusted_rand_score

    n, seed = len(codes), parameters.seeds[0]
    rows: list[Row] = []
    found = clusters(scores, sample_tree(scores), int(codes.max()) + 1, seed, parameters)
    for method, members in found.items():
        alone = members == NO_CLUSTER
        single = members.copy()
        single[alone] = members.max() + 1 + np.arange(alone.sum())
        figures = {
            "clusters": float(members.max() + 1),
            "clustered": float((~alone).mean()),
            "ari": float(adjusted_rand_score(codes, single)),
            "ami": float(adjusted_mutual_info_score(codes, single)),
        }
        rows += [(method, seed, name, label, value, n) for name, value in figures.items()]
    return rows
