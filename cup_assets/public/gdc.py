"""What a GDC project offers, and where.

Belongs here: the queries of the GDC's API and what its records hold. Does not belong here:
downloading (`transfer`), the meaning of the words (`labels`).

As the GDC's documentation has it (https://docs.gdc.cancer.gov/API/Users_Guide: Search and
Retrieval, Downloading Files, Appendix A; Encyclopedia: SeSAMe Methylation Beta Estimation); it
could be tested here against a stand-in only. ``POST files`` with filters returns ``data.hits`` and
``data.pagination.total``; ``GET data/<file_id>`` returns the file, whose MD5 the record holds.

The open IDAT files have the data type "Masked Intensities": the intensities of the SNP probes are
set to zero. Such probes are not detected, so that these samples have no genotypes here, and two of
one person are told by the case alone. The files are named ``<uuid>_noid_Grn.idat``: slide and
position stand only inside of them, where the scanner wrote them.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from cup_assets.cohort.problems import printable
from cup_assets.cohort.sheet_values import sample_id_fault
from cup_assets.public.errors import PublicError
from cup_assets.public.registry import Accession
from cup_assets.public.samples import LeftOut, Offer, RemoteFile, SourceSample
from cup_assets.public.web import Web

PLATFORMS = {
    "illumina human methylation 27": "hm27",
    "illumina human methylation 450": "450k",
    "illumina methylation epic": "epic",
    "illumina methylation epic v2": "epicv2",
}
_FIELDS = (
    *("file_id", "file_name", "file_size", "md5sum", "platform", "access"),
    *("associated_entities.entity_submitter_id", "cases.submitter_id", "cases.project.project_id"),
    *("cases.primary_site", "cases.disease_type", "cases.diagnoses.primary_diagnosis"),
    *("cases.demographic.gender", "cases.demographic.sex_at_birth"),
    *("cases.samples.submitter_id", "cases.samples.sample_type", "cases.samples.tissue_type"),
    *("cases.samples.preservation_method", "cases.samples.is_ffpe"),
    *("annotations.category", "annotations.classification"),
    *("cases.annotations.category", "cases.annotations.classification"),
    *("cases.samples.annotations.category", "cases.samples.annotations.classification"),
)
_PAGE = 1000
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_MD5 = re.compile(r"[0-9a-f]{32}", re.IGNORECASE)
_NAME = re.compile(r"(?P<stem>.+)_(?P<colour>Grn|Red)\.idat(\.gz)?", re.IGNORECASE)
_SILENT = frozenset({"", "not reported", "unknown", "--", "not allowed to collect"})


def offer(web: Web, base: str, entry: Accession) -> Offer:
    """Ask what a project offers; nothing but descriptions is transferred.

    Parameters
    ----------
    web : Web
    base : str
        Address of the API, such as ``https://api.gdc.cancer.gov``.
    entry : Accession

    Raises
    ------
    PublicError
        If the project has no such files, or the answers are not as documented.
    """
    base = base.rstrip("/")
    pairs: dict[str, dict[str, dict[str, Any]]] = defaultdict(dict)
    left_out = []
    for hit in _hits(web, base, entry.accession):
        name = _NAME.fullmatch(str(hit.get("file_name")))
        if name is None or name["colour"].capitalize() in pairs[name["stem"]]:
            left_out.append(LeftOut(_text(hit.get("file_name")), "is not one of a Grn/Red pair"))
        else:
            pairs[name["stem"]][name["colour"].capitalize()] = hit
    names = _sample_ids(pairs)
    samples: list[SourceSample] = []
    downloads: list[RemoteFile] = []
    for stem, colours in sorted(pairs.items(), key=lambda pair: names[pair[0]]):
        if why := _fault(entry, names[stem], colours):
            left_out.append(LeftOut(names[stem], why))
            continue
        files = {colour: _remote(base, colours[colour]) for colour in ("Grn", "Red")}
        facts = _facts(colours["Grn"])
        kept = {colour: file.name for colour, file in files.items()}
        samples.append(SourceSample(names[stem], _array(colours["Grn"]), facts, kept))
        downloads += files.values()
    return Offer(tuple(samples), tuple(downloads), len(downloads), tuple(left_out))


def _hits(web: Web, base: str, project: str) -> list[dict[str, Any]]:
    wanted = {
        "cases.project.project_id": project,
        "data_type": "Masked Intensities",
        "data_format": "IDAT",
        "access": "open",
    }
    filters = {
        "op": "and",
        "content": [
            {"op": "in", "content": {"field": field, "value": [value]}}
            for field, value in wanted.items()
        ],
    }
    query = {"filters": filters, "fields": ",".join(_FIELDS), "format": "JSON", "size": _PAGE}
    hits: list[dict[str, Any]] = []
    while True:
        answer = web.json(f"{base}/files", {**query, "sort": "file_id:asc", "from": len(hits)})
        try:
            page = answer["data"]["hits"]
            total = int(answer["data"]["pagination"]["total"])
            hits += [dict(hit) for hit in page]
        except (KeyError, TypeError, ValueError) as error:
            raise PublicError(f"{base}/files: does not answer as the GDC documents it") from error
        if not total:
            raise PublicError(f"{project}: the GDC has no open masked IDAT files of this project")
        if len(hits) >= total:
            return hits
        if not page:
            raise PublicError(f"{base}/files: announces {total:,} files and lists {len(hits):,}")


def _sample_ids(pairs: Mapping[str, Mapping[str, dict[str, Any]]]) -> dict[str, str]:
    """Name each pair by its aliquot; an aliquot that was measured twice needs the file's name."""
    aliquots = {}
    for stem, colours in pairs.items():
        hit = next(iter(colours.values()))
        of_file = _texts(hit.get("associated_entities"), "entity_submitter_id")
        of_sample = _texts(_in_cases(hit, "samples"), "submitter_id")
        aliquots[stem] = next((names[0] for names in (of_file, of_sample) if len(names) == 1), stem)
    counts = Counter(name.casefold() for name in aliquots.values())
    return {
        stem: name if counts[name.casefold()] == 1 else f"{name} ({stem.removesuffix('_noid')})"
        for stem, name in aliquots.items()
    }


