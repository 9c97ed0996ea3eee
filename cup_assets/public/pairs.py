"""Samples and their files, brought together after the download.

Belongs here: which samples can land, and why the others cannot. Does not belong here: downloading
(`transfer`), how an archive is unpacked (`archive`).
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

from cup_assets.cohort.batch_files import is_idat
from cup_assets.public import geo
from cup_assets.public.archive import unpack
from cup_assets.public.batches import ReadySample, place_on_slide
from cup_assets.public.plan import Plan, Request
from cup_assets.public.samples import LeftOut

Progress = Callable[[str, int, int | None], None]


def ready_samples(
    request: Request, plan: Plan, progress: Progress
) -> tuple[list[ReadySample], list[LeftOut]]:
    """Bring samples and files together; every sample is either ready or left out."""
    left_out = list(plan.offer.left_out)
    folder, files = request.folder, {s.sample_id: dict(s.files) for s in plan.offer.samples}
    if request.entry.source == "geo":
        folder = request.folder / "unpacked"
        files, refused = _unpacked(request, plan, folder, progress)
        left_out += [LeftOut(name, why) for name, why in refused.items()]
    ready: list[ReadySample] = []
    places: dict[tuple[str, str], str] = {}
    for sample, said in zip(plan.offer.samples, plan.labels, strict=True):
        pair = {colour: folder / name for colour, name in files.get(sample.sample_id, {}).items()}
        if missing := [colour for colour in ("Grn", "Red") if colour not in pair]:
            why = f"has no {' and no '.join(missing)} file that can be used"
        elif isinstance(place := place_on_slide(pair), str):
            why = place
        elif other := places.get(place):
            why = f"is on the same position {'_'.join(place)} as {other}"
        else:
            places[place] = sample.sample_id
            ready.append(ReadySample(sample, said, *place, pair))
            continue
        left_out.append(LeftOut(sample.sample_id, why))
    return ready, left_out


def _unpacked(
    request: Request, plan: Plan, folder: Path, progress: Progress
) -> tuple[dict[str, dict[str, str]], dict[str, str]]:
    (archive,) = plan.offer.downloads
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    done = 0

    def told(n_bytes: int) -> None:
        nonlocal done
        done += n_bytes
        progress("unpacking", done, archive.size)

    found = unpack(request.folder / archive.name, folder, is_idat, progress=told)
    return geo.files_by_sample(found.files), found.refused
