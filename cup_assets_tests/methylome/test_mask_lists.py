"""Masks with a name: by the manifest's own columns, and methylprep's packaged lists."""

from __future__ import annotations

import dataclasses
import gzip
import importlib.util
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from cup_assets.methylome import (
    BetaParameters,
    Manifest,
    MaskError,
    load_manifest,
    pin_masks,
    process_batch,
    read_manifest,
    read_masks,
)
from cup_assets_tests.methylome.conftest import HEADER, tiny_csv, tiny_rows

NEEDS_METHYLPREP = pytest.mark.skipif(
    importlib.util.find_spec("methylprep") is None, reason="needs the package methylprep"
)


def with_columns(folder: Path, columns: str, cells: dict[int, str]) -> Manifest:
    """Return the tiny manifest with more columns, filled in some rows."""
    empty = "," * columns.count(",")
    rows = [f"{row},{cells.get(i, empty)}" for i, row in enumerate(tiny_rows())]
    path = folder / "wide.csv"
    path.write_text(tiny_csv(rows).replace(HEADER, f"{HEADER},{columns}"))
    return read_manifest(path)


def masked(manifest: Manifest, *entries: str, **thresholds: float) -> dict[int, str]:
    """Return row -> reason of the masked probes."""
    masks = read_masks(BetaParameters(masks=entries, **thresholds))  # type: ignore[arg-type]
    codes = masks.codes(manifest)
    return {row: masks.names[codes[row]] for row in np.flatnonzero(codes).tolist()}


def rows(manifest: Manifest, condition: pl.Expr) -> Sequence[int]:
    return manifest.probes.with_row_index("row").filter(condition)["row"].to_list()


EPIC_COLUMNS = "SNP_ID,SNP_DISTANCE,SNP_MinorAlleleFrequency"
EPIC_CELLS = {
    0: "rs1,0,0.2",
    1: "rs2,5,0.01",
    2: "rs3,6,0.4",  # too far
    3: "rs4,1,0.009",  # too rare
    4: "rs5;rs6,40;2,0.3;0.3",  # the second one
    5: "rs7;rs8,2;40,0.001;0.3",  # one near, another frequent: none is both
    8: "rs9,,",  # nothing known about it
    9: "rs10;rs11,30,0.3",  # nothing known about the second
    10: ";,;,;",
    11: "rs12,-3,0.1",
    600: "rs13,0,0.4",  # a probe that is there to tell the genotype
}


def test_snps_near_and_frequent_mask_a_probe_and_the_unknown_counts_against_it(
    tmp_path: Path,
) -> None:
    manifest = with_columns(tmp_path, EPIC_COLUMNS, EPIC_CELLS)
    assert list(masked(manifest, "manifest:snp")) == [0, 1, 4, 8, 9, 11]
    assert set(masked(manifest, "manifest:snp").values()) == {"snp"}
    assert list(masked(manifest, "manifest:snp", snp_distance=0)) == [0, 8, 9]
    assert 2 in masked(manifest, "manifest:snp", snp_distance=6)
    assert 3 in masked(manifest, "manifest:snp", snp_maf=0.0)
    assert list(masked(manifest, "manifest:snp", snp_maf=0.25)) == [4, 8, 9]


def test_the_450k_columns_tell_near_from_far_only(tmp_path: Path) -> None:
    cells = {0: "rs1;rs2,", 1: ",rs3", 2: "rs4,rs5"}
    manifest = with_columns(tmp_path, "Probe_SNPs,Probe_SNPs_10", cells)
    assert list(masked(manifest, "manifest:snp")) == [1, 2]
    assert list(masked(manifest, "manifest:snp", snp_distance=11)) == [0, 1, 2]


def test_the_cache_keeps_snps_and_their_absence(tmp_path: Path, tiny_manifest: Manifest) -> None:
    wide = with_columns(tmp_path, EPIC_COLUMNS, EPIC_CELLS)
    assert wide.snps is not None
    for _ in range(2):
        again = load_manifest(tmp_path / "wide.csv", tmp_path / "cache")
        assert again.snps is not None
        assert again.snps.equals(wide.snps)
    plain = tmp_path / "plain.csv"
    plain.write_text(tiny_csv())
    for _ in range(2):
        assert load_manifest(plain, tmp_path / "cache").snps is None


def test_chromosomes_mask_by_the_manifest_and_never_a_genotype_probe(
    tiny_manifest: Manifest,
) -> None:
    frame = tiny_manifest.probes.with_columns(
        chrom=pl.when(pl.col("pos").is_in([1003, 1605])).then(None).otherwise("chrom")
    )
    manifest = dataclasses.replace(tiny_manifest, probes=frame)
    found = masked(manifest, "manifest:unplaced", "manifest:sex_chromosomes")
    sexes = rows(manifest, pl.col("chrom").is_in(["X", "Y"]) & (pl.col("kind") == "cg"))
    assert found == {3: "unplaced"} | dict.fromkeys(sexes, "sex_chromosome")
    assert len(sexes) == 60
    assert read_masks(BetaParameters(masks=("manifest:unplaced",))).lacks([manifest]) == ()


def test_masks_count_in_the_order_of_the_parameters(tmp_path: Path) -> None:
    manifest = with_columns(tmp_path, EPIC_COLUMNS, {7: "rs1,0,0.5"})  # row 7 is on X
    own = tmp_path / "own.csv"
    own.write_text(f"probe_id,reason\n{manifest.probes['probe_id'][7]},cross_reactive\n")
    snp, sex = "manifest:snp", "manifest:sex_chromosomes"
    assert masked(manifest, snp, sex, str(own))[7] == "snp"
    assert masked(manifest, sex, snp)[7] == "sex_chromosome"
    assert masked(manifest, str(own), snp, sex)[7] == "cross_reactive"


