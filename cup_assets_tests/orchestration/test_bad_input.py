"""Bad input at the level of assets: one clear line, the rest goes on, nothing stored is lost.

Where each entry of the list is tested (``intake``, ``samplesheet``... are in `cohort`):

=============================================  ====================================================
missing Grn or Red                             intake; here (one batch with many faults)
truncated, empty, wrong magic, wrong version   intake, methylome/test_idat; here
other array, unknown array                     intake (real files), methylome/test_manifest; here
corrupt gz                                     intake, methylome/test_idat
Grn and Red of other arrays or bead counts     intake
sheet missing, lacking columns, duplicates,    intake, samplesheet; here (missing; no columns)
  unknown role or material, unmatched rows,
  encodings, semicolons
batch name with path characters                batch_files, landing, intake; test_traps
symlink out of the landing folder              intake
batch changed while running                    intake; here (during normalisation)
disk full while writing                        warehouse (files); here (polars, DuckDB, pictures)
every sample of a batch fails                  intake; here (intake, and quality control)
class with too few patients                    members, folds; here
no normal controls                             test_control_pools
killed in the middle of each stage             test_killed
=============================================  ====================================================
"""

import errno
import shutil
from collections.abc import Callable
from pathlib import Path

import duckdb
import numpy as np
import pytest

from cup_assets.methylome import read_idat
from cup_assets.orchestration.assets import normalised
from cup_assets.orchestration.conventions import BETAS, RAW, REFERENCE
from cup_assets.simulate import write_idat
from cup_assets.warehouse import catalogue as catalogue_module
from cup_assets_tests.orchestration.chain import Chain, failures, mark, message_of, states


def problems(chain: Chain, batch: str) -> dict[str, str]:
    """Return place -> what is wrong and what to do, of the errors of a batch."""
    rows = chain.catalogue.query(
        "SELECT place, message || ': ' || remedy FROM intake_problems"
        " WHERE batch = ? AND severity = 'error'",
        [batch],
    )
    return dict(rows.iter_rows())


def pair(chain: Chain, batch: str, sample: dict[str, str]) -> tuple[Path, Path]:
    stem = f"{sample['Sentrix_ID']}_{sample['Sentrix_Position']}"
    grn, red = (chain.folder(batch) / f"{stem}_{colour}.idat" for colour in ("Grn", "Red"))
    return grn, red


def spoil_six(chain: Chain, reference_data: Path) -> list[dict[str, str]]:
    """Spoil the files of six samples of beta, each in its own way; return all samples."""
    samples = chain.sheet("beta").rows(named=True)
    missing, truncated, empty, magic, foreign, other_array = samples[:6]
    pair(chain, "beta", missing)[1].unlink()
    cut = pair(chain, "beta", truncated)[0]
    cut.write_bytes(cut.read_bytes()[:-5000])
    pair(chain, "beta", empty)[0].write_bytes(b"")
    not_idat = pair(chain, "beta", magic)[1]
    not_idat.write_bytes(b"PNG!" + not_idat.read_bytes()[4:])
    expression = reference_data / "not_methylation" / "6016741005_A_Grn.idat"
    shutil.copy(expression, pair(chain, "beta", foreign)[0])
    for colour, path in zip("GR", pair(chain, "beta", other_array), strict=True):
        shutil.copy(
            reference_data / "hm27" / f"5318317007_A_{colour}rn.idat".replace("Rrn", "Red"), path
        )
    mark(chain.folder("beta"))
    return samples


def test_every_fault_of_a_batch_refuses_its_sample_with_file_and_remedy_and_the_rest_goes_on(
    complete: Chain, reference_data: Path
) -> None:
    samples = spoil_six(complete, reference_data)
    bad = [sample["Sample_ID"] for sample in samples[:6]]
    missing, truncated, empty, magic, foreign, _ = samples[:6]
    cut, not_idat = pair(complete, "beta", truncated)[0], pair(complete, "beta", magic)[1]

    result = complete.run("process_batch", "beta")

    assert result.success
    found = problems(complete, "beta")
    assert len(found) == 7  # the renamed pair: a line for each file
    assert all("\n" not in line and ": " in line for line in found.values())
    for sample, path in (
        (missing, pair(complete, "beta", missing)[0]),
        (truncated, cut),
        (empty, pair(complete, "beta", empty)[0]),
        (magic, not_idat),
        (foreign, pair(complete, "beta", foreign)[0]),
    ):
        named = [f"{place} {line}" for place, line in found.items()]
        assert any(path.name in line or sample["Sample_ID"] in line for line in named), path
    kept = complete.catalogue.query("SELECT sample_id FROM sample_measures WHERE batch = 'beta'")
    assert set(kept["sample_id"]) == {s["Sample_ID"] for s in samples} - set(bad)
    assert complete.one("SELECT count(*) FROM sample_measures WHERE batch = 'alpha'") == 16
    failed = {
        check.check_name for check in result.get_asset_check_evaluations() if not check.passed
    }
    assert "pairs_complete" in failed


