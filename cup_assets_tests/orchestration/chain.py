"""A small platform in a temporary folder, driven as `cup materialize` drives a large one.

The batches are put together by hand from one simulated cohort, so that a test knows what each
holds: ``alpha`` has reference samples and the first normal controls, ``beta`` reference samples and
two diagnostic cases, with the record of a fetched batch; ``cases`` (diagnostic only) and
``normals`` wait aside until a test lands
them.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

import dagster as dg
import polars as pl
import pytest

from cup_assets.cohort.batch_files import PROVENANCE
from cup_assets.landscape import projections
from cup_assets.orchestration import headless
from cup_assets.orchestration.build import build_defs
from cup_assets.orchestration.headless import Step, materialize
from cup_assets.orchestration.resources import Platform
from cup_assets.settings import Settings
from cup_assets.simulate import CohortDesign, simulate_cohort
from cup_assets.warehouse import Catalogue

DESIGN = CohortDesign(
    classes=(
        ("adenoid cystic carcinoma", 8),
        ("hpv-positive squamous cell carcinoma", 8),
        ("olfactory neuroblastoma", 8),
    ),
    normals=6,
    diagnostic=5,
    novel=0,
    batches=1,
    sites=1,
    second_samples=0,
    duplicates=0,
    swaps=0,
    wrong_sexes=0,
    degraded=0,
    confounding=0.0,
)

# Two of the four: the chain of two arrays (`mixed`) has them all.
SCHEMES = 'schemes = ["stratified", "leave_batch_out"]\n'
PARAMETERS = f"""\
[cohort]
outer_folds = 3
inner_folds = 2
[evaluation]
{SCHEMES}\
n_probes = 200
released_model = ""
trees = 20
forest_features = [1.0]
logistic_c = [30.0]
logistic_l1 = []
svm_c = [1.0]
svm_gamma = []
xgboost_rounds = [5]
xgboost_depth = [2]
network_hidden = [8]
network_epochs = 5
calibration_c = [1.0]
bootstraps = 10
[ablations]
models = ["logistic_regression"]
strategies = ["none", "smote"]
[explanations]
models = ["logistic_regression", "random_forest"]
top = 5
[learning_curve]
fractions = [0.5, 1.0]
[landscape]
n_probes = 200
n_components = 5
perplexity = 5.0
umap_neighbours = 5
seeds = [1]
heatmap_cpgs = 20
[panels]
sizes = [2, 5]
models = ["logistic_regression"]
differential_size = 2
candidates = 100
screened = 20
trees = 10
random_draws = 1
bootstraps = 10
boruta_candidates = 20
boruta_rounds = 20
stability_halves = 4
stability_chosen = 10
[assays]
technologies = ["array", "pyrosequencing"]
size = 5
shares = [0.5, 1.0]
draws = 2
masked_copies = 1
"""

# Stands in a column of the sheets that nothing asks for.
NAME = "Zebulon Quickbury"

COLUMNS = (
    *("Sample_ID", "Sentrix_ID", "Sentrix_Position", "patient_id", "diagnosis", "role"),
    *("material", "sex", "site", "cohort"),
)


@dataclass
class Chain:
    """One data folder with its own Dagster instance.

    Attributes
    ----------
    data
        The data folder.
    instance
        An instance in memory: runs and partitions end with the test.
    """

    data: Path
    instance: dg.DagsterInstance

    @property
    def settings(self) -> Settings:
        return Settings(self.data, workers=1)

    @property
    def catalogue(self) -> Catalogue:
        return Catalogue(self.settings.catalogue, patience=20)

    def folder(self, batch: str) -> Path:
        return self.settings.landing / batch

    def up_to_date(self, *batches: str, force: bool = False) -> list[Step]:
        """Run `headless.materialize` on the instance of this chain."""

        @contextmanager
        def opened(_: Settings) -> Iterator[dg.DagsterInstance]:
            yield self.instance

        with patch.object(headless, "open_instance", opened):
            return materialize(self.settings, batches=list(batches) or None, force=force)

    def run(
        self,
        job: str,
        batch: str | None = None,
        *,
        only: Sequence[dg.AssetKey] | None = None,
        tags: dict[str, str] | None = None,
    ) -> dg.ExecuteInProcessResult:
        """Run one job, or some assets of it, as the UI would."""
        defs = build_defs(resource_overrides={"platform": Platform(data=str(self.data))})
        if batch is not None:
            self.instance.add_dynamic_partitions("batches", [batch])
        return defs.resolve_job_def(job).execute_in_process(
            instance=self.instance,
            partition_key=batch,
            asset_selection=list(only) if only else None,
            tags=tags,
            raise_on_error=False,
            run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
        )

    def land(self, batch: str) -> None:
        """Move a batch from aside into the landing folder, or back there after a removal."""
        shutil.copytree(self.data / "aside" / batch, self.folder(batch))
        mark(self.folder(batch))

    def remove(self, batch: str) -> None:
        (self.data / "aside").mkdir(exist_ok=True)
        shutil.move(self.folder(batch), self.data / "aside" / batch)

    def sheet(self, batch: str) -> pl.DataFrame:
        return pl.read_csv(self.folder(batch) / "samplesheet.csv", infer_schema=False)

    def write_sheet(self, batch: str, rows: pl.DataFrame) -> None:
        rows.write_csv(self.folder(batch) / "samplesheet.csv")
        mark(self.folder(batch))

    def parameters(self, old: str, new: str) -> None:
        """Change one line of ``parameters.toml``."""
        text = self.settings.parameters.read_text()
        assert old in text
        self.settings.parameters.write_text(text.replace(old, new, 1))

    def one(self, sql: str) -> object:
        """Return the single value of a query."""
        return self.catalogue.query(sql).item()


def states(steps: Sequence[Step], state: str) -> set[str]:
    """Return the assets that came to this."""
    return {step.asset for step in steps if step.state == state}


def failures(steps: Sequence[Step]) -> dict[str, str]:
    return {step.asset: step.message for step in steps if step.state == "failed"}


def message_of(result: dg.ExecuteInProcessResult) -> str:
    """Return what the first failed step of a run says."""
    failed = [event for event in result.all_events if event.is_step_failure]
    assert failed
    given = failed[0].step_failure_data.user_failure_data
    assert given is not None, failed[0].step_failure_data.error
    return str(given.description)


def mark(folder: Path) -> None:
    """Say that the batch is complete as it is now."""
    marker = folder / "_COMPLETE"
    marker.unlink(missing_ok=True)
    marker.touch()


def make_data(data: Path) -> None:
    """Simulate the cohort and divide it into batches."""
    cohort = simulate_cohort(data / "simulated", DESIGN)
    shutil.move(cohort.manifests, data / "manifests")
    shutil.move(cohort.truth, data / "truth")
    (source,) = [cohort.landing / batch for batch in cohort.batches]
    truth = pl.read_parquet(data / "truth" / "samples.parquet")
    sheet = truth.select(
        Sample_ID="sample_id", Sentrix_ID="sentrix_id", Sentrix_Position="sentrix_position",
        patient_id="patient_id",
        diagnosis=pl.when(pl.col("role") != "diagnostic").then("labelled_class"),
        role="role", material="material", sex="sex", site="site", cohort=pl.lit("SIMULATED"),
    )  # fmt: skip
    by_role = {role[0]: rows for role, rows in sheet.group_by("role", maintain_order=True)}
    reference = by_role["reference"].with_columns(turn=pl.int_range(pl.len()).over("diagnosis") % 2)
    halves = [reference.filter(turn=turn).drop("turn") for turn in (0, 1)]
    normals, cases = by_role["normal_control"], by_role["diagnostic"]
    first = normals.filter(pl.int_range(pl.len()).over("sex") < 2)  # two of each sex: a pool
    later = normals.join(first, on="Sample_ID", how="anti")
    batches = {
        data / "landing" / "alpha": pl.concat([halves[0], first]),
        data / "landing" / "beta": pl.concat([halves[1], cases[:2]]),
        data / "aside" / "cases": cases[2:],
        data / "aside" / "normals": later,
    }
    for folder, rows in batches.items():
        folder.mkdir(parents=True)
        for barcode, position in rows["Sentrix_ID", "Sentrix_Position"].iter_rows():
            for colour in ("Grn", "Red"):
                shutil.move(source / f"{barcode}_{position}_{colour}.idat", folder)
        rows.select(*COLUMNS, Nom=pl.lit(NAME)).write_csv(folder / "samplesheet.csv")
        if folder.name == "beta":
            write_record(folder, rows)
        mark(folder)
    shutil.rmtree(data / "simulated")
    (data / "parameters.toml").write_text(PARAMETERS)


def write_record(folder: Path, rows: pl.DataFrame, **changes: object) -> None:
    """Give a batch the record of a fetched one, in which the source names patients."""
    samples = {
        row["Sample_ID"]: {
            "files": {"Grn": f"{row['Sample_ID']}_{NAME}_Grn.idat"},
            "unmapped": {"patient_id": f"donor: {row['patient_id']}"},
            "source": {
                "title": f"{NAME}, {row['patient_id']}",
                "tissue type": f"words about {row['Sample_ID']}",
            },
        }
        for row in rows.iter_rows(named=True)
    }
    archive = {"name": "GSE1_RAW.tar", "url": "https://source.example/GSE1_RAW.tar", "size": 1,
               "sha256": "0" * 64, "fetched_at": "2026-01-01T00:00:00+00:00"}  # fmt: skip
    record = {
        "batch": folder.name, "accession": "GSE1", "source": "https://source.example",
        "licence": "as the source says", "downloads": [archive], "label_columns": ["tissue type"],
        "left_out": [{"what": f"of {NAME}", "why": "has no Red file"}],
        "unmapped": [{"column": "patient_id", "source": NAME, "n_samples": 1}],
        "samples": samples, **changes,
    }  # fmt: skip
    (folder / PROVENANCE).write_text(json.dumps(record))


@contextmanager
def cheaply() -> Iterator[pytest.MonkeyPatch]:
    """Leave out what takes longer than all the rest of a small chain.

    One process, since starting workers takes seconds; PCA in the place of UMAP, which has to be
    compiled.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CUP_WORKERS", "1")
        patch.setitem(projections._MAKERS, "umap", projections._pca)
        yield patch


