"""The catalogue keeps old or new, never between, and remembers what everything was made from."""

from __future__ import annotations

import multiprocessing
import time
from multiprocessing.synchronize import Event
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from cup_assets.warehouse import (
    Catalogue,
    InputChangedError,
    Matrix,
    Recipe,
    WarehouseError,
    Write,
    read_matrix,
    write_matrix,
)


def recipe(partition: str = "", **inputs: str) -> Recipe:
    return Recipe("datasets/reference", "1", {"seed": 1}, inputs, partition=partition)


def members(*sample_ids: str) -> dict[str, pl.DataFrame]:
    rows = pl.DataFrame({"sample_id": list(sample_ids), "included": True, "batch": "b"})
    return {"dataset_members": rows}


def store(catalogue: Catalogue, write: Write, version: str, of: Recipe | None = None) -> None:
    catalogue.store(of or recipe(), write, run_id="run", data_version=version, summary={})


@pytest.fixture
def catalogue(tmp_path: Path) -> Catalogue:
    return Catalogue(tmp_path / "warehouse" / "cup.duckdb", patience=1.0)


def test_rows_carry_the_run_and_the_version_that_wrote_them(catalogue: Catalogue) -> None:
    store(catalogue, Write(members("A")), "v1")
    found = catalogue.query("SELECT sample_id, run_id, data_version FROM dataset_members")
    assert found.rows() == [("A", "run", "v1")]


def test_a_new_version_replaces_the_rows_and_keeps_the_old_record(catalogue: Catalogue) -> None:
    store(catalogue, Write(members("A", "B")), "v1", recipe(x="1"))
    store(catalogue, Write(members("C")), "v2", recipe(x="2"))
    assert catalogue.query("SELECT sample_id FROM dataset_members")["sample_id"].to_list() == ["C"]
    current = catalogue.current("datasets/reference")
    assert current is not None
    assert (current.data_version, current.inputs) == ("v2", {"x": "2"})
    (old,) = catalogue.versions("datasets/reference", data_version="v1")
    assert old.inputs == {"x": "1"}


def test_a_failing_write_leaves_the_old_state(catalogue: Catalogue) -> None:
    store(catalogue, Write(members("A")), "v1")
    broken = members("B") | {"folds": pl.DataFrame({"no_such_column": [1]})}
    with pytest.raises(Exception, match="no_such_column"):
        store(catalogue, Write(broken), "v2")
    assert catalogue.query("SELECT sample_id FROM dataset_members")["sample_id"].to_list() == ["A"]
    assert catalogue.current_versions("datasets/reference") == {"": "v1"}


def test_what_was_made_of_an_input_that_has_changed_since_is_not_stored(
    catalogue: Catalogue,
) -> None:
    store(catalogue, Write(members("A")), "v1")
    balanced = Recipe("datasets/balanced", "1", {}, {"datasets/reference": "v1"})
    store(catalogue, Write({}), "w1", balanced)
    store(catalogue, Write(members("B")), "v2")
    late = {"training_plan": pl.DataFrame({"strategy": ["none"], "sample_id": "A", "weight": 1.0})}
    with pytest.raises(InputChangedError, match=r"^datasets/reference changed while datasets/bal"):
        store(catalogue, Write(late), "w2", balanced)
    assert catalogue.query("SELECT * FROM training_plan").is_empty()
    assert catalogue.current_versions("datasets/balanced") == {"": "w1"}


def test_only_the_rows_of_the_key_are_replaced(catalogue: Catalogue) -> None:
    def row(batch: str, reason: str) -> dict[str, pl.DataFrame]:
        frame = {"sample_id": [batch], "batch": [batch], "reason": [reason], "n": [1]}
        return {"masked_betas": pl.DataFrame(frame)}

    for batch, reason in (("b1", "old"), ("b2", "old"), ("b1", "new")):
        write = Write(row(batch, reason), key={"batch": batch})
        store(catalogue, write, reason, recipe(batch))
    found = catalogue.query("SELECT batch, reason FROM masked_betas ORDER BY batch").rows()
    assert found == [("b1", "new"), ("b2", "old")]


