"""Masks: what files and lists mask, for which reason, and that their content is recorded."""

from __future__ import annotations

import dataclasses
import json
import re
from dataclasses import asdict
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from cup_assets.methylome import (
    MASK_REASONS,
    BetaParameters,
    MaskError,
    pin_masks,
    process_batch,
    process_pair,
    read_idat,
    read_masks,
)
from cup_assets.methylome.mask_files import read_mask_file
from cup_assets.methylome.masks import DETECTION, LOW_BEADS, NOT_MEASURED


def probe(tiny, row: int) -> str:
    return tiny.manifest.probes["probe_id"][row]


@pytest.fixture
def files(tiny) -> tuple[Path, BetaParameters]:
    """Return a folder and parameters with two mask files in it."""
    folder = tiny.folder / "masks"
    folder.mkdir()
    ids = tiny.manifest.probes["probe_id"]
    (folder / "both.csv").write_text(
        f"reason,probe_id\nsnp,{ids[3]}\nsnp,{ids[5]}\ncross_reactive,{ids[9]}\nsnp,cg99999999\n"
    )
    (folder / "Cross reactive.txt").write_text(f"{ids[5]}\n\n{ids[16]}\n")
    return folder, BetaParameters(masks=("both.csv", "Cross reactive.txt"))


def test_a_missing_beta_has_the_first_reason_that_applies(tiny, levels, files) -> None:
    folder, given = files
    parameters, masks = pin_masks(given, folder)
    address, a = tiny.manifest.addresses, tiny.manifest.probes["address_a"]
    n_beads = np.full(len(address), 12)
    n_beads[np.isin(address, [a[5], a[6]])] = 1
    _, *paths = tiny.write(
        "100", methylation=levels, n_beads=n_beads, dead=[3, *range(16, 640, 16)]
    )
    keep = ~np.isin(address, [a[9], a[10]])
    pair = [
        dataclasses.replace(
            one, address=one.address[keep], mean=one.mean[keep], n_beads=one.n_beads[keep]
        )
        for one in map(read_idat, paths)
    ]
    codes = masks.codes(tiny.manifest)
    signal = process_pair(*pair, tiny.manifest, parameters, codes)
    without = process_pair(*pair, tiny.manifest, given_without_files(given))
    names = {code: masks.names[code] for code in signal.mask[signal.mask > 0].tolist()}
    reason = {row: names.get(int(signal.mask[row])) for row in (3, 5, 6, 9, 10, 16)}
    assert reason == {
        3: "snp",  # although dead
        5: "snp",  # although in the second file and measured by one bead
        6: "low_beads",
        9: "not_measured",  # although in a file
        10: "not_measured",
        16: "cross_reactive",
    }
    dead = np.arange(32, 640, 16)
    assert (signal.mask[dead] == DETECTION).sum() > 20
    np.testing.assert_array_equal(signal.mask[dead], without.mask[dead])
    np.testing.assert_array_equal(np.isnan(signal.beta), signal.mask > 0)
    for measure in ("failed_fraction", "low_beads_fraction", "dye_factor"):
        assert signal.measures[measure] == without.measures[measure], measure
    assert signal.measures["masked_fraction"] == np.mean(signal.mask > 0)
    np.testing.assert_array_equal(signal.log2_total, without.log2_total)


def given_without_files(parameters: BetaParameters) -> BetaParameters:
    return dataclasses.replace(parameters, masks=(), mask_sha256=())


def test_a_batch_counts_every_reason_of_the_files(tiny, levels, files) -> None:
    folder, given = files
    parameters, masks = pin_masks(given, folder)
    items = [tiny.write(f"10{i}", methylation=levels, seed=i) for i in range(2)]
    array = process_batch(items, tiny.manifest, parameters, masks=masks).arrays[0]
    counts = array.masked.filter(pl.col("sample_id") == "101")
    found = dict(counts.select("reason", "n").iter_rows())
    assert set(found) == {*MASK_REASONS.values(), "snp", "cross_reactive"}
    assert (found["snp"], found["cross_reactive"]) == (2, 2)
    assert array.masked["n"].sum() == np.isnan(array.beta).sum()
    with pytest.raises(MaskError, match="take both from pin_masks"):
        process_batch(items, tiny.manifest, parameters)
    with pytest.raises(MaskError, match="take both from pin_masks"):
        process_batch(items, tiny.manifest, given, masks=masks)
    with pytest.raises(MaskError, match="take both from pin_masks"):
        process_batch(items, tiny.manifest, masks=masks)


def test_one_sample_needs_masks_and_parameters_together(tiny, levels, files) -> None:
    _, grn, red = tiny.write("100", methylation=levels)
    pair = read_idat(grn), read_idat(red)
    with pytest.raises(ValueError, match="must come together"):
        process_pair(*pair, tiny.manifest, files[1])
    with pytest.raises(ValueError, match="must come together"):
        process_pair(*pair, tiny.manifest, probe_mask=np.zeros(640, dtype=np.uint8))


