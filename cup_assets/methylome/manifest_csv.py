"""The text of Illumina's manifest CSV files: sections, columns, checked values.

Belongs here: turning one file's bytes into checked frames, whichever official layout it follows.
Does not belong here: caching, naming arrays, matching them to IDAT files.

Layouts read: HumanMethylation27, HumanMethylation450 v1.2, MethylationEPIC v1.0 B4/B5,
EPIC v2.0 A1/A2, and any other file with [Heading], [Assay] and [Controls].
"""

from __future__ import annotations

import gzip
import io
import itertools
import re
import zlib

import polars as pl

from cup_assets.genome import CHROMOSOMES
from cup_assets.methylome.errors import ManifestError
from cup_assets.methylome.manifest_annotation import gene_parts, island_relations
from cup_assets.methylome.manifest_snps import known_snps

# Names of one column over the layouts; the first one present counts.
_COLUMNS = {
    "probe_id": ("IlmnID",),
    "name": ("Name",),
    "address_a": ("AddressA_ID",),
    "address_b": ("AddressB_ID",),
    "design": ("Infinium_Design_Type",),
    "channel": ("Color_Channel",),
    "build": ("Genome_Build", "GenomeBuild"),
    "chrom": ("CHR", "Chr"),
    "pos": ("MAPINFO", "MapInfo"),
    "genes": ("UCSC_RefGene_Name", "Symbol"),
    "gene_parts": ("UCSC_RefGene_Group",),
    "island": ("Relation_to_UCSC_CpG_Island",),
    "snp_id": ("SNP_ID",),
    "snp_distance": ("SNP_DISTANCE",),
    "snp_maf": ("SNP_MinorAlleleFrequency",),
    "snp_near": ("Probe_SNPs_10",),
    "snp_far": ("Probe_SNPs",),
}
_REQUIRED = ("probe_id", "address_a", "address_b", "channel", "build", "chrom", "pos")
_BUILDS = {"37": "hg19", "grch37": "hg19", "hg19": "hg19", "38": "hg38", "grch38": "hg38"}
_BUILDS |= {"hg38": "hg38", "36": "hg18", "grch36": "hg18", "36.1": "hg18", "hg18": "hg18"}
_BOM = b"\xef\xbb\xbf"
# The largest, of EPIC v2, has .6 GB and 50 columns; anything far beyond is a decompression bomb or
# another file.
MAX_BYTES = 2 * 2**30
TOO_LARGE = "is larger than any manifest; use Illumina's CSV as it was published"
_MAX_COLUMNS = 1_000
_CHUNK = 2**24
_REPLICATE_SUFFIX = r"_[TB][CO]\d+$"  # EPIC v2: strand, conversion, design number + replicate


def read_sections(data: bytes) -> dict[str, bytes]:
    """Split a manifest's content (plain or gzip) into its ``[Section]`` blocks.

    Raises
    ------
    ManifestError
        If the gzip stream is damaged or endless.
    """
    if data.startswith(b"\x1f\x8b"):
        try:
            data = _unpacked(data)
        except (gzip.BadGzipFile, zlib.error, EOFError) as error:
            raise ManifestError(
                f"is a corrupt or truncated gzip file ({error}); download it again"
            ) from error
    starts = [0] if data.removeprefix(_BOM).startswith(b"[") else []
    starts += [match.start() + 1 for match in re.finditer(rb"\n\[", data)]
    sections = {}
    for start, end in itertools.pairwise([*starts, len(data)]):
        line_end = data.find(b"\n", start, end)
        title = data[start : line_end if line_end >= 0 else end]
        name = title.removeprefix(_BOM).decode("latin-1").strip().rstrip(",;").strip('"[] ').lower()
        sections[name] = data[line_end + 1 : end] if line_end >= 0 else b""
    return sections


