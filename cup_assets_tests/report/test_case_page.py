"""The page about a case says what is so, in both languages, and nothing else about the patient."""

from __future__ import annotations

import re
from dataclasses import fields, replace
from html.parser import HTMLParser
from itertools import pairwise

import polars as pl
import pytest

from cup_assets.report import ReportError
from cup_assets.report.case_page import case_page
from cup_assets.report.case_report import CaseReport, content
from cup_assets.report.language import LANGUAGES, Language
from cup_assets_tests.report.case_reports import ADENOID, CASE, COPY_NUMBER, STATES

VOID = {"meta", "br", "path", "rect", "circle"}


class Reader(HTMLParser):
    """Reads a page as a browser does: its words, its headings, what it would load."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.words: list[str] = []
        self.headings: list[int] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.feed(page)
        self.close()
        assert self.open == [], f"not closed: {self.open}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if re.fullmatch("h[1-6]", tag):
            self.headings.append(int(tag[1]))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.words.append(data)

    @property
    def text(self) -> str:
        return re.sub(r"[ \n]+", " ", " ".join(self.words))


def read(case: CaseReport, code: str = "en") -> Reader:
    return Reader(case_page(case, code))


@pytest.mark.parametrize("code", LANGUAGES)
@pytest.mark.parametrize("state", STATES)
def test_every_case_has_a_page_that_says_what_came_out(state: str, code: str) -> None:
    case = STATES[state]
    assert case.state == state
    page = read(case, code)
    assert page.headings[0] == 1
    assert all(later - earlier <= 1 for earlier, later in pairwise(page.headings))
    (html,) = [attributes for tag, attributes in page.tags if tag == "html"]
    assert html["lang"] == code
    language = Language.of(code)
    sentence = language.text(f"state.{state}", **dict.fromkeys(
        ("name", "family", "score", "family_score", "match", "family_limit", "typicality",
         "typicality_limit", "missing", "missing_limit"), "\0"))  # fmt: skip
    for part in sentence.split("\0"):
        assert part.strip() in page.text
    scored = case.prediction is not None and case.prediction.score is not None
    call = case.prediction.call if case.prediction and scored else "not_scored"
    assert language.text(f"call.{call}") in page.text
    assert language.text("notice.use") in page.text
    assert language.text("page.research") in page.text
    assert case.sample_id in page.text
    assert "{" not in page.text
    assert "None" not in page.text


def test_the_sentence_says_the_numbers_that_the_call_rests_on() -> None:
    english, french = read(STATES["family_only_unlike"]).text, read(
        STATES["family_only_unlike"], "fr"
    ).text  # fmt: skip
    assert "score of adenoid cystic carcinoma, 0.953, would reach the threshold of 0.90" in english
    assert "only 2.9% of the reference samples lie as far from theirs (limit 5%)" in english
    assert "Le score de carcinome adénoïde kystique, 0,953" in french
    assert "2,9\u202f%" in french
    assert "limite 5\u202f%" in french
    assert "Famille seulement · glandes salivaires" in french
    assert "Match" not in read(STATES["no_match"]).text.split("Result")[1].split("No match")[0]


def test_a_page_of_a_case_without_profile_or_map_says_so() -> None:
    reason = "no pool of normal controls for epicv2: land some"
    bare = replace(
        CASE, copy_number=replace(COPY_NUMBER, reason=reason), genome=None, neighbours=(),
        reference_map=None,
    )  # fmt: skip
    text = read(bare).text
    assert f"There is no copy-number profile: {reason} ." in text
    assert "There is no reference map with this case." in text
    assert "The case has not been placed among the reference samples." in text
    never = read(replace(bare, copy_number=None), "fr").text
    assert "Il n’y a pas de profil du nombre de copies : il n’a pas été établi ." in never


@pytest.mark.parametrize("code", LANGUAGES)
@pytest.mark.parametrize("state", STATES)
def test_a_page_opens_without_a_network_and_runs_nothing(state: str, code: str) -> None:
    page = case_page(STATES[state], code)
    loading = {"src", "href", "xlink:href", "action", "srcset", "poster", "data", "background"}
    for tag, attributes in Reader(page).tags:
        assert tag not in ("script", "iframe", "link", "object", "embed", "base"), tag
        assert not loading & set(attributes), (tag, attributes)
        assert not [name for name in attributes if name.startswith("on")]
    assert "url(" not in page
    assert "@import" not in page
    assert "http" not in page


def test_every_drawing_says_what_it_shows_and_every_table_has_a_head() -> None:
    page = read(CASE)
    drawings = [attributes for tag, attributes in page.tags if tag == "svg"]
    assert len(drawings) > 2
    for attributes in drawings:
        assert attributes.get("aria-hidden") == "true" or attributes.get("aria-label")
    assert sum(tag == "table" for tag, _ in page.tags) == sum(
        tag == "thead" for tag, _ in page.tags
    )


def test_no_value_can_become_markup_or_style() -> None:
    hostile = '"><script>alert(1)</script>{{ 7*7 }}</style>\\'
    case = replace(
        CASE, sample_id=hostile, batch=hostile, array=hostile, material=hostile,
        neighbours=[replace(CASE.neighbours[0], sample_id=hostile, name=hostile)],
        reference_map=replace(
            CASE.reference_map or pytest.fail("no map"),
            points=pl.DataFrame({"x": [1.0], "y": [1.0], "class": [hostile]}),
        ),
    )  # fmt: skip
    for code in LANGUAGES:
        page = case_page(case, code)
        assert "<script" not in page
        assert page.count("</style>") == 1
        assert "49" not in Reader(page).text.split("CASE")[0][:200]


def test_there_is_no_field_for_a_patient() -> None:
    names = {field.name for field in fields(CaseReport)}
    assert not {"patient", "patient_id", "person", "site", "diagnosis"} & names


@pytest.mark.parametrize("code", LANGUAGES)
def test_the_same_case_gives_the_same_bytes_and_another_one_others(code: str) -> None:
    again = replace(CASE, neighbours=list(CASE.neighbours))
    assert case_page(CASE, code) == case_page(again, code)
    assert content(CASE) == content(again)
    moved = replace(CASE, reference_map=replace(CASE.reference_map, case=(0.4, 1.0)))  # type: ignore[type-var]
    assert content(moved) != content(CASE)
    later = replace(CASE, date=CASE.date.replace(year=2027))
    assert content(later) == content(CASE)
    assert case_page(moved, code) != case_page(CASE, code)


def test_numbers_are_written_as_the_language_does() -> None:
    english, french = Language.of("en"), Language.of("fr")
    assert english.number(-1234.5678) == "−1,234.57"
    assert french.number(-1234.5678) == "−1\u202f234,57"
    assert english.number(0.5, 1, sign=True) == "+0.5"
    assert (english.percent(0.0294, 1), french.percent(0.0294, 1)) == ("2.9%", "2,9\u202f%")
    assert english.number(None) == english.percent(float("nan")) == "–"
    assert french.date(CASE.date) == "7 mars 2026, 14:05 UTC"
    with pytest.raises(ReportError, match="no texts in language 'de'"):
        Language.of("de")


@pytest.mark.parametrize("code", LANGUAGES)
def test_a_score_below_a_threshold_is_never_written_as_if_it_reached_it(code: str) -> None:
    language = Language.of(code)
    for value in (0.89951, 0.899951, 0.8999999):
        written = language.score(value, 0.9).replace(",", ".")
        assert 0.899 < float(written) < 0.9
    assert language.score(0.9, 0.9).replace(",", ".") == "0.900"
    assert language.percent(0.04996, 1, 0.05)[:4].replace(",", ".") == "4.996"[:4]
    assert language.score(0.0001).startswith("<")
    assert language.score(0.99999).startswith(">")


def test_a_remark_is_translated_or_shown_as_it_is() -> None:
    page = read(CASE, "fr")
    assert "rapport signal sur bruit de fond : 2,4, en dessous de 3" in page.text
    assert "sexe déclaré F, mesuré M" in page.text
    unknown = read(replace(STATES["refused"]), "fr")
    assert "not scored: the moon was full" in unknown.text
    items = [attributes for tag, attributes in unknown.tags if tag == "li"]
    assert {"lang": "en"} in items
    assert "adénoïde" in Language.of("fr").class_name(ADENOID)
    assert Language.of("fr").class_name("a_class_of_ones_own") == "a class of ones own"
