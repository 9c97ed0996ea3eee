"""The inventory of a batch: which samples it holds, and why others were refused.

Belongs here: the asset ``raw/idats``, and the tombstone of a batch that was removed. Does not
belong here: the rules of intake (`cup_assets.cohort`).
"""

import time
from dataclasses import asdict
from pathlib import Path

import dagster as dg
import polars as pl

from cup_assets.cohort.batch_files import PROVENANCE, batch_key
from cup_assets.cohort.intake import Inventory, take_inventory
from cup_assets.cohort.problems import without_values
from cup_assets.cohort.taxonomy import load_taxonomy
from cup_assets.orchestration.conventions import OWNERS, RAW, WAREHOUSE_POOL, check
from cup_assets.orchestration.inputs import installed_manifests
from cup_assets.orchestration.materialise import (
    Finding,
    Product,
    explained_failures,
    materialise,
)
from cup_assets.orchestration.partitions import BATCHES
from cup_assets.orchestration.progress import progress_of
from cup_assets.orchestration.resources import Platform
from cup_assets.public.record import as_note, head_of, read_record
from cup_assets.report import markdown_table
from cup_assets.warehouse import Recipe, digest

CODE_VERSION = "2"

# Codes of intake problems by the check that reports them; all others are about the sheet.
_PAIRS = (
    *("missing_grn", "missing_red", "no_files", "no_row", "two_files", "pair_mismatch"),
    *("same_file_twice", "renamed_file", "bad_idat", "bad_file_name", "link_outside"),
    *("dangling_link", "not_a_file"),
)
_ARRAYS = ("unknown_array",)


@dg.asset(
    key=RAW,
    partitions_def=BATCHES,
    group_name="raw",
    kinds={"file", "duckdb"},
    owners=OWNERS,
    code_version=CODE_VERSION,
    pool=WAREHOUSE_POOL,
    check_specs=[
        check(RAW, "pairs_complete", "Every sample has a green and a red file.", blocking=True),
        check(RAW, "sheet_valid", "Every row of sheet and overrides can be used.", blocking=True),
        check(RAW, "array_known", "Every file is of a known array.", blocking=True),
    ],
)
def raw_idats(context: dg.AssetExecutionContext, platform: Platform) -> dg.MaterializeResult:  # type: ignore[type-arg]
    """The files of a batch with their SHA-256, array and scanner fields, and its sample sheet.

    A sample that cannot be used is refused with what, where and what to do; the others go on. The
    batch's ``overrides.csv``, if there is one, says which verdicts of quality a person overrides. A
    batch whose folder was removed gets a tombstone: its results stay stored, and the aggregates
    leave its samples out.
    """
    started = time.monotonic()
    with explained_failures():  # Dagster takes partitions of any name
        batch = batch_key(context.partition_key)
    folder = platform.settings.landing / batch
    if not folder.exists():
        return _retract(context, platform, batch)
    settings = platform.settings
    known, known_arrays = _elsewhere(platform, batch)
    with explained_failures():
        inventory = take_inventory(
            folder,
            settings.landing,
            installed_manifests(platform),
            known=known,
            known_arrays=known_arrays,
            taxonomy=load_taxonomy(_own_taxonomy(platform)),
            mapper=platform.file_mapper,
            progress=progress_of(context, "files"),
        )
    files = dict(inventory.files["path", "sha256"].iter_rows())
    recipe = Recipe(
        asset=RAW.to_user_string(),
        partition=batch,
        code_version=CODE_VERSION,
        parameters={},
        inputs={f"file/{name}": sha256 for name, sha256 in files.items()},
        depends_on={
            "samples": digest(inventory.samples.rows()),
            "problems": digest([asdict(problem) for problem in inventory.problems]),
            "state": "taken",
            # The record of where a fetched batch came from is among them: a corrected one is a new
            # version of the inventory, with its run and time, for an auditor to see. Betas,
            # profiles and calls depend on less than this version, and are not computed again.
            **files,
        },
    )
    return materialise(
        context,
        platform,
        recipe,
        lambda: _product(batch, inventory, files, _origin(folder, files)),
        started=started,
    )


def _own_taxonomy(platform: Platform) -> Path | None:
    """Return the team's own vocabulary, ``taxonomy.toml`` in the data folder, if there is one."""
    path = platform.settings.data / "taxonomy.toml"
    return path if path.exists() else None


def _elsewhere(platform: Platform, batch: str) -> tuple[dict[str, str], dict[str, str]]:
    """Return sample -> batch and array position -> batch of what other batches hold."""
    rows = platform.catalogue.query(
        "SELECT sample_id, sentrix_id || '_' || sentrix_position AS position, batch"
        " FROM samples JOIN batches USING (batch) WHERE state <> 'retracted' AND batch <> ?",
        [batch],
    )
    return (
        dict(rows["sample_id", "batch"].iter_rows()),
        dict(rows["position", "batch"].iter_rows()),
    )


