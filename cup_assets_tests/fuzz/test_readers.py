"""Whatever the bytes, a reader accepts them or says in one line why not."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cup_assets_tests.fuzz.corpus import seeds
from cup_assets_tests.fuzz.damage import damaged_idat, damaged_text, packed
from cup_assets_tests.fuzz.targets import CUT, TARGETS, accepts

thorough = settings(
    deadline=None, max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
TEXTS = (
    *("manifest", "samplesheet", "betas", "packed_betas"),
    *("soft", "packed_soft", "miniml", "packed_miniml"),
)
PACKED = ("manifest", "packed_betas", "packed_soft", "packed_miniml")


@pytest.mark.parametrize("target", TARGETS)
def test_the_seeds_are_accepted(target: str, tmp_path: Path) -> None:
    assert all(accepts(target, seed, tmp_path) for seed in seeds(target))


@thorough
@given(data=st.data())
def test_a_damaged_idat_file_is_read_or_refused_in_one_line(
    tmp_path: Path, data: st.DataObject
) -> None:
    accepts("idat", data.draw(damaged_idat(seeds("idat")[0])), tmp_path)


@settings(thorough, max_examples=60)
@given(data=st.data())
def test_a_damaged_pair_gives_betas_or_one_line(tmp_path: Path, data: st.DataObject) -> None:
    files = seeds("pair")[0].split(CUT)
    which = data.draw(st.integers(0, 1))
    files[which] = data.draw(damaged_idat(files[which]))
    accepts("pair", CUT.join(files), tmp_path)


@pytest.mark.parametrize("target", TEXTS)
@settings(thorough, max_examples=150)
@given(data=st.data())
def test_a_damaged_text_is_read_or_refused_in_one_line(
    target: str, tmp_path: Path, data: st.DataObject
) -> None:
    content = data.draw(st.sampled_from(seeds(target)).flatmap(damaged_text))
    if target in PACKED:
        content = data.draw(packed(content))
    accepts(target, content, tmp_path)
