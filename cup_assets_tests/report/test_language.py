"""The languages say the same things, and know the words that the platform stores."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from importlib.resources import files
from string import Formatter
from typing import Any

import pytest

from cup_assets.cohort.taxonomy import load_taxonomy
from cup_assets.methylome.quality import LIMITS
from cup_assets.report.language import LANGUAGES, Language


def texts(name: str) -> dict[str, Any]:
    folder = files("cup_assets.report").joinpath("texts")
    return tomllib.loads(folder.joinpath(f"{name}.toml").read_text("utf-8"))


def leaves(table: dict[str, Any], path: str = "") -> Iterator[tuple[str, object]]:
    for key, value in table.items():
        if isinstance(value, dict):
            yield from leaves(value, f"{path}{key}.")
        else:
            yield f"{path}{key}", value


def places(text: object) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(str(text)) if name is not None}


@pytest.mark.parametrize("code", [code for code in LANGUAGES if code != "en"])
def test_a_language_has_the_same_texts_with_the_same_places(code: str) -> None:
    english, other = dict(leaves(texts("en"))), dict(leaves(texts(code)))
    assert set(english) == set(other)
    assert {key: places(text) for key, text in english.items()} == {
        key: places(text) for key, text in other.items()
    }
    assert len(other["months"]) == 12  # type: ignore[arg-type]
    same = {key for key in english if english[key] == other[key]}
    assert len(same) < 0.1 * len(english), f"not translated: {sorted(same)}"


def test_every_packaged_class_and_family_has_a_name_in_every_language() -> None:
    names = texts("names")
    classes = load_taxonomy().classes
    assert {one.name for one in classes} == set(names["classes"])
    assert {one.family for one in classes} == set(names["families"])
    for kind in ("classes", "families", "words"):
        for key, said in names[kind].items():
            assert set(said) == set(LANGUAGES), key
            assert all(said.values()), key


@pytest.mark.parametrize("limit", LIMITS, ids=lambda limit: limit.measure)
def test_every_reason_of_quality_control_is_said_in_french(limit: Any) -> None:
    side = "above" if limit.above else "below"
    said, language = Language.of("fr").remark(f"{limit.words} 26.8% is {side} 25%")
    assert language == "fr"
    assert "26,8\u202f%" in said
    assert limit.words not in said


def test_patterns_of_remarks_fill_the_places_of_their_translation() -> None:
    for remark in texts("names")["remarks"]:
        known = set(re.compile(remark["en"]).groupindex)
        assert places(remark["fr"]) <= known, remark["en"]
