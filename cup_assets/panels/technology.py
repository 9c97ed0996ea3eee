"""What a technology can measure of a panel, how well, and how anybody knows.

Belongs here: the profiles, those packaged (`technology.toml`) and a laboratory's own. Does not
belong here: the choice of CpGs by a profile (assay), the simulation of its noise (noise).
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from importlib.resources import files
from typing import Any

from cup_assets.panels.parameters import PanelError

RESOLUTIONS = ("cpg", "amplicon")
# Numbers that must have a source; the others are names.
_SOURCED = (
    *("amplicon", "primer_room", "read_length", "flank", "least_effect", "max_amplicons"),
    *("look_ahead", "sd", "molecules", "dropout"),
)
_TARGET = 2
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_]{0,40}")


@dataclass(frozen=True)
class Technology:
    """A way to measure some CpGs without an array.

    Attributes
    ----------
    name, title
    amplicon
        Longest amplicon in bp by material (``FFPE``, ``frozen``, ``liquid_biopsy``); a material
        that is not listed cannot be measured.
    primer_room
        bp of the amplicon that its primers take: no target CpG may lie there.
    read_length
        bp from the first to the last CpG that one read covers; None: the whole amplicon.
    flank
        bp added on each side of a window in its BED.
    least_effect
        Least absolute difference of mean beta between a class and the others.
    max_amplicons
        Most amplicons of one assay.
    look_ahead
        Places in the order of importance that a CpG may gain by lying in a window that is measured
        anyway; 0: none.
    resolution
        ``cpg``: a value for each CpG; ``amplicon``: one for all CpGs of an amplicon.
    sd
        Standard deviation of a measured beta around the true one.
    molecules
        Mean number of molecules that a value is counted on; None: not counted.
    dropout
        Share of amplicons that give no value.
    sources
        Where each number comes from; "assumed" where nobody measured it.

    Raises
    ------
    PanelError
        Where a number makes no sense or has no source.
    """

    name: str
    title: str
    amplicon: Mapping[str, int]
    primer_room: int
    least_effect: float
    max_amplicons: int
    look_ahead: int
    resolution: str
    sd: float
    dropout: float
    read_length: int | None = None
    flank: int = 0
    molecules: int | None = None
    sources: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        def check(right: bool, name: str, rule: str) -> None:
            if not right:
                value = getattr(self, name)
                raise PanelError(f"technology {self.name}: {name} is {value!r}: {rule}")

        check(self.resolution in RESOLUTIONS, "resolution", f"use {' or '.join(RESOLUTIONS)}")
        check(bool(self.amplicon), "amplicon", "give a length for at least one material")
        check(self.max_amplicons >= 1, "max_amplicons", "it must be at least 1")
        check(self.read_length is None or self.read_length >= _TARGET, "read_length", "too short")
        check(self.molecules is None or self.molecules >= 1, "molecules", "it must be at least 1")
        for name in ("primer_room", "look_ahead", "flank", "sd"):
            check(getattr(self, name) >= 0, name, "it must not be negative")
        for name in ("least_effect", "dropout"):
            check(0 <= getattr(self, name) < 1, name, "it must lie in 0..1, below 1")
        for material in self.amplicon:
            check(self.window(material) >= _TARGET, "amplicon", "its primers leave no room")
        for name in _SOURCED:
            if getattr(self, name) not in (None, 0) and not self.sources.get(name):
                raise PanelError(f"technology {self.name}: say in sources where {name} comes from")

    def window(self, material: str) -> int:
        """Return the bp from the first to the last CpG that one amplicon can hold.

        Raises
        ------
        PanelError
            Where DNA of the material cannot be measured.
        """
        if material not in self.amplicon:
            raise PanelError(
                f"{self.title} is not for {material}: use one of {', '.join(self.amplicon)}, or"
                " another technology"
            )
        room = self.amplicon[material] - self.primer_room
        return room if self.read_length is None else min(room, self.read_length)

    def assumed(self) -> tuple[str, ...]:
        """Return the names of the numbers that are, at least in part, guesses."""
        return tuple(name for name in _SOURCED if "assumed" in self.sources.get(name, ""))


ARRAY = Technology(
    name="array",
    title="methylation array",
    amplicon={"FFPE": _TARGET, "frozen": _TARGET},
    primer_room=0,
    least_effect=0.0,
    max_amplicons=1_000_000,
    look_ahead=0,
    resolution="cpg",
    sd=0.0,
    dropout=0.0,
    sources=dict.fromkeys(("amplicon", "max_amplicons"), "no limit: probes are independent"),
)
"""The array that the reference was measured on: its noise is in the betas already."""


def technologies(own: str = "") -> dict[str, Technology]:
    """Return the packaged technologies by name, with a laboratory's own.

    Parameters
    ----------
    own
        TOML as in `technology.toml`. A technology of a packaged name replaces the packaged one.

    Raises
    ------
    PanelError
        Where the text is no such TOML.
    """
    packaged = files("cup_assets.panels").joinpath("technology.toml").read_text("utf-8")
    return _parse("technology.toml", packaged) | (_parse("own technologies", own) if own else {})


def _parse(where: str, text: str) -> dict[str, Technology]:
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise PanelError(f"{where}: is not valid TOML: {error}") from error
    tables = content.get("technology")
    if set(content) != {"technology"} or not isinstance(tables, dict):
        raise PanelError(f"{where}: must hold [technology.<name>] tables and nothing else")
    return {name: _technology(where, name, table) for name, table in tables.items()}


def _technology(where: str, name: str, table: Any) -> Technology:
    if not _NAME.fullmatch(name) or name == ARRAY.name:
        raise PanelError(
            f"{where}: technology.{name}: name it with letters, digits and _, and not 'array'"
        )
    known = {each.name for each in fields(Technology)} - {"name"}
    if not isinstance(table, dict) or (unknown := sorted(set(table) - known)):
        what = ", ".join(unknown) if isinstance(table, dict) else "no table"
        raise PanelError(f"{where}: technology.{name} holds {what}: use {', '.join(sorted(known))}")
    try:
        return Technology(name, **table)
    except (TypeError, AttributeError) as error:
        raise PanelError(f"{where}: technology.{name}: {error}") from error
