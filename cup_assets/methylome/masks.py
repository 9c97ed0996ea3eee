"""Why a beta is missing: the reasons, their precedence, and the masks that parameters choose.

Belongs here: codes of reasons, and putting the chosen lists of probes together. Does not belong
here: reading a user's file (`mask_files`), the named lists (`mask_lists`), detection p-values
(`detection`), applying a mask to a sample (`betas`), counting (`missing`).

A missing beta has exactly one reason, the first that applies:

1. ``not_measured``: an address of the probe is not on this array.
2. a reason of a mask: the masks in the order of the parameters.
3. ``low_beads``: measured by too few beads in this sample.
4. ``detection``: not told from background in this sample.

What holds for the probe in every sample comes before what holds in one sample, so that the number
of probes that a mask takes is the same for all samples of an array.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np
import polars as pl
from numpy.typing import NDArray

from cup_assets.methylome.errors import MaskError
from cup_assets.methylome.mask_files import read_mask_file
from cup_assets.methylome.mask_lists import is_named, named_list
from cup_assets.methylome.parameters import BetaParameters

if TYPE_CHECKING:
    from cup_assets.methylome.manifest import Manifest

DETECTION, LOW_BEADS, NOT_MEASURED = 1, 2, 3
MASK_REASONS = {DETECTION: "detection", LOW_BEADS: "low_beads", NOT_MEASURED: "not_measured"}
_FIRST_OF_MASKS = max(MASK_REASONS) + 1
_MOST_REASONS = np.iinfo(np.uint8).max - _FIRST_OF_MASKS + 1


class Mask(Protocol):
    """A list of probes to mask whatever a sample shows."""

    @property
    def entry(self) -> str:
        """As the parameters name it."""

    @property
    def sha256(self) -> str:
        """Hash of its content; empty where the manifest is the content, which has its own."""

    @property
    def reasons(self) -> tuple[str, ...]:
        """Every reason that it can give, without repetition."""

    def reasons_on(self, manifest: Manifest) -> pl.Series:
        """Return the reason against each probe of an array, str[p], null where there is none."""

    def lack(self, manifest: Manifest) -> str | None:
        """Say in one line why it cannot tell anything about an array, or None if it can."""


@dataclass(frozen=True, eq=False)
class Masks:
    """The masks that parameters choose, in the order of precedence."""

    masks: tuple[Mask, ...]

    @property
    def entries(self) -> tuple[str, ...]:
        """As named in the parameters."""
        return tuple(mask.entry for mask in self.masks)

    @property
    def sha256(self) -> tuple[str, ...]:
        """Hash of each one's content."""
        return tuple(mask.sha256 for mask in self.masks)

    @property
    def reasons(self) -> tuple[str, ...]:
        """Distinct reasons; two masks may give the same."""
        return tuple(dict.fromkeys(reason for mask in self.masks for reason in mask.reasons))

    @property
    def names(self) -> dict[int, str]:
        """Every reason by its code, those without a mask first."""
        return MASK_REASONS | dict(enumerate(self.reasons, start=_FIRST_OF_MASKS))

    def codes(self, manifest: Manifest) -> NDArray[np.uint8]:
        """Return the reason's code of every probe of an array, uint8[p], 0 where not masked."""
        code_of = {reason: code for code, reason in self.names.items()}
        found = np.zeros(manifest.probes.height, dtype=np.uint8)
        for mask in self.masks:
            codes = mask.reasons_on(manifest).replace_strict(
                code_of, default=0, return_dtype=pl.UInt8
            )
            found = np.where(found > 0, found, codes.to_numpy())
        return found

    def lacks(self, manifests: Iterable[Manifest]) -> tuple[str, ...]:
        """Say, a line each, which mask can tell nothing about which array: nothing is masked."""
        lines = [mask.lack(manifest) for manifest in manifests for mask in self.masks]
        return tuple(line for line in lines if line)


NO_MASKS = Masks(())


def pin_masks(parameters: BetaParameters, folder: Path = Path()) -> tuple[BetaParameters, Masks]:
    """Read the masks that the parameters name and write their hashes into the parameters.

    The parameters returned are what to record with the betas: a mask whose content changes makes
    other parameters, although its name stays.

    Parameters
    ----------
    parameters : BetaParameters
    folder : Path
        What relative names of files are relative to.

    Raises
    ------
    MaskError
        As `read_masks`, and if a content is not the one that the parameters already name by its
        hash.
    """
    masks = read_masks(parameters, folder)
    if parameters.mask_sha256:
        for entry, wanted, found in zip(
            masks.entries, parameters.mask_sha256, masks.sha256, strict=True
        ):
            if wanted != found:
                raise MaskError(
                    f"{entry}: is not the mask that the parameters name (SHA-256 {found[:12]}, "
                    f"not {wanted[:12]}); restore it, or take its hash out of mask_sha256"
                )
    return replace(parameters, mask_sha256=masks.sha256), masks


def read_masks(parameters: BetaParameters, folder: Path = Path()) -> Masks:
    """Read the masks that the parameters name; names of files are relative to ``folder``.

    Raises
    ------
    MaskError
        One line naming the list, or the file and row, at fault.
    """
    masks = Masks(
        tuple(
            named_list(entry, parameters)
            if is_named(entry)
            else read_mask_file(entry, folder, reserved=MASK_REASONS.values())
            for entry in parameters.masks
        )
    )
    if len(masks.reasons) > _MOST_REASONS:
        raise MaskError(
            f"{', '.join(masks.entries)}: {len(masks.reasons)} different reasons, at most "
            f"{_MOST_REASONS} can be told apart; give one short reason a list of probes"
        )
    return masks
