"""A table as a page of its own, to sort, to search and to save as CSV, without any network.

Belongs here: the page. Does not belong here: what its table says, files.

The rows are data in the page, from which a few lines of script make the table; what the page saves
is what it holds, with all digits, in the order and the selection shown.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from html import escape

import polars as pl

from cup_assets.report.style import ReportError

_STYLE = """
body { font: 14px/1.45 system-ui, sans-serif; color: #222; margin: 1.5em; }
h1 { font-size: 1.4em; margin-bottom: .3em; }
p.note { color: #5f5f5f; max-width: 90ch; margin: .3em 0; }
p.warning { color: #8a1c00; font-weight: 600; }
form { margin: 1em 0 .6em; display: flex; gap: 1em; align-items: center; flex-wrap: wrap; }
input { font: inherit; padding: .25em .5em; width: 26em; max-width: 100%; }
button { font: inherit; cursor: pointer; }
div.table { overflow: auto; max-height: 78vh; border: 1px solid #ddd; }
table { border-collapse: separate; border-spacing: 0; font-size: 12.5px; }
th, td { padding: .22em .6em; border-bottom: 1px solid #e8e8e8; text-align: left;
         white-space: nowrap; max-width: 26em; overflow: hidden; text-overflow: ellipsis; }
th { position: sticky; top: 0; background: #f4f4f4; vertical-align: bottom; z-index: 1; }
th button { border: 0; background: none; font-weight: 600; text-align: inherit; padding: 0;
            white-space: normal; min-width: 4.5em; color: inherit; }
th[aria-sort=ascending] button::after { content: " \\25B2" / ""; }
th[aria-sort=descending] button::after { content: " \\25BC" / ""; }
td.n, th.n { text-align: right; font-variant-numeric: tabular-nums; }
td:first-child, th:first-child { position: sticky; left: 0; background: #fff; }
th:first-child { background: #f4f4f4; z-index: 2; }
"""
# Columns are sorted by value: numbers as numbers, what is not known last in either direction.
_SCRIPT = """
"use strict";
const data = JSON.parse(document.getElementById("data").textContent);
const body = document.querySelector("tbody"), search = document.querySelector("input");
const heads = [...document.querySelectorAll("th")], status = document.querySelector("output");
let shown = data.rows.slice(), sorted = null;
function compare(a, b, sign) {
  if (a === b) return 0;
  if (a === null) return 1;
  if (b === null) return -1;
  return sign * (typeof a === "number" ? a - b : a < b ? -1 : 1);
}
function text(value, numeric) {
  if (value === null) return "\\u2013";
  if (!numeric || Number.isInteger(value)) return String(value);
  return Math.abs(value) < 0.001 && value !== 0 ? value.toExponential(1) : value.toFixed(3);
}
function draw() {
  const words = search.value.toLowerCase().split(/\\s+/).filter(Boolean);
  shown = data.rows.filter((row) => {
    const line = row.filter((value) => typeof value === "string").join("\\n").toLowerCase();
    return words.every((word) => line.includes(word));
  });
  if (sorted) shown.sort((a, b) => compare(a[sorted.at], b[sorted.at], sorted.sign));
  body.replaceChildren(...shown.map((row) => {
    const line = document.createElement("tr");
    row.forEach((value, at) => {
      const cell = line.insertCell();
      cell.textContent = text(value, data.numeric[at]);
      if (data.numeric[at]) cell.className = "n";
      else if (value !== null) cell.title = value;
    });
    return line;
  }));
  status.textContent = shown.length + " of " + data.rows.length + " rows";
}
heads.forEach((head, at) => head.firstElementChild.addEventListener("click", () => {
  sorted = { at, sign: sorted && sorted.at === at ? -sorted.sign : 1 };
  heads.forEach((other) => other.removeAttribute("aria-sort"));
  head.setAttribute("aria-sort", sorted.sign > 0 ? "ascending" : "descending");
  draw();
}));
search.addEventListener("input", draw);
document.querySelector("form").addEventListener("submit", (event) => event.preventDefault());
function quoted(value) {
  if (value === null) return "";
  const cell = String(value);
  return /[",\\r\\n]/.test(cell) ? '"' + cell.replaceAll('"', '""') + '"' : cell;
}
document.getElementById("save").addEventListener("click", () => {
  const lines = [data.columns, ...shown].map((row) => row.map(quoted).join(",") + "\\n");
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob(lines, { type: "text/csv" }));
  link.download = data.file;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
});
draw();
"""


def sortable_page(
    frame: pl.DataFrame,
    *,
    title: str,
    file: str,
    text: Sequence[str] = (),
    warning: str | None = None,
    meaning: Mapping[str, str] | None = None,
) -> bytes:
    """Return a page with a table, in UTF-8.

    Parameters
    ----------
    frame : pl.DataFrame
        Numbers and texts, in the order to begin with.
    title : str
    file : str
        Name of the CSV file that is saved.
    text
        Paragraphs above the table, plain text.
    warning : str, optional
        A paragraph that nobody may overlook.
    meaning
        What columns say, shown when the pointer rests on their heads.

    Raises
    ------
    ReportError
        If the frame has no column, or one of neither numbers nor texts.
    """
    if not frame.columns:
        raise ReportError("a table needs at least one column")
    for name, dtype in frame.schema.items():
        if not dtype.is_numeric() and dtype != pl.String:
            raise ReportError(f"column {name!r} is {dtype}: numbers and texts can be sorted")
    numeric = [dtype.is_numeric() for dtype in frame.dtypes]
    data = {
        "columns": frame.columns,
        "numeric": numeric,
        "file": file,
        "rows": frame.with_columns(
            # JSON knows neither NaN nor infinity.
            pl.when(column.is_finite()).then(column)
            for column in (pl.col(name) for name in frame.columns)
            if frame.schema[column.meta.output_name()].is_float()
        ).rows(),
    }
    # "</script>" inside a text must not end the script.
    rows = json.dumps(data, ensure_ascii=False, allow_nan=False).replace("<", "\\u003c")
    heads = "".join(
        f'<th scope="col"{" class=n" if number else ""}><button type="button" '
        f'title="{escape((meaning or {}).get(name, ""))}">{escape(name.replace("_", " "))}'
        "</button></th>"
        for name, number in zip(frame.columns, numeric, strict=True)
    )
    notes = "".join(f'<p class="note">{escape(line)}</p>\n' for line in text)
    alarm = f'<p class="warning">{escape(warning)}</p>\n' if warning else ""
    return (
        f'<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f"<title>{escape(title)}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n"
        f"<h1>{escape(title)}</h1>\n{alarm}{notes}"
        '<form><input type="search" aria-label="Search" placeholder="Search: all words, any'
        ' column"> <button type="button" id="save">Save as CSV</button> <output></output></form>\n'
        "<noscript><p>The table needs JavaScript; the CSV file beside this page does not."
        "</p></noscript>\n"
        f'<div class="table"><table>\n<thead><tr>{heads}</tr></thead>\n<tbody></tbody>\n'
        f'</table></div>\n<script type="application/json" id="data">{rows}</script>\n'
        f"<script>{_SCRIPT}</script>\n</body>\n</html>\n"
    ).encode()
