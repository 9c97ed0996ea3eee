from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from cup_assets.genome import CHROMOSOMES, chromosome_arms, chromosome_lengths
from cup_assets.methylome.manifest import read_manifest
from cup_assets.simulate.arrays import ArrayLayout, array_layout, manifest_layout
from cup_assets.simulate.errors import SimulationError
from cup_assets.simulate.genes import GENES
from cup_assets.simulate.manifest_writer import write_manifest

SIZES = {
    "mini": (12_000, 252, 15_800),
    "450k": (485_577, 850, 622_399),
    "epic": (865_918, 635, 1_052_641),
    "epicv2": (937_055, 635, 1_105_209),
}


@pytest.fixture(scope="module")
def layouts() -> dict[str, ArrayLayout]:
    return {name: array_layout(name) for name in SIZES}


@pytest.fixture(params=SIZES)
def layout(request: pytest.FixtureRequest, layouts: dict[str, ArrayLayout]) -> ArrayLayout:
    return layouts[request.param]


def test_every_array_has_its_published_size(layout: ArrayLayout) -> None:
    probes, controls, beads = SIZES[layout.name]
    assert (len(layout.probes), len(layout.controls)) == (probes, controls)
    address_b = layout.probes["address_b"].drop_nulls()
    every = pl.concat([layout.probes["address_a"], address_b, layout.controls["address"]])
    every = pl.concat([every, pl.Series(layout.spare)])
    assert len(every) == every.n_unique() == beads


def test_probe_ids_are_unique_and_addresses_follow_the_design(layout: ArrayLayout) -> None:
    probes = layout.probes
    assert probes["probe_id"].n_unique() == len(probes)
    assert probes["probe_id"].is_sorted()
    type_one = probes["design"] == "I"
    assert (probes["address_b"].is_not_null() == type_one).all()
    assert (probes["channel"].is_not_null() == type_one).all()
    assert set(probes["channel"].drop_nulls()) == {"Grn", "Red"}
    assert (probes["kind"] == "rs").sum() == (59 if layout.name == "epic" else 65)


def test_probes_lie_on_measurable_arms_of_their_build(layout: ArrayLayout) -> None:
    lengths = chromosome_lengths(layout.build)
    ends = layout.probes.group_by("chrom").agg(pl.col("pos").min(), end=pl.col("pos").max())
    assert set(ends["chrom"]) == set(CHROMOSOMES)
    assert all(pos > 0 and end < lengths[chrom] for chrom, pos, end in ends.iter_rows())
    centromere = chromosome_arms(layout.build).filter(pl.col("arm") == "13q")["start"][0]
    assert ends.filter(pl.col("chrom") == "13")["pos"][0] >= centromere


def test_even_the_smallest_array_sees_genes_and_both_sex_chromosomes(layout: ArrayLayout) -> None:
    counts = dict(layout.probes["chrom"].value_counts().iter_rows())
    assert counts["X"] >= 200
    assert counts["Y"] >= 60
    for gene in GENES:
        start, end = gene.span(layout.build)
        there = layout.probes.filter(pl.col("genes") == gene.name)
        assert len(there) >= 15, gene.name
        assert there["pos"].is_between(start, end).all()
        assert (there["chrom"] == gene.chrom).all()


def test_450k_has_the_composition_of_the_real_manifest(
    layouts: dict[str, ArrayLayout], reference_data: Path
) -> None:
    real = read_manifest(next((reference_data / "hm450").glob("*.csv.gz")))
    ours = layouts["450k"]
    strata = ["kind", "design", "channel"]
    count = [frame.group_by(strata).len().sort(strata) for frame in (ours.probes, real.probes)]
    assert count[0].equals(count[1].with_columns(pl.col("len").cast(pl.UInt32)))
    assert dict(ours.controls["kind"].value_counts().iter_rows()) == dict(
        real.controls["kind"].value_counts().iter_rows()
    )
    share = [
        frame["chrom"].value_counts(normalize=True).rename({"proportion": name})
        for name, frame in (("ours", ours.probes), ("real", real.probes))
    ]
    both = share[0].join(share[1], on="chrom")
    assert (both["ours"] - both["real"]).abs().max() < 0.012  # type: ignore[operator]


def test_arrays_agree_on_the_loci_they_share(layouts: dict[str, ArrayLayout]) -> None:
    old, new = layouts["450k"].probes, layouts["epicv2"].probes.unique("name")
    both = old.join(new, on="name", suffix="_new")
    assert 0.7 < len(both) / len(old) < 0.9
    assert (both["chrom"] == both["chrom_new"]).all()
    assert (both["design"] == both["design_new"]).all()
    shift = (both["pos"] - both["pos_new"]).abs()
    assert shift.median() > 1000, "another build has other positions"  # type: ignore[operator]
    mini = layouts["mini"].probes
    assert len(mini.join(old, on="probe_id")) == len(mini)


def test_epicv2_suffixes_its_names_and_repeats_some_loci(layouts: dict[str, ArrayLayout]) -> None:
    probes = layouts["epicv2"].probes
    parts = probes.select(
        "name",
        "design",
        suffix=pl.col("probe_id").str.extract(r"_([TB]C\d\d)$"),
        stem=pl.col("probe_id").str.replace(r"_[TB]C\d\d$", ""),
    )
    assert parts["suffix"].null_count() == 0
    assert (parts["stem"] == parts["name"]).all()
    assert (
        parts["suffix"].str.slice(2, 1)
        == pl.Series(np.where(parts["design"].to_numpy() == "I", "1", "2"))
    ).all()
    times = probes.group_by("name").len()["len"].value_counts(name="loci")
    assert dict(times.iter_rows()) == {1: 937_055 - 3_886 * 2 - 1_255 * 3, 2: 3_886, 3: 1_255}
    assert probes["name"].str.contains("cg00000029").sum() == 1


@pytest.mark.parametrize("name", ["mini", "epicv2"])
def test_the_written_manifest_reads_back_as_the_layout(
    layouts: dict[str, ArrayLayout], tmp_path: Path, name: str
) -> None:
    layout = layouts[name]
    path = write_manifest(layout, tmp_path)
    assert path.read_text()[:30].startswith("Illumina, Inc.")
    assert "SIMULATED" in path.read_text()[:300]
    manifest = read_manifest(path)
    assert (manifest.array, manifest.build) == (name, layout.build)
    columns = [c for c in layout.probes.columns if c != "strand"]
    assert manifest.probes.select(columns).equals(layout.probes.select(columns))
    assert manifest.controls.select(layout.controls.columns).equals(layout.controls)


def test_a_users_manifest_is_taken_as_it_is(mini_manifest: Path, tmp_path: Path) -> None:
    layout = manifest_layout(mini_manifest)
    assert layout.probes.equals(read_manifest(mini_manifest).probes)
    assert write_manifest(layout, tmp_path).read_bytes() == mini_manifest.read_bytes()


@pytest.fixture(scope="module")
def mini_manifest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_manifest(array_layout("mini"), tmp_path_factory.mktemp("manifest"))


def test_an_unknown_array_is_refused_with_the_known_ones() -> None:
    with pytest.raises(SimulationError, match="unknown array '27k': use one of mini, 450k"):
        array_layout("27k")
