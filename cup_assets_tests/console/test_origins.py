"""A bundle says where a fetched batch came from, names nobody by it, and is held against it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from cup_assets.audit.checks import Check, check_inside, read_account
from cup_assets.audit.container import open_bundle, write_bundle
from cup_assets.audit.content import Account, entries_of
from cup_assets.audit.origins import recorded_origins
from cup_assets.cohort.array_files import file_digest
from cup_assets.console.audit import run_audit
from cup_assets.console.bundle import run_bundle
from cup_assets.console.origins import check_origins, origins_of
from cup_assets.settings import Settings
from cup_assets.warehouse import Catalogue
from cup_assets_tests.orchestration.chain import NAME, mark, write_record

CASES = "SELECT sample_id, batch FROM predictions WHERE score IS NOT NULL ORDER BY sample_id"


@pytest.fixture(scope="module")
def made(complete_data: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Settings, Path]:
    """Return a platform, and the bundle of a case of its fetched batch ``beta``."""
    folder = tmp_path_factory.mktemp("origins")
    settings = Settings(shutil.copytree(complete_data, folder / "data"))
    name, batch = Catalogue(settings.catalogue).query(CASES).row(0)
    assert batch == "beta"
    run_bundle(settings, name, folder / "case.zip")
    return settings, folder / "case.zip"


@pytest.fixture
def account(made: tuple[Settings, Path]) -> Account:
    with open_bundle(made[1]) as bundle:
        return read_account(bundle)


@pytest.fixture
def settings(made: tuple[Settings, Path], tmp_path: Path) -> Settings:
    """Return the platform with a landing folder of one's own."""
    for name in ("warehouse", "landing"):
        shutil.copytree(made[0].data / name, tmp_path / name)
    return Settings(tmp_path)


def outcomes(settings: Settings, account: Account) -> list[tuple[str, str]]:
    return [(check.outcome, check.detail) for check in check_origins(settings, account)]


def inside(account: Account, folder: Path) -> Check:
    """Write a bundle in which every hash is mended, and return what is said of its origins."""
    path = folder / "bundle.zip"
    write_bundle(path, entries_of(account))
    with open_bundle(path) as bundle:
        found = [c for c in check_inside(bundle, read_account(bundle)) if "came from" in c.what]
    return found[0]


def test_the_bundle_of_a_case_holds_its_own_part_of_the_record_and_the_head(
    made: tuple[Settings, Path], account: Account
) -> None:
    settings, path = made
    file = settings.landing / "beta" / "provenance.json"
    record = json.loads(file.read_text())
    name = account.subject["id"]
    (origin,) = account.origins
    assert origin["sha256"] == file_digest(file)[1] == account.files["beta", "provenance.json"]
    assert origin["taken_from"] == "file"
    assert origin["head"]["downloads"] == record["downloads"]
    assert origin["head"]["licence"] == "as the source says"
    assert set(origin["samples"]) == {name}
    assert origin["samples"][name]["source"] == {"tissue type": f"words about {name}"}
    assert origin["samples"][name]["n_withheld"] == 1
    content = path.read_bytes()  # stored, not compressed
    assert b"words about" in content
    assert NAME.encode() not in content
    others = record["samples"].keys() - {name}
    assert others
    assert not [other for other in others if f"words about {other}".encode() in content]
    assert outcomes(settings, account) == [("right", ""), ("right", "")]


def test_bundles_of_what_was_learnt_name_no_sample_of_a_fetched_batch(
    made: tuple[Settings, Path], tmp_path: Path
) -> None:
    settings = made[0]
    release = Catalogue(settings.catalogue).query("SELECT release FROM releases").item()
    run_bundle(settings, release, tmp_path / "release.zip")
    with open_bundle(tmp_path / "release.zip") as bundle:
        (origin,) = read_account(bundle).origins
    assert origin["head"]["accession"] == "GSE1"
    assert origin["samples"] == {}
    assert b"words about" not in (tmp_path / "release.zip").read_bytes()


