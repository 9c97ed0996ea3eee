"""What is computed again, and what is not."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import dagster as dg
import polars as pl
import pytest

from cup_assets.classify.doubts import label_doubts
from cup_assets.classify.models import MODELS
from cup_assets.orchestration.assets import leaderboard
from cup_assets.orchestration.conventions import LEADERBOARD, REFERENCE, cv_key
from cup_assets.orchestration.headless import Step
from cup_assets_tests.orchestration.chain import (
    Chain,
    failures,
    mark,
    message_of,
    states,
    write_record,
)

LEARNT = {
    "datasets/balanced",
    "evaluation/ablations",
    "evaluation/concordance",
    *(f"evaluation/cv/{model}" for model in MODELS),
    "evaluation/explanations",
    "evaluation/landscape",
    "evaluation/leaderboard",
    "evaluation/learning_curve",
    "evaluation/novelty",
    "evaluation/report",
    "panels/assays",
    "panels/cpg",
    "panels/gene_sets",
    "panels/importance",
    "panels/release",
    "diagnosis/classifier",
}
PREDICTED = {
    f"diagnosis/{asset}[{batch}]"
    for asset in ("predictions", "reports")
    for batch in ("alpha", "beta")
}


def computed(steps: list[Step]) -> set[str]:
    assert not failures(steps)
    return states(steps, "computed")


def version(chain: Chain, asset: str, partition: str = "") -> str:
    found = chain.catalogue.current(asset, partition)
    assert found is not None
    return found.data_version


def test_a_second_materialisation_reuses_everything(complete: Chain) -> None:
    before = complete.catalogue.query("SELECT * FROM asset_versions ORDER BY ALL")
    steps = complete.up_to_date()
    assert states(steps, "reused") == {step.asset for step in steps}
    assert LEARNT | PREDICTED | {"cnv/profiles[alpha]", "raw/idats[beta]"} <= states(
        steps, "reused"
    )
    assert complete.catalogue.query("SELECT * FROM asset_versions ORDER BY ALL").equals(before)


def test_a_reused_result_is_shown_like_a_new_one_and_says_that_it_is_reused(
    complete: Chain,
) -> None:
    shown = []
    for force in ("true", "false"):
        result = complete.run("profile_batch", "alpha", tags={"cup/force": force})
        (event,) = result.asset_materializations_for_node("cnv__profiles")
        shown.append(event)
    new, reused = shown
    assert new.metadata["reused"].value is False
    assert reused.metadata["reused"].value is True
    assert new.tags == reused.tags  # the data version
    assert set(new.metadata) == set(reused.metadata)
    assert {"arms", "profiles", "fingerprint", "dagster/column_schema"} <= set(new.metadata)


def change_a_diagnosis(chain: Chain) -> str:
    """Give a reference sample of batch alpha a diagnosis that nobody else has; return who."""
    sheet = chain.sheet("alpha")
    first = str(sheet.filter(role="reference")["Sample_ID"][0])
    chain.write_sheet(
        "alpha",
        sheet.with_columns(
            diagnosis=pl.when(Sample_ID=first)
            .then(pl.lit("mucosal melanoma"))
            .otherwise("diagnosis")
        ),
    )
    return first


def test_a_changed_diagnosis_changes_the_dataset_but_no_betas(complete: Chain) -> None:
    before = version(complete, "datasets/reference")
    betas = version(complete, "normalised/betas", "alpha")
    first = change_a_diagnosis(complete)
    assert complete.run("read_batch", "alpha").success
    assert complete.run("refresh_aggregates_now", only=[REFERENCE]).success
    assert version(complete, "normalised/betas", "alpha") == betas
    assert version(complete, "datasets/reference") != before
    kept = complete.catalogue.query(
        'SELECT included, reason, "class" FROM dataset_members WHERE sample_id = ?', [first]
    ).row(0)
    assert kept[0] is False  # one patient is no class
    assert kept[2] == "mucosal_melanoma"


@pytest.mark.slow
def test_a_changed_diagnosis_reaches_all_that_is_learnt_and_predicted(complete: Chain) -> None:
    change_a_diagnosis(complete)
    done = computed(complete.up_to_date())
    assert done == {"raw/idats[alpha]", "datasets/reference"} | LEARNT | PREDICTED


def test_a_corrected_record_of_origin_is_a_new_inventory_and_nothing_is_computed_of_it(
    complete: Chain,
) -> None:
    computed_of_it = ("normalised/betas", "cnv/profiles", "diagnosis/predictions")
    made = [complete.catalogue.current(asset, "beta") for asset in computed_of_it]
    before = complete.catalogue.current("raw/idats", "beta")
    reference = version(complete, "datasets/reference")
    write_record(complete.folder("beta"), complete.sheet("beta"), licence="asked for anew")
    mark(complete.folder("beta"))
    assert complete.run("process_batch", "beta").success
    assert complete.run("refresh_aggregates_now", only=[REFERENCE]).success
    assert complete.run("predict_batch", "beta").success
    after = complete.catalogue.current("raw/idats", "beta")
    assert before is not None
    assert after is not None
    changed = {name for name in after.inputs if after.inputs[name] != before.inputs[name]}
    assert changed == {"file/provenance.json"}
    assert after.data_version != before.data_version
    assert "asked for anew" in after.summary["notes"]["provenance"]
    assert version(complete, "datasets/reference") == reference  # nothing is learnt again
    assert made == [complete.catalogue.current(asset, "beta") for asset in computed_of_it]
    # What was scored says of which record it was scored.
    scored = made[-1]
    assert scored is not None
    assert scored.inputs["raw/idats[beta]"] == before.data_version


@pytest.mark.slow
def test_a_changed_idat_changes_its_batch_and_the_other_batch_stays(complete: Chain) -> None:
    # A case of which no classifier learns: even the reference dataset keeps its version.
    case = complete.sheet("beta").filter(role="diagnostic").row(0, named=True)
    stem = f"{case['Sentrix_ID']}_{case['Sentrix_Position']}_Grn.idat"
    darken(complete.folder("beta") / stem)
    reference = version(complete, "datasets/reference")
    scored = complete.catalogue.query("SELECT * FROM predictions ORDER BY sample_id")
    done = computed(complete.up_to_date())
    assert done == {
        "raw/idats[beta]",
        "normalised/betas[beta]",
        "cnv/profiles[beta]",
        "datasets/reference",
        *("evaluation/landscape", "evaluation/concordance"),  # it places the cases
        "evaluation/ablations",  # of the batch's copy number; every fold is taken over
        "evaluation/report",
        *("diagnosis/predictions[beta]", "diagnosis/reports[beta]"),
    }
    assert version(complete, "datasets/reference") == reference
    again = complete.catalogue.query("SELECT * FROM predictions ORDER BY sample_id")
    changed = {
        name
        for name, old, new in zip(scored["sample_id"], scored["score"], again["score"], strict=True)
        if old != new
    }
    assert changed == {case["Sample_ID"]}


def darken(path: Path) -> None:
    """Lower the intensity of some beads in an IDAT file."""
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 2000 : 2] = bytes(1000)
    path.write_bytes(content)
    mark(path.parent)


@pytest.mark.slow
def test_a_batch_of_cases_changes_no_dataset_and_no_cross_validation(complete: Chain) -> None:
    reference = version(complete, "datasets/reference")
    complete.land("cases")
    done = computed(complete.up_to_date())
    assert done == {
        *("raw/idats[cases]", "normalised/betas[cases]", "cnv/profiles[cases]"),
        *("datasets/reference", "diagnosis/predictions[cases]", "diagnosis/reports[cases]"),
        *("evaluation/landscape", "evaluation/concordance", "evaluation/report"),
        "diagnosis/reports[beta]",  # pages name the version of the map
    }
    assert version(complete, "datasets/reference") == reference
    assert complete.one("SELECT count(*) FROM predictions WHERE batch = 'cases'") == 3


def test_an_input_that_changes_while_it_is_used_fails_the_run_and_the_next_one_takes_it(
    complete: Chain, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = version(complete, "evaluation/leaderboard")

    def meanwhile(*given: Any, **named: Any) -> pl.DataFrame:
        monkeypatch.undo()
        complete.parameters("logistic_c = [30.0]", "logistic_c = [10.0]")
        complete.run("refresh_aggregates_now", only=[cv_key("logistic_regression")])
        return label_doubts(*given, **named)

    monkeypatch.setattr(leaderboard, "label_doubts", meanwhile)
    again = {"cup/force": "true"}
    result = complete.run("refresh_aggregates_now", only=[LEADERBOARD], tags=again)
    assert re.match(
        r"evaluation/cv/logistic_regression changed while evaluation/leaderboard was being made",
        message_of(result),
    )
    assert version(complete, "evaluation/leaderboard") == before
    assert complete.run("refresh_aggregates_now", only=[LEADERBOARD]).success
    assert version(complete, "evaluation/leaderboard") != before


@pytest.mark.slow
def test_a_changed_parameter_changes_only_what_uses_it(complete: Chain) -> None:
    complete.parameters("random_draws = 1", "random_draws = 2")
    assert computed(complete.up_to_date()) == {
        *("panels/assays", "panels/cpg", "panels/gene_sets", "panels/importance"),
        *("panels/release", "evaluation/report"),
    }


@pytest.mark.slow
def test_a_changed_evaluation_parameter_reaches_the_predictions_but_no_betas(
    complete: Chain,
) -> None:
    complete.parameters("trees = 20", "trees = 21")
    others = {"datasets/balanced", "evaluation/landscape", "panels/gene_sets", "panels/importance"}
    assert computed(complete.up_to_date()) == LEARNT - others | PREDICTED


@pytest.mark.slow
def test_a_changed_copy_number_parameter_changes_what_is_made_of_copy_number_alone(
    complete: Chain,
) -> None:
    with complete.settings.parameters.open("a") as file:
        file.write("[cnv]\npenalty = 3.0\n")
    assert computed(complete.up_to_date()) == {
        *("cnv/controls", "cnv/profiles[alpha]", "cnv/profiles[beta]"),
        # It shows what is gained and lost in each class.
        *("evaluation/landscape", "evaluation/concordance"),
        "evaluation/ablations",  # they learn from copy number
        *("evaluation/report", "diagnosis/reports[beta]"),
    }


@pytest.mark.slow
def test_force_computes_what_is_unchanged_and_gives_the_same_versions(complete: Chain) -> None:
    before = complete.catalogue.current_versions("normalised/betas")
    steps = complete.up_to_date("alpha", force=True)
    assert states(steps, "computed") == {step.asset for step in steps}
    assert complete.catalogue.current_versions("normalised/betas") == before
    assert not any("beta" in step.asset and "[beta]" in step.asset for step in steps)


@pytest.mark.slow
def test_a_removed_batch_leaves_the_datasets_and_its_betas_stay_stored(complete: Chain) -> None:
    stored = set((complete.settings.warehouse / "matrices" / "beta").iterdir())
    members = complete.one("SELECT count(*) FROM dataset_members WHERE included")
    complete.remove("beta")

    done = computed(complete.up_to_date())

    predicted = {"diagnosis/predictions[alpha]", "diagnosis/reports[alpha]"}
    assert done == {"raw/idats[beta]", "datasets/reference"} | predicted | LEARNT
    assert complete.one("SELECT state FROM batches WHERE batch = 'beta'") == "retracted"
    left_out = complete.catalogue.query(
        "SELECT DISTINCT included, reason FROM dataset_members WHERE batch = 'beta'"
    )
    assert left_out.rows() == [(False, "batch beta was retracted")]
    assert complete.one("SELECT count(*) FROM dataset_members WHERE included") == members / 2  # type: ignore[operator]
    assert set((complete.settings.warehouse / "matrices" / "beta").iterdir()) == stored
    assert complete.one("SELECT count(*) FROM sample_measures WHERE batch = 'beta'") == 14

    complete.land("beta")
    assert complete.run("process_batch", "beta").success
    assert complete.run("refresh_aggregates_now", only=[REFERENCE]).success
    assert complete.one("SELECT count(*) FROM dataset_members WHERE included") == members
    assert set((complete.settings.warehouse / "matrices" / "beta").iterdir()) == stored
    versions = complete.catalogue.query(
        "SELECT count(*) FROM asset_versions WHERE partition = 'beta' AND asset <> 'raw/idats'"
        " GROUP BY asset"
    )
    assert set(versions["count_star()"]) == {1}  # neither betas nor profiles were computed again


def test_an_asset_without_its_input_says_which_to_materialise(
    landed: Chain, instance: dg.DagsterInstance
) -> None:
    result = landed.run("profile_batch", "alpha")
    (event,) = [event for event in result.all_events if event.is_step_failure]
    given = event.step_failure_data.user_failure_data
    assert given is not None
    assert given.description == (
        "normalised/betas[alpha] has not been materialised: materialise it first"
    )
