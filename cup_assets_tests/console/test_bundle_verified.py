"""Whoever changes a part of a bundle is found out; what could not be checked is said."""

from __future__ import annotations

import shutil
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import duckdb
import pytest

from cup_assets.audit.checks import Check, compare_steps, compare_tables, read_account
from cup_assets.audit.container import MANIFEST, open_bundle, write_bundle
from cup_assets.audit.content import Account, entries_of
from cup_assets.audit.errors import BundleError
from cup_assets.console.bundle import account_of, run_bundle
from cup_assets.console.errors import ConsoleError
from cup_assets.console.verify import checks_of, run_verify
from cup_assets.settings import Settings
from cup_assets.warehouse import Catalogue
from cup_assets.warehouse.evidence import find_subject, gather
from cup_assets_tests.console.bundles import Made, forged, outcomes, said, with_row


@pytest.mark.parametrize("kind", ["reference", "panel", "release", "released_panel"])
def test_bundles_of_other_results_are_right_and_say_what_could_not_be_checked(
    made: Made, kind: str
) -> None:
    found = outcomes(made[0], made[1] / f"{kind}.zip")
    assert found["wrong"] == []
    assert "every step is as recorded" in said(found["right"])
    right, not_done = said(found["right"]), said(found["not done"])
    if kind == "reference":
        assert "the models of the folds are not kept" in not_done
        assert "betas and detection p-values, computed anew" in right
        assert "the sample was held out by every fold that scored it" in right
        assert "no other sample of the same person was learnt from" in right
        assert "calibrated scores follow from the raw ones" in right
    elif kind == "panel":
        assert "the recommended sizes, by the rule from the curve, are the same" in right
    elif kind == "release":
        assert "computed anew from the scores of all samples, are the same, with their" in right
    else:
        assert "counted anew, is the same" in right
        assert "have its digest" in right


def test_figures_are_computed_anew_without_the_warehouse_and_a_forged_one_is_found(
    made: Made, elsewhere: Settings, tmp_path: Path
) -> None:
    found = outcomes(elsewhere, made[1] / "release.zip")
    assert found["wrong"] == []
    assert "computed anew from the scores of all samples, are the same" in said(found["right"])
    assert "intervals of the metrics of release" in said(found["not done"])

    def other_score(account: Account) -> Account:
        return with_row(account, "cv_scores", score=0.5, score_hex=(0.5).hex())

    path = forged(made[1] / "release.zip", tmp_path / "forged.zip", other_score)
    wrong = said(outcomes(elsewhere, path)["wrong"])
    assert "computed anew from the scores of all samples, are the same: " in wrong


def test_a_bundle_of_an_earlier_form_is_still_read_and_held_against_the_warehouse(
    both: tuple[Account, Account], tmp_path: Path
) -> None:
    told, stored = both
    more = {"cv_choices": [{"model": "svm", "data_version": "e1"}]}
    stored = replace(stored, tables={**stored.tables, **more})
    steps = [{k: v for k, v in step.items() if k != "started_at"} for step in told.steps]
    tables = {name: rows for name, rows in told.tables.items() if name != "cv_choices"}
    write_bundle(
        tmp_path / "old.zip", entries_of(replace(told, steps=steps, tables=tables, format=1))
    )
    with open_bundle(tmp_path / "old.zip") as bundle:
        old = read_account(bundle)
    # Steps of then have no start in the warehouse that was taken over.
    then = replace(stored, steps=[{**step, "started_at": None} for step in stored.steps])
    checks = [*compare_steps(old, then), *compare_tables(old, then, set())]
    assert {check.outcome for check in checks} == {"right"}
    unmarked = replace(told, steps=steps, tables=tables)
    write_bundle(tmp_path / "new.zip", entries_of(unmarked))
    with (
        open_bundle(tmp_path / "new.zip") as bundle,
        pytest.raises(BundleError, match="not the form"),
    ):
        read_account(bundle)
    (missing,) = [c for c in compare_tables(unmarked, stored, set()) if c.outcome == "wrong"]
    assert missing.what == "rows of cv_choices are as stored"


def test_whichever_entry_is_changed_and_all_hashes_mended_the_warehouse_finds_out(
    made: Made, tmp_path: Path
) -> None:
    settings, folder = made
    with zipfile.ZipFile(folder / "kept.zip") as archive:
        entries = {name: archive.read(name) for name in archive.namelist() if name != MANIFEST}
    assert len(entries) > 25
    for name in entries:
        for content in (entries[name] + b" ", None):
            changed = {n: c for n, c in {**entries, name: content}.items() if c is not None}
            write_bundle(tmp_path / "changed.zip", dict(changed))
            try:
                found = any(
                    c.outcome == "wrong" for c in checks_of(settings, tmp_path / "changed.zip")
                )
            except BundleError:
                found = True
            assert found, name


