"""What the fuzzers once found stays mended: each file is refused, or read, as it should be."""

from __future__ import annotations

import contextlib
import gzip
import random
from pathlib import Path

import polars as pl
import pytest

from cup_assets.cohort.beta_table import read_beta_table
from cup_assets.cohort.problems import CohortError, MatrixError, SampleSheetError
from cup_assets.cohort.samplesheet import load_samplesheet
from cup_assets.cohort.series_matrix import read_sample_columns
from cup_assets.methylome import ManifestError, MethylomeError, read_manifest
from cup_assets_tests.fuzz.corpus import seeds


def written(tmp_path: Path, name: str, content: str | bytes) -> Path:
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


# Sample sheets


def test_a_sheet_of_a_blank_that_only_unicode_knows_holds_no_table(tmp_path: Path) -> None:
    with pytest.raises(SampleSheetError, match="holds no table"):
        load_samplesheet(written(tmp_path, "samplesheet.csv", b"\xa0"))


def test_a_header_cell_beyond_what_a_csv_reader_takes_is_refused(tmp_path: Path) -> None:
    header = "Sample_ID,Sentrix_ID,Sentrix_Position," + "x" * 200_000
    with pytest.raises(SampleSheetError, match=r"samplesheet.csv, line 1"):
        load_samplesheet(written(tmp_path, "samplesheet.csv", header + "\nS,200,R01C01\n"))


def test_a_third_column_of_a_name_is_kept_beside_one_that_is_called_like_it(
    tmp_path: Path,
) -> None:
    text = "Sample_ID,Sentrix_ID,Sentrix_Position,a,a (6),a\nS,200,R01C01,1,2,3\n"
    (row,) = load_samplesheet(written(tmp_path, "samplesheet.csv", text)).rows
    assert all(f'"{value}"' in str(row.fields["extra"]) for value in (1, 2, 3))


# Manifests


def manifest(tmp_path: Path, old: str, new: str, which: int = 0) -> Path:
    text = seeds("manifest")[which].decode()
    assert old in text
    return written(tmp_path, "m.csv", text.replace(old, new))


@pytest.mark.parametrize("distance", ["1e300", "nan", "inf"])
def test_a_distance_that_is_none_counts_as_the_least(tmp_path: Path, distance: str) -> None:
    found = read_manifest(manifest(tmp_path, "5;20", f"{distance};20"))
    assert found.snps is not None
    assert found.snps["distance"].to_list() == [0, 20]


def test_a_name_with_a_line_break_is_refused_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(ManifestError) as caught:
        read_manifest(manifest(tmp_path, "cg2,cg2,12", '"cg2\nand more",cg2,twelve', 1))
    assert str(caught.value).splitlines() == [str(caught.value)]


def test_a_descriptor_of_punctuation_names_no_array(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match="names no array"):
        read_manifest(manifest(tmp_path, "EPIC-8v2-0_A1.bpm", "--.bpm"))


# Tables of betas


def test_a_table_packed_badly_is_refused(tmp_path: Path) -> None:
    packed = bytearray(gzip.compress(seeds("betas")[1]))
    packed[12] ^= 0xFF  # inside the compressed data
    with pytest.raises(MatrixError, match=r"any.csv.gz: cannot be read"):
        read_beta_table(written(tmp_path, "any.csv.gz", bytes(packed)))


def test_a_table_that_is_no_text_is_refused_wherever_it_is_asked(tmp_path: Path) -> None:
    path = written(tmp_path, "any.csv", b"\x80" + seeds("betas")[0])
    for read in (read_beta_table, read_sample_columns):
        with pytest.raises(MatrixError, match=r"any.csv: cannot be read"):
            read(path)


@pytest.mark.parametrize("name", ["*", "^.*$", "^cg"])
def test_a_column_named_like_a_pattern_is_one_column(tmp_path: Path, name: str) -> None:
    text = f"sample,{name},cg00000029\nA,x,0.1\nB,y,0.2\n"
    table = read_beta_table(written(tmp_path, "any.csv", text))
    assert table.samples[name].to_list() == ["x", "y"]
    assert table.probe_ids == ["cg00000029"]


def test_a_column_of_lists_is_refused_by_name(tmp_path: Path) -> None:
    frame = pl.DataFrame({"sample": ["A"], "odd": [[1, 2]], "cg00000029": [0.1]})
    frame.write_parquet(tmp_path / "any.parquet")
    with pytest.raises(MatrixError, match="column 'odd' holds List"):
        read_beta_table(tmp_path / "any.parquet")


def test_a_damaged_parquet_file_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    frame = pl.DataFrame({"sample": ["A", "B"], "subgroup": ["x", "y"], "cg00000029": [0.1, 0.2]})
    frame.write_parquet(tmp_path / "good.parquet")
    good = (tmp_path / "good.parquet").read_bytes()
    for seed in range(150):
        rng = random.Random(seed)
        damaged = bytearray(good)
        for _ in range(rng.randint(1, 4)):
            damaged[rng.randrange(len(damaged))] = rng.randrange(256)
        path = written(tmp_path, "any.parquet", bytes(damaged))
        with contextlib.suppress(MatrixError):
            read_beta_table(path)


def test_a_characteristic_does_not_rename_the_samples(tmp_path: Path) -> None:
    text = seeds("betas")[0].decode().replace("subgroup: SHH", "geo_accession: GSM2")
    known = read_sample_columns(written(tmp_path, "any.txt", text))
    assert known is not None
    assert known["geo_accession"].to_list() == ["GSM1", "GSM2", "GSM3"]
    assert known["geo_accession (characteristic)"].to_list() == ["GSM2", None, None]


def test_every_message_is_one_line_of_sane_length() -> None:
    for error in (CohortError, MethylomeError):
        message = str(error("cell 'a\nb\x85c\u2028d': " + "x" * 10_000))
        assert message.splitlines() == [message]
        assert len(message) < 2_000
