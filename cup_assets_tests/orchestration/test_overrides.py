"""Sex, identity and a person's decision change what a sample is used for, without new betas."""

from __future__ import annotations

import shutil
from pathlib import Path

import polars as pl
import pytest

from cup_assets.console.audit import run_audit
from cup_assets.methylome import read_idat
from cup_assets.orchestration.conventions import REFERENCE
from cup_assets.simulate.idat_writer import write_idat
from cup_assets_tests.orchestration.chain import Chain, mark, message_of

HEADER = "sample_id,verdict,reason,by,date\n"


def override(chain: Chain, batch: str, *lines: str) -> None:
    (chain.folder(batch) / "overrides.csv").write_text(HEADER + "\n".join(lines) + "\n")
    mark(chain.folder(batch))


def some(chain: Chain, batch: str, role: str) -> str:
    return str(chain.one(
        f"SELECT min(sample_id) FROM samples WHERE batch = '{batch}' AND role = '{role}'"
    ))  # fmt: skip


def follow(chain: Chain, batch: str) -> None:
    """Let a change of a batch reach its pool, the reference set and its cases, but no model."""
    assert chain.run("process_batch", batch).success
    assert chain.run("refresh_aggregates_now", only=[REFERENCE]).success
    assert chain.run("predict_batch", batch).success


def test_an_override_reaches_members_pool_profiles_and_audit(
    complete: Chain, capsys: pytest.CaptureFixture[str]
) -> None:
    sample = some(complete, "alpha", "reference")
    control = some(complete, "alpha", "normal_control")
    profiles = complete.catalogue.current_versions("cnv/profiles")
    reference = complete.catalogue.current_versions("datasets/reference")
    override(
        complete, "alpha",
        f"{sample},fail,wrong block,Dr Roy,2026-03-01",
        f"{control},fail,a tumour after all,Dr Roy,2026-03-01",
    )  # fmt: skip
    follow(complete, "alpha")
    # Three normal controls are left, too few for a new pool: the profiles keep theirs and say so.
    assert complete.catalogue.current_versions("cnv/profiles") != profiles
    lost = f"controls of its pool that are none any more: {control}"
    warnings = complete.catalogue.query("SELECT warnings FROM cnv_profiles WHERE batch = 'alpha'")
    assert warnings["warnings"].str.contains(lost).all()
    assert complete.catalogue.current_versions("datasets/reference") != reference
    pools = "SELECT count(*) FROM cnv_pools WHERE is_current AND sample_ids LIKE '%{}%'"
    assert complete.one(pools.format(control)) == 0
    row = complete.catalogue.query("SELECT * FROM sample_qc WHERE sample_id = ?", [sample])
    assert row.select(
        "verdict", "measured_verdict", "overridden_by", "override_reason", "override_date"
    ).rows() == [("fail", "pass", "Dr Roy", "wrong block", "2026-03-01")]
    reason = complete.one(f"SELECT reason FROM dataset_members WHERE sample_id = '{sample}'")
    assert reason == "quality: overridden by Dr Roy: wrong block"
    run_audit(complete.settings, sample)
    printed = capsys.readouterr().out
    assert "quality fail, measured pass: overridden by Dr Roy on 2026-03-01" in printed
    raw = complete.catalogue.current("raw/idats", "alpha")
    assert raw is not None
    assert f"file/overrides.csv  {raw.inputs['file/overrides.csv']}" in printed


@pytest.mark.slow
def test_an_override_is_withdrawn_with_its_file(complete: Chain) -> None:
    sample = some(complete, "beta", "diagnostic")
    override(complete, "beta", f"{sample},fail,mixed up,Dr Roy,2026-03-01")
    follow(complete, "beta")
    note = f"SELECT call || ': ' || note FROM predictions WHERE sample_id = '{sample}'"
    said = str(complete.one(note))
    assert said.startswith("no_match: not scored: failed quality control: overridden by Dr Roy")
    assert "mixed up" in said
    (complete.folder("beta") / "overrides.csv").unlink()
    mark(complete.folder("beta"))
    follow(complete, "beta")
    assert complete.one("SELECT count(*) FROM verdict_overrides") == 0
    assert complete.one(f"SELECT score FROM predictions WHERE sample_id = '{sample}'") is not None


