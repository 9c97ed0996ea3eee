"""``cup report`` writes pages, and prints them where there is a browser."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from typer.main import get_command

from cup_assets.cli import app
from cup_assets.console import chromium, report
from cup_assets.console.chromium import dated, find_chromium, print_pdf
from cup_assets.console.errors import ConsoleError
from cup_assets.console.report import run_report
from cup_assets.report import ReportError
from cup_assets.report.case_page import case_page
from cup_assets.report.case_report import CaseReport
from cup_assets.settings import Settings
from cup_assets.warehouse import Catalogue
from cup_assets_tests.report.case_reports import CASE, WHEN


@pytest.fixture
def one_case(monkeypatch: pytest.MonkeyPatch) -> CaseReport:
    """Ask for a case that no catalogue has to hold."""
    monkeypatch.setattr(report, "_cases", lambda *_: [CASE])
    return CASE


def test_all_cases_of_a_batch_are_written(platform: Settings, tmp_path: Path) -> None:
    cases = Catalogue(platform.catalogue).query(
        "SELECT sample_id FROM samples WHERE role = 'diagnostic' ORDER BY sample_id"
    )["sample_id"].to_list()  # fmt: skip
    written = run_report(platform, None, "beta", language="fr", out=tmp_path / "pages")
    assert [file.name for file in written] == [f"{case}.fr.html" for case in cases]
    assert all('<html lang="fr">' in file.read_text("utf-8") for file in written)
    stored = platform.reports / "cases" / "beta"
    assert all(file.read_bytes() == (stored / file.name).read_bytes() for file in written)
    (single,) = run_report(platform, cases[0], out=tmp_path)
    assert single == tmp_path / f"{cases[0]}.en.html"


def test_what_is_no_case_is_an_error_that_says_so(platform: Settings, tmp_path: Path) -> None:
    reference = Catalogue(platform.catalogue).query(
        "SELECT min(sample_id) FROM samples WHERE role = 'reference'"
    )
    with pytest.raises(ConsoleError, match="is no diagnostic case"):
        run_report(platform, reference.item(), out=tmp_path)
    with pytest.raises(ConsoleError, match="no sample NOBODY"):
        run_report(platform, "NOBODY", out=tmp_path)
    with pytest.raises(ConsoleError, match="no batch gamma"):
        run_report(platform, None, "gamma", out=tmp_path)
    with pytest.raises(ConsoleError, match="holds no diagnostic case"):
        run_report(platform, None, "alpha", out=tmp_path)
    with pytest.raises(ConsoleError, match="give one case, or --batch"):
        run_report(platform, None, out=tmp_path)
    with pytest.raises(ConsoleError, match="give one case, or --batch"):
        run_report(platform, None, "beta", cohort=True, out=tmp_path)
    assert not list(tmp_path.glob("*.html"))


def test_a_language_without_texts_is_an_error(one_case: CaseReport, tmp_path: Path) -> None:
    with pytest.raises(ReportError, match="use en or fr"):
        run_report(Settings(tmp_path), "x", language="de", out=tmp_path)


def test_without_a_chromium_the_page_is_written_and_the_rest_is_said(
    one_case: CaseReport, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chromium, "find_chromium", lambda: None)
    with pytest.raises(ConsoleError, match=r"no Chromium.*CASE-0071\.en\.html can be printed"):
        run_report(Settings(tmp_path), "x", pdf=True, out=tmp_path)
    assert (tmp_path / "CASE-0071.en.html").read_text("utf-8") == case_page(CASE, "en")


def test_a_browser_that_fails_is_quoted(tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    page.write_text("<p>")
    with pytest.raises(ConsoleError, match="could not print"):
        print_pdf(page, tmp_path / "page.pdf", WHEN, chromium="/bin/false")
    assert not (tmp_path / "page.pdf").exists()


def test_dates_are_replaced_without_moving_a_byte() -> None:
    one = b"<</CreationDate (D:20260101120000+00'00')/ModDate (D:20260101120001+00'00')>> xref"
    other = one.replace(b"20260101", b"20270909")
    when = datetime(2026, 3, 7, 14, 5, 9, tzinfo=UTC)
    assert dated(one, when) == dated(other, when)
    assert len(dated(one, when)) == len(one)
    assert dated(one, when).count(b"D:20260307140509+00'00'") == 2


def test_elements_are_numbered_from_one_whatever_was_printed_before() -> None:
    one = b"/ID (node00000070) /ID (node00000009) /Headers [(node00000009)]"
    other = b"/ID (node00000071) /ID (node00000010) /Headers [(node00000010)]"
    assert dated(one, WHEN) == dated(other, WHEN)
    assert dated(one, WHEN) == b"/ID (node00000002) /ID (node00000001) /Headers [(node00000001)]"


def test_the_command_is_there() -> None:
    assert "report" in get_command(app).commands  # type: ignore[attr-defined]


@pytest.mark.browser
def test_a_printed_page_is_a4_holds_the_words_and_is_the_same_again(
    one_case: CaseReport, tmp_path: Path
) -> None:
    if find_chromium() is None:
        pytest.skip("needs a Chromium on the PATH")
    from pypdf import PdfReader

    made = []
    for folder in (tmp_path / "a", tmp_path / "b"):
        page, pdf = run_report(Settings(tmp_path), "x", language="fr", pdf=True, out=folder)
        assert page.suffix == ".html"
        made.append(pdf.read_bytes())
    assert made[0] == made[1]
    reader = PdfReader(tmp_path / "a" / "CASE-0071.fr.pdf")
    assert 2 <= len(reader.pages) <= 6
    for sheet in reader.pages:
        assert float(sheet.mediabox.width) == pytest.approx(595, abs=1.5)
        assert float(sheet.mediabox.height) == pytest.approx(842, abs=1.5)
        words = " ".join(sheet.extract_text().split())
        assert "CASE-0071" in words  # sheets may be parted
        assert "Usage recherche uniquement" in words
    first = " ".join(reader.pages[0].extract_text().split())
    assert "Concordance" in first
    assert "carcinome adénoïde kystique" in first
    assert "0,953" in first
    assert reader.metadata is not None
    assert reader.metadata.creation_date == WHEN


@pytest.mark.browser
@pytest.mark.parametrize("width", [390, 1280])
def test_a_page_fits_phone_and_desk_and_asks_for_nothing(tmp_path: Path, width: int) -> None:
    program = find_chromium()
    if program is None:
        pytest.skip("needs a Chromium on the PATH")
    from cup_assets_tests.end_to_end.browser import browser_page

    file = tmp_path / "page.html"
    file.write_text(case_page(CASE, "fr"), encoding="utf-8")
    asked: list[str] = []
    said: list[str] = []
    with browser_page(program) as page:
        page.on("request", lambda request: asked.append(request.url))
        page.on("console", lambda message: said.append(message.text))
        page.set_viewport_size({"width": width, "height": 844})
        page.goto(file.as_uri())
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        call = page.locator(".call").bounding_box()
        assert call is not None
        assert call["y"] < 844  # the verdict is there without scrolling
        for drawing in page.locator("figure svg").all():
            box = drawing.bounding_box()
            assert box is not None
            assert box["height"] > 100
    assert asked == [file.as_uri()]
    assert said == []
