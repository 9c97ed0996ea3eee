"""What the UI shows of a materialisation.

Belongs here: Dagster's standard metadata keys and the form of ours. Does not belong here: the
numbers and pictures themselves.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import dagster as dg

from cup_assets.warehouse import Recipe

# Pictures live in Dagster's event log as text: larger ones are linked, not embedded.
EMBED_LIMIT = 200_000


def build_metadata(
    recipe: Recipe, summary: Mapping[str, Any], pictures: Path, *, reused: bool
) -> dict[str, Any]:
    """Return the metadata of one materialisation, the same for a new and a reused result.

    Parameters
    ----------
    recipe
        What the asset was made from.
    summary
        The stored summary (table, columns, rows, numbers, notes, seconds).
    pictures
        Folder of the asset's PNG files.
    reused
        Whether nothing was computed.
    """
    rows = "dagster/partition_row_count" if recipe.partition else "dagster/row_count"
    metadata: dict[str, Any] = {
        "reused": reused,
        "seconds": float(summary["seconds"]),
        "fingerprint": recipe.fingerprint,
    }
    if summary["table"]:
        columns = [dg.TableColumn(name, dtype) for name, dtype in summary["columns"].items()]
        metadata |= {
            rows: int(summary["rows"]),
            "dagster/table_name": summary["table"],
            "dagster/column_schema": dg.TableSchema(columns=columns),
        }
    if simulated := summary["simulated_samples"]:
        metadata["SIMULATED"] = f"{simulated} of the stored samples are simulated, not patients"
    metadata |= {name: value for name, value in summary["numbers"].items() if value is not None}
    metadata |= {name: dg.MetadataValue.md(text) for name, text in summary["notes"].items()}
    for file in sorted(pictures.glob("*.png")):
        metadata[file.stem] = _picture(file)
    return metadata


def _picture(file: Path) -> dg.MetadataValue[Any]:
    png = file.read_bytes()
    if len(png) > EMBED_LIMIT:
        return dg.MetadataValue.path(file)
    return dg.MetadataValue.md(
        f"![{file.stem}](data:image/png;base64,{base64.b64encode(png).decode()})"
    )
