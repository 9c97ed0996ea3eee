"""Array manifests: which bead addresses make up which probe, and which are controls.

Belongs here: the `Manifest`, reading it from Illumina's CSV and from the Parquet cache.
Does not belong here: CSV layouts (`manifest_csv`), matching arrays to IDAT files (`recognition`),
and the array-gather view of a manifest (`layout`).
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from cup_assets.methylome.errors import ManifestError
from cup_assets.methylome.manifest_csv import (
    MAX_BYTES,
    TOO_LARGE,
    brief,
    heading_value,
    parse_controls,
    parse_probes,
    read_sections,
)

# Part of a cache entry's name: raise it whenever the parsed frames change.
_CACHE_VERSION = 3
_ARRAY_NAMES = (
    ("humanmethylation27", "hm27"),
    ("humanmethylation450", "450k"),
    ("cupmini", "mini"),
    ("epic8v2", "epicv2"),
    ("epicv2", "epicv2"),
    ("methylationepicv2", "epicv2"),
    ("methylationepic", "epic"),
    ("epic8v1", "epic"),
    ("epicv1", "epic"),
)


@dataclass(frozen=True, eq=False)
class Manifest:
    """One array type.

    Attributes
    ----------
    array : str
        ``450k``, ``epic``, ``epicv2``, ``hm27``, ``mini``, or a short form of the descriptor.
    name : str
        The descriptor file name in the heading, without its extension.
    build : str
        Genome build of the positions: ``hg19`` or ``hg38``.
    content_hash : str
        SHA-256 of the file as it lies on disk.
    probes : pl.DataFrame
        In the file's order: ``probe_id``, ``name`` (without EPIC v2's replicate suffix),
        ``design`` (I, II), ``channel`` (Grn, Red; null for Type II), ``address_a`` i32,
        ``address_b`` i32 (null for Type II), ``chrom`` ("1".."22", "X", "Y", or null), ``pos``
        i64 (null where unknown), ``genes`` (";"-joined, distinct, or null), ``gene_parts`` and
        ``island`` (as `cup_assets.methylome.manifest_annotation` returns them; null where the file
        has no column for them), ``kind`` (cg, ch, rs, nv, ...).
    controls : pl.DataFrame
        ``address`` i32, ``kind`` (upper case), ``color``, ``label``.
    snps : pl.DataFrame or None
        Known SNPs under the probes, as `cup_assets.methylome.manifest_snps.known_snps` returns
        them; None where the file has no columns for them.
    """

    array: str
    name: str
    build: str
    content_hash: str
    probes: pl.DataFrame
    controls: pl.DataFrame
    snps: pl.DataFrame | None = None

    @cached_property
    def addresses(self) -> NDArray[np.int32]:
        """Every bead address of the array, distinct and ascending."""
        columns = (
            self.probes["address_a"],
            self.probes["address_b"].drop_nulls(),
            self.controls["address"],
        )
        return np.unique(np.concatenate([column.to_numpy() for column in columns]))


def read_manifest(path: Path) -> Manifest:
    """Read an Illumina manifest CSV, plain or gzip.

    Raises
    ------
    ManifestError
        If the file cannot be read or is not a complete methylation manifest. The message is one
        line that names the file and the first offending probe.
    """
    path = Path(path)
    return _parse(path, _content(path))


def load_manifest(path: Path, cache: Path) -> Manifest:
    """Read a manifest through the cache of parsed manifests.

    Parameters
    ----------
    path : Path
        The CSV file, plain or gzip.
    cache : Path
        Folder of derived files, created where missing. An entry is named by the content's
        SHA-256 and appears in one rename; a damaged entry is built anew.

    Raises
    ------
    ManifestError
        As `read_manifest`, and if the cache cannot be written.
    """
    path = Path(path)
    content = _content(path)
    digest = hashlib.sha256(content).hexdigest()
    entry = Path(cache) / "manifests" / f"{digest}.v{_CACHE_VERSION}"
    try:
        return _read_entry(entry, digest)
    except (OSError, json.JSONDecodeError, KeyError, pl.exceptions.PolarsError):
        manifest = _parse(path, content)
        _write_entry(entry, manifest)
        return manifest


def load_manifests(
    folder: Path, cache: Path, progress: Callable[[int, int], None] | None = None
) -> tuple[Manifest, ...]:
    """Load every ``*.csv`` and ``*.csv.gz`` of a folder, in the order of their names.

    Raises
    ------
    ManifestError
        If the folder is missing or holds no manifest, or a file in it is not usable.
    """
    folder = Path(folder)
    files = sorted(
        file
        for file in (folder.iterdir() if folder.is_dir() else ())
        if file.name.lower().endswith((".csv", ".csv.gz")) and not file.name.startswith(".")
    )
    if not files:
        raise ManifestError(f"{folder}: holds no manifest; put Illumina's manifest CSV file there")
    manifests = []
    for done, file in enumerate(files, start=1):
        manifests.append(load_manifest(file, cache))
        if progress:
            progress(done, len(files))
    return tuple(manifests)


def array_name(descriptor: str) -> str:
    """Return the canonical array name of a descriptor ("MethylationEPIC_v-1-0_B4" -> "epic")."""
    plain = re.sub(r"[^a-z0-9]", "", descriptor.lower())
    for pattern, name in _ARRAY_NAMES:
        if pattern in plain:
            return name
    return re.sub(r"[^a-z0-9]+", "-", descriptor.lower()).strip("-")


def _content(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            content = file.read(min(os.fstat(file.fileno()).st_size, MAX_BYTES) + 1)
    except OSError as error:
        raise ManifestError(
            f"{path.name}: cannot be read ({error.strerror or error}); check path and permissions"
        ) from error
    if len(content) > MAX_BYTES:
        raise ManifestError(f"{path.name}: {TOO_LARGE}")
    return content


def _parse(path: Path, content: bytes) -> Manifest:
    try:
        sections = read_sections(content)
        for section in ("assay", "controls"):
            if section not in sections:
                raise ManifestError(
                    f"has no section [{section.title()}], so it is not an array manifest; "
                    "use Illumina's manifest CSV as it was published"
                )
        probes, build, snps = parse_probes(sections["assay"])
        controls = parse_controls(sections["controls"])
    except ManifestError as error:
        raise ManifestError(f"{path.name}: {error}") from error
    descriptor = heading_value(sections.get("heading", b""), "Descriptor File Name")
    name = re.sub(r"\.(bpm|csv)$", "", descriptor or path.name.removesuffix(".gz"))
    array = array_name(name)
    if not array:
        raise ManifestError(
            f"{path.name}: Descriptor File Name '{brief(descriptor)}' names no array; "
            "use Illumina's CSV as it was published"
        )
    return Manifest(
        array=array,
        name=name,
        build=build,
        content_hash=hashlib.sha256(content).hexdigest(),
        probes=probes,
        controls=controls,
        snps=snps,
    )


def _read_entry(entry: Path, digest: str) -> Manifest:
    heading = json.loads((entry / "heading.json").read_text(encoding="utf-8"))
    return Manifest(
        array=heading["array"],
        name=heading["name"],
        build=heading["build"],
        content_hash=digest,
        probes=pl.read_parquet(entry / "probes.parquet"),
        controls=pl.read_parquet(entry / "controls.parquet"),
        snps=pl.read_parquet(entry / "snps.parquet") if heading["snps"] else None,
    )


def _write_entry(entry: Path, manifest: Manifest) -> None:
    draft = entry.parent / f".draft-{uuid.uuid4().hex}"
    try:
        draft.mkdir(parents=True)
        heading = {
            "array": manifest.array,
            "name": manifest.name,
            "build": manifest.build,
            "snps": manifest.snps is not None,
        }
        (draft / "heading.json").write_text(json.dumps(heading), encoding="utf-8")
        manifest.probes.write_parquet(draft / "probes.parquet")
        manifest.controls.write_parquet(draft / "controls.parquet")
        if manifest.snps is not None:
            manifest.snps.write_parquet(draft / "snps.parquet")
        shutil.rmtree(entry, ignore_errors=True)
        try:
            draft.rename(entry)
        except OSError:
            # Another process may have stored the same content in between: its copy is as good.
            if not entry.is_dir():
                raise
    except OSError as error:
        raise ManifestError(
            f"{entry.parent}: cannot keep the parsed {manifest.name} ({error.strerror or error}); "
            "make the folder writable and check for free disk space"
        ) from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)
