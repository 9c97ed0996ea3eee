"""Taking in a batch: its files, its sheet, and the samples that can be used.

Belongs here: the inventory of one batch, and the faults that stop a whole batch. Does not belong
here: the verdict on each sample (`verdicts`), the sheet alone (`samplesheet`), names and stability
(`batch_files`), normalisation.

A fault refuses the one sample it concerns; an `IntakeError` means that nothing of the batch can be
taken in as it is.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from cup_assets.cohort.array_files import ArrayFile, file_digest, inspect_array_file
from cup_assets.cohort.batch_files import (
    PROVENANCE,
    batch_key,
    batch_signature,
    is_inside,
    is_sheet,
    observe_batches,
    visible_files,
)
from cup_assets.cohort.overrides import OVERRIDE_SCHEMA, OVERRIDES_NAME, read_overrides
from cup_assets.cohort.pairing import nested_files, pair_files, place_fault
from cup_assets.cohort.problems import IntakeError, Problem, SampleSheetError, printable
from cup_assets.cohort.samplesheet import SAMPLE_SCHEMA, load_samplesheet
from cup_assets.cohort.taxonomy import Taxonomy, load_taxonomy
from cup_assets.cohort.verdicts import Known, judge, taxonomy_warnings
from cup_assets.compute import Mapper, serial
from cup_assets.methylome.errors import IdatError
from cup_assets.methylome.manifest import Manifest

__all__ = [
    "FILE_SCHEMA",
    "IntakeError",
    "Inventory",
    "batch_key",
    "batch_signature",
    "observe_batches",
    "take_inventory",
]

FILE_SCHEMA = {"path": pl.String, "size": pl.Int64, "sha256": pl.String}


@dataclass(frozen=True, eq=False)
class Inventory:
    """What a batch holds.

    Attributes
    ----------
    batch
        Its key.
    signature
        State of its files by `batch_signature`, the same before and after they were read.
    samples
        The samples that can be used, by ``sample_id``; columns `SAMPLE_SCHEMA`.
    files
        ``path`` (name in the batch folder), ``size`` in bytes, ``sha256`` of the sheet, of the
        overrides, of the record of where a fetched batch came from, and of every IDAT file that
        could be opened, refused ones included; by name.
    overrides
        Verdicts on these samples that a person overrides; columns `OVERRIDE_SCHEMA`.
    problems
        Everything that a person should know, errors first.
    """

    batch: str
    signature: str
    samples: pl.DataFrame
    files: pl.DataFrame
    overrides: pl.DataFrame
    problems: tuple[Problem, ...]

    @property
    def usable(self) -> bool:
        """Whether at least one sample can be used."""
        return self.samples.height > 0

    @property
    def data_version(self) -> str:
        """SHA-256 over the sorted names and digests of the files, the sheet among them."""
        lines = sorted(f"{path}\0{sha256}\n" for path, _, sha256 in self.files.iter_rows())
        return hashlib.sha256("".join(lines).encode()).hexdigest()

    @property
    def summary(self) -> str:
        """One line: how many samples can be used, and how often each fault occurs."""
        codes = Counter(p.code for p in self.problems if p.severity == "error")
        faults = "".join(f"; {code} {n}" for code, n in sorted(codes.items()))
        return f"batch {self.batch}: {self.samples.height} usable samples{faults}"


def take_inventory(
    batch_folder: Path,
    landing: Path,
    manifests: Sequence[Manifest],
    *,
    known: Mapping[str, str] | None = None,
    known_arrays: Mapping[str, str] | None = None,
    taxonomy: Taxonomy | None = None,
    mapper: Mapper = serial,
    progress: Callable[[int, int], None] | None = None,
) -> Inventory:
    """Read, hash and check everything in a batch folder.

    Parameters
    ----------
    batch_folder : Path
        The batch; its name is the batch key.
    landing : Path
        Folder out of which no link may lead.
    manifests : sequence of Manifest
        The installed arrays.
    known : mapping, optional
        Sample_ID -> batch of the samples already taken in. A sample that another batch holds is
        refused; entries of this batch itself are passed over.
    known_arrays : mapping, optional
        ``<Sentrix_ID>_<Sentrix_Position>`` -> batch, in the same way.
    taxonomy : Taxonomy, optional
        Fills ``class`` and ``family``; default: the packaged vocabulary.
    mapper : Mapper
        Where the files are read; one item a file.
    progress : callable, optional
        Called with files done and files in all.

    Raises
    ------
    IntakeError
        If the batch has no valid name, cannot be listed, leads out of the landing folder, has no
        (or no readable) sample sheet, or changed meanwhile; if no manifest is installed.
    """
    batch = batch_key(batch_folder.name)
    if not is_inside(batch_folder, landing):
        raise IntakeError(f"batch {batch}: is a link out of the landing folder: copy it in")
    if not manifests:
        raise IntakeError(
            f"batch {batch}: no array manifest is installed: put Illumina's manifest CSV into the"
            " manifests folder"
        )
    signature = batch_signature(batch_folder)
    task = _Task(batch, batch_folder, landing, tuple(manifests), taxonomy or load_taxonomy())
    others = Known.outside_of(batch, known or {}, known_arrays or {})
    fault: IntakeError | None = None
    try:
        inventory = _take(task, signature, others, mapper, progress)
    except IntakeError as error:
        fault = error
    except (IdatError, OSError) as error:  # every file was read once already: it changed since
        fault = IntakeError(f"batch {batch}: {printable(str(error))}: look at the folder")
    if batch_signature(batch_folder) != signature:
        raise IntakeError(
            f"batch {batch}: changed while reading: it will be taken when it is stable"
        ) from fault
    if fault is not None:
        raise fault
    return inventory


@dataclass(frozen=True)
class _Task:
    batch: str
    folder: Path
    landing: Path
    manifests: tuple[Manifest, ...]
    taxonomy: Taxonomy


def _take(
    task: _Task,
    signature: str,
    known: Known,
    mapper: Mapper,
    progress: Callable[[int, int], None] | None,
) -> Inventory:
    names = visible_files(task.folder)
    sheet_path = _sheet_path(task, names)
    try:
        size, digest = file_digest(sheet_path)
        sheet = load_samplesheet(sheet_path)
    except OSError as error:
        raise IntakeError(
            f"batch {task.batch}, {sheet_path.name}: cannot be read ({error.strerror}): check the"
            " file and its permissions"
        ) from error
    except SampleSheetError as error:
        raise IntakeError(f"batch {task.batch}, {error}") from error
    pairing = pair_files(task.folder, task.landing, names)
    read = mapper(inspect_array_file, [task.folder / n for n in pairing.readable], progress)
    by_name = {file.path.name: file for file in read}
    accepted, faults = judge(sheet, pairing, by_name, task.manifests, known)
    samples = task.taxonomy.classify(
        pl.DataFrame(
            [sample.fields | {"batch": task.batch} for sample in accepted], schema=SAMPLE_SCHEMA
        )
    )
    tables = [(sheet_path.name, size, digest)]
    overrides, refused = _overrides(task, names, samples["sample_id"], tables)
    if PROVENANCE in names:
        tables.append((PROVENANCE, *_digest_of(task, task.folder / PROVENANCE)))
    problems = [
        *sheet.problems,
        *refused,
        *pairing.problems,
        *faults,
        *nested_files(task.folder),
        *taxonomy_warnings(sheet.name, accepted, task.taxonomy),
    ]
    return Inventory(
        task.batch,
        signature,
        samples.sort("sample_id"),
        _files_frame(tables, read),
        overrides,
        tuple(sorted(problems, key=lambda p: ("error", "warning", "note").index(p.severity))),
    )


def _sheet_path(task: _Task, names: Sequence[str]) -> Path:
    sheets = [name for name in names if is_sheet(name)]
    if not sheets:
        books = [n for n in names if n.lower().endswith((".xlsx", ".xls", ".ods"))]
        remedy = f"save {printable(books[0])} as 'CSV UTF-8' of that name" if books else "add it"
        raise IntakeError(f"batch {task.batch}: samplesheet.csv is missing: {remedy}")
    if len(sheets) > 1:
        raise IntakeError(f"batch {task.batch}: has {len(sheets)} sheets, {sheets}: keep one")
    path = task.folder / sheets[0]
    if fault := place_fault(path, task.landing):
        _, what, remedy = fault
        raise IntakeError(f"batch {task.batch}, {path.name}: {what}: {remedy}")
    return path


def _overrides(
    task: _Task, names: Sequence[str], sample_ids: pl.Series, tables: list[tuple[str, int, str]]
) -> tuple[pl.DataFrame, list[Problem]]:
    """Read the batch's overrides, if there are any, and add their file to ``tables``."""
    found = [name for name in names if name.casefold() == OVERRIDES_NAME]
    if not found:
        return pl.DataFrame(schema=OVERRIDE_SCHEMA), []
    if len(found) > 1:
        raise IntakeError(f"batch {task.batch}: has {found} as overrides: keep one")
    path = task.folder / found[0]
    try:
        tables.append((path.name, *_digest_of(task, path)))
        return read_overrides(path, sample_ids)
    except SampleSheetError as error:
        raise IntakeError(f"batch {task.batch}, {error}") from error


def _digest_of(task: _Task, path: Path) -> tuple[int, str]:
    if fault := place_fault(path, task.landing):
        _, what, remedy = fault
        raise IntakeError(f"batch {task.batch}, {path.name}: {what}: {remedy}")
    return file_digest(path)


def _files_frame(tables: Sequence[tuple[str, int, str]], read: Sequence[ArrayFile]) -> pl.DataFrame:
    rows = [*tables, *((printable(f.path.name), f.size, f.sha256) for f in read)]
    return pl.DataFrame(rows, schema=FILE_SCHEMA, orient="row").sort("path")
