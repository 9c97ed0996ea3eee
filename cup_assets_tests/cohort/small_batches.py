"""Batches of three small samples on an array of sixty beads, and what the intake says of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl

from cup_assets.cohort.intake import Inventory, take_inventory
from cup_assets.methylome.manifest import Manifest
from cup_assets.simulate.idat_writer import write_idat

HEADER = "Sample_ID,Sentrix_ID,Sentrix_Position,patient_id,diagnosis,role,material"
SLIDE = "200360140012"
ADDRESSES = np.arange(1_000, 1_060, dtype=np.int32)


def make_manifest(array: str, addresses: np.ndarray) -> Manifest:
    probes = pl.DataFrame({"address_a": addresses, "address_b": [None] * len(addresses)})
    return Manifest(
        array,
        f"{array}_manifest",
        "hg19",
        "hash",
        probes.cast(pl.Int32),
        pl.DataFrame({"address": []}, schema={"address": pl.Int32}),
    )


MANIFESTS = (make_manifest("mini", ADDRESSES), make_manifest("other", ADDRESSES + 50_000))


def idat(
    folder: Path,
    position: str,
    colour: str,
    *,
    slide: str = SLIDE,
    addresses: np.ndarray = ADDRESSES,
    name: str | None = None,
    gz: bool = False,
) -> Path:
    path = folder / (name or f"{slide}_{position}_{colour}.idat{'.gz' if gz else ''}")
    level = np.full(len(addresses), 900 if colour == "Grn" else 700)
    write_idat(path, addresses, level, level, level // 100, barcode=slide, position=position, gz=gz)
    return path


def row(sample: str, position: str, role: str = "reference", diagnosis: str = "normal") -> str:
    return f"{sample},{SLIDE},{position},P-{sample},{diagnosis},{role},FFPE"


def sheet(folder: Path, *rows: str) -> Path:
    path = folder / "samplesheet.csv"
    path.write_text("\n".join((HEADER, *rows, "")), encoding="utf-8")
    return path


def take(batch: Path, **options: dict[str, str]) -> Inventory:
    return take_inventory(batch, batch.parent, MANIFESTS, **options)  # type: ignore[arg-type]


def names(inventory: Inventory) -> list[str]:
    return inventory.samples["sample_id"].to_list()


def error_lines(inventory: Inventory) -> list[str]:
    lines = [p.line for p in inventory.problems if p.severity == "error"]
    assert all(line.isprintable() for line in lines)
    return lines
