"""Every entry of the registry is in its layout, and says what nobody has verified."""

from __future__ import annotations

from pathlib import Path

import pytest

from cup_assets.cohort import load_taxonomy
from cup_assets.public.errors import RegistryError
from cup_assets.public.registry import find_accession, load_accession, load_registry

ENTRY = """\
accession: GSE1
source: geo
title: A cohort
arrays: [450k]
verified: true
licence: none
citation: nobody
"""
# Diagnoses for which the packaged taxonomy has no class, on purpose.
OUTSIDE = {"lung adenocarcinoma"}
# The cohorts that the platform was asked to know.
ASKED_FOR = {
    *("GSE140686", "GSE124052", "GSE171994", "GSE79556", "GSE87053", "GSE95036", "GSE66836"),
    *("GSE85566", "TCGA-HNSC", "TCGA-LUSC", "CPTAC-3", "GSE243075", "GSE196228", "GSE256413"),
    *("CCG-CUPP", "GSE38266", "GSE124617", "GSE178216", "GSE178218", "GSE178219", "GSE90496"),
}


def write(folder: Path, text: str, name: str = "GSE1.yaml") -> Path:
    path = folder / name
    path.write_text(text)
    return path


def test_the_registry_holds_the_cohorts_that_were_asked_for() -> None:
    assert set(load_registry()) == ASKED_FOR


@pytest.mark.parametrize("name", sorted(ASKED_FOR))
def test_every_diagnosis_of_a_label_map_is_in_the_taxonomy_or_known_not_to_be(name: str) -> None:
    taxonomy = load_taxonomy()
    entry = load_registry()[name]
    unknown = {r.diagnosis for r in entry.labels if taxonomy.lookup(r.diagnosis) is None}
    assert unknown <= OUTSIDE
    assert entry.verified or entry.unverified
    assert entry.citation
    assert entry.licence


def test_abbreviations_that_two_tumours_share_are_in_no_label_map() -> None:
    shared = {"acc", "scc", "adc", "bc"}
    found = {
        (entry.accession, value.casefold())
        for entry in load_registry().values()
        for rule in entry.labels
        for value in rule.when.values()
        if value.casefold() in shared
    }
    # In a series of sinonasal tumours a squamous cell carcinoma can only be sinonasal.
    assert found == {("GSE196228", "scc")}


def test_p16_is_never_taken_for_hpv() -> None:
    for entry in load_registry().values():
        assert not [c for c in entry.label_columns if "p16" in c.casefold()], entry.accession


def test_an_entry_is_found_whatever_its_case_and_a_stranger_is_refused() -> None:
    assert find_accession(load_registry(), " tcga-hnsc").accession == "TCGA-HNSC"
    with pytest.raises(RegistryError, match=r"'GSE1' is not in the registry.*--list"):
        find_accession(load_registry(), "GSE1")


def test_the_version_of_an_entry_changes_with_its_file(tmp_path: Path) -> None:
    one = load_accession(write(tmp_path, ENTRY))
    other = load_accession(write(tmp_path, ENTRY.replace("nobody", "somebody")))
    assert one.version != other.version
    assert one.version == load_accession(write(tmp_path, ENTRY)).version


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("title: A cohort\n", ""), "lacks title"),
        (("title: A cohort", "titel: A cohort"), "titel unknown"),
        (("title: A cohort", "title: [A]"), "title must be text"),
        (("source: geo", "source: ftp"), "source must be one of geo, gdc"),
        (("accession: GSE1", "accession: ../GSE1"), "is none of geo"),
        (("[450k]", "[449k]"), "arrays must be a list of"),
        (("verified: true", "verified: maybe"), "verified must be true or false"),
        (("verified: true", "verified: false"), "unverified must say"),
        (("verified: true", "verified: true\nunverified: all of it"), "unverified must say"),
        (("verified: true", "verified: true\nverified: true"), "'verified' is there twice"),
        (("licence: none", "licence: none\nsamples: many"), "samples must be a whole number"),
        (("licence: none", "licence: none\nrole: patient"), "role must be one of"),
        (
            ("licence: none", "licence: none\ndescription: html"),
            "description must be one of .*soft",
        ),
        (("licence: none", "licence: none\nmaterial: fresh"), "'fresh' must be one of FFPE"),
        (("licence: none", "licence: none\nsex: {column: gender}"), "values must say which are F"),
        (
            ("licence: none", "licence: none\nsex: {column: gender, values: {0: M}}"),
            "in quotation marks",
        ),
        (
            ("licence: none", "licence: none\nlabels: [{when: {}, diagnosis: normal}]"),
            "label 1: when must name a column",
        ),
        (
            ("licence: none", "licence: none\nlabels: [{when: {a: b}}]"),
            "label 1: diagnosis must be text",
        ),
        (
            ("licence: none", "licence: none\nlabels: [{when: {a: b}, diagnosis: c, if: d}]"),
            "label 1: if unknown",
        ),
        (("title: A cohort", "title: 'A"), "cannot be read as YAML"),
    ],
)
def test_a_file_out_of_the_layout_is_refused_with_its_name_and_the_place(
    change: tuple[str, str], message: str, tmp_path: Path
) -> None:
    assert change[0] in ENTRY
    with pytest.raises(RegistryError, match=message) as caught:
        load_accession(write(tmp_path, ENTRY.replace(*change)))
    assert str(caught.value).startswith("GSE1.yaml: ")
    assert "\n" not in str(caught.value)


def test_only_a_series_can_ask_for_one_of_its_descriptions(tmp_path: Path) -> None:
    asked = ENTRY + "description: miniml\n"
    assert load_accession(write(tmp_path, asked)).description == "miniml"
    assert load_accession(write(tmp_path, ENTRY)).description == ""
    project = asked.replace("GSE1", "TCGA-1").replace("geo", "gdc")
    with pytest.raises(RegistryError, match="description must be one of"):
        load_accession(write(tmp_path, project, "TCGA-1.yaml"))


def test_a_key_that_stands_twice_in_a_label_map_is_refused(tmp_path: Path) -> None:
    twice = "sex: {column: gender, values: {Female: F, Female: M}}\n"
    with pytest.raises(RegistryError, match="'Female' is there twice"):
        load_accession(write(tmp_path, ENTRY + twice))


def test_a_file_is_named_as_its_accession(tmp_path: Path) -> None:
    with pytest.raises(RegistryError, match="is about GSE1"):
        load_accession(write(tmp_path, ENTRY, "GSE2.yaml"))