def matrix(catalogue: Catalogue, version: str, values: np.ndarray, samples: list[str]) -> Write:
    new = Matrix("mini", "betas", ["cg1", "cg2"], samples, values.astype(np.float32))
    file = write_matrix(catalogue.path.parent, "b1", version, new)
    return Write({}, key={"batch": "b1"}, matrices=[file])


def test_of_a_table_that_two_assets_write_to_each_replaces_its_own_rows(
    catalogue: Catalogue,
) -> None:
    def both(study: str, sample: str) -> Write:
        rows = pl.DataFrame(
            {"study": [study], "scheme": ["stratified"], "a": ["svm"], "b": [sample]}
        )
        tables = {"cv_comparisons": rows.with_columns(metric=pl.lit("error")), **members(sample)}
        return Write(tables, keys={"cv_comparisons": {"study": study}})

    for study, sample in (("leaderboard", "A"), ("ablations", "B"), ("leaderboard", "C")):
        store(catalogue, both(study, sample), sample)
    found = catalogue.query("SELECT study, b FROM cv_comparisons ORDER BY study")
    assert found.rows() == [("ablations", "B"), ("leaderboard", "C")]
    assert catalogue.query("SELECT sample_id FROM dataset_members")["sample_id"].to_list() == ["C"]


def test_stored_betas_are_reached_by_sql_and_masked_ones_are_absent(catalogue: Catalogue) -> None:
    values = np.array([[0.1, np.nan], [0.3, 0.4]])
    store(catalogue, matrix(catalogue, "v1", values, ["S1", "it's S2"]), "v1", recipe("b1"))
    found = catalogue.query("SELECT sample_id, probe_id FROM betas ORDER BY ALL").rows()
    assert found == [("S1", "cg1"), ("S1", "cg2"), ("it's S2", "cg2")]


def test_a_superseded_matrix_is_deleted_and_another_run_s_file_of_a_batch_is_not_kept(
    catalogue: Catalogue,
) -> None:
    folder = catalogue.path.parent / "matrices" / "b1"
    store(catalogue, matrix(catalogue, "v1", np.eye(2), ["S1", "S2"]), "v1", recipe("b1"))
    matrix(catalogue, "killed", np.eye(2), ["S1", "S2"])  # written, never recorded
    store(catalogue, matrix(catalogue, "v2", np.eye(2), ["S1", "S2"]), "v2", recipe("b1"))
    assert [file.name for file in folder.iterdir()] == ["betas-mini-v2.parquet"]


@pytest.mark.parametrize("few", [0, 20_000])  # whole files are decoded, or parts of them
def test_a_matrix_is_read_back_in_the_order_asked_for(
    catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch, few: int
) -> None:
    monkeypatch.setattr("cup_assets.warehouse.matrices._FEW", few)
    monkeypatch.setattr("cup_assets.warehouse.matrices._ROW_GROUP", 1)
    values = np.array([[0.1, np.nan], [0.3, 0.4]])
    write = matrix(catalogue, "v1", values, ["S1", "S2"])
    assert write.matrices is not None
    path = catalogue.path.parent / write.matrices[0].path
    probes, samples, read = read_matrix(path, samples=["S2", "S1"], probes=["cg2", "cg1"])
    assert (probes, samples) == (["cg2", "cg1"], ["S2", "S1"])
    np.testing.assert_array_equal(read, np.array([[0.4, 0.3], [np.nan, 0.1]], dtype=np.float32))
    with pytest.raises(KeyError, match="cg9"):
        read_matrix(path, probes=["cg9"])


def test_files_in_the_earlier_layout_stay_readable(tmp_path: Path) -> None:
    path = tmp_path / "betas-mini-old.parquet"
    frame = pl.DataFrame({"probe_id": ["cg1", "cg2"], "S1": [0.1, None]})
    frame.with_columns(pl.col("S1").cast(pl.Float32)).write_parquet(path, compression="zstd")
    _, _, values = read_matrix(path, probes=["cg2", "cg1"])
    np.testing.assert_array_equal(values, np.array([[np.nan], [0.1]], dtype=np.float32))


