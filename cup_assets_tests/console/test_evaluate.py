"""``cup evaluate``: from a table to a folder that holds everything, the same bytes every time."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest

from cup_assets.classify.errors import ClassifyError
from cup_assets.console.errors import ConsoleError
from cup_assets.console.evaluate import Request, run_evaluate
from cup_assets.orchestration.fold_store import FoldStore
from cup_assets.parameters import ParametersError
from cup_assets.settings import Settings
from cup_assets_tests.classify.synthetic import cohort
from cup_assets_tests.console.conftest import Cup

QUICK = """
[cohort]
outer_folds = 3
inner_folds = 2
[evaluation]
n_probes = 40
trees = 10
forest_features = [1.0]
logistic_c = [10.0]
logistic_l1 = []
svm_c = [1.0]
svm_gamma = []
calibration_c = [1.0]
bootstraps = 20
"""


def write_table(folder: Path) -> Request:
    """Write 48 samples of 4 classes, one without a label, and a column too many; ask for them."""
    data = cohort(n=48, p=80)
    about = {
        "sample_id": data.sample_ids.tolist(),
        "tumour": [None, *data.y[1:].tolist()],
        "group": data.family.tolist(),
        "who": data.patient.tolist(),
        "run": [f"run {i // 8 % 3}" for i in range(48)],
        "age": list(range(48)),
    }
    betas = pl.DataFrame(data.X, schema=data.probe_ids.tolist()).fill_nan(None)
    pl.DataFrame(about).hstack(betas).write_csv(folder / "table.csv")
    (folder / "quick.toml").write_text(QUICK, encoding="utf-8")
    return Request(
        folder / "table.csv", "tumour",
        columns={"patient": "who", "batch": "run", "family": "group"},
        models=("svm,logistic_regression",), parameters=folder / "quick.toml", out=folder / "out",
    )  # fmt: skip


@pytest.fixture
def request_(tmp_path: Path) -> Request:
    """Return a request whose results go into a folder of one's own."""
    return write_table(tmp_path)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return what one evaluation left; read only."""
    folder = tmp_path_factory.mktemp("made")
    return run_evaluate(settings(folder), write_table(folder))


def settings(tmp_path: Path, workers: int = 1) -> Settings:
    return Settings(tmp_path / "data", workers=workers)


def content(out: Path) -> dict[str, bytes]:
    """Return every file of an evaluation but the one that tells how long it took."""
    return {
        file.name: file.read_bytes()
        for file in sorted(out.iterdir())
        if file.is_file() and file.name != "times.csv"
    }


def test_a_folder_holds_everything(made: Path) -> None:
    board = pl.read_csv(made / "leaderboard.csv")
    assert board["scheme"].to_list() == ["stratified"] * 2 + ["leave_batch_out"] * 2
    assert board["error"].max() < 0.2  # type: ignore[operator]
    scores = pl.read_parquet(made / "scores.parquet")
    assert scores.group_by("scheme", "model").len()["len"].unique().to_list() == [47 * 4]
    assert pl.read_csv(made / "left_out.csv").rows() == [("s000", None, "no diagnosis")]
    record = json.loads((made / "evaluation.json").read_text(encoding="utf-8"))
    sha256 = hashlib.sha256((made.parent / "table.csv").read_bytes()).hexdigest()
    assert record["inputs"] == {"table.csv": sha256}
    assert (record["cohort"]["outer_folds"], record["evaluation"]["n_probes"]) == (3, 40)
    assert record["evaluation"]["seed"] == 1
    assert record["versions"]["scikit-learn"]
    for name, digest in record["files"].items():
        assert hashlib.sha256((made / name).read_bytes()).hexdigest() == digest
    page = (made / "report.html").read_text(encoding="utf-8")
    assert sha256 in page
    assert "s000" in page
    pictures = re.findall(r'<img [^>]*src="data:image/png;base64,', page)
    assert len(pictures) == len(list(made.glob("*.png")))


def test_a_killed_run_goes_on_after_its_finished_folds_with_any_number_of_workers_and_same_bytes(
    made: Path, request_: Request, tmp_path: Path, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    save, kept = FoldStore.save, []

    def killed(store: FoldStore, key: str, result: object) -> None:
        save(store, key, result)  # type: ignore[arg-type]
        kept.append(key)
        if len(kept) == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(FoldStore, "save", killed)
    with pytest.raises(KeyboardInterrupt):
        run_evaluate(settings(tmp_path), request_)
    monkeypatch.undo()
    capsys.readouterr()
    out = run_evaluate(settings(tmp_path, workers=2), request_)
    said = capsys.readouterr().out
    assert re.search(r"svm, stratified: 3 outer folds in .* s, 2 of them from an earlier run", said)
    assert content(out) == content(made)
    assert "table.csv: 47 samples of 24 patients, 4 classes, 80 probes" in said
    assert "left out: 1 sample(s) (s000): no diagnosis" in said
    assert "column age is not used" in said
    for scheme in ("stratified", "leave_batch_out"):
        assert f"Leaderboard, {scheme}" in said


def test_what_an_earlier_evaluation_left_and_this_one_does_not_make_is_removed(
    made: Path, request_: Request, tmp_path: Path
) -> None:
    out = shutil.copytree(made, tmp_path / "out")
    assert (out / "confusion_svm.png").exists()
    columns = {"patient": "who"}
    run_evaluate(
        settings(tmp_path), replace(request_, models=("logistic_regression",), columns=columns)
    )
    assert not (out / "confusion_svm.png").exists()
    assert not (out / "comparison_stratified.png").exists()
    assert (out / "confusion_logistic_regression.png").exists()


def test_a_folder_with_something_else_in_it_is_not_touched(
    request_: Request, tmp_path: Path
) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.docx").write_text("mine", encoding="utf-8")
    with pytest.raises(ConsoleError, match=r"--out: .*out holds something else \(thesis\.docx\)"):
        run_evaluate(settings(tmp_path), request_)
    assert [file.name for file in (tmp_path / "out").iterdir()] == ["thesis.docx"]


def test_a_scheme_that_cannot_be_carried_out_is_said_and_not_left_away(
    request_: Request, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    frame = pl.read_csv(request_.table).with_columns(run=pl.lit("the only one"))
    frame.write_csv(request_.table)
    out = run_evaluate(settings(tmp_path), replace(request_, models=("svm",)))
    why = "leave_batch_out needs samples of at least two values of batch: found only 'the only one'"
    said = " ".join(capsys.readouterr().out.split())
    assert f"leave_batch_out: impossible: {why}" in said
    assert "not judged: leave_site_out, cross_array: no column was named with --site, --arr" in said
    record = json.loads((out / "evaluation.json").read_text(encoding="utf-8"))
    nothing = "no column was named for it"
    assert record["schemes"] == {
        "stratified": "evaluated",
        "leave_batch_out": why,
        "leave_site_out": nothing,
        "cross_array": nothing,
    }


@pytest.mark.parametrize(
    ("change", "kind", "message"),
    [
        (lambda r: replace(r, models=("svm", "oracle")), ConsoleError, "no model 'oracle': use "),
        (lambda r: replace(r, outer=1), ParametersError, "must be at least 2"),
        (lambda r: replace(r, probes=0), ClassifyError, "n_probes is 0"),
        (lambda r: replace(r, parameters=Path("no.toml")), ConsoleError, "no.toml is no file"),
    ],
    ids=["model", "folds", "probes", "parameters"],
)
def test_an_option_that_cannot_be_used_is_refused_before_anything_is_computed(
    change: Callable[[Request], Request], kind: type[Exception], message: str,
    request_: Request, tmp_path: Path,
) -> None:  # fmt: skip
    with pytest.raises((kind, ParametersError), match=message):
        run_evaluate(settings(tmp_path), change(request_))
    assert not (tmp_path / "out").exists()


def test_the_command_asks_for_the_label_in_one_line(cup: Cup, request_: Request) -> None:
    run = cup("evaluate", str(request_.table))
    assert run.returncode == 1
    (line,) = run.stderr.strip().splitlines()
    assert line.startswith("cup: say with --label which column holds the classes; candidates: ")
    assert "tumour, group" in line


def test_real_tumours_are_evaluated_without_the_samples_that_nobody_measured(
    reference_data: Path, request_: Request, tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    path = reference_data / "labelled" / "medulloblastoma_GSE85212_663x399.parquet"
    out = run_evaluate(
        settings(tmp_path), replace(request_, table=path, label="subgroup", columns=None)
    )
    assert "523 samples of 523 patients, 4 classes, 399 probes" in capsys.readouterr().out
    assert pl.read_csv(out / "left_out.csv").height == 140
    board = pl.read_csv(out / "leaderboard.csv")
    assert board["error"].max() < 0.05  # type: ignore[operator]
    assert board["log_loss"].max() < 0.15  # type: ignore[operator]
