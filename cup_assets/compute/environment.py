"""What a computed number depends on beside its inputs: the code that this process runs.

Belongs here: naming versions and sources, and what two processes differ in. Does not belong here:
the code versions of assets, which say what was meant to change.
"""

from __future__ import annotations

import hashlib
import platform
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

_PACKAGES = (
    *("imbalanced-learn", "numba", "numpy", "openTSNE", "polars", "ruptures", "scikit-learn"),
    *("scipy", "shap", "skorch", "torch", "umap-learn", "xgboost", "xgboost-cpu"),
)
_SOURCE = "source of cup_assets"


@lru_cache(maxsize=1)
def environment() -> dict[str, str]:
    """Return name -> version of Python, of what computes, and of this package's own source."""
    found = {"Python": platform.python_version(), _SOURCE: _source_digest()}
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found


def differences(here: dict[str, str], there: dict[str, str]) -> list[str]:
    """Return a line for each name whose versions differ."""
    return [
        f"{name} {there.get(name, 'unknown')} instead of {here.get(name, 'unknown')}"
        for name in sorted({*here, *there})
        if here.get(name) != there.get(name)
    ]


def _source_digest() -> str:
    root = Path(__file__).resolve().parent.parent
    digest = hashlib.sha256()
    for path in sorted(root.rglob("*")):
        if path.suffix in (".py", ".sql", ".toml", ".json") and path.is_file():
            digest.update(f"{path.relative_to(root)}\0".encode() + path.read_bytes() + b"\0")
    return digest.hexdigest()[:12]
