"""A page of everything that a result was made from, down to the raw files.

Belongs here: the page. Does not belong here: walking the chain (`cup_assets.warehouse.evidence`).
"""

from __future__ import annotations

import html
import json
from collections.abc import Mapping, Sequence
from typing import Any

_STYLE = (
    "body{font-family:sans-serif;max-width:70em;margin:2em auto;padding:0 1em;line-height:1.4}"
    "code{font-size:.85em;word-break:break-all}h2{font-size:1.1em;margin:1.6em 0 .3em}"
    "ul{margin:.2em 0;padding-left:1.2em}summary{cursor:pointer}dl{margin:0}"
    "dt{float:left;clear:left;width:8em;color:#555}dd{margin-left:8em}"
)


def provenance_page(name: str, version: str, steps: Sequence[Mapping[str, Any]]) -> bytes:
    """Return the page of a result.

    Parameters
    ----------
    name, version
        The result, one of the steps.
    steps
        As `cup_assets.warehouse.evidence.steps_behind` returns them: ``name``, ``version``,
        ``code_version``, ``parameters``, ``run_id``, ``started_at`` (None where it was not
        recorded), ``materialised_at``, ``inputs`` and ``environment``.

    Returns
    -------
    bytes
        HTML that needs nothing else: the result first, then what it was made from, and so on;
        every input that is a step leads to it.
    """
    there = {(step["name"], step["version"]): f"s{at}" for at, step in enumerate(steps)}
    ordered = _from_the_result(name, version, steps)
    title = html.escape(f"Input manifest of {name}")
    parts = [_step(step, there) for step in ordered]
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title>'
        f"<style>{_STYLE}</style><h1>{title}</h1><p>Version <code>{html.escape(version)}</code>."
        " To keep all of this in one file that can be checked: <code>cup audit NAME --bundle"
        " FILE.zip</code>, where NAME is a sample, a panel or a release. Research use only.</p>"
        f"{''.join(parts)}</html>\n"
    ).encode()


def _from_the_result(
    name: str, version: str, steps: Sequence[Mapping[str, Any]]
) -> list[Mapping[str, Any]]:
    """Return the steps by their distance from the result; pools' makers, who are no input, last."""
    of = {(step["name"], step["version"]): step for step in steps}
    ordered: list[Mapping[str, Any]] = []
    waiting = [(name, version)]
    for item in waiting:
        if (step := of.pop(item, None)) is not None:
            ordered.append(step)
            waiting += step["inputs"].items()
    return [*ordered, *of.values()]


def _step(step: Mapping[str, Any], there: Mapping[tuple[str, str], str]) -> str:
    files = [(n, v) for n, v in step["inputs"].items() if n.startswith("file/")]
    others = [(n, v) for n, v in step["inputs"].items() if not n.startswith("file/")]
    facts = {
        "version": _code(step["version"]),
        "code": html.escape(step["code_version"]),
        "run": _code(step["run_id"]),
        "started": html.escape(step["started_at"] or "not recorded"),
        "ended": html.escape(step["materialised_at"]),
    }
    if step["parameters"]:
        facts["parameters"] = _code(json.dumps(step["parameters"], sort_keys=True))
    known = step["environment"]
    packages = ", ".join(f"{name} {version}" for name, version in (known or {}).items())
    facts["packages"] = (
        _folded("what computed it", html.escape(packages)) if known else "not recorded"
    )
    made_of = "".join(f"<li>{_input(*item, there)}</li>" for item in others)
    if files:
        listed = "".join(
            f"<li>{html.escape(n.removeprefix('file/'))} <code>{html.escape(v)}</code></li>"
            for n, v in files
        )
        made_of += f"<li>{_folded(f'{len(files)} raw files, SHA-256', f'<ul>{listed}</ul>')}</li>"
    if made_of:
        facts["made from"] = f"<ul>{made_of}</ul>"
    listing = "".join(f"<dt>{term}</dt><dd>{fact}</dd>" for term, fact in facts.items())
    anchor = there[step["name"], step["version"]]
    return f'<h2 id="{anchor}">{html.escape(step["name"])}</h2><dl>{listing}</dl>'


def _input(name: str, version: str, there: Mapping[tuple[str, str], str]) -> str:
    anchor = there.get((name, version))
    shown = html.escape(name)
    link = f'<a href="#{anchor}">{shown}</a>' if anchor else shown
    return f"{link} {_code(version)}"


def _code(text: str) -> str:
    return f"<code>{html.escape(text)}</code>"


def _folded(title: str, content: str) -> str:
    return f"<details><summary>{title}</summary>{content}</details>"
