"""A bundle holds everything behind a result, and nothing that names a person."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rocrate.rocrate import ROCrate

from cup_assets.audit.checks import read_account
from cup_assets.audit.container import MANIFEST, open_bundle, write_bundle
from cup_assets.audit.content import Account, rendered
from cup_assets.audit.crate import METADATA, faults_of
from cup_assets.audit.errors import BundleError
from cup_assets.console.audit import Asked, run
from cup_assets.console.bundle import run_bundle
from cup_assets.console.errors import ConsoleError
from cup_assets.console.verify import run_verify
from cup_assets.settings import Settings
from cup_assets.warehouse import Catalogue, WarehouseError
from cup_assets_tests.console.bundles import Made, forged, outcomes, said, with_row


def test_everything_in_the_bundle_of_a_case_is_right_and_its_score_is_computed_anew(
    made: Made,
) -> None:
    settings, folder = made
    with open_bundle(folder / "case.zip") as bundle:
        digest = bundle.digest
        (told,) = json.loads(bundle.read("tables/predictions.json"))
    found = outcomes(settings, folder / "case.zip", digest=digest, full=True)
    assert found["wrong"] == []
    (only,) = found["not done"]
    assert "a case's holds no other samples' scores" in only.detail
    assert f"the same to the last bit: {told['class']} {told['score'].hex()}" in said(
        found["right"]
    )


def test_the_bundle_of_a_case_says_what_is_asked_of_an_audit(made: Made) -> None:
    settings, folder = made
    with open_bundle(folder / "case.zip") as bundle:
        account = read_account(bundle)
        card = bundle.read(f"releases/{account.tables['releases'][0]['release']}/model_card.md")
    (sample,) = account.tables["samples"]
    steps = {step["name"]: step for step in account.steps}
    for file in settings.landing.rglob("*.idat"):
        assert (file.parent.name, file.name) in account.files
    assert steps[f"normalised/betas[{sample['batch']}]"]["parameters"]["betas"]["method"] == "noob"
    assert steps["evaluation/cv/random_forest"]["parameters"]["trees"] == 20
    assert all(step["run_id"] for step in account.steps)
    assert all(step["started_at"] < step["materialised_at"] for step in account.steps)
    assert account.tables["cnv_pools"][0]["sample_ids"]
    assert {row["metric"] for row in account.tables["cv_metrics"]} >= {"error", "brier"}
    assert account.tables["dataset_members"]
    assert account.tables["sample_qc"][0]["verdict"]
    assert account.environment["numpy"]
    assert b"Research support" in card


def test_the_same_state_gives_the_same_bytes(made: Made, tmp_path: Path) -> None:
    settings, folder = made
    with open_bundle(folder / "case.zip") as bundle:
        name = read_account(bundle).subject["id"]
    run_bundle(settings, name, tmp_path / "again.zip")
    assert (tmp_path / "again.zip").read_bytes() == (folder / "case.zip").read_bytes()
    noted = Catalogue(settings.catalogue).query("SELECT * FROM audit_bundles WHERE id = ?", [name])
    assert noted["digest"].is_unique().all()


@pytest.mark.parametrize("kind", ["case", "reference", "panel", "release", "released_panel"])
def test_nobody_is_named_but_by_pseudonym_and_what_is_withheld_is_said(
    made: Made, kind: str
) -> None:
    settings, folder = made
    patients = Catalogue(settings.catalogue).query("SELECT DISTINCT patient_id FROM samples")
    content = (folder / f"{kind}.zip").read_bytes()  # stored, not compressed
    assert patients.height > 20
    assert not [name for name in patients["patient_id"] if name.encode() in content]
    with open_bundle(folder / f"{kind}.zip") as bundle:
        assert read_account(bundle).subject["withheld"]["dataset_members"] == ["person"]
        assert b"Withheld: `person` of `dataset_members`" in bundle.read("README.md")


def test_the_metadata_is_a_crate_that_the_library_reads(made: Made, tmp_path: Path) -> None:
    with zipfile.ZipFile(made[1] / "case.zip") as archive:
        archive.extractall(tmp_path)
    crate = ROCrate(tmp_path)
    actions = [e for e in crate.get_entities() if e.type == "CreateAction"]
    steps = json.loads((tmp_path / "provenance.json").read_text())
    assert len(actions) == len(steps)
    assert {action["endTime"] for action in actions} == {s["materialised_at"] for s in steps}
    assert {action["startTime"] for action in actions} == {s["started_at"] for s in steps}
    assert crate.metadata["conformsTo"] == "https://w3id.org/ro/crate/1.1"


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (lambda of: of.clear(), "context"),
        (lambda of: of["@graph"].append({"@id": "x"}), "flat @graph"),
        (lambda of: of["@graph"].append(of["@graph"][0]), "twice"),
        (lambda of: of["@graph"][0].pop("license"), "no license"),
        (lambda of: of["@graph"][0].pop("hasPart"), "no part of the root"),
        (lambda of: of["@graph"][0].update(license={"@id": "#none"}), "refers to #none"),
        (lambda of: of["@graph"][1].update(conformsTo={"@id": "x"}), "describe itself"),
        (lambda of: of["@graph"].pop(2), "does not describe README.md"),
        (lambda of: of["@graph"][2].update(sha256="0" * 64), "another hash or size"),
        (
            lambda of: of["@graph"].append({"@id": "gone.txt", "@type": "File"}),
            "gone.txt, which is not there",
        ),
    ],
)
def test_metadata_that_is_no_crate_of_the_entries_is_faulted(
    made: Made, change: Callable[[dict[str, Any]], object], fault: str
) -> None:
    with open_bundle(made[1] / "case.zip") as bundle:
        metadata = json.loads(bundle.read(METADATA))
        lines = bundle.read(MANIFEST).decode().splitlines()
        hashes = {line[66:]: line[:64] for line in lines} | {MANIFEST: ""}
        assert faults_of(metadata, bundle.sizes, hashes) == []
        change(metadata)
        assert fault in "; ".join(faults_of(metadata, bundle.sizes, hashes))


def test_names_inside_a_bundle_lead_nowhere(
    made: Made, elsewhere: Settings, tmp_path: Path
) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(b"x")
    elsewhere.landing.mkdir()

    def astray(account: Account) -> Account:
        changed = with_row(account, "samples", batch="..", grn="../secret")
        return with_row(changed, "releases", release="../../out")

    path = forged(made[1] / "case.zip", tmp_path / "forged.zip", astray)
    wrong = said(outcomes(elsewhere, path)["wrong"])
    assert "is no file of a batch" in wrong
    assert "they are not in the bundle" in wrong
    assert not list(tmp_path.rglob("out"))


@pytest.mark.parametrize(
    "entry", ["subject.json", "provenance.json", "files.json", "betas.json", "tables/samples.json"]
)
@pytest.mark.parametrize("content", [b"[[[", b"[5]", b'{"a": 1}'])
def test_entries_of_another_form_are_refused_in_one_line(
    made: Made, elsewhere: Settings, tmp_path: Path, entry: str, content: bytes
) -> None:
    with zipfile.ZipFile(made[1] / "case.zip") as archive:
        entries = {name: archive.read(name) for name in archive.namelist() if name != MANIFEST}
    write_bundle(tmp_path / "changed.zip", {**entries, entry: content})
    with pytest.raises((BundleError, ConsoleError)) as refused:
        run_verify(elsewhere, tmp_path / "changed.zip")
    assert "\n" not in str(refused.value)


def test_what_has_no_results_cannot_be_packed(made: Made, tmp_path: Path) -> None:
    with pytest.raises(WarehouseError, match="NOBODY is no sample with a prediction"):
        run_bundle(made[0], "NOBODY", tmp_path / "x.zip")
    with pytest.raises(ConsoleError, match="is not a folder: make it first"):
        run_bundle(made[0], "NOBODY", tmp_path / "none" / "x.zip")


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        (Asked(None, False, None, False, None, None), "give a sample"),
        (Asked("A", False, None, False, Path("x"), None), "give a sample"),
        (Asked(None, False, Path("y"), False, Path("x"), None), "give one of them"),
        (Asked("A", False, None, True, None, None), "--with-idats with --bundle"),
        (Asked("A", False, None, False, None, "0"), "--digest goes with --verify"),
    ],
)
def test_arguments_that_do_not_go_together_are_said(asked: Asked, message: str) -> None:
    with pytest.raises(ConsoleError, match=message):
        run(Settings(Path("nowhere")), asked)


def test_values_are_written_in_one_form_whatever_their_order() -> None:
    assert rendered({"b": 1.5, "a": ["é"]}) == rendered({"a": ["é"], "b": 1.5})