def test_what_is_recorded_changes_with_the_content_of_a_file(tiny, files) -> None:
    folder, given = files
    first, _ = pin_masks(given, folder)
    again, _ = pin_masks(given, folder)
    assert first == again
    assert BetaParameters(**json.loads(json.dumps(asdict(first)))) == first
    with (folder / "both.csv").open("a") as file:
        file.write(f"snp,{probe(tiny, 40)}\n")
    second, masks = pin_masks(given, folder)
    assert second.masks == first.masks
    assert json.dumps(asdict(second)) != json.dumps(asdict(first))
    assert masks.codes(tiny.manifest)[40] > max(MASK_REASONS)
    with pytest.raises(MaskError, match=r"both\.csv: is not the mask that"):
        pin_masks(first, folder)


def test_no_masks_leave_the_parameters_as_they_are() -> None:
    parameters, masks = pin_masks(BetaParameters())
    assert parameters == BetaParameters()
    assert masks.entries == ()
    assert masks.names == MASK_REASONS


def test_replicates_of_a_probe_are_masked_by_the_name_they_share(tiny) -> None:
    probes = tiny.manifest.probes.with_columns(
        probe_id=pl.when(pl.int_range(pl.len()) < 2)
        .then(pl.lit("cg00000001_TC1") + pl.int_range(pl.len()).cast(pl.String))
        .otherwise("probe_id"),
        name=pl.when(pl.int_range(pl.len()) < 2).then(pl.lit("cg00000001")).otherwise("name"),
    )
    manifest = dataclasses.replace(tiny.manifest, probes=probes)
    path = tiny.folder / "m.csv"
    path.write_text("probe_id;reason\ncg00000001_TC11;snp\ncg00000001;cross_reactive\n")
    masks = read_masks(BetaParameters(masks=(str(path),)))
    codes = masks.codes(manifest)
    assert [masks.names[code] for code in codes[:2].tolist()] == ["cross_reactive", "snp"]
    assert not codes[2:].any()


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (b"", "names no probe"),
        (b"probe_id,reason\n", "names no probe"),
        (b"probe_id,note\ncg1,snp\n", "has no column reason"),
        (b"probe,reason\ncg1,snp\n", "has no column probe_id"),
        (b"probe_id,reason\ncg1\n", "line 2: has no reason"),
        (b"probe_id,reason\ncg1,\n", "line 2: has no reason"),
        (b"probe_id,reason\ncg1,detection\n", "line 2: 'detection' cannot be the reason"),
        (b"probe_id,reason\ncg 1,snp\n", "line 2: 'cg 1' is no probe id"),
        (b"cg1\ncg2 snp\n", "line 2: 'cg2 snp' is no probe id"),
        (b"\xff\xfe\x00", "is not UTF-8 text"),
    ],
)
def test_a_faulty_file_is_refused_with_its_name_and_row(tmp_path, content, fault) -> None:
    (tmp_path / "mask.csv").write_bytes(content)
    with pytest.raises(MaskError) as caught:
        read_masks(BetaParameters(masks=("mask.csv",)), tmp_path)
    assert str(caught.value).startswith("mask.csv")
    assert fault in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_absent_file_and_too_many_reasons_are_refused(tmp_path) -> None:
    with pytest.raises(MaskError, match=r"gone\.csv: cannot be read"):
        read_masks(BetaParameters(masks=("gone.csv",)), tmp_path)
    rows = "".join(f"cg{i},because {i}\n" for i in range(253))
    (tmp_path / "m.csv").write_text("probe_id,reason\n" + rows)
    with pytest.raises(MaskError, match="253 different reasons, at most 252"):
        read_masks(BetaParameters(masks=("m.csv",)), tmp_path)


def test_files_with_a_byte_order_mark_and_quotes_are_read(tmp_path) -> None:
    (tmp_path / "m.csv").write_text('\ufeff"IlmnID"\t"reason"\r\n"cg1"\t"snp"\r\n', newline="")
    assert read_mask_file("m.csv", tmp_path).by_probe == {"cg1": "snp"}


def test_codes_of_samples_and_files_are_apart() -> None:
    assert {DETECTION, LOW_BEADS, NOT_MEASURED} == set(MASK_REASONS)


def test_parameters_that_make_no_sense_are_refused() -> None:
    for wrong, fault in (
        ({"method": "swan"}, "unknown normalisation 'swan': use 'noob', 'illumina_mnp'"),
        ({"beta_offset": -1.0}, "beta_offset is -1.0"),
        ({"beta_offset": "none"}, "beta_offset is 'none'"),
        ({"offset": -15.0}, "offset is -15.0"),
        ({"masks": ("a", "b"), "mask_sha256": ("c",)}, "1 hashes for 2 masks"),
        ({"masks": ("a", "b", "a")}, "masks names 'a' twice"),
        ({"snp_maf": 0.7}, "snp_maf 0.7"),
        ({"snp_distance": -1}, "snp_distance is -1"),
    ):
        with pytest.raises(ValueError, match=re.escape(fault)):
            BetaParameters(**wrong)
