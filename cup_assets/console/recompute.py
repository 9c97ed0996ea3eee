"""Computing a bundle's scores anew, from the raw files, to the last bit.

Belongs here: finding what that needs, and comparing. Does not belong here: normalising and scoring
(`cup_assets.methylome`, `cup_assets.classify`), which are those of ``cup classify``.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from cup_assets.audit.checks import Check, verdict
from cup_assets.audit.container import Bundle
from cup_assets.audit.content import Account, idat_entry
from cup_assets.classify.data import FACTORS
from cup_assets.classify.release import Release
from cup_assets.classify.release_files import load_release
from cup_assets.console.bundle import RELEASE_TABLES, raw_file
from cup_assets.console.classify import score_array
from cup_assets.console.errors import ConsoleError
from cup_assets.methylome import (
    ArraySignals,
    BetaParameters,
    Manifest,
    load_manifests,
    pin_masks,
    process_batch,
)
from cup_assets.settings import Settings
from cup_assets.warehouse.bundles import values_sha256

_WHAT = "betas and scores, computed anew"
_EXACT = ("score", "family_score", "typicality", "missing")


class _MissingError(Exception):
    """What a computation needs is not here; the message says what."""


def check_releases(bundle: Bundle, account: Account, folder: Path) -> Iterator[Check]:
    """Unpack the releases into a folder, and hold them against the digests of the catalogue."""
    for row in (row for table in RELEASE_TABLES for row in account.tables.get(table, ())):
        release, what = row["release"], f"files of release {row['release']} have its digest"
        if release not in account.releases:
            yield Check(what, "wrong", "they are not in the bundle")
            continue
        target = _unpacked(bundle, release, folder)
        try:
            load_release(target, digest=row["digest"])
        except ValueError as error:
            yield Check(what, "wrong", str(error).replace(str(target), f"releases/{release}"))
        else:
            yield Check(what, "right", row["digest"])


def recompute(settings: Settings, bundle: Bundle, account: Account) -> Iterator[Check]:
    """Normalise the sample's pair again and score it with each release, where everything is there.

    Of a cross-validated score only the betas are computed anew: the models that made its raw score
    were fitted in its folds and are not kept.
    """
    if account.subject["kind"] != "sample":
        return
    if account.tables.get("cv_scores"):
        yield Check(
            "raw cross-validated scores, computed anew", "not done",
            "the models of the folds are not kept; `cup materialize --force` fits them again",
        )  # fmt: skip
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        try:
            for row in account.tables["samples"]:
                yield from _of_sample(settings, bundle, account, row, folder)
        except _MissingError as error:
            yield Check(_WHAT, "not done", str(error))


def _of_sample(
    settings: Settings, bundle: Bundle, account: Account, row: Mapping[str, Any], folder: Path
) -> Iterator[Check]:
    array = _signals(settings, bundle, account, row, folder)
    stored = {
        kept["kind"]: kept["sha256"] for kept in account.betas if kept["batch"] == row["batch"]
    }
    ours = {"betas": array.beta, "detection_p": array.detection_p}
    wrong = [kind for kind, sha in stored.items() if values_sha256(ours[kind][:, 0]) != sha]
    yield verdict(
        "betas and detection p-values, computed anew, are those stored to the last bit",
        [f"{kind} differ" for kind in wrong],
        f"{len(array.probe_ids)} probes",
    )
    for told in account.tables.get("predictions", ()):
        if told["batch"] != row["batch"]:
            continue
        what = f"the score by release {told['release']}, computed anew, is the same to the last bit"
        if told["score"] is None:
            yield Check(what, "not done", f"it was not scored ({told['note']})")
            continue
        release = load_release(_unpacked(bundle, told["release"], folder))
        faults = _differences(release, array, row, told, account)
        yield verdict(what, faults, f"{told['class']} {told['score_hex']}")


def _differences(
    release: Release,
    array: ArraySignals,
    row: Mapping[str, Any],
    told: Mapping[str, Any],
    account: Account,
) -> list[str]:
    found = score_array(release, array, [{name: row[name] for name in FACTORS}])
    call = found.calls.row(0, named=True)
    faults = [
        f"{name} is {call[name]}, told is {told[name]}"
        for name in ("class", "family", "call")
        if call[name] != told[name]
    ]
    faults += [
        f"{name} is {_hex(call[name])}, told is {told[f'{name}_hex']}"
        for name in _EXACT
        if _hex(call[name]) != told[f"{name}_hex"]
    ]
    of_class = {
        scored["class"]: scored
        for scored in account.tables["prediction_scores"]
        if (scored["release"], scored["batch"]) == (told["release"], told["batch"])
    }
    ours = {scored["class"]: scored for scored in found.scores.iter_rows(named=True)}
    if ours.keys() != of_class.keys():
        return [*faults, "the classes scored are others"]
    return faults + [
        f"{name} of {kind} is {_hex(scored[name])}, told is {of_class[kind][f'{name}_hex']}"
        for kind, scored in ours.items()
        for name in ("raw_score", "score")
        if _hex(scored[name]) != of_class[kind][f"{name}_hex"]
    ]


def _signals(
    settings: Settings, bundle: Bundle, account: Account, row: Mapping[str, Any], folder: Path
) -> ArraySignals:
    """Normalise the sample as its step did.

    Raises
    ------
    _MissingError
        If its files, the array's manifest or a mask are not here as they were.
    """
    pair = [_idat(settings, bundle, account, row, colour, folder) for colour in ("grn", "red")]
    name = f"normalised/betas[{row['batch']}]"
    steps = [step for step in account.steps if step["name"] == name]
    if not steps:
        raise _MissingError(f"{name} is not in the bundle")
    used = steps[-1]["inputs"].get(f"manifest/{row['array']}")
    manifest = _manifest(settings, str(used))
    recorded = steps[-1]["parameters"]["betas"]
    values: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in recorded.items()
    }
    parameters = BetaParameters(**values)
    try:
        pinned, masks = pin_masks(parameters, settings.data)
    except ValueError as error:
        raise _MissingError(f"a mask is not here as it was: {error}") from error
    signals = process_batch([(row["sample_id"], *pair)], manifest, pinned, masks=masks)
    if signals.failed:
        raise _MissingError(f"the pair cannot be read: {signals.failed[0][1]}")
    return signals.arrays[0]


def _manifest(settings: Settings, content_hash: str) -> Manifest:
    folder = settings.manifests
    known = (
        load_manifests(folder, settings.cache) if folder.is_dir() and any(folder.iterdir()) else ()
    )
    for manifest in known:
        if manifest.content_hash == content_hash:
            return manifest
    raise _MissingError(
        f"the array's manifest (SHA-256 {content_hash}) is not in {folder}: put it there"
    )


def _idat(
    settings: Settings,
    bundle: Bundle,
    account: Account,
    row: Mapping[str, Any],
    colour: str,
    folder: Path,
) -> Path:
    batch, name, sha256 = row["batch"], row[colour], row[f"{colour}_sha256"]
    if account.files.get((batch, name)) != sha256:
        raise _MissingError(f"{name} was replaced since: the bundle tells of another file")
    entry = idat_entry(name, sha256)
    if entry in bundle.sizes:
        path = folder / f"{colour}_{entry.removeprefix('idats/')}"
        with bundle.stream(entry) as stream, path.open("wb") as file:
            while block := stream.read(2**20):
                file.write(block)
        return path
    try:
        return raw_file(settings, batch, name, sha256)
    except ConsoleError as error:
        raise _MissingError(f"{error}, and it is not in the bundle") from error


def _unpacked(bundle: Bundle, release: str, folder: Path) -> Path:
    """Write the files of a release; names of entries never lead out of a folder."""
    for name in bundle.sizes:
        if name.startswith(f"releases/{release}/"):
            target = folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(bundle.read(name))
    return folder / "releases" / release


def _hex(value: float | None) -> str | None:
    return None if value is None else float(value).hex()
