"""Bringing a public cohort.

Belongs here: the order of the steps. Does not belong here: any one of them (`plan`, `transfer`,
`pairs`, `batches`, `landing`), what is printed (`cup_assets.console.fetch`).
"""

from __future__ import annotations

import fcntl
import shutil
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import version
from pathlib import Path

from cup_assets.public.batches import divide
from cup_assets.public.errors import PublicError
from cup_assets.public.labels import unmapped_words
from cup_assets.public.landing import discard_unfinished, land, refuse_taken, room_for
from cup_assets.public.pairs import Progress, ready_samples
from cup_assets.public.plan import Plan, Request
from cup_assets.public.samples import LeftOut, Offer
from cup_assets.public.transfer import Fetched, Ledger, download
from cup_assets.public.web import Web

_SAVED_EVERY = 50
_CONNECTIONS = 4  # to the GDC, which has thousands of small files; GEO has one large one


@dataclass(frozen=True)
class Landed:
    """What came.

    Attributes
    ----------
    batches
        Their folders.
    n_samples, n_diagnosed
        Samples in them, and those with a diagnosis.
    left_out
        What did not land, and why.
    changed
        Files that are no longer those of an earlier fetch.
    """

    batches: tuple[Path, ...]
    n_samples: int
    n_diagnosed: int
    left_out: tuple[LeftOut, ...]
    changed: tuple[Fetched, ...]


def carry_out(
    web: Web, request: Request, plan: Plan, progress: Progress = lambda *_: None
) -> Landed:
    """Download, unpack, and land in batches.

    Parameters
    ----------
    web : Web
    request : Request
    plan : Plan
        Of this request.
    progress : callable, optional
        Called with the step, and bytes done and in all.

    Raises
    ------
    PublicError
        If anything is not as it was announced; nothing lands then, and what has arrived is kept.
    """
    if not request.entry.verified and not request.accept_unverified:
        raise PublicError(
            f"{request.entry.accession} is not verified ({request.entry.unverified}): hold it"
            " against the source, or use --accept-unverified"
        )
    if request.batch_size < 1:
        raise PublicError(f"a batch of {request.batch_size} samples: give at least 1")
    refuse_taken(request.landing, request.entry.accession)
    twice = 2 if request.entry.source == "geo" else 1  # the archive and what is in it
    room_for(twice * (plan.offer.n_bytes or 0), request.folder)
    with _alone(request.folder):
        discard_unfinished(request.landing, request.entry.accession)
        fetched, changed = _download(web, request, plan.offer, progress)
        ready, left_out = ready_samples(request, plan, progress)
        if not ready:
            why = f": {left_out[0].what} {left_out[0].why}" if left_out else ""
            raise PublicError(f"{request.entry.accession}: no sample can land{why}")
        batches = divide(ready, request.batch_size)
        record = _record(request, plan, fetched, changed, left_out)
        folders = land(request.landing, request.entry, batches, record)
        _clean(request, fetched)
    return Landed(
        tuple(folders),
        len(ready),
        sum(sample.labelled.diagnosis is not None for sample in ready),
        tuple(left_out),
        tuple(changed),
    )


def _download(
    web: Web, request: Request, offer: Offer, progress: Progress
) -> tuple[list[Fetched], list[Fetched]]:
    ledger = Ledger(request.folder / "fetched.json")
    arrived: dict[str, int] = {}
    lock = threading.Lock()

    def told(name: str, n_bytes: int) -> None:
        with lock:
            arrived[name] = n_bytes
            progress("downloading", sum(arrived.values()), offer.n_bytes)

    fetched: list[Fetched] = []
    changed: list[Fetched] = []
    with ThreadPoolExecutor(_CONNECTIONS) as pool:
        tasks = [
            pool.submit(
                download, web, remote, request.folder, ledger.files.get(remote.name),
                partial(told, remote.name),
            )
            for remote in offer.downloads
        ]  # fmt: skip
        try:
            for task in tasks:
                file = task.result()
                save = len(fetched) % _SAVED_EVERY == 0
                before = ledger.add(file, accept_changed=request.accept_changed, save=save)
                fetched.append(file)
                changed += [before] if before else []
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
        finally:
            ledger.save()
    return fetched, changed


def _record(
    request: Request, plan: Plan, fetched: list[Fetched], changed: list[Fetched],
    left_out: list[LeftOut],
) -> dict[str, object]:  # fmt: skip
    entry = request.entry
    return {
        "accession": entry.accession,
        "source": request.base_url,
        "landed_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "package": f"cup-assets {version('cup-assets')}",
        "registry": {
            "sha256": entry.version,
            "verified": entry.verified,
            "unverified": entry.unverified,
            "accepted_unverified": not entry.verified and request.accept_unverified,
        },
        "described_by": asdict(plan.offer.described_by) if plan.offer.described_by else None,
        "licence": entry.licence,
        "citation": entry.citation,
        "batch_size": request.batch_size,
        "warnings": list(plan.warnings),
        "changed_since": [asdict(file) for file in changed],
        "left_out": [asdict(item) for item in left_out],
        "unmapped": [
            {"column": column, "source": words, "n_samples": n}
            for column, words, n in unmapped_words(plan.labels)
        ],
        "downloads": [asdict(file) for file in fetched],
    }


def _clean(request: Request, fetched: list[Fetched]) -> None:
    """Remove what landed; the record of it stays, so that a change is noticed later."""
    shutil.rmtree(request.folder / "unpacked", ignore_errors=True)
    for file in fetched:
        (request.folder / file.name).unlink(missing_ok=True)


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    with (folder / ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise PublicError(f"{folder}: another `cup fetch` is at work there: wait") from error
        yield
