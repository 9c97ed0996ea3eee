"""Simulated samples, served as a GEO series and as a GDC project serve theirs."""

from __future__ import annotations

import gzip
import hashlib
import io
import tarfile
import uuid
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape, quoteattr

import numpy as np

from cup_assets.methylome import Manifest, read_idat
from cup_assets.simulate import SimulatedCohort
from cup_assets.simulate.idat_writer import write_idat
from cup_assets_tests.public.server import Site

SERIES = "GSE87053"
PROJECT = "TCGA-LUSC"
PLACE = f"/geo/series/GSE87nnn/{SERIES}"
ARCHIVE = f"{PLACE}/suppl/{SERIES}_RAW.tar"
MATRIX = f"{PLACE}/matrix/{SERIES}_series_matrix.txt.gz"
SOFT = f"{PLACE}/soft/{SERIES}_family.soft.gz"
MINIML = f"{PLACE}/miniml/{SERIES}_family.xml.tgz"


@dataclass
class Submitted:
    """A sample as a submitter gave it to GEO."""

    accession: str
    characteristics: tuple[str, ...]
    files: dict[str, bytes] = field(default_factory=dict)
    platform: str = "GPL13534"
    source: str = "oral mucosa"


def stems(cohort: SimulatedCohort) -> list[Path]:
    """Return the arrays of a cohort, without colour and extension, slide by slide."""
    found = (str(path) for path in cohort.landing.glob("*/*_Grn.idat"))
    return sorted((Path(name.removesuffix("_Grn.idat")) for name in found), key=lambda p: p.name)


def submitted(cohort: SimulatedCohort, n: int = 6) -> list[Submitted]:
    """Return n samples: normals, both kinds of tumour, and one of unknown HPV status."""
    tissues = (
        ("tissue type: Adjacent Normal", "gender: Female"),
        ("tissue type: OSCC lesion", "hpv status: HPV_Positive", "gender: Male"),
        ("tissue type: OSCC lesion", "hpv status: HPV_Negative", "gender: Female"),
        ("tissue type: OSCC lesion", "hpv status: not tested", "gender: unknown to us"),
    )
    samples = []
    for number, stem in enumerate(stems(cohort)[:n]):
        accession = f"GSM{2300000 + number}"
        files = {
            f"{accession}_{stem.name}_{colour}.idat.gz": gzip.compress(
                Path(f"{stem}_{colour}.idat").read_bytes(), compresslevel=1, mtime=0
            )
            for colour in ("Grn", "Red")
        }
        samples.append(Submitted(accession, tissues[number % 4], files))
    return samples


def title_of(sample: Submitted) -> str:
    return f"tumour {sample.accession}"


def series_matrix(samples: Sequence[Submitted]) -> bytes:
    def line(name: str, values: Iterable[str]) -> str:
        return "\t".join([name, *(f'"{value}"' for value in values)])

    rows = [
        '!Series_title\t"A title; with, everything"',
        "",
        line("!Sample_title", [title_of(s) for s in samples]),
        line("!Sample_geo_accession", [s.accession for s in samples]),
        line("!Sample_source_name_ch1", [s.source for s in samples]),
        line("!Sample_platform_id", [s.platform for s in samples]),
        *(
            line(
                "!Sample_characteristics_ch1",
                [s.characteristics[i] if i < len(s.characteristics) else "" for s in samples],
            )
            for i in range(max(len(s.characteristics) for s in samples))
        ),
        "!series_matrix_table_begin",
        "ID_REF\t" + "\t".join(s.accession for s in samples),
        *(f"cg{i:08}" + "\t0.5" * len(samples) for i in range(2000)),
        "!series_matrix_table_end",
        "",
    ]
    return gzip.compress("\n".join(rows).encode(), mtime=0)