def test_a_manifest_without_the_columns_masks_nothing_and_says_so(tiny_manifest: Manifest) -> None:
    masks = read_masks(BetaParameters(masks=("manifest:snp", "manifest:sex_chromosomes")))
    (line,) = masks.lacks([tiny_manifest])
    assert line.startswith("manifest:snp: the manifest CupMiniTest has no columns SNP_ID")
    assert "snp" in masks.reasons  # so that the table of reasons shows its 0
    assert set(masks.codes(tiny_manifest).tolist()) == {0, 5}


def test_thresholds_and_lists_are_part_of_what_is_recorded() -> None:
    one = BetaParameters(masks=("manifest:snp",))
    pinned, _ = pin_masks(one)
    assert pinned.mask_sha256 == ("",)
    assert pin_masks(pinned)[0] == pinned
    assert dataclasses.asdict(one) != dataclasses.asdict(dataclasses.replace(one, snp_maf=0.05))


def test_a_name_that_is_no_list_is_refused_with_those_there_are() -> None:
    with pytest.raises(MaskError, match="manifest:snps: there is no such mask; use manifest:snp,"):
        read_masks(BetaParameters(masks=("manifest:snps",)))
    with pytest.raises(MaskError, match="methylprep:snp: there is no such mask"):
        read_masks(BetaParameters(masks=("methylprep:snp",)))


@NEEDS_METHYLPREP
def test_methylpreps_lists_are_those_of_the_package_without_importing_it(
    tiny_manifest: Manifest,
) -> None:
    before = "methylprep" in sys.modules
    parameters, masks = pin_masks(BetaParameters(masks=("methylprep:quality",)))
    listed = {"cg00000807": 0, "cg00000103": 1}  # in both lists; in that of EPIC only
    names = tiny_manifest.probes["probe_id"].to_list()
    names[:2] = list(listed)
    frame = tiny_manifest.probes.with_columns(
        probe_id=pl.Series(names), name=pl.Series(names)
    ).filter(~pl.col("name").str.contains("^cg0000[01]$"))
    manifest = dataclasses.replace(tiny_manifest, probes=frame)
    found = {}
    for array in ("450k", "epic", "epicv2"):
        codes = masks.codes(dataclasses.replace(manifest, array=array))
        found[array] = [name for name, row in listed.items() if codes[row]]
    assert found == {"450k": ["cg00000807"], "epic": ["cg00000807", "cg00000103"], "epicv2": []}
    assert masks.lacks([dataclasses.replace(manifest, array="450k")]) == ()
    (line,) = masks.lacks([dataclasses.replace(manifest, array="epicv2")])
    assert "methylprep has lists for 450k, epic only, so no probe of epicv2 is masked" in line
    assert len(parameters.mask_sha256[0]) == 64
    assert ("methylprep" in sys.modules) == before


@NEEDS_METHYLPREP
def test_the_real_450k_loses_the_published_number_of_probes(hm450_path: Path) -> None:
    masks = read_masks(BetaParameters(masks=("methylprep:quality",)))
    manifest = read_manifest(hm450_path)
    codes = masks.codes(manifest)
    package = importlib.util.find_spec("methylprep")
    assert package is not None
    assert package.submodule_search_locations
    models = Path(package.submodule_search_locations[0]) / "models"
    lines = gzip.decompress((models / "qualityMask450.txt.gz").read_bytes()).decode().split()
    listed = {line.strip('"') for line in lines[1:]}
    assert len(listed) == 64_144
    assert int((codes > 0).sum()) == len(listed & set(manifest.probes["probe_id"]))
    assert int((codes > 0).sum()) > 60_000
    assert masks.lacks([manifest]) == ()
    # The core columns in the reference folder tell of no SNPs.
    assert read_masks(BetaParameters(masks=("manifest:snp",))).lacks([manifest])


def test_an_absent_methylprep_is_an_error_with_its_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(MaskError, match=r"pip install 'cup-assets\[methylprep\]'"):
        read_masks(BetaParameters(masks=("methylprep:quality",)))


def test_a_damaged_methylprep_is_an_error_that_names_the_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, tiny_manifest: Manifest
) -> None:
    class Found:
        submodule_search_locations = (str(tmp_path),)

    monkeypatch.setattr(importlib.util, "find_spec", lambda _: Found)
    parameters = BetaParameters(masks=("methylprep:quality",))
    with pytest.raises(MaskError, match=r"qualityMask450\.txt\.gz of the installed methylprep"):
        read_masks(parameters)
    (tmp_path / "models").mkdir()
    for name in ("qualityMask450.txt.gz", "qualityMaskEPIC.txt.gz"):
        (tmp_path / "models" / name).write_bytes(gzip.compress(b'"x"\n"cg00000000"\n')[:-9])
    masks = read_masks(parameters)
    with pytest.raises(MaskError, match=r"qualityMask450\.txt\.gz is damaged"):
        masks.codes(dataclasses.replace(tiny_manifest, array="450k"))


def test_a_batch_counts_the_probes_of_a_named_list(
    tiny: object, levels: np.ndarray, tmp_path: Path, manifest_text: Callable[..., str]
) -> None:
    item = tiny.write("100", methylation=levels)  # type: ignore[attr-defined]
    manifest = with_columns(tmp_path, EPIC_COLUMNS, EPIC_CELLS)
    parameters, masks = pin_masks(BetaParameters(masks=("manifest:snp",)))
    array = process_batch([item], manifest, parameters, masks=masks).arrays[0]
    counts = dict(array.masked["reason", "n"].iter_rows())
    assert counts["snp"] == 6
    assert np.isnan(array.beta[[0, 1, 4, 8, 9, 11], 0]).all()