def _unpacked(data: bytes) -> bytes:
    whole = bytearray()
    with gzip.GzipFile(fileobj=io.BytesIO(data)) as stream:
        while chunk := stream.read(_CHUNK):
            whole += chunk
            if len(whole) > MAX_BYTES:
                raise ManifestError(TOO_LARGE)
    return bytes(whole)


def brief(value: object) -> str:
    """Return a value of the file as it may stand in a message."""
    text = str(value)
    return text if len(text) <= 80 else text[:77] + "..."


def heading_value(heading: bytes, key: str) -> str:
    """Return the value of a ``key,value`` line of the heading, or an empty text."""
    for line in heading.decode("latin-1").splitlines():
        name, _, value = line.partition(",")
        if name.strip().lower() == key.lower():
            return value.strip().strip(",").strip().strip('"')
    return ""


def parse_probes(assay: bytes) -> tuple[pl.DataFrame, str, pl.DataFrame | None]:
    """Return the probes frame, the genome build of its coordinates, and the SNPs under the probes.

    Coordinates on a build other than hg19 and hg38 (the original HumanMethylation27 file is on
    build 36) are dropped, chromosomes kept: nothing downstream can use such positions.

    Raises
    ------
    ManifestError
        If a column is missing or a row contradicts the array's chemistry; names the first probe.
    """
    if not assay.strip():
        raise ManifestError("has nothing under [Assay]; use Illumina's complete file")
    text = _read_csv(assay, has_header=True)
    table = _canonical_columns(text)
    probes = table.with_columns(
        _whole_number(table, "address_a", pl.Int32),
        _whole_number(table, "address_b", pl.Int32),
        _whole_number(table, "pos", pl.Int64),
        pl.col("channel").str.to_titlecase(),
    )
    _check_probes(probes)
    build, on_build = _genome_build(probes["build"])
    chrom = pl.col("chrom").str.strip_prefix("chr").str.to_uppercase()
    located = on_build & chrom.is_in(CHROMOSOMES) & (pl.col("pos") > 0)
    name = pl.col("name").str.replace(_REPLICATE_SUFFIX, "")
    frame = probes.select(
        "probe_id",
        name=name,
        design="design",
        channel=pl.when(pl.col("design") == "I").then("channel"),
        address_a="address_a",
        address_b=pl.when(pl.col("design") == "I").then("address_b"),
        chrom=pl.when(chrom.is_in(CHROMOSOMES)).then(chrom),
        pos=pl.when(located).then("pos"),
        genes=_distinct_genes(),
        gene_parts=gene_parts(probes),
        island=island_relations(probes),
        kind=name.str.extract(r"^([A-Za-z]+)").str.to_lowercase(),
    )
    return frame, build, known_snps(table)


def parse_controls(section: bytes) -> pl.DataFrame:
    """Return the control probes: ``address`` i32, ``kind``, ``color``, ``label``.

    Raises
    ------
    ManifestError
        If the section is empty or a row has no address.
    """
    text = _read_csv(section, has_header=False) if section.strip() else pl.DataFrame()
    if text.width < 4:
        raise ManifestError("has no control probes under [Controls]; use Illumina's complete file")
    table = text[:, :4]
    table.columns = ["address", "kind", "color", "label"]
    table = table.filter(pl.col("address").is_not_null())
    return table.with_columns(
        _whole_number(table, "address", pl.Int32),
        pl.col("kind").str.to_uppercase(),
    ).unique("address", keep="first", maintain_order=True)


def _read_csv(section: bytes, *, has_header: bool) -> pl.DataFrame:
    section = section.strip(b"\r\n")
    # A column costs kilobytes, whatever is in it.
    header = section[: section.find(b"\n") + 1 or len(section)]
    if header.count(b",") >= _MAX_COLUMNS:
        raise ManifestError("has over 1,000 columns; use Illumina's CSV as it was published")
    try:
        table = pl.read_csv(
            section,
            has_header=has_header,
            infer_schema=False,
            encoding="utf8-lossy",
            truncate_ragged_lines=True,
        )
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
        what = " ".join(str(error).split())[:200]
        raise ManifestError(f"is not readable as CSV ({what}); download it again") from error
    stripped = table.with_columns(pl.all().str.strip_chars())
    return stripped.with_columns(pl.all().replace("", None))