def soft_lines(samples: Sequence[Submitted], rows: int = 3) -> list[str]:
    """Return a SOFT family file, with a table of each platform and sample."""

    def table(kind: str) -> list[str]:
        values = [f"cg{i:08}\t0.5\t= not a field" for i in range(rows)]
        return [f"!{kind}_table_begin", "ID_REF\tVALUE\tX", *values, f"!{kind}_table_end"]

    found = ["^DATABASE = GeoMiame", "!Database_name = Gene Expression Omnibus (GEO)"]
    found += [f"^SERIES = {SERIES}", "!Series_title = A title; with, everything"]
    found += [f"!Series_sample_id = {s.accession}" for s in samples]
    for platform in sorted({s.platform for s in samples}):
        found += [f"^PLATFORM = {platform}", f"!Platform_title = {platform}", *table("platform")]
    for s in samples:
        found += [f"^SAMPLE = {s.accession}", f"!Sample_title = {title_of(s)}"]
        found += [f"!Sample_geo_accession = {s.accession}", "!Sample_channel_count = 1"]
        found += [f"!Sample_source_name_ch1 = {s.source}", "!Sample_source_name_ch2 = reference"]
        found += [f"!Sample_characteristics_ch1 = {text}" for text in s.characteristics]
        found += ["!Sample_characteristics_ch2 = sex: both", f"!Sample_platform_id = {s.platform}"]
        found += ["!Sample_data_row_count = 3", "#ID_REF = ", "#VALUE = beta", *table("sample")]
    return found


def family_soft(samples: Sequence[Submitted], rows: int = 3) -> bytes:
    return gzip.compress("\n".join([*soft_lines(samples, rows), ""]).encode(), mtime=0)


def miniml_xml(samples: Sequence[Submitted]) -> str:
    def characteristic(text: str) -> str:
        tag, found, value = text.partition(":")
        named = f" tag={quoteattr(tag.strip())}" if found else ""
        return f"<Characteristics{named}>\n{escape(value if found else text)}\n</Characteristics>"

    def sample(s: Submitted) -> str:
        said = "\n      ".join(characteristic(text) for text in s.characteristics)
        return f"""
  <Sample iid="{s.accession}">
    <Status database="GEO"><Release-Date>2016-02-01</Release-Date></Status>
    <Title>{escape(title_of(s))}</Title>
    <Accession database="GEO">{s.accession}</Accession>
    <Channel position="1">
      <Source>{escape(s.source)}</Source>
      <Organism taxid="9606">Homo sapiens</Organism>
      {said}
    </Channel>
    <Channel position="2"><Characteristics tag="sex">both</Characteristics></Channel>
    <Platform-Ref ref="{s.platform}" />
    <Data-Table><External-Data rows="3">\n{s.accession}-tbl-1.txt\n</External-Data></Data-Table>
  </Sample>"""

    return f"""<?xml version="1.0" encoding="UTF-8" standalone="no"?>
<MINiML xmlns="http://www.ncbi.nlm.nih.gov/geo/info/MINiML" version="0.5.0">
  <Platform iid="GPL13534"><Title>an array</Title></Platform>{"".join(map(sample, samples))}
</MINiML>
"""


def family_miniml(samples: Sequence[Submitted], tables_first: bool = False) -> bytes:
    tables = {f"{s.accession}-tbl-1.txt": b"cg00000000\t0.5\n" * 2000 for s in samples}
    xml = {f"{SERIES}_family.xml": miniml_xml(samples).encode()}
    files = tables | xml if tables_first else xml | tables
    return gzip.compress(archive(files), mtime=0)


def archive(files: dict[str, bytes], more: Iterable[tarfile.TarInfo] = ()) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
        for member in more:
            tar.addfile(member)
    return stream.getvalue()


def serve_series(
    site: Site,
    samples: Sequence[Submitted],
    raw: bytes | None = None,
    layouts: Collection[str] = ("series_matrix",),
) -> None:
    """Serve a series, described in these layouts."""
    if "series_matrix" in layouts:
        serve_matrices(site, samples)
    if "soft" in layouts:
        site.put(SOFT, family_soft(samples))
    if "miniml" in layouts:
        site.put(MINIML, family_miniml(samples))
    files = {name: content for sample in samples for name, content in sample.files.items()}
    body = raw if raw is not None else archive(files)
    site.put(ARCHIVE, body)
    rows = [
        "#Archive/File\tName\tTime\tSize\tType",
        f"Archive\t{SERIES}_RAW.tar\t09/20/2016 10:00:00\t{len(body)}\tTAR",
        *(f"File\t{name}\t\t{len(content)}\tIDAT" for name, content in files.items()),
    ]
    site.put(f"{PLACE}/suppl/filelist.txt", "\n".join(rows) + "\n")


