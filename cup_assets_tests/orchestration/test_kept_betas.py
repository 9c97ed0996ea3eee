"""What is learnt from is kept in one file, which is what the stored betas say at any time."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from cup_assets.orchestration import training
from cup_assets.orchestration.resources import Platform
from cup_assets.orchestration.training import load_training_data, stack_betas
from cup_assets.warehouse import read_matrix
from cup_assets_tests.orchestration.chain import Chain


@pytest.fixture
def platform(complete: Chain) -> Platform:
    return Platform(data=str(complete.data))


def stacked_anew(platform: Platform) -> np.ndarray:
    members = platform.catalogue.query(
        'SELECT sample_id, batch, "array" FROM dataset_members WHERE included ORDER BY sample_id'
    )
    names = load_training_data(platform).probe_ids.tolist()
    return stack_betas(platform, members, names, platform.parameters.cohort.replicates)[1]


def kept_files(platform: Platform) -> list[Path]:
    return sorted((platform.settings.cache / "learning").iterdir())


def test_all_who_learn_read_one_file(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = stacked_anew(platform)
    kept = kept_files(platform)
    with monkeypatch.context() as patch:
        patch.setattr(training, "stack_betas", lambda *_, **__: pytest.fail("stacked again"))
        data = load_training_data(platform)
    assert data.X.tobytes() == expected.tobytes()
    assert not data.X.flags.owndata
    assert not data.X.flags.writeable
    assert kept_files(platform) == kept


def test_other_stored_betas_are_another_file(complete: Chain, platform: Platform) -> None:
    before = load_training_data(platform).X.copy()
    path = complete.one("SELECT path FROM matrices WHERE kind = 'betas' ORDER BY path LIMIT 1")
    file = complete.settings.warehouse / str(path)
    frame = pl.read_parquet(file)
    frame.with_columns(pl.exclude("probe_id") / 2).write_parquet(file)
    after = load_training_data(platform).X
    assert after.tobytes() == stacked_anew(platform).tobytes()
    changed = np.nanmean(before, axis=1) != np.nanmean(after, axis=1)
    assert 0 < changed.sum() < len(changed)
    assert len(read_matrix(file)[1]) >= changed.sum()


def test_other_members_are_another_file(complete: Chain, platform: Platform) -> None:
    before = load_training_data(platform)
    import duckdb

    with duckdb.connect(complete.settings.catalogue) as connection:
        connection.execute(
            "UPDATE dataset_members SET included = FALSE WHERE sample_id = ?",
            [str(before.sample_ids[0])],
        )
    after = load_training_data(platform)
    assert after.X.tobytes() == before.X[1:].tobytes()