def test_an_entry_that_does_not_fit_its_hash_ends_the_verification(
    made: Made, tmp_path: Path
) -> None:
    with zipfile.ZipFile(made[1] / "case.zip") as archive:
        entries = {name: archive.read(name) for name in archive.namelist()}
    entries["tables/predictions.json"] = entries["tables/predictions.json"].replace(b"0.9", b"0.1")
    path = tmp_path / "changed.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in sorted(entries.items()):
            info = zipfile.ZipInfo(name)
            info.create_system, info.external_attr = 3, 0o100640 << 16
            archive.writestr(info, data)
    checks = list(checks_of(made[0], path))
    assert checks[-1] == Check(
        "every entry has the hash that the manifest gives",
        "wrong",
        "tables/predictions.json was changed",
    )


FORGERIES: dict[str, tuple[Callable[[Account], Account], str]] = {
    "a score": (
        lambda a: with_row(a, "predictions", score=0.5, score_hex=(0.5).hex()),
        "rows of predictions are as stored: 1 rows differ, the first in score, score_hex",
    ),
    "a verdict": (
        lambda a: with_row(a, "sample_qc", verdict="fail"),
        "rows of sample_qc are as stored",
    ),
    "a label": (
        lambda a: with_row(a, "dataset_members", **{"class": "another"}),
        "rows of dataset_members are as stored",
    ),
    "a row left out": (
        lambda a: replace(a, tables={**a.tables, "folds": a.tables["folds"][1:]}),
        "rows of folds are as stored: 0 rows are not stored, 1 stored ones are left out",
    ),
    "a table left out": (
        lambda a: replace(a, tables={k: v for k, v in a.tables.items() if k != "cv_metrics"}),
        "rows of cv_metrics are as stored",
    ),
    "a parameter": (
        lambda a: replace(a, steps=[{**a.steps[0], "parameters": {"x": 1}}, *a.steps[1:]]),
        "differs in parameters",
    ),
    "an earlier time": (
        lambda a: replace(
            a, steps=[{**s, "materialised_at": "2100-01-01T00:00:00"} for s in a.steps]
        ),
        "differs in materialised_at",
    ),
    "a start": (
        lambda a: replace(
            a, steps=[{**s, "started_at": "2020-01-01T00:00:00+00:00"} for s in a.steps]
        ),
        "differs in started_at",
    ),
    "another version": (
        lambda a: replace(a, steps=[{**s, "fingerprint": "0"} for s in a.steps]),
        "differs in fingerprint",
    ),
    "betas": (
        lambda a: replace(a, betas=[{**row, "sha256": "0" * 64} for row in a.betas]),
        "betas and detection p-values are as stored",
    ),
    "what is withheld": (
        lambda a: replace(a, subject={**a.subject, "withheld": {}}),
        "what is withheld",
    ),
}


@pytest.fixture(scope="module")
def both(made: Made) -> tuple[Account, Account]:
    """Return what the bundle of a case tells, and what the warehouse has stored."""
    settings, folder = made
    with open_bundle(folder / "case.zip") as bundle:
        told = read_account(bundle)
    subject = find_subject(Catalogue(settings.catalogue), told.subject["id"])
    evidence = gather(Catalogue(settings.catalogue), subject)
    return told, account_of(settings, evidence, dict(told.environment))


@pytest.mark.parametrize("forgery", FORGERIES)
def test_a_forgery_is_found_by_rows_and_records_even_if_its_digest_were_noted(
    both: tuple[Account, Account], forgery: str
) -> None:
    change, fault = FORGERIES[forgery]
    told, stored = both
    current = {step["version"] for step in stored.steps}

    def wrong(account: Account) -> str:
        checks = [*compare_steps(account, stored), *compare_tables(account, stored, current)]
        return said([check for check in checks if check.outcome == "wrong"])

    assert wrong(told) == ""
    assert fault in wrong(change(told))


