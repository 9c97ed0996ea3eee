"""What docs/learning.md says about adding a model, done exactly as it says."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from types import ModuleType

import polars as pl
import pytest

from cup_assets.classify.metrics import metrics
from cup_assets.classify.models import MODELS
from cup_assets.classify.nested import nested_cv
from cup_assets.orchestration.assets.cross_validation import cv_asset
from cup_assets.parameters import load_parameters
from cup_assets_tests.classify import test_leaks, test_models, test_nested
from cup_assets_tests.classify.synthetic import QUICK, cohort, folds

PAGE = Path(__file__).resolve().parents[2] / "docs" / "learning.md"


def blocks(language: str) -> list[str]:
    """Return the code blocks of a language on the page."""
    text = PAGE.read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


@pytest.fixture
def toy(monkeypatch: pytest.MonkeyPatch) -> str:
    """Register the model of the page, as its file and its line would; return its name."""
    (code,) = blocks("python")
    (line,) = re.findall(r"^\+ {8}(\w+),$", blocks("diff")[0], re.MULTILINE)
    module = ModuleType("cup_assets.classify.models.nearest_centroid")
    monkeypatch.setitem(sys.modules, module.__name__, module)
    exec(compile(code, "docs/learning.md", "exec"), module.__dict__)
    spec = getattr(module, line)
    assert spec.name not in MODELS
    monkeypatch.setitem(MODELS, spec.name, spec)
    return spec.name


def test_the_model_on_the_page_is_cross_validated_like_any_other(toy: str) -> None:
    data = cohort(n=80, p=120)
    result = nested_cv(data, toy, folds(data), QUICK)
    assert result.scores.height == 80 * 4
    figures = metrics(result.scores, data.truth(), seed=1, bootstraps=20)
    found = dict(figures.filter(pl.col("class").is_null()).select("metric", "value").iter_rows())
    assert found["accuracy"] > 0.9
    assert found["log_loss"] < found["raw_log_loss"]
    assert cv_asset(toy).key.to_user_string() == "evaluation/cv/nearest_centroid"


def test_the_model_on_the_page_keeps_to_what_is_asked_of_every_model(toy: str) -> None:
    test_models.test_scores_sum_to_one_and_find_separable_classes(toy)
    test_models.test_a_score_has_the_same_bits_alone_in_a_batch_and_after_storage(toy)
    for n_left in (3, 2):
        test_models.test_a_class_without_training_samples_scores_exactly_zero(toy, n_left)
    test_nested.test_a_classifier_keeps_its_bits_whatever_the_test_rows_hold(toy)
    test_leaks.test_shuffled_labels_are_guessed_as_chance_guesses(toy)
    test_leaks.test_a_label_written_into_the_training_part_only_does_not_help(toy)


def test_the_parameters_on_the_page_are_understood(tmp_path: Path) -> None:
    (text,) = blocks("toml")
    path = tmp_path / "parameters.toml"
    path.write_text(text, encoding="utf-8")
    # Unknown sections and entries, wrong types and impossible values all raise.
    assert load_parameters(path).evaluation.strategy == "class_weight"


def test_the_options_on_the_page_exist() -> None:
    from typer.main import get_command

    from cup_assets.cli import app

    command = get_command(app).commands["evaluate"]  # type: ignore[attr-defined]
    known = {option for parameter in command.params for option in parameter.opts}
    page = PAGE.read_text(encoding="utf-8")
    section = page[page.index("## A table of betas") : page.index("## Adding a model")]
    assert set(re.findall(r"--[a-z]+", section)) <= known
    assert {option for option in known if option.startswith("--")} <= {
        "--help",
        *re.findall(r"--[a-z]+", section),
    }


def test_the_tests_and_tables_on_the_page_exist() -> None:
    page = PAGE.read_text(encoding="utf-8")
    tests = {path.name for path in Path(__file__).parents[1].rglob("test_*.py")}
    assert {Path(name).name for name in re.findall(r"`([\w/]*test_\w+\.py)`", page)} <= tests
    schema = (PAGE.parents[1] / "cup_assets/warehouse/schema.sql").read_text(encoding="utf-8")
    tables = set(re.findall(r"(?:TABLE IF NOT EXISTS|OR REPLACE VIEW) (\w+)", schema))
    looked_up = page[page.index("## Where to look") : page.index("## Nested cross-validation")]
    named = set(re.findall(r"`([a-z]+(?:_[a-z]+)+)(?:\.\w+)?`", looked_up))
    assert named - tables == set()
