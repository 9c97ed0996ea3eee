"""The way every asset is materialised: reuse if nothing changed, else compute and store at once.

Belongs here: fingerprint, reuse, storing, and the `MaterializeResult`. Does not belong here: what
an asset computes (`cup_assets.orchestration.assets`).

Dagster never skips a recomputation by itself; `code_version` and `data_version` only drive status
and conditions. So the comparison is made here, against the catalogue.
"""

from __future__ import annotations

import errno
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import dagster as dg
import numpy as np
import polars as pl

from cup_assets.compute.environment import environment
from cup_assets.orchestration.metadata import build_metadata
from cup_assets.orchestration.pictures import publish_pictures, stage_files, stage_pictures
from cup_assets.orchestration.resources import Platform
from cup_assets.orchestration.step_start import step_start
from cup_assets.warehouse import Catalogue, InputChangedError, MatrixFile, Recipe, Write
from cup_assets.warehouse.disk import full_disk_as_oserror

FORCE_TAG = "cup/force"


@dataclass(frozen=True)
class Finding:
    """The outcome of one asset check, kept with the asset so that reuse repeats it.

    Attributes
    ----------
    severe
        A failed severe finding is an error and stops the run's next stages, otherwise a warning.
    """

    name: str
    passed: bool
    description: str
    severe: bool = True


@dataclass(frozen=True)
class Product:
    """What a computation made.

    Attributes
    ----------
    tables
        Table name -> rows; the first one is the asset's main table (its schema and row count are
        shown).
    key
        Which rows of these tables are replaced (see `cup_assets.warehouse.Write`).
    keys
        The same for single tables that other assets write to as well.
    matrices
        Matrix files that were written, None where the asset has none.
    numbers, notes, pictures
        Plain numbers (the UI plots them over time), markdown texts, PNG images by title.
    files
        Other files by name, for the folder that `materialise` is given.
    findings
        Results of the asset's checks.
    data_version
        Given where the content decides what is new downstream; default: the fingerprint.
    """

    tables: Mapping[str, pl.DataFrame]
    key: Mapping[str, str] = field(default_factory=dict)
    matrices: Sequence[MatrixFile] | None = None
    numbers: Mapping[str, int | float | str | None] = field(default_factory=dict)
    notes: Mapping[str, str] = field(default_factory=dict)
    pictures: Mapping[str, bytes] = field(default_factory=dict)
    files: Mapping[str, bytes] = field(default_factory=dict)
    findings: Sequence[Finding] = ()
    data_version: str | None = None
    keys: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


def median(values: pl.Series) -> float | None:
    """Return the median as a plain number, None where there is nothing."""
    known = values.drop_nulls().to_numpy()
    return float(np.median(known)) if known.size else None


def is_forced(context: dg.AssetExecutionContext) -> bool:
    """Tell whether this run was asked to compute even what is unchanged."""
    return context.run.tags.get(FORCE_TAG) == "true"


def materialise(
    context: dg.AssetExecutionContext,
    platform: Platform,
    recipe: Recipe,
    make: Callable[[], Product],
    *,
    started: float | None = None,
    files: Path | None = None,
) -> dg.MaterializeResult:  # type: ignore[type-arg]
    """Return the asset's result: the stored one if its fingerprint is unchanged, else a new one.

    A run tagged ``cup/force: true`` always computes. ``started`` (`time.monotonic`) is given where
    the work began before this call, because the recipe itself was made of it. ``files`` is the
    folder of the asset's (or its partition's) own files, which is replaced as a whole.
    """
    catalogue = platform.catalogue
    previous = catalogue.current(recipe.asset, recipe.partition)
    pictures = platform.settings.reports / "pictures" / recipe.asset / (recipe.partition or "all")
    if previous and previous.fingerprint == recipe.fingerprint and not is_forced(context):
        context.log.info("%s is unchanged: reused", recipe.name)
        publish_pictures(pictures, recipe.fingerprint)
        if files:
            publish_pictures(files, recipe.fingerprint)
        return _result(recipe, previous.data_version, previous.summary, pictures, reused=True)
    started, started_at = started or time.monotonic(), step_start(context)
    with explained_failures():
        product = make()
    seconds = time.monotonic() - started
    # Which packages computed it is part of what an audit asks.
    summary = _summary(product, seconds) | _simulated(catalogue) | {"environment": environment()}
    data_version = product.data_version or recipe.fingerprint
    with explained_failures():
        stage_pictures(pictures, recipe.fingerprint, product.pictures)
        if files:
            stage_files(files, recipe.fingerprint, product.files)
        catalogue.store(
            recipe,
            Write(product.tables, product.key, product.matrices, product.keys),
            run_id=context.run.run_id,
            data_version=data_version,
            summary=summary,
            seconds=seconds,
            started_at=started_at,
        )
    publish_pictures(pictures, recipe.fingerprint)
    if files:
        publish_pictures(files, recipe.fingerprint)
    return _result(recipe, data_version, summary, pictures, reused=False)


@contextmanager
def explained_failures() -> Iterator[None]:
    """Turn an error of the domain packages, one clear line, into a failure without retries."""
    try:
        with full_disk_as_oserror():
            yield
    except ValueError as error:
        if not type(error).__module__.startswith("cup_assets."):
            raise  # a bug: the traceback is the message
        raise dg.Failure(str(error), allow_retries=False) from error
    except InputChangedError as error:
        # The next attempt reads the new version.
        raise dg.Failure(str(error), allow_retries=True) from error
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        raise dg.Failure(
            "the disk is full: nothing of this asset was stored, what was stored before is intact;"
            " free space and materialise it again",
            allow_retries=False,
        ) from error


def _summary(product: Product, seconds: float) -> dict[str, Any]:
    """Return the JSON-able part of a product: what the UI shows besides the pictures."""
    main, rows = next(iter(product.tables.items()), ("", pl.DataFrame()))
    return {
        "table": main,
        "columns": {name: str(dtype) for name, dtype in rows.schema.items()},
        "rows": rows.height,
        "numbers": dict(product.numbers),
        "notes": dict(product.notes),
        "findings": [asdict(finding) for finding in product.findings],
        "seconds": round(seconds, 3),
    }


def _simulated(catalogue: Catalogue) -> dict[str, int]:
    """Return how many stored samples are simulated: nobody may take them for patients."""
    found = catalogue.query("SELECT count(*) AS n FROM samples WHERE cohort = 'SIMULATED'")
    return {"simulated_samples": int(found["n"][0])}


def _result(
    recipe: Recipe, data_version: str, summary: Mapping[str, Any], pictures: Path, *, reused: bool
) -> dg.MaterializeResult:  # type: ignore[type-arg]
    return dg.MaterializeResult(
        data_version=dg.DataVersion(data_version),
        metadata=build_metadata(recipe, summary, pictures, reused=reused),
        check_results=[
            dg.AssetCheckResult(
                check_name=finding["name"],
                passed=finding["passed"],
                severity=dg.AssetCheckSeverity.ERROR
                if finding["severe"]
                else dg.AssetCheckSeverity.WARN,
                description=finding["description"],
            )
            for finding in summary["findings"]
        ],
    )