def test_a_record_that_is_gone_is_told_of_as_the_warehouse_noted_it(
    settings: Settings, account: Account
) -> None:
    (settings.landing / "beta" / "provenance.json").unlink()
    (whole,) = account.origins
    (kept,) = origins_of(settings, account.steps, account.subject)
    assert kept == {**whole, "taken_from": "warehouse", "samples": {}}
    (noted, file) = outcomes(settings, account)
    assert noted == ("right", "")
    assert file[0] == "not done"
    assert "provenance.json cannot be read" in file[1]
    shutil.rmtree(settings.data / "warehouse")
    (nothing,) = outcomes(settings, account)
    assert nothing[0] == "not done"


def test_a_record_that_was_changed_behind_the_warehouses_back_is_wrong(
    settings: Settings, account: Account
) -> None:
    file = settings.landing / "beta" / "provenance.json"
    file.write_text(file.read_text().replace("as the source says", "do as you like"))
    noted, changed = outcomes(settings, account)
    assert noted == ("right", "")
    assert changed[0] == "wrong"
    assert changed[1] == (
        f"its hash is {file_digest(file)[1]}, recorded is {account.origins[0]['sha256']}"
    )


def told(**changes: Any) -> Callable[[Account], Account]:
    return lambda account: replace(account, origins=[{**account.origins[0], **changes}])


@pytest.mark.parametrize(
    ("change", "noted", "file"),
    [
        (told(head={"accession": "GSE1", "licence": "none"}), "wrong", "head differs"),
        (told(samples={}), "right", "samples differs"),
        (told(sha256="1" * 64), "wrong", "no step recorded it"),
        (told(batch="../beta"), "wrong", "no step recorded it"),
    ],
)
def test_an_origin_that_was_changed_in_the_bundle_is_wrong(
    change: Callable[[Account], Account], noted: str, file: str, settings: Settings,
    account: Account,
) -> None:  # fmt: skip
    first, second = outcomes(settings, change(account))
    assert (first[0], second) == (noted, ("wrong", file))


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (lambda account: replace(account, origins=()), "is recorded, and not inside"),
        (told(sha256="1" * 64), "is inside, and not recorded"),
        (told(samples={"SIM-0001": {}}), "tells of SIM-0001, too"),
        (told(more=1), "has not the form"),
    ],
)
def test_a_bundle_with_other_origins_than_its_steps_is_faulted(
    change: Callable[[Account], Account], fault: str, account: Account, tmp_path: Path
) -> None:
    assert inside(account, tmp_path).outcome == "right"
    found = inside(change(account), tmp_path)
    assert found.outcome == "wrong"
    assert fault in found.detail


def test_the_audit_of_a_case_names_the_record(
    made: tuple[Settings, Path], account: Account, capsys: pytest.CaptureFixture[str]
) -> None:
    run_audit(made[0], account.subject["id"])
    printed = capsys.readouterr().out
    assert f"file/provenance.json  {account.origins[0]['sha256']}" in printed


def test_batches_that_were_not_fetched_have_no_origin(account: Account) -> None:
    assert {batch for batch, _ in recorded_origins(account.steps)} == {"beta"}
    assert {step["partition"] for step in account.steps} >= {"alpha", "beta"}


def test_a_record_that_was_corrected_is_not_done_for_earlier_bundles(
    settings: Settings, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = settings.landing / "beta"
    write_record(folder, pl.read_csv(folder / "samplesheet.csv"), licence="corrected")
    mark(folder)
    now = file_digest(folder / "provenance.json")[1]
    with_it = Catalogue(settings.catalogue).current("raw/idats", "beta")
    assert with_it is not None
    corrected = replace(with_it, inputs={**with_it.inputs, "file/provenance.json": now})
    monkeypatch.setattr(Catalogue, "current", lambda *_: corrected)
    noted, file = outcomes(settings, account)
    assert noted == ("right", "")
    assert file == ("not done", "it was corrected since, which the warehouse recorded")
