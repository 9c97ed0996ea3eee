"""Grn and Red files of a batch, brought together by their names.

Belongs here: which two files make an array, and files that cannot be part of one. Does not belong
here: what is inside the files (`array_files`) and which sample they are (`intake`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from cup_assets.cohort.batch_files import idat_name, is_idat, is_inside
from cup_assets.cohort.problems import Problem, printable

COLOURS = ("Grn", "Red")
Array = tuple[str, str]


@dataclass
class Pairing:
    """The IDAT files of a batch.

    Attributes
    ----------
    files
        Array (Sentrix_ID, Sentrix_Position) -> colour -> file name.
    refused
        Arrays with a file that is refused by its name or place alone.
    problems
        One for each such file, and for those whose name says nothing.
    """

    files: dict[Array, dict[str, str]] = field(default_factory=lambda: defaultdict(dict))
    refused: set[Array] = field(default_factory=set)
    problems: list[Problem] = field(default_factory=list)

    @property
    def readable(self) -> list[str]:
        """Names of the files that may be opened, sorted."""
        return sorted(name for colours in self.files.values() for name in colours.values())


def pair_files(folder: Path, landing: Path, names: Sequence[str]) -> Pairing:
    """Pair the IDAT files among ``names``.

    A link is followed only inside of the landing folder, so that a batch cannot make the platform
    read, hash and publish other files of the machine.
    """
    pairing = Pairing()
    for name in names:
        if not is_idat(name):
            continue
        found = idat_name(name)
        if found is None:
            what = "is not named <Sentrix_ID>_<Sentrix_Position>_Grn.idat or _Red.idat"
            pairing.problems.append(
                Problem("bad_file_name", printable(name), what, "give it its scanner's name back")
            )
            continue
        other = pairing.files[found.array].get(found.colour)
        if fault := place_fault(folder / name, landing):
            code, what, remedy = fault
        elif other:
            code, remedy = "two_files", "keep the right one"
            what = f"is a second {found.colour} file beside {printable(other)}"
        else:
            pairing.files[found.array][found.colour] = name
            continue
        pairing.refused.add(found.array)
        pairing.problems.append(Problem(code, printable(name), what, remedy))
    return pairing


def place_fault(path: Path, landing: Path) -> tuple[str, str, str] | None:
    """Return code, fault and remedy of a file that must not be opened, or None."""
    if not is_inside(path, landing):
        return "link_outside", "is a link out of the landing folder", "copy the file itself"
    if not path.exists():
        return "dangling_link", "is a link to nothing", "copy the file itself"
    if not path.is_file():
        return "not_a_file", "is not a regular file", "copy the file itself"
    return None


def nested_files(folder: Path) -> list[Problem]:
    """Return a warning for each sub-folder that holds IDAT files: they are not read."""
    return [
        Problem(
            "nested_files",
            f"{printable(sub.name)}/",
            "holds IDAT files, and sub-folders are not read",
            "move them up into the batch folder",
            "warning",
        )
        for sub in sorted(folder.iterdir())
        if not sub.name.startswith(".") and not sub.is_symlink() and _holds_idats(sub)
    ]


def _holds_idats(folder: Path) -> bool:
    try:
        return any(is_idat(file.name) for file in folder.iterdir())
    except (NotADirectoryError, PermissionError):
        return False
