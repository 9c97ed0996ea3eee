"""Two processes that would not compute the same are told apart."""

from __future__ import annotations

from cup_assets.compute.environment import differences, environment


def test_the_environment_names_python_what_computes_and_the_source() -> None:
    found = environment()
    assert {"Python", "numpy", "scikit-learn", "source of cup_assets"} <= set(found)
    assert differences(found, dict(found)) == []


def test_other_versions_and_another_source_are_named() -> None:
    here = {"Python": "3.11.2", "numpy": "2.3.5", "source of cup_assets": "aa"}
    there = {"Python": "3.11.2", "numpy": "2.2.6"}
    assert differences(here, there) == [
        "numpy 2.2.6 instead of 2.3.5",
        "source of cup_assets unknown instead of aa",
    ]