@pytest.mark.slow
def test_all_that_is_made_of_a_batch_with_faults_goes_on_without_its_bad_samples(
    complete: Chain, reference_data: Path
) -> None:
    spoil_six(complete, reference_data)
    steps = complete.up_to_date()
    assert not failures(steps)
    (raw,) = [step for step in steps if step.asset == "raw/idats[beta]"]
    assert "pairs_complete" in raw.message


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda sheet: sheet.unlink(), "batch beta: samplesheet.csv is missing: add it"),
        (
            lambda sheet: sheet.write_text("a,b\n1,2\n"),
            "batch beta, samplesheet.csv: ",
        ),
    ],
    ids=["no sheet", "no columns"],
)
def test_a_batch_without_a_usable_sheet_fails_in_one_line_and_keeps_what_is_stored(
    complete: Chain, spoil: Callable[[Path], None], message: str
) -> None:
    before = complete.catalogue.query("SELECT * FROM samples ORDER BY ALL")
    spoil(complete.folder("beta") / "samplesheet.csv")
    mark(complete.folder("beta"))
    result = complete.run("read_batch", "beta")
    assert message_of(result).startswith(message)
    assert "\n" not in message_of(result)
    assert complete.catalogue.query("SELECT * FROM samples ORDER BY ALL").equals(before)


@pytest.mark.slow
def test_a_batch_of_which_no_sample_can_be_taken_stops_there_and_the_other_goes_on(
    landed: Chain,
) -> None:
    for path in landed.folder("beta").glob("*_Red.idat"):
        path.unlink()
    mark(landed.folder("beta"))
    steps = landed.up_to_date()
    assert "raw/idats[beta]" in failures(steps)
    assert "pairs_complete" in failures(steps)["raw/idats[beta]"]
    assert "\n" not in failures(steps)["raw/idats[beta]"]
    assert not {step.asset for step in steps} & {"normalised/betas[beta]", "cnv/profiles[beta]"}
    assert {"normalised/betas[alpha]", "datasets/reference"} <= states(steps, "computed")
    assert landed.one("SELECT state FROM batches WHERE batch = 'beta'") == "unusable"


@pytest.mark.parametrize("signal", ["dim", "none"])
def test_a_batch_of_which_no_sample_passes_quality_control_says_why_and_is_learnt_from_by_nobody(
    landed: Chain, signal: str
) -> None:
    landed.write_sheet("beta", landed.sheet("beta").head(4))
    for path in landed.folder("beta").glob("*.idat"):
        weaken(path, signal)
    mark(landed.folder("beta"))
    result = landed.run("process_batch", "beta")
    assert not result.success
    (check,) = [e for e in result.get_asset_check_evaluations() if e.check_name == "quality"]
    assert not check.passed
    assert (check.description or "").startswith("0 of 4 samples usable. ")
    for sample in landed.sheet("beta")["Sample_ID"]:
        assert sample in (check.description or "")
    assert landed.one("SELECT count(*) FROM cnv_profiles") == 0
    later = landed.run("profile_batch", "beta")
    assert message_of(later).startswith("normalised/betas[beta] did not pass its check quality")


def weaken(path: Path, signal: str) -> None:
    """Give an IDAT file an eighth of its intensity, or noise without any signal."""
    idat = read_idat(path)
    noise = np.random.default_rng(1).integers(100, 200, len(idat.address))
    mean = idat.mean // 8 if signal == "dim" else noise
    write_idat(
        path, idat.address, mean.astype(np.uint16), idat.sd, idat.n_beads,
        barcode=idat.barcode, position=idat.position, chip_type=idat.chip_type,
    )  # fmt: skip


def test_a_class_with_too_few_patients_is_left_out_with_count_and_need(
    complete: Chain,
) -> None:
    for batch, keep in (("alpha", 2), ("beta", 0)):
        rows = complete.sheet(batch)
        rare = rows.filter(diagnosis="olfactory neuroblastoma")[keep:]
        complete.write_sheet(batch, rows.join(rare, on="Sample_ID", how="anti"))
        assert complete.run("process_batch", batch).success
    result = complete.run("refresh_aggregates_now", only=[REFERENCE])
    assert result.success
    reasons = complete.catalogue.query(
        'SELECT DISTINCT reason FROM dataset_members WHERE "class" = ?', ["olfactory_neuroblastoma"]
    )
    (reason,) = reasons["reason"]
    assert "2 patients, needs 3" in reason
    check = [e for e in result.get_asset_check_evaluations() if e.check_name == "class_sizes"]
    assert [evaluation.passed for evaluation in check] == [False]
    assert complete.one("SELECT count(*) FROM dataset_members WHERE included") == 16


