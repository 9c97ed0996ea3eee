"""What an asset was made from: recipes, fingerprints and recorded versions.

Belongs here: the arithmetic of versions. Does not belong here: SQL, and the decision to recompute.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any


def digest(*parts: object) -> str:
    """Return the SHA-256 (hex) of JSON-able parts; equal parts give equal digests.

    Mappings are written with sorted keys, so that their order never matters.
    """
    text = json.dumps(parts, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def asset_name(asset: str, partition: str = "") -> str:
    """Return how an asset (or one partition of it) is written in ``input_manifest``.

    >>> asset_name("raw/idats", "batch_1")
    'raw/idats[batch_1]'
    """
    return f"{asset}[{partition}]" if partition else asset


@dataclass(frozen=True)
class Recipe:
    """Everything that decides what an asset contains.

    Attributes
    ----------
    asset, partition
        Asset key joined by ``/``, and the batch ("" for an unpartitioned asset).
    code_version
        Raised by hand when the code changes what it computes.
    parameters
        JSON-able parameters of the computation.
    inputs
        Input name (see `asset_name`) -> its data version; recorded in ``input_manifest``.
    depends_on
        What is compared to decide about reuse, where that is less than `inputs` (betas depend on
        the bytes of the IDAT files, not on the diagnosis in the sheet). Default: `inputs`.
    """

    asset: str
    code_version: str
    parameters: Mapping[str, Any]
    inputs: Mapping[str, str]
    partition: str = ""
    depends_on: Mapping[str, str] | None = None

    @property
    def name(self) -> str:
        """The asset's name in ``input_manifest``."""
        return asset_name(self.asset, self.partition)

    @property
    def fingerprint(self) -> str:
        """SHA-256 over asset, code version, parameters and what it depends on."""
        depends_on = self.inputs if self.depends_on is None else self.depends_on
        return digest(
            self.name, self.code_version, dict(self.parameters), sorted(depends_on.items())
        )


@dataclass(frozen=True)
class AssetVersion:
    """One recorded version of an asset, as read from the catalogue.

    Attributes
    ----------
    started_at, materialised_at
        When the step that made it started, and when it was stored; the start is None where an
        earlier version of the platform did not record it. Provenance, no content: neither has a
        part in a fingerprint.
    """

    asset: str
    partition: str
    data_version: str
    fingerprint: str
    code_version: str
    parameters: Mapping[str, Any]
    run_id: str
    materialised_at: datetime
    inputs: Mapping[str, str]
    summary: Mapping[str, Any] = field(default_factory=dict)
    started_at: datetime | None = None

    @property
    def name(self) -> str:
        """The asset's name in ``input_manifest``."""
        return asset_name(self.asset, self.partition)
