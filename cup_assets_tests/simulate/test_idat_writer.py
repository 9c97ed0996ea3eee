from __future__ import annotations

import gzip
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cup_assets.methylome.idat import read_idat
from cup_assets.simulate import write_idat


def _beads(n: int, seed: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    return {
        "address": np.sort(rng.choice(10**6, size=n, replace=False)).astype(np.int32),
        "mean": rng.integers(0, 65_536, size=n).astype(np.uint16),
        "sd": rng.integers(0, 65_536, size=n).astype(np.uint16),
        "n_beads": rng.integers(0, 256, size=n).astype(np.uint8),
    }


@settings(deadline=None, max_examples=30)
@given(
    n=st.integers(1, 300),
    seed=st.integers(0, 1000),
    barcode=st.text("0123456789", min_size=1, max_size=300),
    position=st.sampled_from(["R01C01", "R12C02", "A"]),
    gz=st.booleans(),
    when=st.datetimes(datetime(2000, 1, 1), datetime(2099, 1, 1)),
)
def test_what_is_written_is_read_back(
    tmp_path_factory: pytest.TempPathFactory,
    n: int,
    seed: int,
    barcode: str,
    position: str,
    gz: bool,
    when: datetime,
) -> None:
    path = tmp_path_factory.mktemp("idat") / ("a_Grn.idat.gz" if gz else "a_Grn.idat")
    beads = _beads(n, seed)
    write_idat(path, **beads, barcode=barcode, position=position, scan_date=when, gz=gz)
    idat = read_idat(path)
    for name, values in beads.items():
        np.testing.assert_array_equal(getattr(idat, name), values)
    assert (idat.barcode, idat.position, idat.chip_type) == (barcode, position, "BeadChip 12x8")
    np.testing.assert_array_equal(idat.mid_block, beads["address"])
    assert idat.scan_date is not None
    assert idat.scan_date.startswith(when.replace(microsecond=0).isoformat()[:10])


def test_the_scan_settings_say_simulated(tmp_path: Path) -> None:
    path = tmp_path / "a_Grn.idat"
    write_idat(path, **_beads(3, 0), barcode="1", position="R01C01")
    assert all("SIMULATED" in repr(entry) for entry in read_idat(path).run_info)


@pytest.mark.parametrize("length", [1, 127, 128, 300, 16_384])
def test_strings_of_every_length_are_read_back(tmp_path: Path, length: int) -> None:
    path = tmp_path / "a_Grn.idat"
    write_idat(path, **_beads(3, 0), barcode="7" * length, position="R01C01")
    assert read_idat(path).barcode == "7" * length


def test_gzip_holds_the_same_bytes_and_no_time_stamp(tmp_path: Path) -> None:
    plain, packed = tmp_path / "a.idat", tmp_path / "a.idat.gz"
    for path in (plain, packed):
        write_idat(path, **_beads(50, 1), barcode="1", position="R01C01", gz=path.suffix == ".gz")
    assert gzip.decompress(packed.read_bytes()) == plain.read_bytes()
    assert packed.read_bytes()[4:8] == b"\0\0\0\0"


def test_columns_of_different_lengths_are_refused_with_the_file(tmp_path: Path) -> None:
    beads = _beads(5, 0) | {"sd": np.zeros(4, dtype=np.uint16)}
    with pytest.raises(ValueError, match=r"a_Red\.idat: .*one length"):
        write_idat(tmp_path / "a_Red.idat", **beads, barcode="1", position="R01C01")
