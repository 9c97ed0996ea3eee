"""The bundle described as an RO-Crate, for readers that know nothing of cup_assets.

Belongs here: the metadata file, and telling whether one is well-formed. Does not belong here: what
is described.

RO-Crate 1.1 (https://w3id.org/ro/crate/1.1) with the terms of Process Run Crate 0.5
(https://w3id.org/ro/wfrun/process/0.5): each step is a CreateAction whose instrument is the asset's
code at its version, whose objects are its inputs and parameters, and whose result is the asset's
version. A raw file that is not in the bundle is named by its hash (RFC 6920, ``nih:sha-256;...``).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from cup_assets.audit.container import MANIFEST

if TYPE_CHECKING:
    from cup_assets.audit.container import Source
    from cup_assets.audit.content import Account

METADATA = "ro-crate-metadata.json"
_VERSION = "1.1"
_CRATE = f"https://w3id.org/ro/crate/{_VERSION}"
_PROFILE = "https://w3id.org/ro/wfrun/process/0.5"
_FORMATS = {
    ".json": "application/json",
    ".md": "text/markdown",
    ".npz": "application/zip",
    ".txt": "text/plain",
}
_RIGHTS = "#rights"


def crate_metadata(account: Account, entries: Mapping[str, Source]) -> dict[str, Any]:
    """Return the JSON-LD of the metadata file; entries are those beside it."""
    from rocrate.model import ContextEntity, DataEntity
    from rocrate.rocrate import ROCrate

    crate = ROCrate(version=_VERSION)
    subject = account.subject
    about = f"{subject['kind']} {subject['id']}"
    root = crate.root_dataset
    root["name"] = f"Evidence behind {about}"
    root["description"] = (
        f"Hashes, parameters, versions, runs and results behind {about}, by cup_assets. Samples"
        " stand under their pseudonyms; research use only."
    )
    # The time of the evidence, not of the file: the same state gives the same bytes.
    root["datePublished"] = max(step["materialised_at"] for step in account.steps)
    root["license"] = {"@id": _RIGHTS}
    root["conformsTo"] = {"@id": _PROFILE}
    root["mentions"] = [{"@id": _action(step)} for step in account.steps]
    for name, source in sorted(entries.items()):
        crate.add(DataEntity(crate, name, properties=_file(name, source)))
    crate.add(DataEntity(crate, MANIFEST, properties={"@type": "File", "name": MANIFEST}))
    packed = {_stem(name): name for name in entries if name.startswith("idats/")}
    for sha256, properties in _raw_files(account):
        if sha256 not in packed:
            crate.add(DataEntity(crate, _nih(sha256), properties=properties))
    for identifier, properties in _context(account, packed):
        crate.add(ContextEntity(crate, identifier, properties=properties))
    found: dict[str, Any] = crate.metadata.generate()
    return found


def faults_of(metadata: object, sizes: Mapping[str, int], hashes: Mapping[str, str]) -> list[str]:
    """Return what keeps metadata from being an RO-Crate 1.1 of these entries, a line each.

    Parameters
    ----------
    metadata
        The parsed metadata file.
    sizes
        Entry -> bytes, all entries.
    hashes
        Entry -> SHA-256.
    """
    if not isinstance(metadata, dict) or metadata.get("@context") != f"{_CRATE}/context":
        return [f"{METADATA} has not the context of RO-Crate {_VERSION}"]
    graph = metadata.get("@graph")
    if not isinstance(graph, list) or not all(
        isinstance(item, dict) and isinstance(item.get("@id"), str) and item.get("@type")
        for item in graph
    ):
        return [f"{METADATA} has no flat @graph of entities with @id and @type"]
    of = {item["@id"]: item for item in graph}
    if len(of) < len(graph):
        return [f"{METADATA} describes an entity twice"]
    faults = list(_head_faults(of))
    for reference in sorted(_references(graph) - of.keys()):
        if not reference.startswith(("https://w3id.org/", "nih:")):
            faults.append(f"{METADATA} refers to {reference}, which it does not describe")
    for name, size in sizes.items():
        item = of.get(name, {})
        if name in (METADATA, MANIFEST):
            continue
        if item.get("@type") != "File":
            faults.append(f"{METADATA} does not describe {name}")
        elif (item.get("sha256"), item.get("contentSize")) != (hashes[name], str(size)):
            faults.append(f"{METADATA} describes {name} with another hash or size")
    there = {f"./{name}" for name in sizes} | set(sizes)
    for name, item in of.items():
        if item["@type"] == "File" and name not in there and not name.startswith("nih:"):
            faults.append(f"{METADATA} describes {name}, which is not there")
    return faults


def _head_faults(of: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    descriptor, root = of.get(METADATA, {}), of.get("./", {})
    if (
        descriptor.get("@type") != "CreativeWork"
        or descriptor.get("conformsTo") != {"@id": _CRATE}
        or descriptor.get("about") != {"@id": "./"}
    ):
        yield f"{METADATA} does not describe itself as RO-Crate {_VERSION} asks"
    if root.get("@type") != "Dataset":
        yield f"{METADATA} has no root data entity"
    for needed in ("name", "description", "datePublished", "license", "hasPart"):
        if not root.get(needed):
            yield f"{METADATA}: the root data entity has no {needed}"
    parts = {part.get("@id") for part in root.get("hasPart") or () if isinstance(part, dict)}
    for name, item in of.items():
        if item["@type"] == "File" and name not in parts:
            yield f"{METADATA}: {name} is no part of the root data entity"


def _references(value: object) -> set[str]:
    """Return every @id that is only referred to."""
    if isinstance(value, list):
        return set().union(*map(_references, value)) if value else set()
    if not isinstance(value, dict):
        return set()
    if set(value) == {"@id"}:
        return {value["@id"]}
    return set().union(*(_references(item) for name, item in value.items() if name != "@id"))


def _file(name: str, source: Source) -> dict[str, Any]:
    ending = name[name.rfind(".") :]
    if isinstance(source, bytes):
        size, sha256 = len(source), hashlib.sha256(source).hexdigest()
    else:  # a raw file is named by its hash
        size, sha256 = source.stat().st_size, _stem(name)
    return {
        "@type": "File",
        "name": name,
        "encodingFormat": _FORMATS.get(ending, "application/octet-stream"),
        "contentSize": str(size),
        "sha256": sha256,
    }


def _stem(entry: str) -> str:
    """Return the hash in the name of a raw file's entry."""
    return entry.removeprefix("idats/").split(".")[0]


