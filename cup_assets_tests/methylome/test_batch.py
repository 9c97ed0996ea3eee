"""A batch holds what each sample alone would give, and goes on after a failing one."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from cup_assets.compute import local, serial
from cup_assets.methylome import process_batch, process_pair, read_idat
from cup_assets.methylome.shelf import KINDS


def write_three(tiny, levels) -> list[tuple[str, Path, Path]]:
    return [
        tiny.write(f"10{i}", methylation=np.roll(levels, i), seed=i, dead=range(i, 640, 31))
        for i in range(3)
    ]


def test_a_samples_betas_do_not_depend_on_the_batch(tiny, levels) -> None:
    items = write_three(tiny, levels)
    batch = process_batch(items, tiny.manifest).arrays[0]
    assert batch.sample_ids == ("100", "101", "102")
    assert batch.probe_ids.to_list() == tiny.manifest.probes["probe_id"].to_list()
    for i, (sample_id, grn, red) in enumerate(items):
        alone = process_pair(read_idat(grn), read_idat(red), tiny.manifest)
        pair = process_batch([items[i], items[0]], tiny.manifest).arrays[0]
        for matrix in (batch.beta[:, i], pair.beta[:, 0]):
            assert matrix.tobytes() == alone.beta.tobytes(), sample_id
        np.testing.assert_array_equal(batch.detection_p[:, i], alone.detection_p)
        np.testing.assert_array_equal(batch.log2_total[:, i], alone.log2_total)


def test_two_processes_give_the_same_bytes_as_one(tiny, levels) -> None:
    items = write_three(tiny, levels)
    steps: list[tuple[int, int]] = []
    one = process_batch(items, tiny.manifest)
    two = process_batch(
        items, [tiny.manifest], mapper=local(2), progress=lambda *at: steps.append(at)
    )
    assert one.arrays[0].beta.tobytes() == two.arrays[0].beta.tobytes()
    assert one.arrays[0].quality.equals(two.arrays[0].quality)
    assert steps == [(1, 3), (2, 3), (3, 3)]


@pytest.fixture
def scratch(tmp_path: Path) -> Path:
    folder = tmp_path / "scratch"
    folder.mkdir()
    return folder


@pytest.mark.parametrize("workers", [1, 2])
def test_a_scratch_folder_changes_no_byte(
    tiny, levels, hm27_items, hm27_manifest, scratch: Path, workers: int
) -> None:
    ours = write_three(tiny, levels)
    missing = ("absent", tiny.folder / "absent_Grn.idat", ours[1][2])
    # Rows stay empty before, between and after those of each array.
    items = [missing, hm27_items[0], ours[0], missing, ours[1], hm27_items[1], ours[2], missing]
    manifests = [tiny.manifest, hm27_manifest]
    plain = process_batch(items, manifests)
    shared = process_batch(items, manifests, mapper=local(workers), scratch=scratch)
    assert shared.failed == plain.failed
    for one, other in zip(plain.arrays, shared.arrays, strict=True):
        assert one.sample_ids == other.sample_ids
        assert one.quality.equals(other.quality)
        assert one.masked.equals(other.masked)
        for kind in KINDS:
            values = getattr(other, kind)
            assert values.tobytes() == getattr(one, kind).tobytes(), kind
            assert values.flags.f_contiguous
            assert not values.flags.owndata, "copied into memory"


def test_what_a_worker_on_another_machine_makes_comes_back_itself(
    tiny, levels, scratch: Path
) -> None:
    class Elsewhere:
        shares_disk = False

        def __call__(self, function: Any, items: Any, progress: Any = None) -> list[Any]:
            return serial(function, items, progress)

    items = write_three(tiny, levels)
    (far,) = process_batch(items, tiny.manifest, mapper=Elsewhere(), scratch=scratch).arrays
    (near,) = process_batch(items, tiny.manifest).arrays
    assert far.beta.tobytes() == near.beta.tobytes()
    assert list(scratch.iterdir()) == []


def test_a_sample_that_finds_no_room_stops_the_batch(tiny, levels, scratch: Path) -> None:
    def emptied(done: int, total: int) -> None:
        for file in scratch.iterdir():
            file.unlink()

    with pytest.raises(FileNotFoundError):
        process_batch(write_three(tiny, levels), tiny.manifest, progress=emptied, scratch=scratch)


def test_masked_probes_are_counted_by_reason(tiny, levels) -> None:
    array = process_batch(write_three(tiny, levels), tiny.manifest).arrays[0]
    counts = array.masked.group_by("sample_id").agg(pl.col("n").sum()).sort("sample_id")
    assert counts["n"].to_list() == np.isnan(array.beta).sum(axis=0).tolist()
    assert array.masked.height == 9
    assert array.masked["n"].sum() > 0
    assert array.quality["sample_id"].to_list() == ["100", "101", "102"]
    assert array.quality.schema["hybridisation_high"] == pl.Float64


def test_failing_samples_are_set_aside_with_one_line_each(tiny, levels, reference_data) -> None:
    good = write_three(tiny, levels)
    cut = tiny.folder / "cut_Grn.idat"
    cut.write_bytes(good[0][1].read_bytes()[:500])
    other = reference_data / "not_methylation" / "4019585376_B_Red.idat.gz"
    items = [
        ("cut", cut, good[0][2]),
        good[0],
        ("absent", tiny.folder / "absent_Grn.idat", good[1][2]),
        ("mixed", good[1][1], good[2][2]),
        ("other", other, other),
        good[2],
    ]
    batch = process_batch(items, tiny.manifest)
    assert batch.arrays[0].sample_ids == ("100", "102")
    assert [sample for sample, _ in batch.failed] == ["cut", "absent", "mixed", "other"]
    lines = dict(batch.failed)
    assert "cut_Grn.idat: " in lines["cut"]
    assert "cannot be read" in lines["absent"]
    assert "differ in barcode (101 and 102)" in lines["mixed"]
    assert "HumanCNV370-Duo" in lines["other"]
    assert not any("\n" in line for line in lines.values())


def test_a_batch_of_which_every_sample_fails_has_no_array(tiny, levels) -> None:
    missing = tiny.folder / "none.idat"
    batch = process_batch([("a", missing, missing)], tiny.manifest)
    assert batch.arrays == ()
    assert len(batch.failed) == 1


def test_arrays_of_a_mixed_batch_are_kept_apart(tiny, levels, hm27_items, hm27_manifest) -> None:
    items = [hm27_items[0], tiny.write("100", methylation=levels), hm27_items[1]]
    batch = process_batch(items, [tiny.manifest, hm27_manifest])
    assert [(a.manifest.array, a.sample_ids) for a in batch.arrays] == [
        ("hm27", ("A", "B")),
        ("mini", ("100",)),
    ]
    assert batch.arrays[0].beta.shape == (27_578, 2)


def test_importing_the_package_stays_light() -> None:
    code = (
        "import sys, cup_assets.methylome\n"
        "heavy = {'dagster', 'duckdb', 'scipy', 'sklearn', 'pandas', 'joblib', 'matplotlib'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
