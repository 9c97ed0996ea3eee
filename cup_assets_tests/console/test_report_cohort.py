"""``cup report --cohort`` writes the page that was made, and says where it is not of today."""

from __future__ import annotations

import hashlib
from pathlib import Path

import polars as pl
import pytest

from cup_assets.console.chromium import find_chromium
from cup_assets.console.errors import ConsoleError
from cup_assets.console.report import run_report
from cup_assets.orchestration.cohort_report import cohort_recipe
from cup_assets.report import ReportError
from cup_assets.settings import Settings
from cup_assets.warehouse import Catalogue, Recipe, Write

PAGE = "<!doctype html><title>Rapport</title><p>169 échantillons</p>\n".encode()
FILE = "cohort.fr.html"


def stored(
    settings: Settings, recipe: Recipe, tables: dict[str, pl.DataFrame], version: str
) -> None:
    Catalogue(settings.catalogue).store(
        recipe, Write(tables), run_id="run", data_version=version, summary={}
    )


def reference(settings: Settings, version: str) -> None:
    stored(settings, Recipe("datasets/reference", "1", {}, {}), {}, version)


def inventory(settings: Settings, version: str) -> None:
    stored(settings, Recipe("raw/idats", "1", {}, {}, "beta"), {}, version)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Return a platform with a page of the cohort that is up to date."""
    settings = Settings(tmp_path / "data")
    reference(settings, "v1")
    inventory(settings, "i1")
    row = {"language": "fr", "file": FILE, "page_sha256": hashlib.sha256(PAGE).hexdigest(),
           "page_bytes": len(PAGE)}  # fmt: skip
    made = cohort_recipe({"datasets/reference": "v1", "raw/idats[beta]": "i1"})
    stored(settings, made, {"cohort_reports": pl.DataFrame([row])}, "c1")
    (settings.reports / "cohort").mkdir(parents=True)
    (settings.reports / "cohort" / FILE).write_bytes(PAGE)
    return settings


def test_the_page_is_copied_byte_for_byte_and_nothing_is_said_of_it(
    settings: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (page,) = run_report(settings, None, cohort=True, language="fr", out=tmp_path / "out")
    assert page == tmp_path / "out" / FILE
    assert page.read_bytes() == PAGE
    assert capsys.readouterr().out == f"{page}\n"


@pytest.mark.parametrize(
    ("change", "named"), [(reference, "datasets/reference"), (inventory, r"raw/idats[beta]")]
)
def test_a_page_that_is_out_of_date_is_written_and_what_changed_is_said(
    settings: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str], change: object,
    named: str,
) -> None:  # fmt: skip
    assert callable(change)
    change(settings, "v2")
    (page,) = run_report(settings, None, cohort=True, language="fr", out=tmp_path)
    assert page.read_bytes() == PAGE
    assert f"since then changed: {named}; `cup materialize`" in capsys.readouterr().out


def test_a_page_that_was_never_made_is_no_page(tmp_path: Path) -> None:
    settings = Settings(tmp_path / "data")
    reference(settings, "v1")
    with pytest.raises(ConsoleError, match=r"has not been made yet: materialise evaluation/report"):
        run_report(settings, None, cohort=True, out=tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(("content", "said"), [(PAGE + b" ", "not the page that was made"),
                                               (None, "is gone")])  # fmt: skip
def test_a_page_that_was_changed_or_deleted_is_not_handed_on(
    settings: Settings, tmp_path: Path, content: bytes | None, said: str
) -> None:
    file = settings.reports / "cohort" / FILE
    file.unlink()
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(ConsoleError, match=said):
        run_report(settings, None, cohort=True, language="fr", out=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_one_of_case_batch_and_cohort_is_asked_for(settings: Settings) -> None:
    with pytest.raises(ConsoleError, match=r"give one case, or --batch .* or --cohort"):
        run_report(settings, "A", cohort=True)
    with pytest.raises(ReportError, match="use en or fr"):
        run_report(settings, None, cohort=True, language="de")


@pytest.mark.browser
def test_the_page_is_printed_by_a_chromium(settings: Settings, tmp_path: Path) -> None:
    if find_chromium() is None:
        pytest.skip("needs a Chromium on the PATH")
    from pypdf import PdfReader

    _, pdf = run_report(settings, None, cohort=True, language="fr", pdf=True, out=tmp_path)
    made = Catalogue(settings.catalogue).current("evaluation/report")
    reader = PdfReader(pdf)
    assert "169 échantillons" in reader.pages[0].extract_text()
    assert made is not None
    assert reader.metadata is not None
    assert reader.metadata.creation_date == made.materialised_at.replace(microsecond=0)
