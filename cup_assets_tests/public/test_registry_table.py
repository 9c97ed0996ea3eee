"""The documentation shows the registry as it is."""

from __future__ import annotations

from pathlib import Path

import pytest

from cup_assets.public.registry import load_registry
from cup_assets.public.registry_table import markdown_table, with_table

PAGE = Path(__file__).resolve().parents[2] / "docs" / "public-cohorts.md"


def test_the_page_about_public_cohorts_shows_every_entry_as_it_is() -> None:
    page = PAGE.read_text("utf-8")
    table = markdown_table(load_registry())
    assert len(table.splitlines()) == len(load_registry()) + 2
    command = "python -m cup_assets.public.registry_table docs/public-cohorts.md"
    assert with_table(page, table) == page, f"run {command}"


def test_a_page_without_marks_is_left_alone() -> None:
    with pytest.raises(ValueError, match="lacks"):
        with_table("no marks", "table")