def test_without_a_warehouse_it_says_so_and_what_is_inside_is_checked(
    made: Made, elsewhere: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    run_verify(elsewhere, made[1] / "case.zip")
    printed = capsys.readouterr().out
    for what in ("digest", "steps", "rows", "release files"):
        assert f"not done  {what} against the warehouse: no {elsewhere.catalogue}" in printed
    assert "not done  betas and scores, computed anew: " in printed
    assert "this says that the file is whole, not who made it" in printed
    assert not elsewhere.catalogue.exists()


def test_with_its_raw_files_a_score_is_computed_anew_on_any_machine(
    made: Made, elsewhere: Settings, tmp_path: Path
) -> None:
    found = outcomes(elsewhere, made[1] / "kept.zip")
    assert found["wrong"] == []
    assert "computed anew, is the same to the last bit" in said(found["right"])

    def other_score(account: Account) -> Account:
        return with_row(account, "predictions", score=0.5, score_hex=(0.5).hex())

    path = forged(made[1] / "kept.zip", tmp_path / "forged.zip", other_score)
    wrong = said(outcomes(elsewhere, path)["wrong"])
    assert "score is 0x1." in wrong
    assert "is not that of prediction_scores" in wrong


def test_without_the_manifest_of_the_array_nothing_is_computed_anew(
    made: Made, tmp_path: Path
) -> None:
    found = outcomes(Settings(tmp_path / "empty"), made[1] / "kept.zip")
    assert found["wrong"] == []
    assert "the array's manifest (SHA-256" in said(found["not done"])


def test_a_foreign_warehouse_is_no_witness(made: Made, tmp_path: Path) -> None:
    other = Settings(tmp_path / "other")
    Catalogue(other.catalogue).query("SELECT 1")
    wrong = said(outcomes(other, made[1] / "case.zip")["wrong"])
    assert "the warehouse has noted this digest" in wrong
    assert "knows none of the results" in wrong


def test_a_digest_noted_elsewhere_tells_a_bundle_made_anew(made: Made, elsewhere: Settings) -> None:
    found = outcomes(elsewhere, made[1] / "case.zip", digest="0" * 64)
    assert "the digest is the one that was noted: it is" in said(found["wrong"])


@pytest.fixture
def own(made: Made, tmp_path: Path) -> Settings:
    """Return a platform of one's own whose warehouse knows the bundles."""
    return Settings(shutil.copytree(made[0].data, tmp_path / "data"))


def test_a_score_changed_in_the_warehouse_or_a_raw_file_changed_on_disk_is_found(
    made: Made, own: Settings
) -> None:
    Catalogue(own.catalogue).query("SELECT 1")  # it notices that the folder was moved
    with duckdb.connect(own.catalogue) as connection:
        connection.execute("UPDATE predictions SET score = 0.5")
    with open_bundle(made[1] / "case.zip") as bundle:
        (sample,) = read_account(bundle).tables["samples"]
    file = own.landing / sample["batch"] / sample["grn"]
    file.write_bytes(file.read_bytes()[:-1] + b"\0x")
    with pytest.raises(ConsoleError, match=r"2 check\(s\) came out wrong"):
        run_verify(own, made[1] / "case.zip")
    found = outcomes(own, made[1] / "case.zip")
    assert "rows of predictions are as stored" in said(found["wrong"])
    assert f"{file} was changed" in said(found["wrong"])
    assert f"{file} was changed" in said(found["not done"])  # nor is it computed anew


def test_rows_replaced_by_a_later_version_are_not_checked_and_that_is_said(
    made: Made, own: Settings
) -> None:
    Catalogue(own.catalogue).query("SELECT 1")
    later = "UPDATE {} SET data_version = 'later' WHERE {}"
    with duckdb.connect(own.catalogue) as connection:
        connection.execute(later.format("dataset_members", "TRUE"))
        connection.execute(later.format("folds", "TRUE"))
        connection.execute(
            "UPDATE asset_versions SET is_current = FALSE WHERE asset = 'datasets/reference'"
        )
        connection.execute(
            "INSERT INTO asset_versions SELECT * REPLACE ('later' AS data_version,"
            " TRUE AS is_current) FROM asset_versions WHERE asset = 'datasets/reference'"
        )
    found = outcomes(own, made[1] / "case.zip")
    assert found["wrong"] == []
    for table in ("dataset_members", "folds"):
        assert f"rows of {table} are as stored: they were replaced" in said(found["not done"])
    with open_bundle(made[1] / "case.zip") as bundle:
        name = read_account(bundle).subject["id"]
    run_bundle(own, name, own.data / "new.zip")
    with open_bundle(own.data / "new.zip") as bundle:
        (line,) = read_account(bundle).subject["gone"]
    assert "its rows in dataset_members, folds are not stored any more" in line
