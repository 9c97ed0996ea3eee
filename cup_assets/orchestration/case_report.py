"""The content of the cases' pages, from what the catalogue holds.

Belongs here: rows -> `CaseReport`, with the versions that they were made from. Does not belong
here: the queries (`case_rows`), how a page looks (`cup_assets.report`).

A page says what was found with the files that the case has now: what was found with earlier files
of the same name is left out until the new ones are read.
"""

from __future__ import annotations

from collections.abc import Sequence

import dagster as dg
import polars as pl

from cup_assets.orchestration.case_parts import (
    copy_number_of,
    differential_of,
    drivers_of,
    hider,
    limits_of,
    neighbours_of,
    prediction_of,
    quality_of,
)
from cup_assets.orchestration.case_rows import ALTERED, BatchRows, Row, read_rows
from cup_assets.orchestration.conventions import BETAS, CLASSIFIER, LANDSCAPE, PREDICTIONS, PROFILES
from cup_assets.orchestration.resources import Platform
from cup_assets.report.case_page import named_genes
from cup_assets.report.case_report import CaseReport
from cup_assets.report.case_sections import Genome, Provenance, ReferenceMap, Step
from cup_assets.warehouse import AssetVersion, Catalogue


class CaseReportError(ValueError):
    """A page cannot be made from what is stored; the message says what to do."""


def read_cases(
    platform: Platform, batch: str, only: Sequence[str] | None = None
) -> list[CaseReport]:
    """Return the reports of all diagnostic cases of a batch, or of some, by name.

    Raises
    ------
    CaseReportError
        If the batch has not been read, or the versions behind a prediction are not recorded.
    """
    catalogue = platform.catalogue
    rows, versions = read_rows(catalogue, batch), _Versions(catalogue, batch)
    return [
        _case(case, rows, versions)
        for case in rows.cases
        if only is None or case["sample_id"] in only
    ]


class _Versions:
    """The recorded versions behind the cases of a batch, each read once."""

    def __init__(self, catalogue: Catalogue, batch: str) -> None:
        self._catalogue = catalogue
        self._batch = batch
        self._known: dict[tuple[str, str, str | None], list[AssetVersion]] = {}

    def of_prediction(self, row: Row) -> AssetVersion:
        found = self._read(PREDICTIONS, self._batch, row["data_version"])
        return next((one for one in found if one.run_id == row["run_id"]), None) or self._missing(
            PREDICTIONS, row["data_version"]
        )

    def behind(self, made: AssetVersion, asset: dg.AssetKey, partition: str = "") -> AssetVersion:
        name = f"{asset.to_user_string()}[{partition}]" if partition else asset.to_user_string()
        version = made.inputs.get(name, "")
        found = self._read(asset, partition, version)
        return found[0] if found else self._missing(asset, version)

    def current(self, asset: dg.AssetKey, partition: str = "") -> AssetVersion | None:
        found = self._read(asset, partition, None)
        return found[0] if found else None

    def _read(self, asset: dg.AssetKey, partition: str, version: str | None) -> list[AssetVersion]:
        key = (asset.to_user_string(), partition, version)
        if key not in self._known:
            self._known[key] = self._catalogue.versions(key[0], partition, version)
        return self._known[key]

    def _missing(self, asset: dg.AssetKey, version: str) -> AssetVersion:
        raise CaseReportError(
            f"version {version} of {asset.to_user_string()} is not recorded: materialise"
            f" {PREDICTIONS.to_user_string()}[{self._batch}] again"
        )


def _case(case: Row, rows: BatchRows, versions: _Versions) -> CaseReport:
    name, batch = case["sample_id"], case["batch"]
    is_measured = bool(case["is_measured"]) and case["error"] is None
    row = rows.predictions.get(name) if is_measured else None
    profile = rows.profiles.get(name) if is_measured else None
    made = versions.of_prediction(row) if row else None
    fitted = versions.behind(made, CLASSIFIER) if made else None
    betas = versions.behind(made, BETAS, batch) if made else versions.current(BETAS, batch)
    steps = [betas, fitted, made]
    placed = is_measured and name in rows.neighbours
    steps += [versions.current(PROFILES, batch)] if profile else []
    steps += [versions.current(LANDSCAPE)] if placed else []
    if (dated := made or betas) is None:
        raise CaseReportError(
            f"{name} has not been read yet: materialise {BETAS.to_user_string()}[{batch}]"
            " (`cup materialize`)"
        )
    hide = hider(case)
    return CaseReport(
        sample_id=name,
        batch=batch,
        array=case["array"],
        material=case["material"],
        simulated=case["cohort"] == "SIMULATED",
        date=dated.materialised_at,
        provenance=_provenance(case, row, betas, [step for step in steps if step]),
        quality=quality_of(rows.quality.get(name), hide) if is_measured else None,
        limits=limits_of(fitted) if fitted else None,
        prediction=prediction_of(row, rows, hide) if row else None,
        neighbours=neighbours_of(rows, name) if placed else (),
        copy_number=copy_number_of(profile, rows, name) if profile else None,
        drivers=drivers_of(rows.cpgs.get(name, ())) if row else None,
        differential=differential_of(rows.differential.get(name, ())) if row else (),
        error=hide(case["error"]) if case["error"] else None,
        reference_map=_map(rows, name) if placed else None,
        genome=_genome(rows, case) if profile and profile["reason"] is None else None,
    )


def _map(rows: BatchRows, name: str) -> ReferenceMap | None:
    own = rows.places.filter(pl.col("sample_id") == name)
    if rows.method is None or own.is_empty():
        return None
    # Other patients' cases are nobody's business here.
    points = rows.places.drop_nulls("class").select("x", "y", "class")
    return ReferenceMap(rows.method, points, (own["x"][0], own["y"][0]))


def _genome(rows: BatchRows, case: Row) -> Genome | None:
    of_case = pl.col("sample_id") == case["sample_id"]
    bins = rows.bins.filter(of_case & pl.col("log2").is_finite()).drop("sample_id")
    if bins.is_empty():
        return None
    segments = rows.segments.filter(of_case).drop("sample_id")
    altered = [one for one in rows.calls.get(case["sample_id"], ()) if one["call"] in ALTERED]
    anomalies = pl.DataFrame(
        [(one["kind"], one["region"], one["log2"]) for one in altered],
        schema={"kind": pl.String, "region": pl.String, "log2": pl.Float64},
        orient="row",
    )
    return Genome(bins, segments, named_genes(rows.genes[case["array"]], anomalies))


def _provenance(
    case: Row, row: Row | None, betas: AssetVersion | None, steps: Sequence[AssetVersion]
) -> Provenance:
    files = [(case[colour], case[f"{colour}_sha256"]) for colour in ("grn", "red")]
    return Provenance(
        [(name, digest) for name, digest in files if name is not None],
        betas.parameters["betas"] if betas else {},
        [
            Step(one.name, one.data_version, one.code_version, one.run_id, one.materialised_at)
            for one in steps
        ],
        row["release"] if row else None,
        row["digest"] if row else None,
        row["model"] if row else None,
        bool(row["is_current"]) if row else True,
    )
