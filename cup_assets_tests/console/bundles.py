"""Bundles of a complete platform: what `cup audit --verify` says of one, and how one is forged.

Belongs here: what tests of making and of checking bundles share. Does not belong here: fixtures
(``conftest.py``).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from cup_assets.audit.checks import Check, read_account
from cup_assets.audit.container import open_bundle, write_bundle
from cup_assets.audit.content import Account, entries_of
from cup_assets.console.verify import checks_of
from cup_assets.settings import Settings

Made = tuple[Settings, Path]


def outcomes(settings: Settings, path: Path, **options: Any) -> dict[str, list[Check]]:
    found: dict[str, list[Check]] = {"right": [], "wrong": [], "not done": []}
    for check in checks_of(settings, path, **options):
        found[check.outcome].append(check)
    return found


def said(checks: list[Check]) -> str:
    return "\n".join(f"{check.what}: {check.detail}" for check in checks)


def forged(source: Path, target: Path, change: Callable[[Account], Account]) -> Path:
    """Change what a bundle tells, and mend every hash, the metadata and the page for the reader."""
    with open_bundle(source) as bundle:
        account = read_account(bundle)
        raw = {name: bundle.read(name) for name in bundle.sizes if name.startswith("idats/")}
    write_bundle(target, {**raw, **entries_of(change(account))})
    return target


def with_row(account: Account, table: str, **values: Any) -> Account:
    first, *others = account.tables[table]
    return replace(account, tables={**account.tables, table: [{**first, **values}, *others]})