def _said(instance: dg.DagsterInstance) -> str:
    """Return all that an instance keeps of its runs: tags, configuration, events, log lines."""
    return "\n".join(
        text
        for run in instance.get_runs()
        for text in (
            dg.serialize_value(run),
            *(dg.serialize_value(entry) for entry in instance.all_logs(run.run_id)),
        )
    )


EVENTS = "events.txt"  # beside the data folder of a complete chain

_made: dict[str, Path] = {}  # once a session, whichever folder's tests ask first


def landed_folder(temporary: pytest.TempPathFactory) -> Path:
    """Return a data folder with two landed batches and nothing computed; read only."""
    if "landed" not in _made:
        _made["landed"] = temporary.mktemp("landed") / "data"
        make_data(_made["landed"])
    return _made["landed"]


def complete_folder(temporary: pytest.TempPathFactory) -> Path:
    """Return a data folder in which everything is computed; read only."""
    if "complete" not in _made:
        data = shutil.copytree(landed_folder(temporary), temporary.mktemp("complete") / "data")
        with cheaply(), dg.DagsterInstance.ephemeral() as instance:
            steps = Chain(data, instance).up_to_date()
            (data.parent / EVENTS).write_text(_said(instance))
        assert not failures(steps), failures(steps)
        _made["complete"] = data
    return _made["complete"]