def _origin(folder: Path, files: dict[str, str]) -> dict[str, str]:
    """Return what may be told of where a fetched batch came from: it names no sample."""
    if PROVENANCE not in files:
        return {}
    record = read_record(folder / PROVENANCE, files[PROVENANCE])
    told = as_note(head_of(record)) if record else "It is no record of `cup fetch`."
    return {"provenance": told}


def _product(
    batch: str, inventory: Inventory, files: dict[str, str], origin: dict[str, str]
) -> Product:
    samples = inventory.samples
    problems = pl.DataFrame(
        [(batch, p.severity, p.code, p.where, p.what, p.remedy) for p in inventory.problems],
        schema=dict.fromkeys(
            ("batch", "severity", "code", "place", "message", "remedy"), pl.String
        ),
        orient="row",
    )
    idats = {name: sha for name, sha in files.items() if ".idat" in name.lower()}
    landed = pl.DataFrame(
        {
            "batch": [batch],
            "state": ["ready" if inventory.usable else "unusable"],
            "n_samples": [samples.height],
            "files_version": [digest(sorted(idats.items()))],
            "signature": [inventory.signature],
        }
    )
    said = problems.with_columns(
        # The event log is no place for what stands in a cell by mistake; the table keeps it.
        pl.Series("message", map(without_values, problems["code"], problems["message"]), pl.String)
    )
    errors = said.filter(pl.col("severity") == "error")
    notes = {"samples": markdown_table(_shown(samples)), **origin}
    if inventory.overrides.height:
        notes["overridden verdicts"] = markdown_table(inventory.overrides)
    if problems.height:
        notes["problems"] = markdown_table(said.drop("batch"))
    return Product(
        tables={
            "samples": samples,
            "batches": landed,
            "intake_problems": problems,
            "verdict_overrides": inventory.overrides.with_columns(batch=pl.lit(batch)),
        },
        key={"batch": batch},
        numbers={
            "samples": samples.height,
            "files": inventory.files.height,
            "bytes": int(inventory.files["size"].sum()),
            "refused": errors.height,
            "overridden": inventory.overrides.height,
            "warnings": problems.filter(pl.col("severity") == "warning").height,
        },
        notes=notes,
        findings=_findings(inventory, errors),
    )


def _shown(samples: pl.DataFrame) -> pl.DataFrame:
    return samples.select(
        "sample_id",
        "array",
        "role",
        "diagnosis",
        "class",
        "material",
        "sex",
        "site",
        "cohort",
        "scan_date",
    )


def _findings(inventory: Inventory, errors: pl.DataFrame) -> list[Finding]:
    arrays = pl.col("code").is_in(_ARRAYS)
    pairs = pl.col("code").is_in(_PAIRS)
    parts = {
        "pairs_complete": errors.filter(pairs),
        "sheet_valid": errors.filter(~pairs & ~arrays),
        "array_known": errors.filter(arrays),
    }
    return [
        Finding(
            name,
            passed=not rows.height,
            description="; ".join(
                f"{place}: {message}: {remedy}"
                for place, message, remedy in rows["place", "message", "remedy"].iter_rows()
            )
            or f"{inventory.samples.height} samples taken in",
            severe=not inventory.usable,
        )
        for name, rows in parts.items()
    ]


def _retract(
    context: dg.AssetExecutionContext, platform: Platform, batch: str
) -> dg.MaterializeResult:  # type: ignore[type-arg]
    """Record that a batch was removed; nothing that was computed from it is deleted."""
    known = platform.catalogue.query("SELECT * FROM batches WHERE batch = ?", [batch])
    if known.is_empty():
        raise dg.Failure(
            f"batch {batch}: no such folder in {platform.settings.landing} and nothing stored:"
            " check the name, or copy the folder there",
            allow_retries=False,
        )
    recipe = Recipe(
        asset=RAW.to_user_string(),
        partition=batch,
        code_version=CODE_VERSION,
        parameters={},
        inputs={},
        depends_on={"state": "retracted", "files": known["files_version"][0]},
    )
    rows = known.drop("run_id", "data_version").with_columns(
        state=pl.lit("retracted"), signature=pl.lit(None, dtype=pl.String)
    )
    note = f"The folder of {batch} was removed: its samples are left out of every dataset."
    passed = [
        Finding(name, passed=True, description="batch retracted", severe=False)
        for name in ("pairs_complete", "sheet_valid", "array_known")
    ]
    return materialise(
        context,
        platform,
        recipe,
        lambda: Product(
            {"batches": rows},
            key={"batch": batch},
            notes={"retracted": note},
            findings=passed,
        ),
    )