def _fault(entry: Accession, name: str, colours: Mapping[str, dict[str, Any]]) -> str | None:
    for colour in ("Grn", "Red"):
        if colour not in colours:
            return f"has no {colour} file"
    hits = list(colours.values())
    if fault := sample_id_fault(name):
        return f"its name {fault}"
    if len({_text(hit.get("platform")) for hit in hits}) > 1 or _array(hits[0]) not in entry.arrays:
        return f"is on {_text(hits[0].get('platform')) or 'no'} platform, which is not fetched"
    for hit in hits:
        if not (
            _UUID.fullmatch(str(hit.get("file_id"))) and _MD5.fullmatch(str(hit.get("md5sum")))
        ):
            return "has a file without a valid identifier or MD5"
        if "redaction" in " ".join(_annotations(hit)).casefold():
            return f"is withdrawn by the GDC ({'; '.join(_annotations(hit))})"
    return None


def _facts(hit: dict[str, Any]) -> dict[str, str]:
    """Return what is said of a sample; several different words of one kind are all told."""
    demographic = _in_cases(hit, "demographic")
    said = {
        "case": _texts(hit.get("cases"), "submitter_id"),
        "project": _texts(_in_cases(hit, "project"), "project_id"),
        "primary_site": _texts(hit.get("cases"), "primary_site"),
        "disease_type": _texts(hit.get("cases"), "disease_type"),
        "primary_diagnosis": _texts(_in_cases(hit, "diagnoses"), "primary_diagnosis"),
        "sex": _texts(demographic, "sex_at_birth") or _texts(demographic, "gender"),
        **{
            field: _texts(_in_cases(hit, "samples"), field)
            for field in ("sample_type", "tissue_type", "preservation_method", "is_ffpe")
        },
        "annotations": _annotations(hit),
        "platform": [_text(hit.get("platform"))],
    }
    return {column: "; ".join(texts) for column, texts in said.items() if texts}


def _annotations(hit: dict[str, Any]) -> list[str]:
    samples = [note for s in _in_cases(hit, "samples") for note in _list(s.get("annotations"))]
    notes = [*_list(hit.get("annotations")), *_in_cases(hit, "annotations"), *samples]
    found = (": ".join(_texts([n], "classification") + _texts([n], "category")) for n in notes)
    return list(dict.fromkeys(text for text in found if text))


def _remote(base: str, hit: dict[str, Any]) -> RemoteFile:
    file_id = str(hit["file_id"]).lower()
    size = hit.get("file_size")
    return RemoteFile(
        f"{base}/data/{file_id}",
        f"{file_id}.idat",
        size if isinstance(size, int) else None,
        str(hit["md5sum"]).lower(),
    )


def _array(hit: dict[str, Any]) -> str | None:
    return PLATFORMS.get(_text(hit.get("platform")).casefold())


def _in_cases(hit: dict[str, Any], field: str) -> list[dict[str, Any]]:
    return [item for case in _list(hit.get("cases")) for item in _list(case.get(field))]


def _texts(items: Iterable[dict[str, Any]] | None, field: str) -> list[str]:
    found = (_text(item.get(field)) for item in _list(items))
    return list(dict.fromkeys(text for text in found if text.casefold() not in _SILENT))


def _list(value: Any) -> list[dict[str, Any]]:
    values = value if isinstance(value, list) else [value]
    return [item for item in values if isinstance(item, dict)]


def _text(value: Any) -> str:
    return "" if value is None else printable(" ".join(str(value).split()))
