"""Batches of a public cohort, written into the landing folder.

Belongs here: sample sheet, provenance, and that a batch appears as a whole or not at all. Does not
belong here: which samples a batch has (`batches`), how batches are checked (`cup_assets.cohort`).
"""

from __future__ import annotations

import csv
import io
import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from cup_assets.cohort.batch_files import MARKER, PROVENANCE, batch_key
from cup_assets.cohort.problems import printable
from cup_assets.cohort.sheet_values import MAX_TEXT
from cup_assets.public.batches import ReadySample
from cup_assets.public.errors import PublicError
from cup_assets.public.labels import label_columns
from cup_assets.public.registry import Accession
from cup_assets.public.transfer import write_json

_COLUMNS = (
    *("Sample_ID", "Sentrix_ID", "Sentrix_Position", "patient_id", "diagnosis", "role"),
    *("material", "sex", "site", "cohort"),
)


def batch_name(accession: str, number: int) -> str:
    """Return the name of a batch, from 1.

    >>> batch_name("TCGA-HNSC", 3)
    'TCGA-HNSC-03'
    """
    return batch_key(f"{accession.replace('.', '_')}-{number:02d}")


def refuse_taken(landing: Path, accession: str) -> None:
    """Refuse to land beside what a fetch of this accession has landed before.

    Raises
    ------
    PublicError
        If the landing folder holds such a batch.
    """
    own = batch_name(accession, 1)[:-2]
    taken = sorted(
        path.name
        for path in (landing.iterdir() if landing.is_dir() else ())
        if path.name.startswith(own) and path.name[len(own) :].isdigit()
    )
    if taken:
        raise PublicError(
            f"{landing / taken[0]} is there already ({len(taken)} batches of {accession}): remove"
            " them (the platform then withdraws them), and fetch again"
        )


def land(
    landing: Path,
    entry: Accession,
    batches: Sequence[Sequence[ReadySample]],
    provenance: Mapping[str, Any],
) -> list[Path]:
    """Write the batches.

    Each is complete before it gets its name, and none gets it before all are complete. Files are
    linked where the disk can do that, so that they take no room twice and a fetch that breaks off
    here can begin again.

    Returns
    -------
    list of Path
        The batch folders.

    Raises
    ------
    PublicError
        If a batch of this accession is there already.
    """
    refuse_taken(landing, entry.accession)
    landing.mkdir(parents=True, exist_ok=True)
    hidden, final = [], []
    for number, samples in enumerate(batches, 1):
        name = batch_name(entry.accession, number)
        folder = landing / f".{name}.fetching"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        hidden.append(folder)
        final.append(landing / name)
        for sample in samples:
            for colour, path in sample.files.items():
                _link(path, folder / _file_name(sample, colour, path))
        (folder / "samplesheet.csv").write_text(sheet(entry, samples), "utf-8")
        part = {"batch": name, "number": number, "of": len(batches)}
        write_json(folder / PROVENANCE, {**part, **provenance, **_told(entry, samples, provenance)})
        (folder / MARKER).touch()
    for folder, target in zip(hidden, final, strict=True):
        folder.rename(target)
    return final


def discard_unfinished(landing: Path, accession: str) -> None:
    """Remove what a fetch that broke off has left under hidden names."""
    own = batch_name(accession, 1)[:-2]
    for path in landing.glob(f".{own}[0-9]*.fetching"):
        shutil.rmtree(path)


def sheet(entry: Accession, samples: Sequence[ReadySample]) -> str:
    """Return the sample sheet: the platform's columns, then the source's as ``source: <column>``.

    A text is cut at the length that a sheet may hold; the provenance has it in full.
    """
    facts = list(dict.fromkeys(column for s in samples for column in s.source.facts))
    stream = io.StringIO()
    table = csv.writer(stream, lineterminator="\n")
    table.writerow([*_COLUMNS, *(f"source: {printable(column)}" for column in facts)])
    for sample in samples:
        said = sample.labelled
        table.writerow(
            [
                *(sample.source.sample_id, sample.barcode, sample.position, said.patient_id or ""),
                *(said.diagnosis or "", said.role, said.material or "", said.sex or ""),
                *(said.site, entry.accession),
                *(_cell(sample.source.facts.get(column, "")) for column in facts),
            ]
        )
    return stream.getvalue()


def _told(
    entry: Accession, samples: Sequence[ReadySample], provenance: Mapping[str, Any]
) -> dict[str, Any]:
    """Return what the source said of each sample, and the downloads that hold this batch."""
    names = {path.name for sample in samples for path in sample.files.values()}
    downloads = provenance["downloads"]
    own = [file for file in downloads if file["name"] in names]
    return {
        "downloads": own or downloads,  # an archive holds them all
        "label_columns": label_columns(entry, [sample.source for sample in samples]),
        "samples": {
            sample.source.sample_id: {
                "files": {colour: path.name for colour, path in sample.files.items()},
                "unmapped": dict(sample.labelled.unmapped),
                "source": dict(sample.source.facts),
            }
            for sample in samples
        },
    }


def _link(path: Path, target: Path) -> None:
    try:
        os.link(path, target)
    except OSError:  # another disk, or one that has no links
        shutil.copyfile(path, target)


def _cell(text: str) -> str:
    return printable(" ".join(text.split()))[:MAX_TEXT]


def _file_name(sample: ReadySample, colour: str, path: Path) -> str:
    with path.open("rb") as file:
        packed = ".gz" if file.read(2) == b"\x1f\x8b" else ""
    return f"{sample.barcode}_{sample.position}_{colour}.idat{packed}"


def room_for(n_bytes: int, folder: Path) -> None:
    """Refuse to begin what the disk cannot hold.

    Raises
    ------
    PublicError
        If less than ``n_bytes`` and a twentieth are free.
    """
    needed = n_bytes + n_bytes // 20
    place = next(path for path in (folder, *folder.parents) if path.exists())
    free = shutil.disk_usage(place).free
    if needed > free:
        raise PublicError(
            f"{folder}: {needed / 1e9:.1f} GB are needed and {free / 1e9:.1f} GB are free: make"
            " room, or set CUP_DATA to a larger disk"
        )
