"""One page that holds an evaluation: tables, pictures, and what it was made from.

Belongs here: putting them together as HTML without any file beside it. Does not belong here: what
they say (`cup_assets.classify.evaluation`), drawing, files.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape

import polars as pl

_MOST_ROWS = 200
_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; color: #222; max-width: 1200px; margin: 2em auto;
       padding: 0 1em; }
h1 { font-size: 1.5em; } h2 { font-size: 1.15em; margin-top: 2.2em; }
table { border-collapse: collapse; font-size: 13px; display: block; overflow-x: auto; }
th, td { padding: .25em .7em; border-bottom: 1px solid #e3e3e3; text-align: left;
         white-space: nowrap; }
th { white-space: normal; vertical-align: bottom; }
td.n { text-align: right; font-variant-numeric: tabular-nums; }
img { max-width: 100%; display: block; margin: .6em 0; }
p.note { color: #6b6b6b; max-width: 75ch; }
"""


@dataclass(frozen=True)
class Section:
    """A heading with what stands below it.

    Attributes
    ----------
    title
        Heading.
    text
        Paragraphs, plain text.
    tables
        Frames, each under its caption; beyond 200 rows a line says how many are not shown.
    pictures
        PNG bytes, each with the text that stands for it.
    """

    title: str
    text: Sequence[str] = ()
    tables: Mapping[str, pl.DataFrame] = field(default_factory=dict)
    pictures: Mapping[str, bytes] = field(default_factory=dict)


def html_page(title: str, sections: Sequence[Section]) -> str:
    """Return a page of its own: nothing is loaded from anywhere, no value can be markup."""
    body = "\n".join(_section(section) for section in sections)
    return (
        f'<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f"<title>{escape(title)}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n"
        f"<h1>{escape(title)}</h1>\n{body}\n</body>\n</html>\n"
    )


def html_table(frame: pl.DataFrame) -> str:
    """Return a frame as an HTML table: numbers right-aligned, an en dash for what is not known.

    A frame without rows is said to be none.
    """
    if frame.is_empty():
        return '<p class="note">None.</p>'
    head = "".join(f"<th>{escape(name)}</th>" for name in frame.columns)
    numeric = [dtype.is_numeric() for dtype in frame.dtypes]
    rows = "\n".join(
        "<tr>" + "".join(_cell(value, n) for value, n in zip(row, numeric, strict=True)) + "</tr>"
        for row in frame.head(_MOST_ROWS).iter_rows()
    )
    more = frame.height - _MOST_ROWS
    rest = f'\n<p class="note">… and {more:,} more rows.</p>' if more > 0 else ""
    return f"<table>\n<tr>{head}</tr>\n{rows}\n</table>{rest}"


def _section(section: Section) -> str:
    parts = [f"<h2>{escape(section.title)}</h2>"]
    parts += [f'<p class="note">{escape(text)}</p>' for text in section.text]
    for caption, frame in section.tables.items():
        parts += [f"<p>{escape(caption)}</p>"] if caption else []
        parts.append(html_table(frame))
    for name, png in section.pictures.items():
        data = base64.b64encode(png).decode("ascii")
        parts.append(f'<img alt="{escape(name)}" src="data:image/png;base64,{data}">')
    return "\n".join(parts)


def _cell(value: object, numeric: bool) -> str:
    if value is None:
        text = "–"
    elif isinstance(value, float):
        text = f"{value:,.4f}"
    elif isinstance(value, int) and not isinstance(value, bool):
        text = f"{value:,}"
    else:
        text = str(value)
    return f'<td class="n">{escape(text)}</td>' if numeric else f"<td>{escape(text)}</td>"
