"""Which samples of a batch can be used: the rows of the sheet held against the files.

Belongs here: one verdict a row, with one line for each fault. Does not belong here: reading sheet
and files (`intake`), and the quality of a signal, which only normalisation can tell.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from cup_assets.cohort.array_files import ArrayFile
from cup_assets.cohort.pairing import COLOURS, Pairing
from cup_assets.cohort.problems import Problem, lines_text, printable
from cup_assets.cohort.samplesheet import SampleSheet, SheetRow
from cup_assets.cohort.taxonomy import Taxonomy
from cup_assets.methylome.errors import UnknownArrayError
from cup_assets.methylome.idat import read_idat
from cup_assets.methylome.manifest import Manifest
from cup_assets.methylome.recognition import recognise_array


@dataclass(frozen=True)
class Known:
    """Samples and arrays that other batches hold, each with its batch."""

    samples: Mapping[str, str]
    arrays: Mapping[str, str]

    @classmethod
    def outside_of(cls, batch: str, samples: Mapping[str, str], arrays: Mapping[str, str]) -> Known:
        """Keep what belongs to another batch than this one; names are compared without case."""
        return cls(
            {name.casefold(): where for name, where in samples.items() if where != batch},
            {name: where for name, where in arrays.items() if where != batch},
        )


def judge(
    sheet: SampleSheet,
    pairing: Pairing,
    files: Mapping[str, ArrayFile],
    manifests: Sequence[Manifest],
    known: Known,
) -> tuple[list[SheetRow], list[Problem]]:
    """Return the usable rows, with their file and array columns filled, and the faults.

    Parameters
    ----------
    sheet : SampleSheet
        Rows that are valid by themselves.
    pairing : Pairing
        File names by array and colour.
    files : mapping
        File name -> what it holds.
    manifests : sequence of Manifest
        The installed arrays.
    known : Known
        What other batches hold.
    """
    recogniser = _Recogniser(manifests)
    accepted: list[SheetRow] = []
    problems: list[Problem] = []
    for row in sheet.rows:
        faults = _row_faults(sheet.name, row, pairing, files, known)
        if not faults and row.position not in pairing.refused:
            grn, red = (files[pairing.files[row.position][colour]] for colour in COLOURS)
            array = recogniser.array(grn)
            if isinstance(array, str):
                accepted.append(_completed(row, grn, red, array))
            else:
                faults = [array]
        problems += faults
    return accepted, problems + _without_row(sheet, pairing)


def taxonomy_warnings(
    sheet_name: str, rows: Iterable[SheetRow], taxonomy: Taxonomy
) -> list[Problem]:
    """Return a warning for each diagnosis that keeps reference samples out of the reference set."""
    lines: dict[str, list[int]] = defaultdict(list)
    for row in rows:
        diagnosis = row.fields["diagnosis"]
        if row.fields["role"] == "reference" and taxonomy.lookup(diagnosis) is None:
            lines[diagnosis or ""].append(row.line)
    return [
        Problem(
            "unmapped_diagnosis" if diagnosis else "no_diagnosis",
            f"{sheet_name}, {lines_text(where)}",
            f"diagnosis {diagnosis!r} is not in the taxonomy: not part of the reference set"
            if diagnosis
            else "reference without a diagnosis: not part of the reference set",
            "correct it, or add it to the taxonomy" if diagnosis else "fill it in",
            "warning",
        )
        for diagnosis, where in lines.items()
    ]


def _row_faults(
    sheet_name: str,
    row: SheetRow,
    pairing: Pairing,
    files: Mapping[str, ArrayFile],
    known: Known,
) -> list[Problem]:
    where = f"{sheet_name}, line {row.line} ({row.sample_id})"
    if batch := known.samples.get(row.sample_id.casefold()):
        what = f"Sample_ID {row.sample_id!r} is already in batch {batch}"
        return [Problem("known_sample_id", where, what, "rename it, or retract the other")]
    if batch := known.arrays.get("_".join(row.position)):
        what = f"array {'_'.join(row.position)} is already in batch {batch}"
        return [Problem("known_position", where, what, "correct the row, or retract the other")]
    if row.position in pairing.refused:
        return []  # the file that is at fault has its line already
    names = pairing.files.get(row.position, {})
    stem = "_".join(row.position)
    if not names:
        what = f"there is no file {stem}_Grn.idat or {stem}_Red.idat"
        return [Problem("no_files", where, what, "copy both files into the batch folder")]
    for colour in COLOURS:
        if colour not in names:
            what = f"{stem}_{colour}.idat is missing"
            return [Problem(f"missing_{colour.lower()}", where, what, "copy it from the scanner")]
    grn, red = (files[names[colour]] for colour in COLOURS)
    return [p for file in (grn, red) for p in _file_faults(file, row)] or _pair_faults(grn, red)


def _file_faults(file: ArrayFile, row: SheetRow) -> list[Problem]:
    where = printable(file.path.name)
    if file.fault:
        return [Problem("bad_idat", where, file.fault, file.remedy)]
    # A renamed file is how two patients are swapped; the header is what the scanner saw.
    written = (file.barcode or row.position[0], (file.position or row.position[1]).upper())
    if written != row.position:
        what = f"was scanned as {printable('_'.join(written))}"
        return [Problem("renamed_file", where, what, "give it its scanner's name back")]
    return []


def _pair_faults(grn: ArrayFile, red: ArrayFile) -> list[Problem]:
    where = f"{printable(grn.path.name)} and {printable(red.path.name)}"
    remedy = "copy both again from the scanner"
    if grn.sha256 == red.sha256:
        return [Problem("same_file_twice", where, "are the same file twice", remedy)]
    if grn.n_beads != red.n_beads:
        what = f"hold {grn.n_beads:,} and {red.n_beads:,} bead types: they are of different arrays"
        return [Problem("pair_mismatch", where, what, remedy)]
    if grn.addresses_sha256 != red.addresses_sha256:
        what = "hold different bead addresses: they are of different arrays"
        return [Problem("pair_mismatch", where, what, remedy)]
    return []


def _without_row(sheet: SampleSheet, pairing: Pairing) -> list[Problem]:
    named = {row.position for row in sheet.rows} | sheet.refused | pairing.refused
    return [
        Problem(
            "no_row",
            printable(" and ".join(sorted(colours.values()))),
            f"no row of {sheet.name} names this array",
            "add the row, or remove the file",
        )
        for array, colours in sorted(pairing.files.items())
        if colours and array not in named
    ]


def _completed(row: SheetRow, grn: ArrayFile, red: ArrayFile, array: str) -> SheetRow:
    return replace(
        row,
        fields=row.fields
        | {
            "array": array,
            "grn": grn.path.name,
            "red": red.path.name,
            "grn_sha256": grn.sha256,
            "red_sha256": red.sha256,
            "scan_date": grn.scan_date,
        },
    )


class _Recogniser:
    """Recognises each distinct set of bead addresses once: a batch has hundreds of equal ones."""

    def __init__(self, manifests: Sequence[Manifest]) -> None:
        self.manifests = manifests
        self.found: dict[str, str | tuple[str, str]] = {}

    def array(self, file: ArrayFile) -> str | Problem:
        """Return the canonical array name, or why there is none."""
        if file.addresses_sha256 not in self.found:
            addresses = read_idat(file.path).address
            try:
                found = recognise_array(addresses, self.manifests)
                self.found[file.addresses_sha256] = found.array
            except UnknownArrayError as error:
                what, _, remedy = str(error).partition("; ")
                self.found[file.addresses_sha256] = what, remedy
        verdict = self.found[file.addresses_sha256]
        if isinstance(verdict, str):
            return verdict
        return Problem("unknown_array", printable(file.path.name), *verdict)
