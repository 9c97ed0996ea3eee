"""What the demo shows, and that its parameters are what they say."""

from __future__ import annotations

import re
from dataclasses import asdict
from importlib.resources import files
from pathlib import Path

import polars as pl
import pytest
from rich.console import Console

from cup_assets.console import demo
from cup_assets.parameters import Parameters, load_parameters
from cup_assets.settings import Settings
from cup_assets.simulate import CohortDesign
from cup_assets.warehouse import Catalogue, Recipe, Write

TEXT = files("cup_assets.console").joinpath("demo_parameters.toml").read_text("utf-8")


def test_the_demos_parameters_are_smaller_than_the_defaults_that_they_name(tmp_path: Path) -> None:
    (tmp_path / "parameters.toml").write_text(TEXT)
    small, default = load_parameters(tmp_path / "parameters.toml"), Parameters()
    named = re.findall(r"^(\w+) = (\d+) +# default (\d+)", TEXT, re.MULTILINE)
    assert {"outer_folds", "inner_folds", "n_probes", "trees"} <= {name for name, *_ in named}
    for name, here, usual in named:
        (section,) = [
            part
            for part in asdict(default)
            if name in asdict(default)[part]
            and asdict(default)[part][name] != asdict(small)[part][name]
        ]
        assert asdict(small)[section][name] == int(here)
        assert asdict(default)[section][name] == int(usual), name
    assert small.evaluation.schemes == default.evaluation.schemes, "no scheme is left out"


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Settings:
    """Return settings of a demo that simulates and computes nothing."""

    def simulated(settings: Settings, folder: Path, *_: object) -> None:
        (folder / "truth").mkdir(parents=True)
        (folder / "truth" / "design.json").touch()

    monkeypatch.setattr(demo, "_simulate", simulated)
    monkeypatch.setattr(demo, "run_materialize", lambda _: [])
    return Settings(tmp_path / "data")


def test_the_demo_writes_its_parameters_once_and_never_over_somebodys_own(
    quick: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    demo.run_demo(quick)
    assert quick.parameters.read_text() == TEXT
    assert "Smaller than by default" in capsys.readouterr().out
    quick.parameters.write_text("[evaluation]\ntrees = 7\n")
    demo.run_demo(quick)
    assert quick.parameters.read_text() == "[evaluation]\ntrees = 7\n"
    assert "Smaller" not in capsys.readouterr().out


def test_the_leaderboard_shows_every_scheme_the_best_model_first_and_no_study(
    tmp_path: Path,
) -> None:
    rows = [
        ("svm", "leave_site_out", 0.4, "leaderboard"),
        ("svm", "stratified", 0.3, "leaderboard"),
        ("xgboost", "stratified", 0.2, "leaderboard"),
        ("random_forest", "stratified", 0.1, "ablations"),
    ]
    losses = pl.DataFrame(rows, schema=["model", "scheme", "value", "study"], orient="row")
    table = losses.with_columns(
        metric=pl.lit("log_loss"), strategy=pl.lit("none"), features=pl.lit("betas")
    )
    catalogue = Catalogue(tmp_path / "cup.duckdb")
    recipe = Recipe("evaluation/leaderboard", "1", {}, {})
    write = Write({"cv_metrics": table})
    catalogue.store(recipe, write, run_id="r", data_version="v", summary={})
    with (console := Console(width=200)).capture() as shown:
        console.print(demo.leaderboard(catalogue))
    lines = [line for line in shown.get().splitlines() if "0." in line]
    assert [re.findall(r"\w+", line)[:2] for line in lines] == [
        ["stratified", "xgboost"],
        ["svm", "undefined"],
        ["leave_site_out", "svm"],
    ]


def test_the_demo_has_batches_and_centres_to_hold_out() -> None:
    assert CohortDesign.demo().batches > 2
    assert CohortDesign.demo().sites > 2
