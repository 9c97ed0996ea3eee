"""``cup classify --panel``: a table of a few betas in, calls out, or one clear line."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest

from cup_assets.classify.errors import ReleaseError
from cup_assets.console.classify_panel import panel_release, run_classify_panel
from cup_assets.console.errors import ConsoleError
from cup_assets.settings import Settings
from cup_assets.warehouse import Catalogue


@pytest.fixture
def reference(platform: Settings) -> pl.DataFrame:
    """Return (sample_id, class, material, a column a CpG of the array's panel) of the reference."""
    catalogue = Catalogue(platform.catalogue)
    names = catalogue.query(
        "SELECT probe_id FROM assay_targets WHERE technology = 'array' ORDER BY \"order\""
    )["probe_id"].to_list()
    betas = catalogue.query(
        'SELECT d.sample_id, d."class", d.material, p.name, b.beta FROM dataset_members d'
        " JOIN betas b USING (sample_id) JOIN probes p ON p.probe_id = b.probe_id"
        ' AND p."array" = d."array" WHERE d.included AND list_contains(?, p.name) ORDER BY ALL',
        [names],
    )
    return betas.pivot("name", index=["sample_id", "class", "material"], values="beta").select(
        "sample_id", "class", "material", *names
    )


def test_calls_are_printed_and_written_with_every_score(
    platform: Settings,
    reference: pl.DataFrame,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    table = tmp_path / "run.csv"
    reference.drop("class").write_csv(table)
    out = run_classify_panel(platform, table, "array")
    release = panel_release(platform, "array")
    assert out == tmp_path / f"run.{release.version}.csv"
    found = pl.read_csv(out, schema_overrides={"note": pl.String})
    assert found["sample_id"].to_list() == reference["sample_id"].to_list()
    # The very samples that it learnt from: nearly all are right.
    right = (found["class"] == reference["class"]).sum()
    assert right > 0.8 * found.height
    assert set(found["technology"]) == {"array"}
    assert (found["of"] == 5).all()
    scores = found.select(pl.selectors.starts_with("score of "))
    assert scores.width == 3
    assert (scores.sum_horizontal() - 1).abs().max() < 1e-9  # type: ignore[operator]
    printed = capsys.readouterr().out
    assert f"release {release.version}: methylation array, 5 CpGs" in printed
    assert "5 of 5" in printed
    assert found["sample_id"][0] in printed


def test_a_sample_is_called_alike_alone_and_in_a_batch_whichever_way_the_table_lies(
    platform: Settings, reference: pl.DataFrame, tmp_path: Path
) -> None:
    reference.drop("class").write_csv(tmp_path / "all.csv")
    batch = run_classify_panel(platform, tmp_path / "all.csv", "array").read_text().splitlines()
    row = reference.drop("class")[3]
    turned = row.drop("material").transpose(
        include_header=True, header_name="CpG", column_names="sample_id"
    )
    turned.write_parquet(tmp_path / "one.parquet")
    alone = run_classify_panel(
        platform, tmp_path / "one.parquet", panel_release(platform, "array").version,
        material=row["material"][0], out=tmp_path / "one.csv",
    )  # fmt: skip
    assert alone.read_text().splitlines() == [batch[0], batch[4]]


def test_a_sample_with_too_few_cpgs_is_named_and_the_others_are_written(
    platform: Settings, reference: pl.DataFrame, tmp_path: Path
) -> None:
    cpgs = reference.columns[3:]
    first = pl.int_range(pl.len()) == 0
    table = reference.drop("class").with_columns(
        pl.when(first).then(None).otherwise(pl.col(cpgs[:3])).name.keep()
    )
    table.write_csv(tmp_path / "run.csv")
    out = tmp_path / "calls.csv"
    with pytest.raises(ConsoleError, match=r"1 sample\(s\) could not be scored"):
        run_classify_panel(platform, tmp_path / "run.csv", "array", out=out)
    found = pl.read_csv(out)
    assert found["measured"].to_list()[:2] == [2, 5]
    assert found["class"].null_count() == 1
    assert str(found["note"][0]).startswith("not scored: 60% of the probes missing (limit 50%)")
    table.select("sample_id", *cpgs[:2]).write_csv(tmp_path / "few.csv")
    with pytest.raises(ConsoleError, match=r"few\.csv: holds 2 of the 5 CpGs of .* 3 are needed"):
        run_classify_panel(platform, tmp_path / "few.csv", "array")


def test_a_panel_that_was_tampered_with_scores_nothing(
    platform: Settings, reference: pl.DataFrame, tmp_path: Path
) -> None:
    reference.drop("class").write_csv(tmp_path / "run.csv")
    folder = platform.releases / panel_release(platform, "array").version
    record = json.loads((folder / "release.json").read_text())
    record["parameters"]["match_threshold"] = 0.1
    (folder / "release.json").write_text(json.dumps(record, indent=1, sort_keys=True))
    with pytest.raises(ReleaseError, match="was changed after release"):
        run_classify_panel(platform, tmp_path / "run.csv", "array")
    assert not list(tmp_path.glob("run.p*.csv"))


def test_an_unknown_panel_says_which_there_are(platform: Settings, tmp_path: Path) -> None:
    with pytest.raises(ConsoleError, match=r"no released panel 'ddpcr' \(known: array, pyroseq"):
        run_classify_panel(platform, tmp_path / "run.csv", "ddpcr")
    with pytest.raises(ConsoleError, match=r"known: none\): run `cup materialize`"):
        run_classify_panel(Settings(tmp_path / "empty"), tmp_path / "run.csv", "array")
    with pytest.raises(ConsoleError, match="--out: only the calls of a panel are written"):
        run_classify_panel(platform, tmp_path, None, out=tmp_path / "calls.csv")
    with pytest.raises(ConsoleError, match="--release: the version of a panel is given to --panel"):
        run_classify_panel(platform, tmp_path / "run.csv", "array", version="r1")
