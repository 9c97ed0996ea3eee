"""A backup is whole, checked and of one moment, or there is none; a restore overwrites nothing."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from cup_assets.console.backup import LIST, run_backup, run_restore
from cup_assets.console.errors import ConsoleError
from cup_assets.orchestration.instance import open_instance
from cup_assets.settings import Settings
from cup_assets.warehouse import Catalogue, WarehouseError
from cup_assets.warehouse.backup import missing_matrices

COUNTED = (
    "SELECT asset, partition, data_version, fingerprint FROM asset_versions ORDER BY ALL",
    "SELECT sample_id, count(*) AS n, sum(beta) AS total FROM betas GROUP BY ALL ORDER BY ALL",
    "SELECT * EXCLUDE (measures) FROM sample_qc ORDER BY sample_id",
    "SELECT * FROM predictions ORDER BY sample_id",
)


@pytest.fixture
def used(platform: Settings, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Return a complete platform whose Dagster instance knows its batches."""
    monkeypatch.setenv("DAGSTER_HOME", str(platform.data / "dagster"))  # to be undone
    monkeypatch.setenv("CUP_DATA", str(platform.data))
    with open_instance(platform) as instance:
        instance.add_dynamic_partitions("batches", ["alpha", "beta"])
    monkeypatch.delenv("DAGSTER_HOME")
    return platform


@pytest.fixture
def elsewhere(tmp_path: Path) -> Settings:
    return Settings(tmp_path / "elsewhere" / "data")


def test_what_is_restored_elsewhere_is_what_was_there(
    used: Settings,
    elsewhere: Settings,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (used.landing / "half").mkdir()
    (used.landing / "half" / "samplesheet.csv").touch()
    before = [Catalogue(used.catalogue).query(sql) for sql in COUNTED]
    releases = {file.name: file.read_bytes() for file in used.releases.rglob("*.*")}
    backup = run_backup(used, tmp_path / "kept")
    assert "landing/half is not taken in yet: left out" in capsys.readouterr().out
    for folder in (used.landing, used.warehouse, used.dagster_home):
        folder.rename(folder.with_name(f"lost_{folder.name}"))

    run_restore(elsewhere, backup)
    assert "next: `cup doctor`" in capsys.readouterr().out
    after = [Catalogue(elsewhere.catalogue).query(sql) for sql in COUNTED]
    for old, new in zip(before, after, strict=True):
        assert old.height
        assert new.equals(old)
    assert {file.name: file.read_bytes() for file in elsewhere.releases.rglob("*.*")} == releases
    assert sorted(path.name for path in elsewhere.landing.iterdir()) == ["alpha", "beta"]
    assert not (elsewhere.data / "cache").exists()
    monkeypatch.setenv("CUP_DATA", str(elsewhere.data))
    monkeypatch.setenv("DAGSTER_HOME", str(elsewhere.data / "dagster"))
    with open_instance(elsewhere) as instance:
        assert instance.get_dynamic_partitions("batches") == ["alpha", "beta"]


def spoil(backup: Path) -> str:
    file = next((backup / "warehouse" / "matrices").rglob("*.parquet"))
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    return f"{file.name} is damaged: this backup cannot be trusted"


def lose(backup: Path) -> str:
    file = next((backup / "landing").rglob("*_Grn.idat"))
    file.unlink()
    return f"{file.name} is missing: this backup is not whole"


def cut(backup: Path) -> str:
    file = backup / LIST
    file.write_text(file.read_text()[:-10])
    return "backup.json cannot be read"


def lead_astray(backup: Path) -> str:
    record = json.loads((backup / LIST).read_text())
    (backup.parent / "other").touch()
    record["files"]["../other"] = "0"
    (backup / LIST).write_text(json.dumps(record))
    return "other is missing: this backup is not whole"


def test_a_backup_that_is_not_as_it_was_made_is_refused_and_nothing_is_restored(
    used: Settings, elsewhere: Settings, tmp_path: Path
) -> None:
    whole = run_backup(used, tmp_path / "kept")
    steps: list[Callable[[Path], str]] = [spoil, lose, cut, lead_astray]
    for step in steps:
        backup = shutil.copytree(whole, tmp_path / step.__name__)
        message = step(backup)
        with pytest.raises(ConsoleError, match=message):
            run_restore(elsewhere, backup)
        assert not elsewhere.data.exists()


def test_nothing_is_restored_over_what_is_there(used: Settings, tmp_path: Path) -> None:
    backup = run_backup(used, tmp_path / "kept")
    before = used.catalogue.read_bytes()
    with pytest.raises(ConsoleError, match=r"cup.duckdb is there already: restore into an empty"):
        run_restore(used, backup)
    assert used.catalogue.read_bytes() == before


def test_without_the_batches_files_it_says_what_must_be_put_back_first(
    used: Settings, elsewhere: Settings, tmp_path: Path
) -> None:
    backup = run_backup(used, tmp_path / "kept", landing=False)
    assert not (backup / "landing").exists()
    with pytest.raises(
        ConsoleError, match=r"2 batches have no folder in .*, first alpha: put them"
    ):
        run_restore(elsewhere, backup)


def test_a_platform_that_lacks_a_matrix_gives_no_backup(used: Settings, tmp_path: Path) -> None:
    file = next((used.warehouse / "matrices").rglob("betas-*.parquet"))
    Catalogue(used.catalogue).query("SELECT 1")
    content = file.read_bytes()
    file.write_bytes(content[:-100])
    assert missing_matrices(Catalogue(used.catalogue)) == [
        file.relative_to(used.warehouse).as_posix()
    ]
    file.unlink()
    assert len(missing_matrices(Catalogue(used.catalogue))) == 1
    with pytest.raises(WarehouseError, match="is named in the catalogue and is not there"):
        run_backup(used, tmp_path / "kept")
    assert list((tmp_path / "kept").iterdir()) == []
    assert not list(used.warehouse.glob(".backup*"))


def test_a_backup_is_no_part_of_what_it_copies(used: Settings) -> None:
    with pytest.raises(ConsoleError, match="lies in the data folder: keep backups on another"):
        run_backup(used, used.data / "backups")


def test_without_data_there_is_nothing_to_copy(elsewhere: Settings, tmp_path: Path) -> None:
    with pytest.raises(ConsoleError, match="nothing to back up, check CUP_DATA"):
        run_backup(elsewhere, tmp_path / "kept")
    assert list(tmp_path.iterdir()) == []
