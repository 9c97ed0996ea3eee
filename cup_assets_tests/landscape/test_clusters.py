"""Clusters and map figures on samples whose groups are known."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from cup_assets.landscape import LandscapeError, LandscapeParameters
from cup_assets.landscape.clusters import CLUSTERINGS, NO_CLUSTER, clusters, sample_tree
from cup_assets.landscape.stability import map_figures

PARAMETERS = LandscapeParameters(neighbours=5, min_cluster_size=5)


def three_groups(far: int = 0, seed: int = 0) -> NDArray[np.float64]:
    """Return 12 samples around each of three centres, then ``far`` samples away from everybody."""
    rng = np.random.default_rng(seed)
    centres = np.repeat(10 * np.eye(3, 8), 12, axis=0)
    lonely = 100 * np.eye(8)[3 : 3 + far]
    return np.vstack([centres + rng.normal(0, 0.5, centres.shape), lonely])


@pytest.mark.parametrize("method", CLUSTERINGS)
def test_every_clustering_finds_groups_that_are_there(method: str) -> None:
    scores = three_groups()
    found = clusters(scores, sample_tree(scores), 3, 1, PARAMETERS)[method]
    assert found.tolist() == np.repeat([0, 1, 2], 12).tolist()


def test_hdbscan_leaves_samples_alone_that_have_no_company() -> None:
    scores = three_groups(far=3)
    found = clusters(scores, sample_tree(scores), 3, 1, PARAMETERS)["hdbscan"]
    assert found[-3:].tolist() == [NO_CLUSTER] * 3
    assert set(found[:-3].tolist()) == {0, 1, 2}


def test_the_tree_puts_the_members_of_a_group_side_by_side() -> None:
    from scipy.cluster.hierarchy import leaves_list

    order = np.random.default_rng(3).permutation(36)
    groups = (order // 12)[leaves_list(sample_tree(three_groups()[order]))]
    assert (np.diff(groups) != 0).sum() == 2


def test_a_single_sample_makes_no_tree() -> None:
    with pytest.raises(LandscapeError, match="two samples"):
        sample_tree(np.zeros((1, 3)))


def test_a_map_that_is_the_space_is_trustworthy_and_a_shuffled_one_is_not() -> None:
    scores = three_groups()[:, :2]
    shuffled = np.random.default_rng(1).permutation(scores)
    rows = map_figures(scores, {("pca", 1): scores, ("tsne", 1): shuffled}, PARAMETERS)
    figures = {(method, metric): value for method, _, metric, _, value, _ in rows}
    assert figures["pca", "trustworthiness"] == 1
    assert figures["tsne", "trustworthiness"] < 0.8


def test_seeds_that_draw_the_same_map_are_stable_however_it_is_turned() -> None:
    scores = three_groups()[:, :2]
    turned = scores @ np.array([[0.0, -1.0], [1.0, 0.0]]) + 7
    same = map_figures(scores, {("umap", 1): scores, ("umap", 2): turned}, PARAMETERS)
    other = map_figures(
        scores,
        {("umap", 1): scores, ("umap", 2): np.random.default_rng(1).permutation(scores)},
        PARAMETERS,
    )
    figures = [
        [(seed, value) for _, seed, metric, _, value, _ in rows if metric == "seed_stability"]
        for rows in (same, other)
    ]
    assert figures[0] == [(None, pytest.approx(1.0))]
    assert figures[1][0][1] < 0.5
