"""What the warehouse notes of the bundles made here, and hashes of stored values for them.

Belongs here: digests of bundles, hashes of betas. Does not belong here: what is behind a result
(`cup_assets.warehouse.evidence`), the bundles themselves (`cup_assets.audit`).
"""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from cup_assets.warehouse.catalogue import Catalogue
from cup_assets.warehouse.evidence import Evidence
from cup_assets.warehouse.matrices import read_matrix


def note_bundle(catalogue: Catalogue, evidence: Evidence, digest: str) -> None:
    """Note that a bundle of this digest was made of the evidence, with the time, once."""
    newest = max(evidence.steps, key=lambda step: (step["materialised_at"], step["name"]))
    row = {"digest": digest, "kind": evidence.subject.kind, "id": evidence.subject.id}
    catalogue.store_once(
        "audit_bundles", pl.DataFrame([row]), {"digest": digest}, newest["run_id"],
        newest["version"],
    )  # fmt: skip


def noted_bundle(catalogue: Catalogue, digest: str) -> dict[str, Any] | None:
    """Return what was noted of a bundle when it was made here, None if it was not."""
    found = catalogue.query("SELECT * FROM audit_bundles WHERE digest = ?", [digest])
    return None if found.is_empty() else found.row(0, named=True)


def stored_values(catalogue: Catalogue, sample_id: str) -> list[dict[str, Any]]:
    """Return the hashes of the betas and detection p-values that are stored of a sample."""
    files = catalogue.query(
        "SELECT m.batch, array_name, kind, path, m.data_version FROM matrices m"
        ' JOIN samples s ON s.batch = m.batch AND s."array" = m.array_name'
        " WHERE sample_id = ? AND kind IN ('betas', 'detection_p') ORDER BY ALL",
        [sample_id],
    )
    rows = []
    for row in files.iter_rows(named=True):
        path = catalogue.path.parent / row.pop("path")
        try:
            probes, _, values = read_matrix(path, samples=[sample_id])
        except pl.exceptions.ColumnNotFoundError:
            continue  # a sample that could not be read has no values
        rows.append({**row, "n_probes": len(probes), "sha256": values_sha256(values[:, 0])})
    return rows


def values_sha256(values: NDArray[np.float32]) -> str:
    """Return the SHA-256 of float32[p], little-endian, every missing value the same NaN."""
    plain = np.where(np.isnan(values), np.float32(np.nan), values).astype("<f4")
    return hashlib.sha256(plain.tobytes()).hexdigest()


def people(catalogue: Catalogue) -> dict[str, dict[str, str]]:
    """Return version of ``datasets/reference`` -> sample -> person, of the rows that are stored.

    For checks here: who a sample belongs to is in no bundle.
    """
    found: dict[str, dict[str, str]] = {}
    rows = catalogue.query("SELECT data_version, sample_id, person FROM dataset_members")
    for version, sample, person in rows.drop_nulls("person").iter_rows():
        found.setdefault(version, {})[sample] = person
    return found


def current_versions(catalogue: Catalogue) -> set[str]:
    """Return the data versions whose rows are stored now."""
    found = catalogue.query("SELECT data_version FROM asset_versions WHERE is_current")
    return set(found["data_version"])


def note_of(catalogue: Catalogue, asset: str, partition: str, version: str, title: str) -> str:
    """Return a note that was stored with a version of an asset; empty where there is none."""
    found = catalogue.query(
        "SELECT summary ->> ('$.notes.' || ?) AS note FROM asset_versions"
        " WHERE asset = ? AND partition = ? AND data_version = ?",
        [title, asset, partition, version],
    )
    return str(found["note"][0] or "") if found.height else ""
