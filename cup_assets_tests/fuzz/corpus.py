"""Valid files to begin with, small, one of every layout.

Belongs here: seeds. Does not belong here: damaging them (`damage`).
"""

from __future__ import annotations

import gzip
import os
import struct
import tempfile
from functools import cache
from itertools import pairwise
from pathlib import Path

import numpy as np

from cup_assets.methylome import Manifest, read_manifest
from cup_assets.methylome.idat_format import VERSION, Field
from cup_assets.simulate.idat_writer import write_idat
from cup_assets_tests.fuzz.targets import CUT, MEMBER
from cup_assets_tests.methylome.conftest import TinyArray, tiny_csv
from cup_assets_tests.public.cohorts import Submitted, archive, miniml_xml, soft_lines

REFERENCE_DATA = Path(
    os.environ.get("CUP_REFERENCE_DATA") or Path(__file__).resolve().parents[3] / "shared" / "data"
)
_BEAD_BYTES = {Field.ILLUMINA_ID: 4, Field.SD: 2, Field.MEAN: 2, Field.N_BEADS: 1}

_SHEET = """Sample_ID,Sentrix_ID,Sentrix_Position,patient_id,diagnosis,role,material,sex,site,cohort
S1,200360140012,R01C01,P1,warthin tumour,reference,FFPE,F,parotid,own
"S 2",200360140012,R02C01,P2,"esthésioneuroblastome, 2e",diagnostic,frozen,M,fosse nasale,own
S3,200360140013,R01C01,,,normal control,ffpe,homme,,,
"""
_EPIC2 = """Illumina, Inc.,,
[Heading],,
Descriptor File Name,EPIC-8v2-0_A1.bpm,
[Assay],,
IlmnID,Name,AddressA_ID,AddressB_ID,Color_Channel,Infinium_Design_Type,CHR,MAPINFO,Genome_Build,\
UCSC_RefGene_Name,UCSC_RefGene_Group,Relation_to_UCSC_CpG_Island,SNP_ID,SNP_DISTANCE,\
SNP_MinorAlleleFrequency
cg1_BC11,cg1,1754126,99753217,Grn,I,chr19,37692358,GRCh38,A1;A1;B2,Body;TSS200;Body,Island,\
rs1;rs2,5;20,0.01;0.2
nv-1_TC21,nv-1,1754128,,,II,chr0,0,GRCh38,,,,,,
[Controls],,
27630314,STAINING,Red,DNP (High),x
"""
_450K = """[Heading]
Descriptor File Name,HumanMethylation450_15017482_v.1.2.bpm
[Assay]
IlmnID,Name,AddressA_ID,AddressB_ID,Infinium_Design_Type,Color_Channel,Genome_Build,CHR,MAPINFO,\
UCSC_RefGene_Name,Probe_SNPs,Probe_SNPs_10
cg1,cg1,10,11,I,Red,37,16,53468112,A;B,rs5,
cg2,cg2,12,,II,,37,X,53468113,,,rs7
[Controls]
13,NEGATIVE,Red,Negative 1
"""
_SERIES = """!Series_title\t"a series"
!Sample_title\t"one"\t"two"\t"three"
!Sample_geo_accession\t"GSM1"\t"GSM2"\t"GSM3"
!Sample_characteristics_ch1\t"subgroup: SHH"\t"subgroup: WNT"\t"gender: F"
!series_matrix_table_begin
"ID_REF"\t"GSM1"\t"GSM2"\t"GSM3"
"cg00000029"\t0.1\t0.2\t
"cg00000108"\t0.9\tNA\t0.95
"ch.1.2"\t0.9\t0.8\t0.95
!series_matrix_table_end
"""
_ROWS = """sample,subgroup,age,cg00000029,cg00000108,rs1234
A,SHH,3,0.25,0.5,0.1
B,WNT,4,,1,0.2
"""
_COMMA = 'Sample_ID;class;cg00000029;cg00000108\nA;"x;y";0,25;0,5\nB;z;0,1;NA\n'
_SUBMITTED = (
    Submitted("GSM1", ("tissue: mouth & nose", "sex: F")),
    Submitted("GSM2", ("tissue: <neck>", "said without a word before it"), platform="GPL21145"),
)


