"""A design from the few options of a command line.

Belongs here: scaling the demo. Does not belong here: parsing the command line.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from cup_assets.simulate.class_sizes import share_out
from cup_assets.simulate.design import CohortDesign
from cup_assets.simulate.errors import SimulationError


def design_from_options(
    array: str = "mini",
    *,
    samples: int | None = None,
    seed: int = 1,
    gz: bool = False,
    manifest: Path | None = None,
) -> CohortDesign:
    """Return the demo's design, on another array or with another number of samples.

    Parameters
    ----------
    array : str
        One of `arrays.ARRAYS`.
    samples : int, optional
        Total number of samples; the demo's proportions are kept as far as whole numbers allow,
        and classes that would vanish are left out, the smallest first.
    seed : int
        Seed of the cohort.
    gz : bool
        Compress the IDAT files.
    manifest : Path, optional
        Simulate on this manifest file.

    Raises
    ------
    SimulationError
        If ``samples`` is below 12, too few for two classes, controls and a diagnostic case.
    """
    design = replace(CohortDesign.demo(seed), array=array, gz=gz, manifest=manifest)
    if samples is None:
        return design
    if samples < 12:
        raise SimulationError(f"samples={samples}: give at least 12")
    share = samples / design.n_samples
    scaled = {
        name: round(getattr(design, name) * share)
        for name in (
            "diagnostic",
            "second_samples",
            "wrong_sexes",
            "degraded",
            "duplicates",
            "swaps",
        )
    }
    scaled["diagnostic"] = max(1, scaled["diagnostic"])
    # Copy number needs four controls, and no control is measured against itself.
    scaled["normals"] = max(5, round(design.normals * share))
    left = samples - scaled["diagnostic"] - scaled["normals"] - scaled["duplicates"]
    return replace(
        design,
        classes=share_out(design.classes, left),
        novel=min(design.novel, scaled["diagnostic"] // 8),
        batches=max(1, min(design.batches, samples // 8)),
        **scaled,
    )
