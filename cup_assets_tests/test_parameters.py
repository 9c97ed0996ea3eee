"""A parameters file overrides defaults, or is refused with the entry that is wrong."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest

from cup_assets.parameters import Parameters, ParametersError, load_parameters


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "parameters.toml"


def test_without_a_file_everything_is_default(file: Path) -> None:
    assert load_parameters(file) == Parameters()


def test_an_entry_overrides_one_default_and_no_other(file: Path) -> None:
    file.write_text("[evaluation]\ntrees = 7\n[panels]\nsizes = [3, 4]\n")
    found = load_parameters(file)
    default = Parameters()
    assert found.evaluation == dataclasses.replace(default.evaluation, trees=7)
    assert found.panels == dataclasses.replace(default.panels, sizes=(3, 4))
    assert (found.betas, found.cnv, found.cohort) == (default.betas, default.cnv, default.cohort)


def test_a_whole_number_is_taken_for_a_decimal_one(file: Path) -> None:
    file.write_text("[betas]\noffset = 20\n")
    value = load_parameters(file).betas.offset
    assert (value, type(value)) == (20.0, float)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[evaluation\n", "not valid TOML"),
        ("[forest]\ntrees = 7\n", r"unknown section \[forest\]; use one of betas, quality"),
        ("trees = 7\n", r"unknown section \[trees\]"),
        ("[evaluation]\ntress = 7\n", "unknown entry 'tress'; use one of .*trees"),
        ("[evaluation]\ntrees = 'many'\n", "trees = 'many' should be of type int"),
        ("[evaluation]\ntrees = true\n", "trees = True should be of type int"),
        ("[evaluation]\ntrees = 0\n", "it must be at least 1"),
        ("[evaluation]\nstrategy = 'hope'\n", "strategy 'hope' is unknown"),
        ("[cohort]\nouter_folds = 1\n", "must be at least 2"),
    ],
)
def test_what_cannot_be_used_is_named_in_one_line(file: Path, text: str, message: str) -> None:
    file.write_text(text)
    with pytest.raises(ParametersError, match=message) as caught:
        load_parameters(file)
    assert str(file) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_in_another_encoding_is_named(file: Path) -> None:
    file.write_bytes("[evaluation]\n# é\n".encode("latin-1"))
    with pytest.raises(ParametersError, match="not valid TOML"):
        load_parameters(file)


def test_parameters_are_plain_values_that_can_be_recorded() -> None:
    record = dataclasses.asdict(Parameters())
    assert json.loads(json.dumps(record)).keys() == record.keys()
