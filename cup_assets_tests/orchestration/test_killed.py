"""A process killed in the middle of any stage leaves a platform that ends like any other."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

from cup_assets.warehouse import Catalogue

FEW = ("a matrix file", "cnv/profiles[alpha]", "evaluation/cv/svm", "diagnosis/predictions[beta]")
ALL = (
    *("raw/idats[beta]", "a matrix file", "normalised/betas[beta]", "cnv/controls"),
    *("cnv/profiles[alpha]", "datasets/reference", "datasets/balanced", "evaluation/landscape"),
    *("panels/cpg", "panels/importance", "evaluation/cv/svm", "evaluation/leaderboard"),
    *("diagnosis/classifier", "diagnosis/predictions[beta]"),
)
# When and by whom something was made differs between two histories; what was made must not.
# A case's page says both, so that its bytes differ too.
WHEN = {
    *("run_id", "landed_at", "started_at", "materialised_at", "seconds", "summary"),
    *("page_sha256", "page_bytes"),
}


def content(data: Path) -> dict[str, pl.DataFrame]:
    """Return every table, without when and by which run its rows were written."""
    catalogue = Catalogue(data / "warehouse" / "cup.duckdb")
    tables = catalogue.query(
        "SELECT table_name FROM information_schema.tables"
        " WHERE table_type = 'BASE TABLE' AND table_name <> 'platform' ORDER BY table_name"
    )["table_name"]
    found = {}
    for table in tables:
        columns = catalogue.query(f'SELECT * FROM "{table}" LIMIT 0').columns
        kept = ", ".join(f'"{column}"' for column in columns if column not in WHEN)
        found[table] = catalogue.query(f'SELECT {kept} FROM "{table}" ORDER BY ALL')
    found["betas"] = catalogue.query("SELECT * FROM betas ORDER BY ALL")
    return found


@pytest.mark.slow
@pytest.mark.parametrize("stages", [FEW, ALL], ids=["some stages", "every stage"])
def test_a_chain_killed_in_the_middle_of_its_stages_ends_like_one_that_was_not(
    landed_data: Path, complete_data: Path, tmp_path: Path, stages: tuple[str, ...]
) -> None:
    data = shutil.copytree(landed_data, tmp_path / "data")
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith("DAGSTER_")
    }
    run = subprocess.run(
        [sys.executable, "-m", "cup_assets_tests.orchestration.killing", str(data), *stages],
        env={**environment, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
        cwd=Path(__file__).resolve().parents[2],
        capture_output=True,
        text=True,
        timeout=280,
    )
    assert run.returncode == 0, run.stderr[-2000:] + run.stdout[-2000:]
    assert "failed\t" not in run.stdout

    found, expected = content(data), content(complete_data)
    assert found.keys() == expected.keys()
    for table, rows in expected.items():
        assert found[table].equals(rows), table
    assert expected["predictions"].height
    kept = set(
        Catalogue(data / "warehouse" / "cup.duckdb").query("SELECT path FROM matrices")["path"]
    )
    files = {path for path in (data / "warehouse" / "matrices").rglob("*") if path.is_file()}
    assert {path.relative_to(data / "warehouse").as_posix() for path in files} == kept
