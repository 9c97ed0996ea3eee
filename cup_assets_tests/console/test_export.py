"""What is exported is what the catalogue holds; whose a sample is stays inside unless asked for."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import anndata
import duckdb
import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cup_assets.console.errors import ConsoleError
from cup_assets.console.export import Choice, run_export
from cup_assets.settings import Settings
from cup_assets.warehouse import Catalogue, WarehouseError
from cup_assets.warehouse.tables import PERSONAL, export_table, table_columns

EVERYTHING = Choice()


@pytest.fixture(scope="module")
def platform(complete_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Return a complete platform; nothing that is exported changes it."""
    return Settings(shutil.copytree(complete_data, tmp_path_factory.mktemp("platform") / "data"))


def written(
    platform: Settings, out: Path, choice: Choice = EVERYTHING, top: int | None = None
) -> anndata.AnnData:
    run_export(platform, "betas", out, None, choice, top=top)
    return anndata.read_h5ad(out)


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_a_table_is_written_as_it_is_but_for_whose_the_samples_are(
    platform: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str], kind: str
) -> None:
    catalogue = Catalogue(platform.catalogue)
    out = tmp_path / f"samples.{kind}"
    run_export(platform, "samples", out, None, EVERYTHING)
    assert "30 rows; withheld: patient_id, extra (--patients" in capsys.readouterr().out
    found = pl.read_csv(out, infer_schema=False) if kind == "csv" else pl.read_parquet(out)
    stored = catalogue.query("SELECT * EXCLUDE (patient_id, extra) FROM samples ORDER BY ALL")
    assert found.columns == stored.columns
    assert found.rows() == stored.rows()
    patients = catalogue.query("SELECT patient_id FROM samples")["patient_id"].to_list()
    assert not any(name.encode() in out.read_bytes() for name in patients)
    whole = tmp_path / f"all.{kind}"
    run_export(platform, "samples", whole, None, EVERYTHING, patients=True)
    told = pl.read_csv(whole, infer_schema=False) if kind == "csv" else pl.read_parquet(whole)
    assert sorted(told["patient_id"]) == sorted(patients)
    again = tmp_path / f"again.{kind}"
    run_export(platform, "samples", again, None, EVERYTHING)
    assert again.read_bytes() == out.read_bytes()


def test_no_table_or_view_gives_patients_away(platform: Settings) -> None:
    columns = table_columns(Catalogue(platform.catalogue))
    with duckdb.connect(platform.catalogue, read_only=True) as connection:
        rows = connection.execute("SELECT patient_id FROM samples").fetchall()
        patients = {name for (name,) in rows}
        assert len(patients) > 20
        for table in sorted(set(columns) - {"betas"}):
            shown = ", ".join(f'"{name}"' for name in columns[table] if name not in PERSONAL)
            cells = connection.execute(f'SELECT {shown} FROM "{table}"').fetchall()
            words = re.split(r"[^\w-]+", " ".join(str(cell) for row in cells for cell in row))
            assert not patients & set(words), table


def test_the_view_of_betas_is_a_table_too(platform: Settings, tmp_path: Path) -> None:
    run_export(platform, "betas", tmp_path / "betas.parquet", None, EVERYTHING)
    found = pl.read_parquet(tmp_path / "betas.parquet")
    stored = Catalogue(platform.catalogue).query("SELECT * FROM betas")
    assert found.sort(found.columns).equals(stored.sort(stored.columns))


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Catalogue:
    """Return a catalogue without a row; read only."""
    return Catalogue(tmp_path_factory.mktemp("empty") / "cup.duckdb")


@settings(max_examples=15, deadline=None)
@given(
    name=st.text() | st.sampled_from(['samples"; DROP TABLE samples; --', "samples ", "SAMPLES"])
)
def test_a_name_that_is_no_table_is_never_part_of_a_statement(empty: Catalogue, name: str) -> None:
    with pytest.raises(WarehouseError, match="no table or view"):
        export_table(empty, name, Path("never"), "csv")


def test_quotes_in_names_of_tables_columns_and_files_are_only_names(tmp_path: Path) -> None:
    catalogue = Catalogue(tmp_path / "cup.duckdb")
    catalogue.query("SELECT 1")
    with duckdb.connect(catalogue.path) as connection:
        connection.execute('CREATE TABLE "a""; DROP TABLE samples; --" ("x""y" INTEGER)')
        connection.execute('INSERT INTO "a""; DROP TABLE samples; --" VALUES (1)')
    out = tmp_path / 'it\'s "odd".csv'
    rows, withheld = export_table(catalogue, 'a"; DROP TABLE samples; --', out, "csv")
    assert (rows, withheld) == (1, [])
    assert pl.read_csv(out).rows() == [(1,)]
    assert "samples" in table_columns(catalogue)