def _raw_files(account: Account) -> Iterator[tuple[str, dict[str, Any]]]:
    names: dict[str, list[str]] = {}
    for (batch, name), sha256 in account.files.items():
        names.setdefault(sha256, []).append(f"{batch}/{name}")
    for sha256, of in sorted(names.items()):
        yield sha256, {"@type": "File", "name": ", ".join(of), "sha256": sha256}


def _context(account: Account, packed: Mapping[str, str]) -> Iterator[tuple[str, dict[str, Any]]]:
    rights = "All rights reserved. Data of patients: for those entitled to it only."
    yield _RIGHTS, {"@type": "CreativeWork", "name": rights}
    yield _PROFILE, {"@type": "CreativeWork", "name": "Process Run Crate", "version": "0.5"}
    made: set[tuple[str, str]] = set()
    used: dict[str, tuple[str, str]] = {}
    code: dict[str, dict[str, Any]] = {}
    for step in account.steps:
        made.add((step["name"], step["version"]))
        code[_code(step)] = {
            "@type": "SoftwareApplication",
            "name": f"cup_assets {step['asset']}",
            "softwareVersion": step["code_version"],
        }
        inputs = [_input(name, given, packed) for name, given in step["inputs"].items()]
        used |= {_version(*item): item for item in step["inputs"].items()}
        parameters = [(f"{_action(step)}/{quote(key)}", key) for key in step["parameters"]]
        for identifier, key in parameters:
            yield (
                identifier,
                {
                    "@type": "PropertyValue",
                    "name": key,
                    "value": json.dumps(step["parameters"][key], sort_keys=True),
                },
            )
        yield (
            _action(step),
            {
                "@type": "CreateAction",
                "name": f"{step['name']} in run {step['run_id']}",
                "identifier": step["run_id"],
                **({"startTime": step["started_at"]} if step.get("started_at") else {}),
                "endTime": step["materialised_at"],
                "instrument": {"@id": _code(step)},
                "object": [{"@id": i} for i in (*inputs, *(i for i, _ in parameters))],
                "result": [{"@id": _version(step["name"], step["version"])}],
            },
        )
    yield from sorted(code.items())
    results = {_version(*item): item for item in made}
    for identifier, (name, version) in sorted({**used, **results}.items()):
        if not name.startswith("file/"):
            yield identifier, {"@type": "CreativeWork", "name": name, "version": version}


def _input(name: str, version: str, packed: Mapping[str, str]) -> str:
    if name.startswith("file/"):
        return packed.get(version, _nih(version))
    return _version(name, version)


def _version(name: str, version: str) -> str:
    return f"#version/{quote(name)}/{version}"


def _action(step: Mapping[str, Any]) -> str:
    return f"#step/{quote(step['name'])}/{step['version']}"


def _code(step: Mapping[str, Any]) -> str:
    return f"#code/{step['asset']}/{step['code_version']}"


def _nih(sha256: str) -> str:
    return f"nih:sha-256;{sha256}"