def test_an_override_of_nobody_or_without_a_reason_is_told_and_changes_nothing(
    complete: Chain,
) -> None:
    sample = some(complete, "alpha", "reference")
    override(complete, "alpha", "X-1,fail,r,me,2026-03-01", f"{sample},fail,,me,2026-03-01")
    result = complete.run("process_batch", "alpha")
    assert result.success
    (event,) = [e.event_specific_data for e in result.all_events
                if e.event_type_value == "ASSET_CHECK_EVALUATION"
                and e.event_specific_data.check_name == "sheet_valid"]  # fmt: skip
    assert not event.passed
    assert "line 2 (X-1): no usable sample of this batch has this sample_id" in event.description
    assert "no reason is given: not applied: fill in 'reason'" in event.description
    assert complete.one("SELECT count(*) FROM sample_qc WHERE verdict = 'fail'") == 0


def test_overrides_that_cannot_be_read_stop_the_batch_and_keep_what_was_stored(
    complete: Chain,
) -> None:
    (complete.folder("alpha") / "overrides.csv").write_text("sample_id,verdict\nX,fail\n")
    mark(complete.folder("alpha"))
    result = complete.run("process_batch", "alpha")
    assert not result.success
    assert message_of(result) == (
        "batch alpha, overrides.csv: needs the column 'reason' once: the columns are sample_id,"
        " verdict, reason, by, date"
    )
    assert complete.one("SELECT count(*) FROM samples WHERE batch = 'alpha'") == 16


def test_a_wrong_sex_in_the_sheet_warns_without_new_betas(complete: Chain) -> None:
    sheet = complete.sheet("beta")
    case = some(complete, "beta", "diagnostic")
    other = {"F": "M", "M": "F"}
    wrong = pl.col("Sample_ID") == case
    turned = pl.when(wrong).then(pl.col("sex").replace_strict(other)).otherwise("sex")
    complete.write_sheet("beta", sheet.with_columns(sex=turned))
    before = complete.catalogue.current_versions("normalised/betas")
    follow(complete, "beta")
    assert complete.catalogue.current_versions("normalised/betas") == before
    (row,) = complete.catalogue.query(
        "SELECT sample_id, verdict, measured_verdict, sex_conflict FROM sample_qc"
        " WHERE verdict <> 'pass'"
    ).rows()
    assert row[:3] == (case, "warn", "pass")
    assert row[3].startswith("recorded sex ")
    reference = complete.catalogue.current("datasets/reference")
    assert reference is not None
    assert (
        f"| {case} | beta | diagnostic | warn | {row[3]} |"
        in (reference.summary["notes"]["doubtful samples"])
    )


def test_a_case_with_the_genotypes_of_a_training_sample_says_so_in_its_prediction(
    complete: Chain, capsys: pytest.CaptureFixture[str]
) -> None:
    """Send a training sample's files once more as a case of another patient."""
    source, target = complete.folder("alpha"), complete.folder("again")
    twin = some(complete, "alpha", "reference")
    row = complete.sheet("alpha").filter(pl.col("Sample_ID") == twin)
    target.mkdir()
    barcode, position = row.select("Sentrix_ID", "Sentrix_Position").row(0)
    for colour in ("Grn", "Red"):
        shutil.copy(source / f"{barcode}_{position}_{colour}.idat", target)
    # The same array cannot land twice: what lands is a second scan of it.
    rescan(target, barcode, position)
    complete.write_sheet("again", row.with_columns(
        Sample_ID=pl.lit("CASE"), patient_id=pl.lit("P-new"), role=pl.lit("diagnostic"),
        diagnosis=pl.lit(None), Sentrix_ID=pl.lit("999999999999"),
    ))  # fmt: skip
    follow(complete, "again")
    note = str(complete.one("SELECT note FROM predictions WHERE sample_id = 'CASE'"))
    assert note.startswith(f"same genotypes as {twin}, filed as another patient (")
    assert note.endswith("SNPs agree), which the classifier learnt from")
    conflicts = complete.catalogue.query("SELECT sample_id, other, kind FROM identity_conflicts")
    assert set(conflicts.rows()) == {
        ("CASE", twin, "same_genotype"), (twin, "CASE", "same_genotype"),
    }  # fmt: skip
    betas = complete.catalogue.current("normalised/betas", "again")
    assert betas is not None
    assert f"same genotypes as {twin}" in betas.summary["notes"]["identity"]
    run_audit(complete.settings, "CASE")
    assert f"same genotypes as {twin}" in capsys.readouterr().out


def rescan(folder: Path, barcode: str, position: str) -> None:
    """Give the pair in a folder another barcode, in its headers and names."""
    for colour in ("Grn", "Red"):
        old = folder / f"{barcode}_{position}_{colour}.idat"
        idat = read_idat(old)
        old.unlink()
        write_idat(
            old.with_name(f"999999999999_{position}_{colour}.idat"), idat.address, idat.mean,
            idat.mean // 10, idat.n_beads, barcode="999999999999", position=position,
            chip_type=idat.chip_type,
        )  # fmt: skip
