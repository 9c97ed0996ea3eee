"""Pictures follow the database, also where a process died between the two."""

from __future__ import annotations

from pathlib import Path

from cup_assets.orchestration.pictures import publish_pictures, stage_pictures


def names(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.iterdir())


def test_staged_pictures_replace_the_old_ones_only_when_published(tmp_path: Path) -> None:
    folder = tmp_path / "batch_1"
    stage_pictures(folder, "one", {"beta density": b"old"})
    publish_pictures(folder, "one")
    stage_pictures(folder, "two", {"quality": b"new"})
    assert names(folder) == ["beta_density.png"]
    publish_pictures(folder, "two")
    assert names(folder) == ["quality.png"]
    assert [path.name for path in tmp_path.iterdir()] == ["batch_1"]


def test_pictures_of_another_version_are_never_published(tmp_path: Path) -> None:
    folder = tmp_path / "batch_1"
    stage_pictures(folder, "killed before its transaction", {"x": b"x"})
    publish_pictures(folder, "current")
    assert not folder.exists()


def test_a_kill_after_the_transaction_is_made_good_by_the_next_look(tmp_path: Path) -> None:
    folder = tmp_path / "batch_1"
    stage_pictures(folder, "current", {"x": b"x"})
    publish_pictures(folder, "current")
    publish_pictures(folder, "current")
    assert names(folder) == ["x.png"]
