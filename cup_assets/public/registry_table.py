"""The registry as a table for the documentation.

Belongs here: the Markdown. Does not belong here: the entries (`registry`).

``python -m cup_assets.public.registry_table docs/public-cohorts.md`` writes it between its marks; a
test says when that was forgotten.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

from cup_assets.public.registry import Accession, load_registry

BEGIN, END = "<!-- registry: begin -->", "<!-- registry: end -->"


def markdown_table(registry: Mapping[str, Accession]) -> str:
    """Return one row an entry: what it is, what is labelled, and what nobody has verified."""
    rows = [
        "| accession | what | arrays | samples | labels | role | not verified |",
        "|---" * 7 + "|",
    ]
    for entry in registry.values():
        diagnoses = list(dict.fromkeys(rule.diagnosis for rule in entry.labels))
        cells = (
            entry.accession,
            entry.title,
            ", ".join(entry.arrays),
            f"{entry.samples:,}" if entry.samples else "?",
            "; ".join(diagnoses) or "none",
            entry.role,
            entry.unverified or "-",
        )
        rows.append(f"| {' | '.join(cell.replace('|', '/') for cell in cells)} |")
    return "\n".join(rows)


def with_table(page: str, table: str) -> str:
    """Return a page with the table between its marks.

    Raises
    ------
    ValueError
        If the page has no such marks.
    """
    before, _, rest = page.partition(BEGIN)
    _, found, after = rest.partition(END)
    if not found:
        raise ValueError(f"the page lacks {BEGIN} or {END}")
    return f"{before}{BEGIN}\n{table}\n{END}{after}"


if __name__ == "__main__":
    path = Path(sys.argv[1])
    path.write_text(with_table(path.read_text("utf-8"), markdown_table(load_registry())), "utf-8")
