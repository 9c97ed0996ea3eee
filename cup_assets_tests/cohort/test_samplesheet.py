"""Sample sheets: dialects are understood, faults are named by line, nothing is guessed."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cup_assets.cohort.problems import SampleSheetError
from cup_assets.cohort.samplesheet import SAMPLE_SCHEMA, load_samplesheet, read_samplesheet

HEADER = "Sample_ID,Sentrix_ID,Sentrix_Position,patient_id,diagnosis,role,material,sex,site,cohort"


def row(sample: str, position: str = "R01C01", **changed: str) -> str:
    fields = {
        "sample": sample,
        "slide": "200360140012",
        "position": position,
        "patient": f"P-{sample}",
        "diagnosis": "warthin tumour",
        "role": "reference",
        "material": "FFPE",
        "sex": "F",
        "site": "parotid",
        "cohort": "own",
    } | changed
    return ",".join(fields.values())


def write(tmp_path: Path, *lines: str, encoding: str = "utf-8") -> Path:
    path = tmp_path / "samplesheet.csv"
    path.write_bytes("\n".join((*lines, "")).encode(encoding))
    return path


def errors(path: Path) -> list[str]:
    return [p.line for p in load_samplesheet(path).problems if p.severity == "error"]


def codes(path: Path) -> list[str]:
    return [p.code for p in load_samplesheet(path).problems]


def test_a_plain_csv_gives_one_canonical_row_a_sample(tmp_path: Path) -> None:
    frame = read_samplesheet(write(tmp_path, HEADER, row("S1"), row("S2", "r02c01", sex="male")))
    assert frame.schema == SAMPLE_SCHEMA
    assert frame["sample_id"].to_list() == ["S1", "S2"]
    assert frame["sentrix_position"].to_list() == ["R01C01", "R02C01"]
    assert frame["sex"].to_list() == ["F", "M"]
    assert frame["class"].to_list() == [None, None]


def test_the_illumina_layout_gives_the_same_rows_as_a_plain_csv(tmp_path: Path) -> None:
    plain = read_samplesheet(write(tmp_path, HEADER, row("S1"), row("S2", "R02C01")))
    illumina = read_samplesheet(
        write(
            tmp_path,
            "[Header],,,",
            "Investigator Name,somebody,,",
            "",
            "[Manifests],,,",
            "A,some_manifest",
            "[Data],,,",
            HEADER,
            row("S1"),
            ",,,,,,,,,",
            row("S2", "R02C01"),
            "[Footer]",
            "not,a,sample",
        )
    )
    assert illumina.equals(plain)


def test_sample_name_stands_in_for_a_missing_sample_id(tmp_path: Path) -> None:
    frame = read_samplesheet(
        write(tmp_path, "Sample_Name,Sentrix_ID,Sentrix_Position,role", "A,123456789,R01C01,ref")
    )
    assert frame["sample_id"].to_list() == ["A"]


def test_other_columns_are_kept(tmp_path: Path) -> None:
    frame = read_samplesheet(
        write(tmp_path, HEADER + ",Sample_Plate,batch", row("S1") + ",WG1,march")
    )
    assert json.loads(frame["extra"][0]) == {"Sample_Plate": "WG1", "batch": "march"}
    assert frame["batch"][0] is None


@pytest.mark.parametrize(("separator", "name"), [(";", "semicolon"), ("\t", "tab")])
def test_semicolons_and_tabs_are_accepted_with_a_note(
    tmp_path: Path, separator: str, name: str
) -> None:
    lines = [line.replace(",", separator) for line in (HEADER, row("S1", site="tongue"))]
    sheet = load_samplesheet(write(tmp_path, f"sep={separator}", *lines))
    assert [r.sample_id for r in sheet.rows] == ["S1"]
    assert [p.code for p in sheet.problems] == ["separator"]
    assert name in sheet.problems[0].line


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_unicode_encodings_keep_accents(tmp_path: Path, encoding: str) -> None:
    path = write(tmp_path, HEADER, row("S1", site="Hôpital Pitié"), encoding=encoding)
    assert read_samplesheet(path)["site"].to_list() == ["Hôpital Pitié"]


def test_windows_1252_from_a_french_excel_is_accepted_with_a_note_that_shows_it(
    tmp_path: Path,
) -> None:
    path = write(tmp_path, HEADER, row("S1", site="cœur d’Orléans"), encoding="cp1252")
    sheet = load_samplesheet(path)
    assert sheet.rows[0].fields["site"] == "cœur d’Orléans"
    (note,) = sheet.problems
    assert (note.code, note.severity) == ("encoding", "note")
    assert "Orléans" in note.line


@pytest.mark.parametrize("encoding", ["cp850", "mac_roman"])
def test_dos_and_mac_encodings_are_refused_with_line_and_remedy(
    tmp_path: Path, encoding: str
) -> None:
    path = write(tmp_path, HEADER, row("S1"), row("S2", site="Orléans"), encoding=encoding)
    with pytest.raises(SampleSheetError, match=r"samplesheet.csv, line 3: .*save it as 'CSV UTF-8"):
        load_samplesheet(path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"PK\x03\x04rest", "Excel workbook"),
        (b"Sample_ID,\0", "binary data"),
        (b"\xff\xfea", "broken UTF-16"),
        (b"[Header]\nx,y\n", "0 \\[Data\\] sections"),
        (b"[Data]\n", "holds no table"),
        (HEADER.encode(), "has no rows"),
        (b"Sample_ID,Sentrix_ID\nS1,1", "lacks the column Sentrix_Position: add it"),
        (b"Name;Slide\nS1;1", r"lacks the column Sample_ID \(or Sample_Name\), Sentrix_ID, Sentr"),
        (b"Sample_ID,sample_id,Sentrix_ID,Sentrix_Position\n", "two columns 'sample_id'"),
        (HEADER.encode() + b'\n"S1,2\nS2,3\n', "line 2: .*quotation marks"),
    ],
)
def test_a_sheet_that_is_no_sheet_is_refused_in_one_line(
    tmp_path: Path, content: bytes, message: str
) -> None:
    path = tmp_path / "samplesheet.csv"
    path.write_bytes(content)
    with pytest.raises(SampleSheetError, match=message) as caught:
        load_samplesheet(path)
    assert str(caught.value).startswith("samplesheet.csv")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (row("S2", "R02C01", role="ctrl"), "role 'ctrl' is unknown: use reference, diagnostic or"),
        (row("S2", "R02C01", material="blood"), "material 'blood' is unknown: use FFPE or frozen"),
        (row("S2", "R02C01", slide="2.00E+11"), "'2.00E+11' was rounded by a spreadsheet"),
        (row("S2", "R02C01", slide=""), "Sentrix_ID '' is not a slide barcode"),
        (row("S2", "R2C1"), "'R2C1' is not a position such as R01C01"),
        (row("", "R02C01"), "Sample_ID is empty"),
        (row("../S2", "R02C01"), "Sample_ID '../S2' must be 1 to 80"),
        (row("a\\b", "R02C01"), "must be 1 to 80"),
        (row("probe_id", "R02C01"), "is a reserved word"),
        (row("=cmd()", "R02C01"), "must be 1 to 80"),
        (row("S" * 81, "R02C01"), "must be 1 to 80"),
        (row("S\x07", "R02C01", patient="P"), r"Sample_ID 'S\x07' must be"),
        (row("S2", "R02C01", site="x\x1b[2J"), "site holds control characters"),
        (row("S2", "R02C01", site="x" * 201), "site is longer than 200"),
        (row("S2", "R02C01") + ",surplus", "more values than the sheet has columns"),
    ],
)
def test_a_bad_row_is_named_and_the_others_go_on(tmp_path: Path, bad: str, message: str) -> None:
    path = write(tmp_path, HEADER, row("S1"), bad, row("S3", "R03C01"))
    sheet = load_samplesheet(path)
    assert [r.sample_id for r in sheet.rows] == ["S1", "S3"]
    (line,) = errors(path)
    assert line.startswith("samplesheet.csv, line 3: ")
    assert message in line
    assert line.isprintable()
    with pytest.raises(SampleSheetError, match="line 3"):
        read_samplesheet(path)


def test_a_sample_id_that_is_there_twice_refuses_both_rows_whatever_its_case(
    tmp_path: Path,
) -> None:
    path = write(tmp_path, HEADER, row("S1"), row("s1", "R02C01"), row("S3", "R03C01"))
    assert [r.sample_id for r in load_samplesheet(path).rows] == ["S3"]
    assert errors(path) == [
        "samplesheet.csv, lines 2 and 3: Sample_ID 's1' is there 2 times: keep the right one"
    ]


def test_an_array_that_is_there_twice_refuses_both_rows(tmp_path: Path) -> None:
    path = write(tmp_path, HEADER, row("S1"), row("S2"), row("S3", "R03C01"))
    assert [r.sample_id for r in load_samplesheet(path).rows] == ["S3"]
    assert errors(path) == [
        "samplesheet.csv, lines 2 and 3: position '200360140012_R01C01' is there 2 times:"
        " keep the right one"
    ]


def test_a_row_pasted_twice_is_one_fault_not_two(tmp_path: Path) -> None:
    assert codes(write(tmp_path, HEADER, row("S1"), row("S1"))) == ["duplicate_sample_id"]


def test_a_duplicate_of_a_refused_row_is_refused_too(tmp_path: Path) -> None:
    path = write(tmp_path, HEADER, row("S1", role="ctrl"), row("S1", "R02C01"))
    assert load_samplesheet(path).rows == ()
    assert codes(path) == ["unknown_role", "duplicate_sample_id"]


def test_empty_optional_cells_are_explained_once_not_per_row(tmp_path: Path) -> None:
    sheet = load_samplesheet(
        write(
            tmp_path,
            HEADER,
            *(row(f"S{i}", f"R0{i}C01", patient="", role="", material="NA") for i in range(1, 4)),
        )
    )
    assert {r.fields["patient_id"] for r in sheet.rows} == {"S1", "S2", "S3"}
    assert {r.fields["role"] for r in sheet.rows} == {"diagnostic"}
    assert {r.fields["material"] for r in sheet.rows} == {None}
    assert [(p.code, p.severity) for p in sheet.problems] == [
        ("no_patient_id", "note"),
        ("no_role", "note"),
        ("no_material", "warning"),
    ]
    assert all("lines 2, 3 and 4" in p.line for p in sheet.problems)


@pytest.mark.parametrize(
    ("written", "sex"),
    [("f", "F"), ("Femme", "F"), ("h", "M"), ("HOMME", "M"), ("male", "M"), ("u", None)],
)
def test_sex_is_understood_in_english_and_french(
    tmp_path: Path, written: str, sex: str | None
) -> None:
    sheet = load_samplesheet(write(tmp_path, HEADER, row("S1", sex=written)))
    assert sheet.rows[0].fields["sex"] == sex
    assert not sheet.problems


def test_a_sex_that_is_not_understood_is_a_warning_not_a_guess(tmp_path: Path) -> None:
    sheet = load_samplesheet(write(tmp_path, HEADER, row("S1", sex="1")))
    assert sheet.rows[0].fields["sex"] is None
    assert [p.severity for p in sheet.problems] == ["warning"]


def test_values_are_trimmed_and_a_whole_barcode_with_point_zero_is_whole(tmp_path: Path) -> None:
    path = write(tmp_path, HEADER, row("  S 1 \u00a0", slide="200360140012.0"))
    frame = read_samplesheet(path)
    assert frame["sample_id"][0] == "S 1"
    assert frame["sentrix_id"][0] == "200360140012"


def test_line_numbers_count_lines_not_records(tmp_path: Path) -> None:
    path = write(tmp_path, HEADER, row("S1", site='"two\nlines"'), "", row("S2", role="bad"))
    assert errors(path)[0].startswith("samplesheet.csv, line 5:")


@settings(deadline=None, max_examples=50)
@given(
    names=st.lists(
        st.from_regex(r"[A-Za-z0-9][A-Za-z0-9 ._+()-]{0,20}[A-Za-z0-9]", fullmatch=True),
        min_size=1,
        max_size=8,
        unique_by=str.casefold,
    ),
    site=st.text(st.sampled_from('abcé,;\t" '), max_size=15),
    separator=st.sampled_from(",;\t"),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "cp1252"]),
    illumina=st.booleans(),
)
def test_what_a_spreadsheet_writes_comes_back(
    tmp_path_factory: pytest.TempPathFactory,
    names: list[str],
    site: str,
    separator: str,
    encoding: str,
    illumina: bool,
) -> None:
    names = [" ".join(name.split()) for name in names if name.lower() not in ("na", "nan")]
    names = list({name.casefold(): name for name in names}.values()) or ["S1"]
    buffer = io.StringIO()
    if illumina:
        buffer.write(f"[Header]{separator * 3}\r\n[Data]{separator * 3}\r\n")
    writer = csv.writer(buffer, delimiter=separator)
    writer.writerow(["Sample_ID", "Sentrix_ID", "Sentrix_Position", "site", "patient_id", "role"])
    for number, name in enumerate(names):
        writer.writerow([name, f"{200000000000 + number}", "R01C01", site, "P", "reference"])
    path = tmp_path_factory.mktemp("sheet") / "samplesheet.csv"
    path.write_bytes(buffer.getvalue().encode(encoding))
    frame = read_samplesheet(path)
    assert frame["sample_id"].to_list() == names
    assert frame["sentrix_id"].to_list() == [f"{200000000000 + i}" for i in range(len(names))]
    assert set(frame["site"]) == {" ".join(site.split()) or None}
