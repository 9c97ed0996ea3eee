"""Maps, neighbours and agreement on samples whose structure is known."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray

from cup_assets.landscape import (
    Landscape,
    LandscapeError,
    LandscapeParameters,
    agreement,
    fit_space,
    make_landscape,
    neighbours,
    project,
)

SMALL = LandscapeParameters(n_probes=300, n_components=10, seeds=(1,))
CLASSES = np.repeat(["acinic", "adenoid", "nut"], 14)
IDS = [f"s{i:02d}" for i in range(len(CLASSES))]


def cohort(
    seed: int = 0, apart: float = 0.3
) -> tuple[NDArray[np.float32], NDArray[np.float32], list[str]]:
    """Return 42 reference samples of three classes and one case of each class."""
    rng = np.random.default_rng(seed)
    centres = rng.uniform(0.2, 0.8, 400) + apart * rng.choice([-1, 1], (3, 400))
    codes = np.r_[np.repeat([0, 1, 2], 14), 0, 1, 2]
    X = np.clip(centres[codes] + rng.normal(0, 0.05, (45, 400)), 0, 1).astype(np.float32)
    X[rng.random(X.shape) < 0.02] = np.nan
    X[:, :20] = 0.5
    X[:, 20] = np.nan
    return X[:42], X[42:], ["case-acinic", "case-adenoid", "case-nut"]


def labels() -> pl.DataFrame:
    rng = np.random.default_rng(5)
    return pl.DataFrame(
        {
            "sample_id": IDS,
            "class": CLASSES,
            "batch": rng.permutation(np.repeat(["b1", "b2"], 21)),
            "material": ["FFPE"] * 42,
        }
    )


@pytest.fixture(scope="module")
def mapped() -> Landscape:
    X, cases, names = cohort()
    return make_landscape(X, IDS, SMALL, cases=cases, case_ids=names)


def test_every_method_maps_every_sample(mapped: Landscape) -> None:
    counts = mapped.frame.group_by("method", "seed").len().sort("method")
    assert counts.rows() == [("pca", 1, 45), ("tsne", 1, 45), ("umap", 1, 45)]
    assert mapped.frame.select(pl.all_horizontal(pl.col("x", "y").is_finite())).to_series().all()


def test_well_separated_classes_agree_with_every_map_and_batch_does_not(
    mapped: Landscape,
) -> None:
    table = agreement(mapped.space.scores, IDS, mapped.frame, labels(), SMALL)
    figures = {(m, k, label): v for m, _, k, label, v, _ in table.iter_rows()}
    for method in ("pc_space", "pca", "tsne", "umap"):
        assert figures[method, "knn_accuracy", "class"] == 1
        assert figures[method, "knn_purity", "class"] == 1
        assert figures[method, "knn_accuracy", "batch"] < 0.8
    assert figures["kmeans", "ari", "class"] == 1
    assert figures["kmeans", "ami", "class"] == pytest.approx(1)
    assert figures["pc_space", "silhouette", "class"] > 0.5
    assert abs(figures["kmeans", "ari", "batch"]) < 0.2
    assert figures["pc_space", "silhouette", "batch"] < 0.1
    assert figures["pc_space", "majority_share", "class"] == pytest.approx(1 / 3)
    assert "material" not in set(table["label"]), "one value only: nothing to agree with"


def test_a_case_lies_among_its_class_in_every_map(mapped: Landscape) -> None:
    names = cohort()[2]
    kin = dict(zip(names, ["acinic", "adenoid", "nut"], strict=True))
    for _, some in mapped.frame.group_by("method", maintain_order=True):
        places = {name: np.array([x, y]) for _, _, name, x, y in some.iter_rows()}
        for name in names:
            away = [np.linalg.norm(places[name] - places[other]) for other in IDS]
            assert CLASSES[int(np.argmin(away))] == kin[name]


def test_the_neighbours_of_a_case_are_of_its_class_nearest_first(mapped: Landscape) -> None:
    table = neighbours(mapped.cases, cohort()[2], mapped.space.scores, IDS, CLASSES.tolist(), k=4)
    assert table.height == 12
    assert ("case-" + table["class"] == table["sample_id"]).all()
    assert table.filter(pl.col("sample_id") == "case-nut")["place"].to_list() == [1, 2, 3, 4]
    steps = table.select(pl.col("distance").diff().over("sample_id")).drop_nulls()
    assert (steps["distance"] > 0).all()


def test_a_reference_sample_is_its_own_nearest_neighbour(mapped: Landscape) -> None:
    X, _, _ = cohort()
    placed = mapped.space.transform(X[:3])
    table = neighbours(placed, ["a", "b", "c"], mapped.space.scores, IDS, CLASSES.tolist(), k=1)
    assert table["neighbour"].to_list() == IDS[:3]
    assert table["distance"].max() == pytest.approx(0, abs=1e-5)


@pytest.mark.parametrize("method", ["pca", "tsne", "umap"])
def test_a_map_is_the_same_every_time_and_cases_do_not_move_it(
    mapped: Landscape, method: str
) -> None:
    X, _, _ = cohort()
    alone = project(fit_space(X, SMALL).scores, method, 1, SMALL)
    before = mapped.frame.filter(pl.col("method") == method).head(42).select("x", "y").to_numpy()
    np.testing.assert_array_equal(alone, before.astype(np.float32))


def test_another_seed_gives_another_tsne_but_the_same_pca() -> None:
    X, _, _ = cohort(apart=0.0)
    scores = fit_space(X, SMALL).scores
    one, two = (project(scores, "pca", seed, SMALL) for seed in (1, 2))
    np.testing.assert_array_equal(one, two)
    one, two = (project(scores, "tsne", seed, SMALL) for seed in (1, 2))
    assert not np.array_equal(one, two)


@pytest.mark.parametrize("n", [4, 5, 8])
@pytest.mark.parametrize("method", ["pca", "tsne", "umap"])
def test_a_handful_of_samples_can_be_mapped(method: str, n: int) -> None:
    X, cases, _ = cohort()
    space = fit_space(X[::5][:n], SMALL)
    places = project(space.scores, method, 1, SMALL, cases=space.transform(cases))
    assert places.shape == (n + 3, 2)
    assert places.dtype == np.float32
    assert np.isfinite(places).all()


def test_components_are_orthogonal_signed_and_account_for_the_variance() -> None:
    X, _, _ = cohort()
    space = fit_space(X, LandscapeParameters(n_probes=10_000, n_components=1000))
    k = space.loadings.shape[1]
    np.testing.assert_allclose(space.loadings.T @ space.loadings, np.eye(k), atol=1e-8)
    assert space.explained.sum() == pytest.approx(1)
    assert (np.diff(space.explained) <= 1e-12).all()
    assert (space.loadings.max(axis=0) >= -space.loadings.min(axis=0)).all()
    assert not np.isin(np.arange(21), space.columns).any(), "constant and empty probes are no use"
    filled = np.where(np.isnan(X[:, space.columns]), space.fill, X[:, space.columns])
    np.testing.assert_allclose(space.scores @ space.loadings.T + space.centre, filled, atol=1e-6)


def test_the_most_variable_probes_are_taken() -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(0.5, 0.01, (20, 50)).astype(np.float32)
    X[:, [7, 31]] = rng.random((20, 2))
    assert fit_space(X, LandscapeParameters(n_probes=2)).columns.tolist() == [7, 31]


def test_samples_of_one_patient_do_not_vouch_for_each_other() -> None:
    rng = np.random.default_rng(0)
    patients = np.repeat(np.arange(20), 2)
    scores = (rng.normal(0, 5, (20, 6)))[patients] + rng.normal(0, 0.01, (40, 6))
    ids = [f"s{i}" for i in range(40)]
    frame = pl.DataFrame({"sample_id": ids, "class": rng.permutation(list("ab") * 10)[patients]})
    parameters = LandscapeParameters(neighbours=1)
    nothing = pl.DataFrame(schema={"method": pl.String, "seed": pl.Int64, "sample_id": pl.String})

    def accuracy(known: pl.DataFrame) -> float:
        table = agreement(scores, ids, nothing, known, parameters)
        return float(table.filter(pl.col("metric") == "knn_accuracy")["value"][0])

    named = frame.with_columns(pl.Series("patient_id", patients.astype(str)))
    assert accuracy(frame) == 1
    assert accuracy(named) < 0.75


def test_samples_without_a_label_are_left_out_of_its_figures(mapped: Landscape) -> None:
    known = labels().with_columns(
        pl.when(pl.int_range(pl.len()) < 5).then(None).otherwise("class").alias("unused"),
        pl.when(pl.int_range(pl.len()) < 5).then(None).otherwise(pl.col("class")).alias("class"),
    )
    table = agreement(mapped.space.scores, IDS, mapped.frame, known, SMALL)
    assert set(table.filter(pl.col("label") == "class")["n"]) == {37}


def test_what_cannot_be_mapped_is_refused_in_one_line() -> None:
    X, cases, _ = cohort()
    with pytest.raises(LandscapeError, match="3 samples make no landscape: at least 4"):
        fit_space(X[:3], SMALL)
    with pytest.raises(LandscapeError, match="no probe varies"):
        fit_space(X[:, :20], SMALL)
    with pytest.raises(LandscapeError, match="'mds' is unknown: use one of pca, tsne, umap"):
        make_landscape(X, IDS, SMALL, methods=["mds"])
    with pytest.raises(LandscapeError, match=r"42 names \(42 distinct\) for 45 samples"):
        make_landscape(X, IDS, SMALL, cases=cases)
    with pytest.raises(LandscapeError, match="lack the probes"):
        fit_space(X, SMALL).transform(X[:, :30])
    with pytest.raises(LandscapeError, match="1 samples have no row"):
        agreement(fit_space(X, SMALL).scores, IDS, pl.DataFrame(), labels().head(41), SMALL)
    with pytest.raises(LandscapeError, match="perplexity is 0"):
        LandscapeParameters(perplexity=0)


def test_importing_the_package_is_cheap() -> None:
    code = "import sys, cup_assets.landscape; print([m for m in sys.modules if '.' not in m])"
    loaded = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True).stdout
    assert not {"umap", "openTSNE", "sklearn", "numba", "dagster"} & set(eval(loaded))


def test_missing_betas_are_filled_with_the_median_of_the_probe() -> None:
    rng = np.random.default_rng(2)
    X = rng.random((9, 3000), dtype=np.float32)
    X[rng.random(X.shape) < 0.3] = np.nan
    X[0] = 0.5  # every probe is measured at least once
    space = fit_space(X, LandscapeParameters(n_probes=3000))
    expected = np.nanmedian(X.astype(np.float64), axis=0)
    np.testing.assert_array_equal(space.fill, expected[space.columns])
