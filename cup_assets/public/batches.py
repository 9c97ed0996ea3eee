"""A cohort divided into batches.

Belongs here: which samples go into one partition. Does not belong here: writing them (`landing`).

A partition is computed, corrected and withdrawn as a whole, and its samples lie in one matrix:
1,505 samples on 450,000 probes are 2.7 GB in memory, and one wrong label would compute them all
again. The default is one plate. Slides stay whole, because what was hybridised together belongs
together, and a batch has one array. The batches of a cohort are made at one centre all the same: to
see how a classifier does elsewhere, centres are held out, not these batches.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cup_assets.cohort.array_files import inspect_array_file
from cup_assets.cohort.batch_files import idat_name
from cup_assets.public.labels import Labelled
from cup_assets.public.samples import SourceSample

DEFAULT_SIZE = 96


@dataclass(frozen=True)
class ReadySample:
    """A sample with both of its files on disk.

    Attributes
    ----------
    source
        What the source says of it.
    labelled
        What the sheet will say.
    barcode, position
        Slide and place on it.
    files
        Colour -> file.
    """

    source: SourceSample
    labelled: Labelled
    barcode: str
    position: str
    files: dict[str, Path]


def divide(samples: Sequence[ReadySample], size: int = DEFAULT_SIZE) -> list[list[ReadySample]]:
    """Divide samples into batches of about ``size``, slides whole.

    Returns
    -------
    list of lists
        By array, slide and position, so that a cohort is always divided in the same way. A batch
        holds at most ``size`` samples, or one slide where that is larger.
    """
    slides: dict[tuple[str, str], list[ReadySample]] = {}
    for sample in sorted(samples, key=lambda s: (s.source.array or "", s.barcode, s.position)):
        slides.setdefault((sample.source.array or "", sample.barcode), []).append(sample)
    batches: list[list[ReadySample]] = []
    last = ""
    for (array, _), slide in slides.items():
        if not batches or array != last or len(batches[-1]) + len(slide) > size:
            batches.append([])
        batches[-1] += slide
        last = array
    return batches


def place_on_slide(files: dict[str, Path]) -> tuple[str, str] | str:
    """Return Sentrix_ID and Sentrix_Position of a pair, or why they cannot be told.

    The names say it where they are the scanner's, behind whatever prefix; otherwise the files do.
    """
    named = {found.array for path in files.values() if (found := idat_name(path.name))}
    if len(named) == 1 and all(idat_name(path.name) for path in files.values()):
        return next(iter(named))
    inside = set()
    for path in files.values():
        file = inspect_array_file(path)
        if file.fault:
            return f"{path.name} {file.fault}"
        inside.add((file.barcode, file.position.upper()))
    barcode, position = next(iter(inside))
    if len(inside) > 1 or idat_name(f"{barcode}_{position}_Grn.idat") is None:
        return "neither names nor content of its files say on which slide and position it was"
    return barcode, position
