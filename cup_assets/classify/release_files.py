"""A release as a folder of files that can be checked.

Belongs here: writing and reading ``release.json``, ``model.npz`` and ``model_card.md``. Does not
belong here: what a release means, and any format that can run code when read.

``release.json`` holds the record of the release, the SHA-256 of the other files and, as
``digest``, the SHA-256 of all its other content. Hashes in the same folder show damage and edits;
whoever must exclude a forged folder gives `load_release` the digest kept elsewhere.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import tempfile
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cup_assets.classify.calibrate import Calibrator
from cup_assets.classify.errors import ReleaseError
from cup_assets.classify.explain import Background
from cup_assets.classify.model_card import model_card
from cup_assets.classify.models import MODELS
from cup_assets.classify.pipeline import Pipeline
from cup_assets.classify.release import Release, probe_list_sha256
from cup_assets.classify.tuned import TunedClassifier
from cup_assets.classify.typicality import Typicality

FORMAT = 3
_HASHED = ("model.npz", "model_card.md")


def save_release(release: Release, folder: Path) -> str:
    """Write a release into a folder that must not exist yet; return its digest.

    The folder appears by one rename, complete or not at all. The same release gives the same
    bytes.

    Raises
    ------
    ReleaseError
        Where the folder exists: a release is never overwritten.
    """
    if folder.exists():
        raise ReleaseError(f"{folder} exists: a release is never overwritten, use a new version")
    folder.parent.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    try:
        np.savez_compressed(scratch / "model.npz", allow_pickle=False, **_arrays(release))
        (scratch / "model_card.md").write_text(model_card(release.record), encoding="utf-8")
        content = {
            "format": FORMAT,
            **release.record,
            "files": {name: _sha256((scratch / name).read_bytes()) for name in _HASHED},
        }
        content["digest"] = _digest(content)
        (scratch / "release.json").write_bytes(_rendered(content))
        for path in scratch.iterdir():
            _flush(path)
        scratch.chmod(0o755)
        scratch.rename(folder)
        _flush(folder.parent)
    except BaseException:
        shutil.rmtree(scratch, ignore_errors=True)
        raise
    return str(content["digest"])


def load_release(
    folder: Path,
    *,
    digest: str | None = None,
    normalisation: Mapping[str, Any] | None = None,
) -> Release:
    """Read a release, every file checked against its hash before it is used.

    Parameters
    ----------
    digest
        What `save_release` returned, where it was kept apart from the folder.
    normalisation
        Parameters of the betas that are to be scored; a release made with others is refused.

    Raises
    ------
    ReleaseError
        Where a file is absent, unreadable or changed, or digest or normalisation differ.
    """
    content = _read_record(folder, digest)
    files = {name: _read(folder / name) for name in content["files"]}
    for name, expected in content["files"].items():
        if _sha256(files[name]) != expected:
            raise ReleaseError(f"{folder / name} was changed after release: restore the release")
    if normalisation is not None and _plain(normalisation) != content["normalisation"]:
        raise ReleaseError(
            f"{folder}: release {content['version']} was fitted on betas normalised with "
            f"{content['normalisation']}, not with {_plain(normalisation)}"
        )
    try:
        with np.load(io.BytesIO(files["model.npz"]), allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in stored.files}
    except (ValueError, OSError, zipfile.BadZipFile) as error:
        raise ReleaseError(f"{folder / 'model.npz'} cannot be read: {error}") from error
    release = _rebuild(content, arrays)
    if probe_list_sha256(release.probe_ids) != content["probe_list_sha256"]:
        raise ReleaseError(f"{folder}: the probe list is not the one that was released")
    return release


def _read_record(folder: Path, digest: str | None) -> dict[str, Any]:
    path = folder / "release.json"
    text = _read(path)
    try:
        content = json.loads(text)
    except ValueError as error:
        raise ReleaseError(f"{path} is not JSON: restore the release") from error
    if not isinstance(content, dict):
        raise ReleaseError(f"{path} is not the record of a release: restore the release")
    if content.get("digest") != _digest(content) or text != _rendered(content):
        raise ReleaseError(f"{path} was changed after release: restore the release")
    if content.get("format") != FORMAT:
        raise ReleaseError(
            f"{path} has format {content.get('format')}, this version reads {FORMAT}: make a new"
            " release"
        )
    if digest is not None and content["digest"] != digest:
        raise ReleaseError(f"{folder} is not the recorded release: digest {content['digest']}")
    if set(content["files"]) != set(_HASHED):
        raise ReleaseError(f"{path} does not list the files {', '.join(_HASHED)}")
    return content


def _arrays(release: Release) -> dict[str, NDArray[Any]]:
    if release.background is None:
        raise ReleaseError(f"release {release.version} has no background to explain scores by")
    parts: dict[str, dict[str, NDArray[Any]]] = {
        "pipeline": {
            "probe_ids": release.classifier.pipeline.probe_ids,
            "fill": release.classifier.pipeline.fill,
            "factors": release.classifier.pipeline.factors,
            "factor_of": release.classifier.pipeline.factor_of,
            "levels": release.classifier.pipeline.levels,
            "shift": release.classifier.pipeline.shift,
        },
        "model": release.classifier.model.arrays(),
        "typicality": release.typicality.arrays(),
        "background": {"mean": release.background.mean, "rows": release.background.rows},
        "calibrator": release.classifier.calibrator.arrays(),
        "classifier": {"classes": release.classifier.classes},
    }
    return {f"{part}.{name}": of[name] for part, of in parts.items() for name in sorted(of)}


def _rebuild(content: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> Release:
    def part(of: str) -> dict[str, NDArray[Any]]:
        return {
            name.split(".", 1)[1]: values
            for name, values in arrays.items()
            if name.startswith(f"{of}.")
        }

    probes: dict[str, Any] = part("pipeline")
    pipeline = Pipeline(columns=np.arange(len(probes["probe_ids"])), **probes)
    classifier = TunedClassifier(
        part("classifier")["classes"],
        pipeline,
        MODELS[content["model"]].load(part("model")),
        Calibrator.load(part("calibrator")),
        content["candidate"],
    )
    own = ("format", "files", "digest")
    record = {name: value for name, value in content.items() if name not in own}
    return Release(
        content["version"],
        content["model"],
        classifier,
        Typicality.load(part("typicality")),
        content["families"],
        record,
        Background(**part("background")),
    )


def _digest(content: Mapping[str, Any]) -> str:
    covered = {name: value for name, value in content.items() if name != "digest"}
    return _sha256(json.dumps(covered, sort_keys=True, allow_nan=False).encode())


def _rendered(content: Mapping[str, Any]) -> bytes:
    text = json.dumps(content, indent=1, sort_keys=True, allow_nan=False, ensure_ascii=False)
    return f"{text}\n".encode()


def _plain(values: Mapping[str, Any]) -> Any:
    """Return values as JSON gives them back: tuples as lists."""
    return json.loads(json.dumps(dict(values)))


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ReleaseError(f"{path} cannot be read ({error.strerror}): restore the release") from (
            error
        )


def _flush(path: Path) -> None:
    """Force a file or folder to disk, so that a power cut cannot leave a named, empty release."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
