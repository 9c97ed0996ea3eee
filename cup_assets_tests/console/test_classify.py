"""New IDAT pairs are scored as the chain would, to the last bit."""

from __future__ import annotations

import shutil
from pathlib import Path

import polars as pl
import pytest

from cup_assets.console.classify import (
    current_release,
    factors_of,
    find_pairs,
    run_classify,
    score_array,
)
from cup_assets.console.errors import ConsoleError
from cup_assets.methylome import BetaParameters, load_manifests, process_batch
from cup_assets.settings import Settings
from cup_assets.warehouse import Catalogue


def test_a_folder_is_scored_as_in_the_chain_to_the_last_bit(platform: Settings) -> None:
    folder = platform.landing / "beta"
    pairs, lonely = find_pairs(folder)
    release = current_release(platform, None)
    signals = process_batch(
        pairs,
        load_manifests(platform.manifests, platform.cache),
        BetaParameters(**release.record["normalisation"]),
    )
    (array,) = signals.arrays
    sheet = factors_of(folder)
    found = score_array(release, array, [sheet[sample] for sample in array.sample_ids])
    stored = Catalogue(platform.catalogue).query(
        "SELECT sentrix_id || '_' || sentrix_position AS position, p.\"class\", raw_score, score"
        " FROM prediction_scores p JOIN samples USING (sample_id, batch) ORDER BY ALL"
    )
    assert stored.height
    assert lonely == []
    ours = (
        found.scores.select(position="sample_id", **{c: c for c in ("class", "raw_score", "score")})
        .filter(pl.col("position").is_in(stored["position"].unique()))
        .sort("position", "class")
    )
    assert ours.equals(stored.sort("position", "class"))


def test_classifying_stores_nothing_and_prints_every_call(
    platform: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    Catalogue(platform.catalogue).query("SELECT 1")  # it notices that the folder was moved
    before = platform.catalogue.read_bytes()
    run_classify(platform, platform.landing / "beta")
    printed = capsys.readouterr().out
    assert platform.catalogue.read_bytes() == before
    assert "research use only" in printed
    for name, _, _ in find_pairs(platform.landing / "beta")[0]:
        assert name in printed


def test_a_pair_that_cannot_be_read_is_named_and_the_others_are_scored(
    platform: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = shutil.copytree(platform.landing / "beta", tmp_path / "new [cases]")
    first, second, third, *_ = find_pairs(folder)[0]
    first[1].write_bytes(first[1].read_bytes()[:-100])
    second[2].unlink()
    with pytest.raises(ConsoleError, match=r"2 sample\(s\) could not be scored"):
        run_classify(platform, folder)
    printed = capsys.readouterr().out
    assert first[1].name in printed
    assert f"{second[1].name}: its Red file is missing: copy it beside" in printed
    assert third[0] in printed


def test_a_release_that_does_not_exist_is_named_with_those_that_do(platform: Settings) -> None:
    known = Catalogue(platform.catalogue).query("SELECT release FROM releases").item()
    with pytest.raises(ConsoleError, match=f"no release r0 .known: {known}."):
        run_classify(platform, platform.landing / "beta", "r0")


def test_an_empty_folder_is_an_error(platform: Settings, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(ConsoleError, match="no pair of"):
        run_classify(platform, empty)