def test_a_matrix_file_has_the_same_bytes_however_the_values_lie(tmp_path: Path) -> None:
    values = np.random.default_rng(1).random((70_000, 3)).astype(np.float32)
    values[::7] = np.nan
    np.save(tmp_path / "values.npy", values)
    probes = [f"cg{i:06d}" for i in range(len(values))]
    content = set()
    for given in (
        values,
        np.asfortranarray(values),
        np.load(tmp_path / "values.npy", mmap_mode="r"),
    ):
        matrix = Matrix("mini", "betas", probes, ["A", "B", "C"], given)
        path = tmp_path / write_matrix(tmp_path, "b1", "v1", matrix).path
        content.add(path.read_bytes())
    assert len(content) == 1
    np.testing.assert_array_equal(read_matrix(path)[2], values)


def test_a_full_disk_leaves_no_partial_file(
    catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space left"):
        matrix(catalogue, "v1", np.eye(2), ["S1", "S2"])
    assert list((catalogue.path.parent / "matrices" / "b1").iterdir()) == []


def test_the_view_follows_a_data_folder_that_was_moved(catalogue: Catalogue) -> None:
    store(catalogue, matrix(catalogue, "v1", np.eye(2), ["S1", "S2"]), "v1", recipe("b1"))
    moved = catalogue.path.parent.with_name("moved")
    catalogue.path.parent.rename(moved)
    assert Catalogue(moved / "cup.duckdb").query("SELECT * FROM betas").height == 4


def _hold(path: Path, seconds: float, held: Event) -> None:
    import duckdb

    with duckdb.connect(path):
        held.set()
        time.sleep(seconds)


@pytest.mark.parametrize(("seconds", "works"), [(0.5, True), (30.0, False)])
def test_a_writer_waits_for_the_other_process_and_then_says_so(
    catalogue: Catalogue, seconds: float, works: bool
) -> None:
    store(catalogue, Write(members("A")), "v1")
    spawn = multiprocessing.get_context("spawn")
    held = spawn.Event()
    holder = spawn.Process(target=_hold, args=(catalogue.path, seconds, held))
    holder.start()
    try:
        assert held.wait(30)
        if works:
            Catalogue(catalogue.path, patience=10).query("SELECT 1")
        else:
            with pytest.raises(WarehouseError, match="held by another process"):
                Catalogue(catalogue.path, patience=0.3).query("SELECT 1")
    finally:
        holder.terminate()
        holder.join()


def test_a_database_of_a_newer_version_is_refused(catalogue: Catalogue) -> None:
    import duckdb

    catalogue.query("SELECT 1")
    with duckdb.connect(catalogue.path) as connection:
        connection.execute("UPDATE platform SET value = '99' WHERE key = 'schema_version'")
    with pytest.raises(WarehouseError, match="update cup_assets"):
        Catalogue(catalogue.path).query("SELECT 1")


def test_a_broken_file_is_named_with_the_remedy(catalogue: Catalogue) -> None:
    catalogue.path.parent.mkdir()
    catalogue.path.write_bytes(b"not a database" * 1000)
    with pytest.raises(WarehouseError, match="restore it from a backup"):
        catalogue.query("SELECT 1")


def test_the_fingerprint_follows_what_an_asset_depends_on_and_nothing_else() -> None:
    base = Recipe("a", "1", {"x": 1, "y": 2}, {"i": "1", "j": "2"})
    assert base.fingerprint == Recipe("a", "1", {"y": 2, "x": 1}, {"j": "2", "i": "1"}).fingerprint
    for other in (
        Recipe("a", "2", {"x": 1, "y": 2}, {"i": "1", "j": "2"}),
        Recipe("a", "1", {"x": 1, "y": 3}, {"i": "1", "j": "2"}),
        Recipe("a", "1", {"x": 1, "y": 2}, {"i": "1", "j": "3"}),
        Recipe("a", "1", {"x": 1, "y": 2}, {"i": "1", "j": "2"}, partition="b"),
    ):
        assert other.fingerprint != base.fingerprint
    sheet_changed = Recipe("a", "1", {}, {"i": "2"}, depends_on={"files": "1"})
    assert (
        sheet_changed.fingerprint
        == Recipe("a", "1", {}, {"i": "1"}, depends_on={"files": "1"}).fingerprint
    )
