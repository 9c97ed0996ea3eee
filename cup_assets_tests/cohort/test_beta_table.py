"""Tables of betas as other people publish them: every layout gives the same betas, or one line."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from cup_assets.cohort.beta_table import BetaTable, read_beta_table
from cup_assets.cohort.problems import MatrixError

PROBES = [f"cg{number:08d}" for number in range(60)]
NAMES = [f"GSM{number}" for number in range(1, 9)]


@pytest.fixture
def frame() -> pl.DataFrame:
    """Return eight samples in rows, with a missing beta and columns about the samples."""
    betas = np.random.default_rng(1).random((8, 60)).round(3)
    table = pl.DataFrame(betas, schema=PROBES).with_columns(
        pl.when(pl.int_range(pl.len()) == 2)
        .then(None)
        .otherwise(pl.col(PROBES[5]))
        .alias(PROBES[5])
    )
    about = {"sample_id": NAMES, "class": ["a", "b"] * 4, "age": list(range(40, 48))}
    return pl.DataFrame(about).hstack(table)


def expected(frame: pl.DataFrame) -> np.ndarray:
    return frame.select(PROBES).to_numpy().astype(np.float32)


def assert_same(found: BetaTable, frame: pl.DataFrame) -> None:
    assert found.samples["sample_id"].to_list() == NAMES
    assert found.samples["class"].to_list() == ["a", "b"] * 4
    assert found.probe_ids == PROBES
    np.testing.assert_array_equal(found.X, expected(frame))
    assert int(np.isnan(found.X).sum()) == 1


def write(frame: pl.DataFrame, path: Path) -> Path:
    """Write in the way that the name of the file asks for."""
    name = path.name.removesuffix(".gz")
    if name.endswith(".parquet"):
        frame.write_parquet(path)
        return path
    separator = "\t" if name.endswith((".tsv", ".txt")) else ","
    text = frame.write_csv(separator=separator, null_value="NA")
    path.write_bytes(gzip.compress(text.encode()) if path.suffix == ".gz" else text.encode())
    return path


@pytest.mark.parametrize("name", ["t.csv", "t.tsv", "t.parquet", "t.csv.gz", "t.txt.gz"])
def test_samples_in_rows_are_read_from_every_kind_of_file(
    name: str, frame: pl.DataFrame, tmp_path: Path
) -> None:
    found = read_beta_table(write(frame, tmp_path / name))
    assert_same(found, frame)
    # A number about the samples is no beta, however small; and that is said.
    assert found.samples.columns == ["sample_id", "class", "age"]
    assert found.notes == ["column age is not used: numbers, but its name is no CpG's"]


def test_a_spreadsheet_with_decimal_commas_is_read(frame: pl.DataFrame, tmp_path: Path) -> None:
    text = frame.write_csv(separator=";").replace(".", ",")
    path = tmp_path / "t.csv"
    path.write_text(text, encoding="utf-8")
    assert_same(read_beta_table(path), frame)


def in_rows(frame: pl.DataFrame) -> pl.DataFrame:
    """Return the betas with probes in rows, the samples in another order."""
    betas = frame.select("sample_id", *PROBES)
    turned = betas.transpose(include_header=True, header_name="ID_REF", column_names="sample_id")
    return turned.select("ID_REF", *NAMES)


@pytest.mark.parametrize("name", ["t.csv", "t.tsv", "t.parquet", "t.txt.gz"])
def test_probes_in_rows_meet_their_labels_by_name(
    name: str, frame: pl.DataFrame, tmp_path: Path
) -> None:
    table = write(in_rows(frame), tmp_path / name)
    labels = frame.select("sample_id", "class")[::-1].vstack(
        pl.DataFrame({"sample_id": ["GSM99"], "class": ["b"]})
    )
    found = read_beta_table(table, write(labels, tmp_path / "labels.csv"))
    assert_same(found, frame)
    assert found.without_betas == ["GSM99"]


def test_labels_may_stand_in_a_table_of_their_own_for_samples_in_rows_too(
    frame: pl.DataFrame, tmp_path: Path
) -> None:
    table = write(frame.drop("class"), tmp_path / "t.csv")
    labels = write(frame.select("sample_id", "class"), tmp_path / "labels.csv")
    assert_same(read_beta_table(table, labels), frame)


def test_a_series_matrix_brings_its_labels_along(frame: pl.DataFrame, tmp_path: Path) -> None:
    def line(name: str, values: list[str]) -> str:
        return "\t".join([name, *(f'"{value}"' for value in values)])

    classes = [f"class: {of}" for of in frame["class"]]
    # The fourth sample lacks its age, so that its next characteristic moves up.
    second = [f"age: {of}" if i != 3 else "sex: F" for i, of in enumerate(frame["age"])]
    table = in_rows(frame).with_columns(pl.format('"{}"', "ID_REF").alias("ID_REF"))
    text = table.write_csv(separator="\t", null_value="", quote_style="never")
    content = "\n".join(
        [
            '!Series_title\t"A title; with, everything"',
            "",
            line("!Sample_title", [f"tumour {i}" for i in range(8)]),
            line("!Sample_geo_accession", NAMES),
            line("!Sample_characteristics_ch1", classes),
            line("!Sample_characteristics_ch1", second),
            "!series_matrix_table_begin",
            text + "!series_matrix_table_end",
            "",
        ]
    )
    path = tmp_path / "GSE1_series_matrix.txt.gz"
    path.write_bytes(gzip.compress(content.encode()))
    found = read_beta_table(path)
    assert_same(found, frame)
    assert found.samples["title"][0] == "tumour 0"
    assert found.samples["age"].to_list()[2:5] == ["42", None, "44"]
    assert found.samples["sex"].to_list()[2:5] == [None, "F", None]


def test_probes_that_are_no_cpg_are_left_aside_and_named(
    frame: pl.DataFrame, tmp_path: Path
) -> None:
    more = frame.with_columns(rs1000=pl.lit(0.5), score=pl.lit(0.9), purity=pl.lit(0.2))
    found = read_beta_table(write(more, tmp_path / "t.csv"))
    assert found.probe_ids == PROBES
    assert found.notes == [
        "probe rs1000 is not used: not a CpG",
        "3 columns are not used (age, score, purity): their names are no CpGs'",
    ]
    rows = in_rows(frame).vstack(in_rows(frame)[:1].with_columns(ID_REF=pl.lit("rs1000")))
    labels = write(frame.select("sample_id", "class"), tmp_path / "labels.csv")
    odd = rows.with_columns(detection=pl.lit(0.01))
    found = read_beta_table(write(odd, tmp_path / "u.csv"), labels)
    assert_same(found, frame)
    assert found.notes == [
        "probe rs1000 is not used: not a CpG",
        "column detection is not used: not in labels.csv",
    ]


def test_columns_of_other_names_count_where_none_is_a_cpg(
    frame: pl.DataFrame, tmp_path: Path
) -> None:
    genes = frame.drop("age").rename({probe: f"GENE{i}" for i, probe in enumerate(PROBES)})
    found = read_beta_table(write(genes, tmp_path / "t.csv"))
    assert len(found.probe_ids) == 60
    assert "every column of numbers counts as a beta" in found.notes[0]
    # A column that is said to be about the samples is none.
    assert len(read_beta_table(tmp_path / "t.csv", about=["GENE3"]).probe_ids) == 59


def M(betas: pl.Expr) -> pl.Expr:  # noqa: N802
    return (betas / (1 - betas)).log(2)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.with_columns(M(pl.col(PROBES).clip(0.01, 0.99))), r"M-values: convert them"),
        (lambda t: t.with_columns(pl.col(PROBES) * 100), r"look like percentages: divide them"),
        (
            lambda t: t.with_columns(pl.lit(1.2).alias(PROBES[7])),
            r"to 1\.2 \(cg00000007 of GSM1 is 1\.2\), but betas lie in 0\.\.1",
        ),
        (lambda t: pl.concat([t, t[:1]]), r"sample 'GSM1' occurs twice in the column 'sample_id'"),
        (
            lambda t: t.with_columns(pl.col("sample_id").replace("GSM3", None)),
            r"row 3 has no name in the column 'sample_id'",
        ),
        (
            lambda t: t.with_columns(pl.lit("high").alias(PROBES[7])),
            r"'cg00000007' holds 'high': betas are numbers",
        ),
        (lambda t: t.select("sample_id", "class"), r"holds no column of numbers"),
        (lambda t: in_rows(t), r"probes lie in rows: give a table about the samples"),
        (lambda t: t[:0], r"cannot be read|holds no table|holds 0 rows"),
    ],
    ids=[
        *("M-values", "percentages", "beyond 1", "twice", "no name", "text", "no betas"),
        *("turned", "empty"),
    ],
)
def test_what_is_no_table_of_betas_is_refused_in_one_line(
    change: object, message: str, frame: pl.DataFrame, tmp_path: Path
) -> None:
    path = write(change(frame), tmp_path / "t.csv")  # type: ignore[operator]
    with pytest.raises(MatrixError, match=message) as error:
        read_beta_table(path)
    assert "\n" not in str(error.value)
    assert "t.csv" in str(error.value)


def test_labels_that_do_not_fit_are_refused_with_names_of_both_sides(
    frame: pl.DataFrame, tmp_path: Path
) -> None:
    table = write(in_rows(frame), tmp_path / "t.csv")
    other = pl.DataFrame({"name": ["x1", "x2"], "class": ["a", "b"]})
    with pytest.raises(MatrixError, match=r"no sample in common: x1, x2 there.*GSM1, GSM2"):
        read_beta_table(table, write(other, tmp_path / "labels.csv"))
    with pytest.raises(MatrixError, match=r"labels\.csv: no column 'nobody': it has name, class"):
        read_beta_table(table, tmp_path / "labels.csv", sample="nobody")
    twice = pl.concat([in_rows(frame), in_rows(frame)[:1]])
    labels = write(frame.select("sample_id", "class"), tmp_path / "labels.csv")
    with pytest.raises(MatrixError, match=r"probe 'cg00000000' occurs twice"):
        read_beta_table(write(twice, tmp_path / "t.csv"), labels)


def test_files_that_are_no_tables_are_refused_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(MatrixError, match=r"nowhere\.csv is no file"):
        read_beta_table(tmp_path / "nowhere.csv")
    for name, content in (
        ("t.parquet", b"no parquet"),
        ("t.csv.gz", b"no gzip"),
        ("t.csv", b"\xff\xfe\x00\x01"),
        ("u.csv", b"\n\n"),
    ):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(MatrixError, match=name) as error:
            read_beta_table(tmp_path / name)
        assert "\n" not in str(error.value)
