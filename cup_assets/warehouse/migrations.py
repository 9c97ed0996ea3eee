"""What has to be done to the rows of a database of an earlier version, step after step.

Belongs here: one step for each version that changed the meaning or the form of what is stored. Does
not belong here: new tables and columns, which need no step (`cup_assets.warehouse.schema`).

A step is never changed once it has been released. Steps run in one transaction with the layout, in
the order of their versions, those above the version that is found; the file as it was is kept
beside the database.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import duckdb


@dataclass(frozen=True)
class Migration:
    """One step.

    Attributes
    ----------
    to
        The schema version that it leads to.
    what
        In a phrase.
    statements
        SQL, run in this order on the layout of today.
    """

    to: int
    what: str
    statements: tuple[str, ...]


def _without_patients(table: str, column: str, kind: str = "VARCHAR") -> str:
    said = r"(same (?:genotypes|betas) as .{1,80}?) of patient .{1,200}?"
    after = r"( \(\d+% of \d+ SNPs agree\)|: one person under two|, with different classes)"
    pattern = f"'{said}{after}'"
    return (
        f'UPDATE {table} SET "{column}" = regexp_replace("{column}"::VARCHAR, {pattern},'
        rf" '\1, filed as another patient\2', 'g')::{kind}"
        f' WHERE regexp_matches("{column}"::VARCHAR, {pattern})'
    )


MIGRATIONS = (
    Migration(
        4,
        "notes name samples, not patients",
        (
            _without_patients("identity_conflicts", "note"),
            _without_patients("dataset_members", "reason"),
            _without_patients("predictions", "note"),
            _without_patients("asset_versions", "summary", "JSON"),
        ),
    ),
)


def migrate(connection: duckdb.DuckDBPyConnection, found: int) -> None:
    """Take the steps above the version found, within the caller's transaction."""
    for step in sorted(MIGRATIONS, key=lambda step: step.to):
        if step.to > found:
            for statement in step.statements:
                connection.execute(statement)