@cache
def tiny_manifest() -> Manifest:
    """Return the manifest of a tiny array with every kind of probe."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "tiny.csv"
        path.write_text(tiny_csv())
        return read_manifest(path)


def seeds(target: str) -> list[bytes]:
    """Return valid files for a target, the same every time."""
    return _MAKERS[target]()


def real_seeds(target: str) -> list[bytes]:
    """Return the heads of the real files where they are at hand: their headers, few beads."""
    if target != "idat" or not REFERENCE_DATA.is_dir():
        return []
    found = []
    for path in sorted(REFERENCE_DATA.glob("*/*.idat*")):
        data = path.read_bytes()
        found.append(shortened(gzip.decompress(data) if path.suffix == ".gz" else data))
    return found


def shortened(data: bytes, n: int = 30) -> bytes:
    """Return an IDAT file with only its first ``n`` beads and all its other fields."""
    (version, n_fields) = struct.unpack_from("<qi", data, 4)
    if version != VERSION:
        return data[:2_000]
    entries = [struct.unpack_from("<hq", data, 16 + 10 * i) for i in range(n_fields)]
    ends = dict(pairwise([*sorted({offset for _, offset in entries}), len(data)]))
    head, body = data[:16], b""
    for code, offset in entries:
        content = data[offset : ends[offset]]
        if code in _BEAD_BYTES:
            content = content[: n * _BEAD_BYTES[code]]
        elif code == Field.N_SNPS_READ:
            content = struct.pack("<i", n)
        elif code == Field.MID_BLOCK:
            content = struct.pack("<i", n) + content[4 : 4 + 4 * n]
        head += struct.pack("<hq", code, 16 + 10 * n_fields + len(body))
        body += content
    return head + body


def _idats() -> list[bytes]:
    address = np.arange(10_000, 10_040, 2)
    columns = address, address % 977, address % 31, address % 20
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x.idat"
        found = []
        for gz in (False, True):
            write_idat(path, *columns, barcode="200", position="R01C01", gz=gz)
            found.append(path.read_bytes())
    return found


def _pairs() -> list[bytes]:
    with tempfile.TemporaryDirectory() as folder:
        array = TinyArray(tiny_manifest(), Path(folder))
        level = np.tile([0.1, 0.9, 0.5], 300)[: tiny_manifest().probes.height]
        _, grn, red = array.write("200", methylation=level)
        return [grn.read_bytes() + CUT + red.read_bytes()]


def _manifests() -> list[bytes]:
    texts = [text.encode() for text in (_EPIC2, _450K)]
    return [*texts, _EPIC2.replace("\n", "\r\n").encode("utf-8-sig"), gzip.compress(texts[1])]


def _sheets() -> list[bytes]:
    illumina = "[Header],,\nDate,2021-01-01\n[Manifests]\nA,b\n[Data],,\n" + _SHEET + "[Footer]\n"
    return [
        _SHEET.encode(),
        illumina.encode(),
        ("sep=;\r\n" + _SHEET.replace(",", ";")).encode("cp1252"),
        _SHEET.replace(",", "\t").encode("utf-16"),
    ]


def _betas() -> list[bytes]:
    return [_SERIES.encode(), _ROWS.encode(), _COMMA.encode()]


def _packed_betas() -> list[bytes]:
    return [gzip.compress(text, mtime=0) for text in _betas()]


def _softs() -> list[bytes]:
    return ["\n".join([*soft_lines(_SUBMITTED), ""]).encode()]


def _packed_softs() -> list[bytes]:
    return [gzip.compress(text, mtime=0) for text in _softs()]


def _minimls() -> list[bytes]:
    return [miniml_xml(_SUBMITTED).encode()]


def _packed_minimls() -> list[bytes]:
    table = {"GSM1-tbl-1.txt": b"cg00000000\t0.5\n"}
    xmls = [{MEMBER: text} for text in _minimls()]
    return [gzip.compress(archive(table | xml), mtime=0) for xml in xmls]


_MAKERS = {
    "idat": _idats,
    "pair": _pairs,
    "manifest": _manifests,
    "samplesheet": _sheets,
    "betas": _betas,
    "packed_betas": _packed_betas,
    "soft": _softs,
    "packed_soft": _packed_softs,
    "miniml": _minimls,
    "packed_miniml": _packed_minimls,
}