def serve_matrices(site: Site, samples: Sequence[Submitted]) -> None:
    """Serve series matrices; a platform more than one has a matrix of its own."""
    platforms = sorted({sample.platform for sample in samples})
    names = []
    for platform in platforms:
        own = [sample for sample in samples if sample.platform == platform]
        suffix = f"-{platform}" if len(platforms) > 1 else ""
        names.append(f"{SERIES}{suffix}_series_matrix.txt.gz")
        site.put(f"{PLACE}/matrix/{names[-1]}", series_matrix(own))
    links = "".join(f'<a href="{name}">{name}</a>\n' for name in ["../", *names])
    site.put(f"{PLACE}/matrix/", f"<html><pre>{links}</pre></html>")


def masked(stem: Path, colour: str, manifest: Manifest, folder: Path) -> bytes:
    """Return an IDAT file with the SNP probes at zero, as the GDC publishes them."""
    idat = read_idat(Path(f"{stem}_{colour}.idat"))
    probes = manifest.probes.filter(manifest.probes["kind"] == "rs")
    own = np.isin(idat.address, [*probes["address_a"], *probes["address_b"].drop_nulls()])
    assert own.any()
    path = folder / f"{stem.name}_{colour}.idat"
    write_idat(
        path, idat.address, np.where(own, 0, idat.mean), idat.sd, idat.n_beads,
        barcode=idat.barcode, position=idat.position,
    )  # fmt: skip
    return path.read_bytes()


def serve_project(
    site: Site, cohort: SimulatedCohort, manifest: Manifest, folder: Path, n: int = 4, page: int = 3
) -> list[dict[str, Any]]:
    """Serve a project of n pairs, in pages; return its records."""
    hits: list[dict[str, Any]] = []
    for number, stem in enumerate(stems(cohort)[:n]):
        job = uuid.UUID(int=1000 + number)
        for colour in ("Grn", "Red"):
            content = masked(stem, colour, manifest, folder)
            file_id = str(uuid.UUID(int=10 * (number + 1) + (colour == "Red")))
            site.put(f"/gdc/data/{file_id}", content).etag = None
            hits.append(record(file_id, f"{job}_noid_{colour}.idat", content, number))

    def files(query: dict[str, Any]) -> dict[str, Any]:
        wanted = {f["content"]["field"]: f["content"]["value"] for f in query["filters"]["content"]}
        assert wanted["data_type"] == ["Masked Intensities"]
        found = hits if wanted["cases.project.project_id"] == [PROJECT] else []
        size = min(query["size"], page)
        part = found[query["from"] : query["from"] + size]
        return {"data": {"hits": part, "pagination": {"total": len(found)}}, "warnings": {}}

    site.queries["/gdc/files"] = files
    return hits


def record(file_id: str, name: str, content: bytes, number: int) -> dict[str, Any]:
    normal = number % 3 == 2
    case = f"TCGA-00-{1000 + number // 2}"
    return {
        "id": file_id,
        "file_id": file_id,
        "file_name": name,
        "file_size": len(content),
        "md5sum": hashlib.md5(content, usedforsecurity=False).hexdigest(),
        "platform": "Illumina Human Methylation 450",
        "access": "open",
        "associated_entities": [{"entity_submitter_id": f"{case}-0{number}A-01D-0001-05"}],
        "cases": [
            {
                "submitter_id": case,
                "project": {"project_id": PROJECT},
                "primary_site": "Bronchus and lung",
                "disease_type": "Squamous Cell Neoplasms",
                "demographic": {"gender": "female"},
                "diagnoses": [{"primary_diagnosis": "Squamous cell carcinoma, NOS"}],
                "samples": [
                    {
                        "submitter_id": f"{case}-0{number}A",
                        "sample_type": "Solid Tissue Normal" if normal else "Primary Tumor",
                        "tissue_type": "Normal" if normal else "Tumor",
                        "preservation_method": "FFPE" if number == 0 else "Unknown",
                    }
                ],
            }
        ],
    }
