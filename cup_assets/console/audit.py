"""``cup audit``: from a score back to the raw files.

Belongs here: printing a trace. Does not belong here: walking it (`cup_assets.warehouse.audit`),
packing it into a file (`.bundle`) and checking that (`.verify`).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from rich.console import Console
from rich.text import Text
from rich.tree import Tree

from cup_assets.cohort.batch_files import PROVENANCE
from cup_assets.cohort.overrides import OVERRIDES_NAME
from cup_assets.console.errors import ConsoleError
from cup_assets.settings import Settings
from cup_assets.warehouse import Catalogue
from cup_assets.warehouse.audit import Trace, history, results_of_sample, trace

_UNLIMITED = 1_000_000
_TIME = "%Y-%m-%d %H:%M:%S %Z"
_OVERRIDDEN = "SELECT 1 FROM verdict_overrides WHERE sample_id = ? AND batch = ?"


@dataclass(frozen=True)
class Asked:
    """The arguments of the command; either a name or a bundle to verify."""

    name: str | None
    full: bool
    bundle: Path | None
    with_idats: bool
    verify: Path | None
    digest: str | None


def run(settings: Settings, asked: Asked) -> None:
    """Print the chain behind a sample, pack that behind any result, or check what was packed.

    Raises
    ------
    ConsoleError
        If the arguments do not say which of the three, or as the three of them raise it.
    """
    from cup_assets.console.bundle import run_bundle
    from cup_assets.console.verify import run_verify

    if (asked.name is None) == (asked.verify is None):
        raise ConsoleError("give a sample (or with --bundle a panel or release), or --verify FILE")
    if asked.verify is not None:
        if asked.bundle or asked.with_idats:
            raise ConsoleError("--verify checks a bundle, --bundle makes one: give one of them")
        run_verify(settings, asked.verify, digest=asked.digest, full=asked.full)
    elif asked.bundle is not None:
        run_bundle(settings, str(asked.name), asked.bundle, with_idats=asked.with_idats)
    elif asked.digest or asked.with_idats:
        raise ConsoleError("--digest goes with --verify, --with-idats with --bundle")
    else:
        run_audit(settings, str(asked.name), full=asked.full)


def run_audit(settings: Settings, sample_id: str, *, full: bool = False) -> None:
    """Print the sample, its verdict, its scores, and the chain behind every one of them.

    Raises
    ------
    ConsoleError
        If nothing is stored under this sample id.
    """
    catalogue = Catalogue(settings.catalogue)
    samples = catalogue.query("SELECT * FROM samples WHERE sample_id = ?", [sample_id])
    if samples.is_empty():
        raise ConsoleError(
            f"no sample {sample_id} in {settings.catalogue}: check the id in the sample sheet, or"
            " run `cup materialize` first"
        )
    # As wide as need be: a hash that is cut off at the terminal's edge proves nothing.
    console = Console(highlight=False, soft_wrap=True, width=_UNLIMITED)
    recorded = history(catalogue)
    for row in samples.iter_rows(named=True):
        batch, own = row["batch"], {row["grn"], row["red"], OVERRIDES_NAME, PROVENANCE}
        about = f"  batch {batch}, {row['array']}, role {row['role']}"
        console.print(Text.assemble((sample_id, "bold"), about))
        for colour in ("grn", "red"):
            console.print(f"  {row[colour]}  sha256 {row[f'{colour}_sha256']}", markup=False)
        for line in _quality(catalogue, sample_id, batch):
            console.print(f"  {line}", markup=False)
        for name, version in [
            *_results(catalogue, sample_id, batch),
            *_decision(catalogue, sample_id, batch),
        ]:
            tree = _tree(trace(catalogue, name, version, recorded), batch, own, full=full)
            console.print(tree)
    for line in _scores(catalogue, sample_id):
        console.print(line, markup=False)


def _quality(catalogue: Catalogue, sample_id: str, batch: str) -> list[str]:
    """Return the verdict that counts and what was measured, and whose samples it is compared to."""
    found = catalogue.query(
        "SELECT verdict, reasons, measured_verdict, same_as FROM sample_qc"
        " WHERE sample_id = ? AND batch = ?",
        [sample_id, batch],
    )
    lines = []
    for row in found.iter_rows(named=True):
        why = f": {row['reasons']}" if row["reasons"] else ""
        lines.append(f"quality {row['verdict']}, measured {row['measured_verdict']}{why}")
        if row["same_as"]:
            lines.append(f"same genotypes as {row['same_as'].replace(';', ', ')}")
    return lines


def _results(catalogue: Catalogue, sample_id: str, batch: str) -> list[tuple[str, str]]:
    """Return the assets that hold results of this sample, those furthest down the chain first."""
    if found := results_of_sample(catalogue, sample_id):
        return found
    stored = [
        (f"{asset}[{batch}]", version.data_version)
        for asset in ("cnv/profiles", "normalised/betas", "raw/idats")
        if (version := catalogue.current(asset, batch))
    ]
    return stored[:1]


def _decision(catalogue: Catalogue, sample_id: str, batch: str) -> list[tuple[str, str]]:
    """Return the inventory that holds the sample's override or the record of its origin.

    It may be newer than the sample's results.
    """
    overridden = catalogue.query(_OVERRIDDEN, [sample_id, batch]).height
    inventory = catalogue.current("raw/idats", batch)
    if inventory and (overridden or f"file/{PROVENANCE}" in inventory.inputs):
        return [(inventory.name, inventory.data_version)]
    return []


def _tree(found: Trace, batch: str, own: set[str], *, full: bool) -> Tree:
    tree = Tree(_label(found))
    hidden = 0
    for item in found.inputs:
        is_file = item.name.startswith("file/")
        relevant = not is_file or item.name.removeprefix("file/") in own
        elsewhere = item.name.endswith("]") and not item.name.endswith(f"[{batch}]")
        if full or (relevant and not elsewhere):
            tree.add(_tree(item, batch, own, full=full))
        else:
            hidden += 1
    if hidden:
        tree.add(Text(f"and {hidden} more inputs (--full shows them)", "dim"))
    return tree


def _label(found: Trace) -> Text:
    label = Text.assemble((found.name, "bold"), f"  {found.version}")
    if found.repeated:
        label.append("  (shown above)", "dim")
    record = found.record
    if record:
        label.append(
            f"\n  code {record.code_version}, run {record.run_id},"
            f" {_start(record.started_at)}, ended {record.materialised_at:{_TIME}}"
        )
        if record.parameters:
            label.append(f"\n  parameters {json.dumps(record.parameters)}", "dim")
    return label


def _start(when: datetime | None) -> str:
    return "start not recorded" if when is None else f"started {when:{_TIME}}"


def _scores(catalogue: Catalogue, sample_id: str) -> list[str]:
    rows = catalogue.query(
        'SELECT release, "class", score, family, family_score, call, typicality, note'
        " FROM predictions WHERE sample_id = ? ORDER BY release",
        [sample_id],
    )
    lines = []
    for row in rows.iter_rows(named=True):
        line = f"release {row['release']}: {row['call']}"
        if row["score"] is not None:
            line += (
                f", {row['class']} {row['score']:.6f}, family {row['family']}"
                f" {row['family_score']:.6f}"
            )
            # Null in rows of earlier versions.
            if row["typicality"] is not None:
                line += f", typicality {row['typicality']:.3f}"
        lines.append(f"{line} ({row['note']})" if row["note"] else line)
    return lines
