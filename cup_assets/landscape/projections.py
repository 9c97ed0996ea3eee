"""Maps of the samples in two dimensions: PCA, t-SNE and UMAP.

Belongs here: making a map of reference samples and placing new ones into it. Does not belong
here: judging a map (agreement) or drawing it (report).
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import polars as pl
from numpy.typing import NDArray

from cup_assets.compute import Mapper, serial
from cup_assets.landscape.parameters import LandscapeError, LandscapeParameters
from cup_assets.landscape.space import Floats, PcaSpace, fit_space

METHODS = ("pca", "tsne", "umap")
LANDSCAPE_SCHEMA = {
    "method": pl.String,
    "seed": pl.Int64,
    "sample_id": pl.String,
    "x": pl.Float64,
    "y": pl.Float64,
}


@dataclass(frozen=True, eq=False)
class Landscape:
    """Maps of reference samples, with new cases placed into them.

    Attributes
    ----------
    frame
        (method, seed, sample_id, x, y); PCA, which has no seed, carries the first one.
    space
        The principal components of the reference samples.
    cases : float64[m, k]
        The cases in that space.
    """

    frame: pl.DataFrame
    space: PcaSpace
    cases: Floats


def make_landscape(
    X: NDArray[np.float32],
    sample_ids: Sequence[str],
    parameters: LandscapeParameters,
    *,
    cases: NDArray[np.float32] | None = None,
    case_ids: Sequence[str] = (),
    methods: Sequence[str] = METHODS,
    mapper: Mapper = serial,
    progress: Callable[[int, int], None] | None = None,
) -> Landscape:
    """Map the reference samples by every method and seed, and place cases without moving them.

    Parameters
    ----------
    X : float32[n, p]
        Betas of the reference samples; NaN is missing.
    sample_ids : n str
    parameters
    cases : float32[m, p], optional
        Betas of the cases on the same probes. They take no part in the making of the
        maps.
    case_ids : m str
    methods
        Of `METHODS`.
    mapper, progress
        Make and report the maps, one for each method and seed.

    Raises
    ------
    LandscapeError
        For fewer than four samples, an unknown method, or names that do not match the rows.
    """
    new = np.empty((0, X.shape[1]), np.float32) if cases is None else cases
    names = [*sample_ids, *case_ids]
    if len(names) != len(X) + len(new) or len(set(names)) != len(names):
        raise LandscapeError(
            f"{len(names)} names ({len(set(names))} distinct) for {len(X) + len(new)} samples"
        )
    space = fit_space(X, parameters)
    placed = space.transform(new) if len(new) else np.empty((0, space.scores.shape[1]))
    todo = [
        (method, seed)
        for method in methods
        for seed in (parameters.seeds[:1] if method == "pca" else parameters.seeds)
    ]
    made = mapper(partial(_project, space.scores, placed, parameters), todo, progress)
    frames = [
        pl.DataFrame(
            {
                "method": [method] * len(names),
                "seed": [seed] * len(names),
                "sample_id": names,
                "x": places[:, 0].astype(np.float64),
                "y": places[:, 1].astype(np.float64),
            },
            schema=LANDSCAPE_SCHEMA,
        )
        for (method, seed), places in zip(todo, made, strict=True)
    ]
    frame = pl.concat(frames) if frames else pl.DataFrame(schema=LANDSCAPE_SCHEMA)
    return Landscape(frame, space, placed)


def _project(
    scores: Floats, cases: Floats, parameters: LandscapeParameters, task: tuple[str, int]
) -> NDArray[np.float32]:
    method, seed = task
    return project(scores, method, seed, parameters, cases=cases)


def project(
    scores: Floats,
    method: str,
    seed: int,
    parameters: LandscapeParameters,
    *,
    cases: Floats | None = None,
) -> NDArray[np.float32]:
    """Reduce principal components to two dimensions.

    Parameters
    ----------
    scores : float64[n, k]
        Reference samples in PC space; the map is made of these.
    method
        ``pca`` (the first two components), ``tsne`` (openTSNE, started from PCA) or ``umap``
        (umap-learn, started from PCA).
    seed
        Makes t-SNE and UMAP reproducible; one thread is used for the same reason.
    parameters
    cases : float64[m, k], optional
        Placed into the finished map.

    Returns
    -------
    float32[n + m, 2]
        Reference samples first.
    """
    if method not in _MAKERS:
        raise LandscapeError(f"method {method!r} is unknown: use one of {', '.join(METHODS)}")
    new = np.empty((0, scores.shape[1])) if cases is None else cases
    places = _MAKERS[method](scores, new, seed, parameters)
    return np.asarray(places, dtype=np.float32)


def _pca(scores: Floats, cases: Floats, seed: int, parameters: LandscapeParameters) -> Floats:
    return _first_two(np.vstack([scores, cases]))


def _tsne(scores: Floats, cases: Floats, seed: int, parameters: LandscapeParameters) -> Floats:
    from openTSNE import TSNE

    n = len(scores)
    start = _first_two(scores) / scores[:, 0].std()
    # The jitter tells samples apart that coincide, and is what a seed changes.
    start = start + np.random.default_rng(seed).normal(0, 0.01, start.shape)
    fitted = TSNE(
        perplexity=min(parameters.perplexity, (n - 1) / 3),
        # A small map that the forces then blow up: the scale is that of openTSNE's own PCA start.
        initialization=start * 1e-4,
        neighbors="exact",
        metric=parameters.metric,
        negative_gradient_method="bh",
        n_jobs=1,
        random_state=seed,
    ).fit(scores)
    places = np.array(fitted, dtype=np.float64)
    if not len(cases):
        return places
    moved = np.asarray(fitted.transform(cases, perplexity=min(5.0, (n - 1) / 3)), np.float64)
    # While it places new points, openTSNE shifts the finished map as a whole to the origin, in
    # place: the new points are brought back to where the map was made.
    shift = places[0] - np.asarray(fitted, dtype=np.float64)[0]
    return np.vstack([places, moved + shift])


def _umap(scores: Floats, cases: Floats, seed: int, parameters: LandscapeParameters) -> Floats:
    with warnings.catch_warnings():
        # Its neural variant, which is not used here, would need TensorFlow.
        warnings.filterwarnings(
            "ignore", message="Tensorflow not installed", category=ImportWarning
        )
        from umap import UMAP

    start = _first_two(scores)
    mapper = UMAP(
        n_neighbors=max(2, min(parameters.umap_neighbours, len(scores) - 1)),
        min_dist=parameters.umap_min_dist,
        metric=parameters.metric,
        init=(start / np.abs(start).max() * 10).astype(np.float32),
        random_state=seed,
        n_jobs=1,
    )
    places = mapper.fit_transform(scores.astype(np.float32))
    if not len(cases):
        return np.asarray(places, dtype=np.float64)
    return np.vstack([places, mapper.transform(cases.astype(np.float32))])


def _first_two(scores: Floats) -> Floats:
    """Return the first two columns, a second of zeros where the samples span but one dimension."""
    if scores.shape[1] >= 2:
        return scores[:, :2]
    return np.hstack([scores, np.zeros_like(scores)])


_MAKERS: dict[str, Callable[[Floats, Floats, int, LandscapeParameters], Floats]] = {
    "pca": _pca,
    "tsne": _tsne,
    "umap": _umap,
}
