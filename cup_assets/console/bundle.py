"""``cup audit ID --bundle FILE``: everything behind a result, in one file to keep.

Belongs here: reading the evidence and the files that it names. Does not belong here: what is behind
a result (`cup_assets.warehouse.evidence`), the file itself (`cup_assets.audit`), checking one
(`.verify`).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from cup_assets.audit.container import write_bundle
from cup_assets.audit.content import Account, entries_of, rendered
from cup_assets.cohort.array_files import file_digest
from cup_assets.compute.environment import environment
from cup_assets.console.errors import ConsoleError
from cup_assets.console.origins import origins_of
from cup_assets.console.wide import wide_console
from cup_assets.settings import Settings
from cup_assets.warehouse import Catalogue
from cup_assets.warehouse.behind import WITHHELD
from cup_assets.warehouse.bundles import note_bundle, stored_values
from cup_assets.warehouse.evidence import Evidence, find_subject, gather, raw_files

RELEASE_TABLES = ("releases", "panel_releases")
RELEASE_FILES = ("release.json", "model.npz", "model_card.md")


def run_bundle(settings: Settings, name: str, path: Path, *, with_idats: bool = False) -> None:
    """Write the bundle, note its digest in the warehouse, and print both.

    Raises
    ------
    ConsoleError
        If a release or a raw file that belongs in it is not as recorded, or the folder is missing.
    WarehouseError
        If nothing has results under this name.
    """
    if not path.parent.is_dir():
        raise ConsoleError(f"--bundle: {path.parent} is not a folder: make it first")
    catalogue = Catalogue(settings.catalogue)
    console = wide_console()
    with console.status("gathering"):
        evidence = gather(catalogue, find_subject(catalogue, name))
        account = account_of(settings, evidence, environment())
        idats = _idats(settings, account) if with_idats else {}
        entries = entries_of(Account(**{**vars(account), "idats": idats}))
        digest = write_bundle(path, entries)
    note_bundle(catalogue, evidence, digest)
    subject = evidence.subject
    console.print(
        f"{path}: evidence behind {subject.kind} {subject.id}, {len(entries) + 1} entries,"
        f" {len(evidence.steps)} steps, {len(account.files)} raw files"
        f" ({f'{len(idats)} inside' if idats else 'by their hashes'})",
        soft_wrap=True, markup=False,
    )  # fmt: skip
    for line in evidence.gone:
        console.print(f"not inside: {line}", style="yellow", soft_wrap=True, markup=False)
    console.print(f"digest {digest}", soft_wrap=True)
    console.print(
        "The digest is noted in the warehouse; note it elsewhere, too: with it, nobody can change"
        " the file unseen.",
        soft_wrap=True,
    )


def account_of(settings: Settings, evidence: Evidence, made_by: dict[str, str]) -> Account:
    """Put the evidence and the files of its releases together, as JSON would give them back.

    Raises
    ------
    ConsoleError
        If the files of a release are gone.
    """
    subject, catalogue = evidence.subject, Catalogue(settings.catalogue)
    values = stored_values(catalogue, subject.id) if subject.kind == "sample" else []
    about = {
        "kind": subject.kind,
        "id": subject.id,
        "results": subject.results,
        "withheld": {
            table: list(WITHHELD[table]) for table in WITHHELD if table in evidence.tables
        },
        "gone": evidence.gone,
    }
    releases = {
        row["release"]: _release(settings.releases / row["path"])
        for table in RELEASE_TABLES
        for row in evidence.tables.get(table, [])
    }
    plain = _as_json([about, evidence.steps, evidence.tables, values])
    return Account(
        *(plain[0], plain[1], plain[2], raw_files(plain[1]), plain[3], made_by, releases),
        origins=origins_of(settings, plain[1], plain[0]),
    )


def raw_file(settings: Settings, batch: str, name: str, sha256: str) -> Path:
    """Return a landed raw file that has the recorded hash.

    Raises
    ------
    ConsoleError
        If it is gone or was changed.
    """
    path = settings.landing / batch / name
    if path.parent.parent != settings.landing or ".." in (batch, name):
        raise ConsoleError(f"{batch}/{name} is no file of a batch")
    try:
        found = file_digest(path)[1]
    except OSError as error:
        raise ConsoleError(f"{path} cannot be read: {error.strerror}") from error
    if found != sha256:
        raise ConsoleError(f"{path} was changed: its hash is {found}, recorded is {sha256}")
    return path


def own_files(account: Account) -> dict[tuple[str, str], str]:
    """Return (batch, name) -> SHA-256 of the files of the sample itself, or of all raw files."""
    if account.subject["kind"] != "sample":
        return {key: sha for key, sha in account.files.items() if ".idat" in key[1].lower()}
    return {
        (row["batch"], row[colour]): row[f"{colour}_sha256"]
        for row in account.tables["samples"]
        for colour in ("grn", "red")
    }


def _idats(settings: Settings, account: Account) -> dict[str, Path]:
    return {
        sha256: raw_file(settings, batch, name, sha256)
        for (batch, name), sha256 in own_files(account).items()
    }


def _release(folder: Path) -> dict[str, bytes]:
    try:
        return {name: (folder / name).read_bytes() for name in RELEASE_FILES}
    except OSError as error:
        raise ConsoleError(
            f"{error.filename} cannot be read ({error.strerror}): restore the release from a backup"
        ) from error


def _as_json(values: Any) -> Any:
    return json.loads(rendered(values))