def test_anndata_read_back_is_what_the_catalogue_holds(platform: Settings, tmp_path: Path) -> None:
    catalogue = Catalogue(platform.catalogue)
    found = written(platform, tmp_path / "betas.h5ad")
    samples = catalogue.query(
        'SELECT sample_id, s.batch, s."class", verdict, d.included FROM samples s'
        " JOIN sample_qc USING (sample_id) JOIN dataset_members d USING (sample_id)"
        " ORDER BY s.batch, sample_id"
    )
    assert found.obs_names.to_list() == samples["sample_id"].to_list()
    for column, name in (("batch", "batch"), ("class", "class"), ("verdict", "verdict")):
        ours = [None if value != value else value for value in found.obs[column].tolist()]
        assert ours == samples[name].to_list()
    assert found.obs["in_reference"].tolist() == samples["included"].to_list()
    assert not set(PERSONAL) & set(found.obs.columns)
    betas = catalogue.query(
        "SELECT sample_id, p.name, beta FROM betas JOIN probes p USING (probe_id)"
    )
    at = (
        {name: place for place, name in enumerate(found.obs_names)},
        {name: place for place, name in enumerate(found.var_names)},
    )
    expected = np.full(found.shape, np.nan, dtype=np.float32)
    rows = betas["sample_id"].replace_strict(at[0]).to_numpy()
    expected[rows, betas["name"].replace_strict(at[1]).to_numpy()] = betas["beta"].to_numpy()
    assert found.X.dtype == np.float32
    np.testing.assert_array_equal(found.X, expected)
    assert np.isnan(expected).any()
    places = catalogue.query("SELECT name, chrom, pos FROM probes ORDER BY name")
    assert found.var_names.to_list() == places["name"].to_list()
    np.testing.assert_array_equal(
        found.var["pos"], places["pos"].cast(pl.Float64).fill_null(np.nan)
    )
    pca = catalogue.query("SELECT sample_id, x, y FROM landscape WHERE method = 'pca'")
    for sample, x, y in pca.iter_rows():
        np.testing.assert_array_equal(found.obsm["X_pca"][at[0][sample]], (x, y))
    assert np.isnan(found.obsm["X_pca"]).any(axis=1).sum() == found.n_obs - pca.height
    assert found.uns["cup_assets"]["use"] == "research use only"


def test_the_most_variable_probes_and_chosen_samples_are_taken_and_bytes_repeat(
    platform: Settings, tmp_path: Path
) -> None:
    whole = written(platform, tmp_path / "all.h5ad", Choice(batches=("beta",), reference=True))
    assert set(whole.obs["batch"]) == {"beta"}
    assert whole.obs["in_reference"].all()
    assert whole.n_obs > 5
    found = written(platform, tmp_path / "top.h5ad", Choice(("beta",), (), reference=True), top=50)
    variance = np.nanvar(whole.X.astype(np.float64), axis=0, ddof=1)
    best = np.sort(np.argsort(-np.nan_to_num(variance), kind="stable")[:50])
    assert found.var_names.to_list() == whole.var_names[best].to_list()
    np.testing.assert_array_equal(found.X, whole.X[:, best])
    written(platform, tmp_path / "again.h5ad", Choice(("beta",), (), reference=True), top=50)
    assert (tmp_path / "again.h5ad").read_bytes() == (tmp_path / "top.h5ad").read_bytes()


def test_copy_number_is_written_for_the_genome_browser(platform: Settings, tmp_path: Path) -> None:
    run_export(platform, "cnv", tmp_path / "cnv", None, Choice(batches=("beta",)))
    catalogue = Catalogue(platform.catalogue)
    folder = tmp_path / "cnv"
    segments = pl.read_csv(folder / "segments.hg19.seg", separator="\t")
    stored = catalogue.query("SELECT * FROM cnv_segments WHERE batch = 'beta'")
    assert segments.height == stored.height
    calls = (folder / "calls.hg19.bed").read_text().splitlines()[1:]
    altered = ("gain", "loss", "amplification", "deletion")
    assert len(calls) == stored.filter(pl.col("call").is_in(altered)).height
    assert len(list(folder.glob("*.bedgraph"))) == stored["sample_id"].n_unique()


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        (("nothing", None, None), {}, "no table or view 'nothing'"),
        (("samples", Path("x.h5ad"), None), {}, "h5ad is a format of betas"),
        (("samples", None, "xlsx"), {}, "--format: 'xlsx': use csv, parquet, h5ad"),
        (("samples", None, None), {"top": 5}, "are for h5ad and cnv"),
        (("betas", Path("x.h5ad"), None), {"top": 0}, "--top: 0: give a number from 1 to 12000"),
        (("betas", Path("no/x.h5ad"), None), {}, "no is not a folder"),
        (("cnv", None, "csv"), {}, "do not go with cnv"),
    ],
)
def test_what_cannot_be_written_is_said_in_one_line_and_leaves_no_file(
    platform: Settings,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: tuple[str, Path | None, str | None],
    options: dict[str, int],
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    before = sorted(tmp_path.iterdir())
    with pytest.raises((ConsoleError, WarehouseError), match=message):
        run_export(platform, *arguments, EVERYTHING, **options)  # type: ignore[arg-type]
    assert sorted(tmp_path.iterdir()) == before


def test_names_that_are_not_there_and_files_that_are_stop_the_export(
    platform: Settings, tmp_path: Path
) -> None:
    with pytest.raises(ConsoleError, match="no results of batch gamma"):
        run_export(platform, "betas", tmp_path / "x.h5ad", None, Choice(batches=("gamma",)))
    with pytest.raises(ConsoleError, match="no results of sample NOBODY"):
        run_export(platform, "cnv", tmp_path / "x", None, Choice(samples=("NOBODY",)))
    (tmp_path / "kept.csv").write_text("mine")
    with pytest.raises(ConsoleError, match=r"kept\.csv exists: give another name"):
        run_export(platform, "samples", tmp_path / "kept.csv", None, EVERYTHING)
    assert (tmp_path / "kept.csv").read_text() == "mine"
    with pytest.raises(ConsoleError, match="run `cup materialize`, or set CUP_DATA"):
        run_export(Settings(tmp_path / "empty"), "samples", None, None, EVERYTHING)