def test_a_batch_that_changes_while_it_is_normalised_is_not_stored(
    landed: Chain, monkeypatch: pytest.MonkeyPatch
) -> None:
    process = normalised.process_batch

    def process_and_change(*args: object, **kwargs: object) -> object:
        signals = process(*args, **kwargs)  # type: ignore[arg-type]
        (landed.folder("beta") / "late_Grn.idat").write_bytes(b"still copying")
        return signals

    monkeypatch.setattr(normalised, "process_batch", process_and_change)
    result = landed.run("read_batch", "beta")
    assert message_of(result).startswith("batch beta changed while it was being read")
    assert landed.one("SELECT count(*) FROM sample_measures") == 0
    monkeypatch.undo()
    (landed.folder("beta") / "late_Grn.idat").unlink()
    mark(landed.folder("beta"))
    assert landed.run("read_batch", "beta").success


def full_for_arrow(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "Error writing bytes to file. Detail: [errno 28] No space left")

    monkeypatch.setattr("pyarrow.parquet.ParquetWriter.write_table", full)


def full_for_duckdb(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise duckdb.IOException('IO Error: Could not write file "x": No space left on device')

    monkeypatch.setattr(catalogue_module, "record_version", full)


def full_for_files(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.fsync", full)


@pytest.mark.parametrize("full", [full_for_arrow, full_for_duckdb, full_for_files])
def test_a_full_disk_is_said_in_one_line_and_leaves_what_was_stored(
    complete: Chain, full: Callable[[pytest.MonkeyPatch], None]
) -> None:
    tables = ("matrices", "sample_measures", "asset_versions", "samples")
    before = [complete.catalogue.query(f"SELECT * FROM {name} ORDER BY ALL") for name in tables]
    complete.write_sheet("beta", complete.sheet("beta").head(6))
    assert complete.run("take_inventory", "beta", only=[RAW]).success
    before[2:] = [
        complete.catalogue.query(f"SELECT * FROM {name} ORDER BY ALL") for name in tables[2:]
    ]
    with pytest.MonkeyPatch.context() as patch:
        full(patch)
        result = complete.run("read_batch", "beta", only=[BETAS])
    assert message_of(result) == (
        "the disk is full: nothing of this asset was stored, what was stored before is intact;"
        " free space and materialise it again"
    )
    after = [complete.catalogue.query(f"SELECT * FROM {name} ORDER BY ALL") for name in tables]
    assert all(old.equals(new) for old, new in zip(before, after, strict=True))
    assert complete.run("read_batch", "beta", only=[BETAS]).success
    assert complete.one("SELECT count(*) FROM sample_measures WHERE batch = 'beta'") == 6
    stray = [p for p in (complete.settings.warehouse / "matrices").rglob("*") if "part" in p.suffix]
    assert stray == []


@pytest.mark.slow
def test_real_27k_samples_are_a_batch_beside_the_others(
    complete: Chain, reference_data: Path
) -> None:
    folder = complete.folder("real_27k")
    folder.mkdir()
    for path in (reference_data / "hm27").glob("*.idat"):
        shutil.copy(path, folder)
    for path in (reference_data / "hm27").glob("*.csv.gz"):
        shutil.copy(path, complete.settings.manifests)
    rows = [f"REAL-{p},5318317007,{p},P{p},,diagnostic,frozen" for p in "ABC"]
    header = "Sample_ID,Sentrix_ID,Sentrix_Position,patient_id,diagnosis,role,material"
    (folder / "samplesheet.csv").write_text("\n".join([header, *rows, ""]))
    mark(folder)

    assert complete.run("process_batch", "real_27k").success

    found = complete.catalogue.query(
        'SELECT m."array", verdict, predicted_sex, count(beta) AS n, avg(beta) AS mean'
        " FROM sample_measures m JOIN betas USING (sample_id) WHERE batch = 'real_27k'"
        " GROUP BY ALL"
    )
    assert set(found["array"]) == {"hm27"}
    assert set(found["verdict"]) <= {"pass", "warn"}
    assert found["predicted_sex"].null_count() == len(found)  # 8 Y probes do not tell
    counted = complete.catalogue.query(
        "SELECT sample_id, count(*) AS n, avg(beta) AS mean FROM betas"
        " WHERE sample_id LIKE 'REAL-%' GROUP BY sample_id"
    )
    assert len(counted) == 3
    assert counted["n"].min() > 25_000  # type: ignore[operator]
    assert counted["mean"].is_between(0.15, 0.4).all()  # promoter arrays are mostly unmethylated
    reasons = complete.catalogue.query(
        "SELECT DISTINCT reason FROM cnv_profiles WHERE batch = 'real_27k'"
    )
    assert "no pool of normal controls for hm27" in reasons["reason"][0]
    assert complete.up_to_date("alpha")  # the others are as they were
    assert complete.one("SELECT count(*) FROM samples WHERE batch = 'alpha'") == 16
