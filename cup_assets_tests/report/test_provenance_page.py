"""The page of an input manifest leads from a result to the raw files, and says nothing twice."""

from __future__ import annotations

from cup_assets.report.provenance_page import provenance_page

STEPS = [
    {
        "name": "normalised/betas[b]", "version": "v2", "code_version": "2", "run_id": "run 2",
        "started_at": "2026-01-02T09", "materialised_at": "2026-01-02T10",
        "parameters": {"method": "noob"},
        "inputs": {"raw/idats[b]": "v1", "manifest/450k": "m"}, "environment": {"numpy": "2.2"},
    },
    {
        "name": "raw/idats[b]", "version": "v1", "code_version": "1", "run_id": "run 1",
        "started_at": None, "materialised_at": "2026-01-01", "parameters": {},
        "inputs": {"file/<b>&.idat": "abc", "file/samplesheet.csv": "def"}, "environment": None,
    },
]  # fmt: skip


def test_a_result_leads_to_its_inputs_and_they_to_the_files_with_their_hashes() -> None:
    page = provenance_page("normalised/betas[b]", "v2", STEPS).decode()
    assert page.index('<h2 id="s0">normalised/betas[b]</h2>') < page.index('<h2 id="s1">')
    assert '<a href="#s1">raw/idats[b]</a> <code>v1</code>' in page
    assert "<li>manifest/450k <code>m</code></li>" in page  # no step made it: no link
    assert "2 raw files, SHA-256" in page
    assert "&lt;b&gt;&amp;.idat <code>abc</code>" in page
    for said in ("run 1", "run 2", "noob", "numpy 2.2", "2026-01-02T09", "2026-01-02T10"):
        assert said in page
    assert page.count("not recorded") == 2  # packages and start of the older step


def test_the_result_asked_for_stands_first_wherever_it_is_in_the_list() -> None:
    page = provenance_page("raw/idats[b]", "v1", STEPS).decode()
    assert page.index('id="s1"') < page.index('id="s0"')


def test_what_a_result_was_made_from_follows_it_and_not_the_alphabet() -> None:
    far = {**STEPS[1], "name": "a far input", "inputs": {}}
    middle = {**STEPS[1], "inputs": {"a far input": "v1"}}
    page = provenance_page("normalised/betas[b]", "v2", [far, STEPS[0], middle]).decode()
    places = [page.index(f'<h2 id="s{at}">') for at in (1, 2, 0)]
    assert places == sorted(places)
