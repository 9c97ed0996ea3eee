"""The vocabulary maps what it knows and nothing else."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from cup_assets.cohort.problems import TaxonomyError
from cup_assets.cohort.taxonomy import class_name, load_taxonomy


@pytest.mark.parametrize(
    ("diagnosis", "name", "family"),
    [
        ("adenoid cystic carcinoma", "adenoid_cystic_carcinoma", "salivary"),
        ("Adenoid_Cystic-Carcinoma ", "adenoid_cystic_carcinoma", "salivary"),
        ("Carcinome adénoïde kystique", "adenoid_cystic_carcinoma", "salivary"),
        ("warthin tumor", "warthin_tumour", "salivary"),
        ("Warthin's tumour", "warthin_tumour", "salivary"),
        ("esthesioneuroblastoma", "olfactory_neuroblastoma", "sinonasal"),
        (
            "hpv-positive squamous cell carcinoma",
            "hpv_positive_squamous_cell_carcinoma",
            "squamous",
        ),
        ("normal", "normal", "normal"),
    ],
)
def test_a_diagnosis_or_synonym_has_its_class(diagnosis: str, name: str, family: str) -> None:
    found = load_taxonomy().lookup(diagnosis)
    assert found is not None
    assert (found.name, found.family) == (name, family)


@pytest.mark.parametrize("diagnosis", ["ACC", "SCC", "carcinoma", "adenoid cystic", "", None])
def test_what_is_not_listed_or_ambiguous_has_no_class(diagnosis: str | None) -> None:
    assert load_taxonomy().lookup(diagnosis) is None


def test_every_packaged_class_is_a_short_unique_name_of_its_diagnosis() -> None:
    classes = load_taxonomy().classes
    assert len(classes) == len({c.name for c in classes}) == 39
    assert {c.family for c in classes} == {"salivary", "sinonasal", "squamous", "normal"}
    assert all(c.name == class_name(c.diagnosis) for c in classes)


def test_classify_fills_and_lists_what_is_unmapped() -> None:
    samples = pl.DataFrame(
        {"sample_id": ["a", "b", "c", "d"], "diagnosis": ["nut carcinoma", None, "zebra", "zebra"]}
    )
    taxonomy = load_taxonomy()
    found = taxonomy.classify(samples)
    assert found["class"].to_list() == ["nut_carcinoma", None, None, None]
    assert found["family"].to_list() == ["sinonasal", None, None, None]
    assert taxonomy.unmapped(samples).rows() == [("zebra", 2)]


def test_the_users_file_adds_and_moves_and_changes_the_version(tmp_path: Path) -> None:
    own = tmp_path / "own.toml"
    own.write_text(
        '[family.thoracic]\n"thymic carcinoma" = ["nut midline carcinoma"]\n'
        '[family.sinonasal]\n"adenoid cystic carcinoma" = []\n'
    )
    packaged, taxonomy = load_taxonomy(), load_taxonomy(own)
    thymic = taxonomy.lookup("NUT midline carcinoma")
    assert thymic is not None
    assert (thymic.name, thymic.family) == ("thymic_carcinoma", "thoracic")
    for term in ("adenoid cystic carcinoma", "carcinome adénoïde kystique"):
        moved = taxonomy.lookup(term)
        assert moved is not None
        assert moved.family == "sinonasal"
    still = taxonomy.lookup("nut carcinoma")
    assert still is not None
    assert still.name == "nut_carcinoma"
    assert len({c.name for c in taxonomy.classes}) == len(taxonomy.classes)
    assert taxonomy.version != packaged.version == load_taxonomy().version


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[family", "not valid TOML"),
        ("a = 1", "must hold"),
        ("family = 3", "must hold"),
        ("[family]\nx = 1", "must be a table"),
        ('[family.x]\n"d" = "s"', "write"),
        ('[family.x]\n"d" = ["S"]\n[family.y]\n"e" = ["s"]', "'s' stands under 'd' and 'e'"),
    ],
)
def test_a_file_that_contradicts_itself_is_refused(tmp_path: Path, text: str, message: str) -> None:
    own = tmp_path / "own.toml"
    own.write_text(text)
    with pytest.raises(TaxonomyError, match=message):
        load_taxonomy(own)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(TaxonomyError, match=r"own.toml: cannot be read"):
        load_taxonomy(tmp_path / "own.toml")