def _canonical_columns(text: pl.DataFrame) -> pl.DataFrame:
    chosen = {}
    for ours, theirs in _COLUMNS.items():
        present = [name for name in theirs if name in text.columns]
        if present:
            chosen[ours] = pl.col(present[0])
    missing = [_COLUMNS[name][0] for name in _REQUIRED if name not in chosen]
    if missing:
        raise ManifestError(f"has no column {', '.join(missing)} under [Assay]; use Illumina's CSV")
    # HumanMethylation27 consists of Type I probes and does not say so.
    chosen.setdefault("design", pl.lit("I"))
    chosen.setdefault("name", pl.col("IlmnID"))
    for name in ("genes", "gene_parts", "island"):
        chosen.setdefault(name, pl.lit(None, dtype=pl.String))
    table = text.select(**chosen).filter(
        pl.any_horizontal(pl.all().exclude("design").is_not_null())
    )
    return table.with_columns(pl.col("name").fill_null(pl.col("probe_id")))


def _whole_number(table: pl.DataFrame, column: str, dtype: type[pl.DataType]) -> pl.Series:
    """Return a text column as numbers; nulls stay, anything else unreadable is an error."""
    numbers = table[column].cast(dtype, strict=False)
    wrong = numbers.is_null() & table[column].is_not_null()
    if wrong.any():
        row = table.filter(wrong).row(0, named=True)
        who = next(iter(row.values()))
        raise ManifestError(
            f"{column} '{brief(row[column])}' of {brief(who or 'a row without a name')} "
            "is not a whole number; "
            "use Illumina's CSV as it was published"
        )
    return numbers


def _check_probes(probes: pl.DataFrame) -> None:
    """Refuse rows that no methylation array can hold."""
    if probes.is_empty():
        raise ManifestError("has no probes under [Assay]; use Illumina's complete file")
    type_one = pl.col("design") == "I"
    faults = (
        ("has no IlmnID", pl.col("probe_id").is_null()),
        ("is listed more than once", pl.col("probe_id").is_duplicated()),
        ("has a design other than I or II", ~pl.col("design").is_in(["I", "II"]).fill_null(False)),
        ("has no AddressA_ID", pl.col("address_a").is_null()),
        ("is Type I without AddressB_ID", type_one & pl.col("address_b").is_null()),
        (
            "is Type I without a colour channel Grn or Red",
            type_one & ~pl.col("channel").is_in(["Grn", "Red"]).fill_null(False),
        ),
    )
    for fault, wrong in faults:
        rows = probes.filter(wrong)
        if not rows.is_empty():
            raise ManifestError(
                f"probe {brief(rows['probe_id'][0])} {fault} ({rows.height:,} such rows); "
                "use Illumina's CSV as it was published"
            )


def _genome_build(column: pl.Series) -> tuple[str, pl.Series]:
    """Return the build most rows are on, and which rows are on it."""
    builds = column.str.to_lowercase().replace_strict(_BUILDS, default=None)
    known = builds.drop_nulls()
    if known.is_empty():
        raise ManifestError(
            "has no known Genome_Build (37, GRCh37, hg19, 38, GRCh38 or hg38); "
            "use Illumina's CSV as it was published"
        )
    main = str(known.mode().sort()[0])
    if main == "hg18":
        return "hg19", pl.repeat(False, len(column), eager=True)
    return main, (builds == main).fill_null(False)


def _distinct_genes() -> pl.Expr:
    """One mention a gene: Illumina repeats the name for every transcript."""
    genes = pl.col("genes")
    return (
        pl.when(genes.str.contains(";", literal=True))
        .then(genes.str.split(";").list.unique(maintain_order=True).list.join(";"))
        .otherwise(genes)
    )
