"""A tiny array with every kind of probe, and pairs of files on it with chosen intensities."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from cup_assets.methylome import Manifest, read_manifest
from cup_assets.simulate.idat_writer import write_idat

HEADER = (
    "IlmnID,Name,AddressA_ID,AddressB_ID,Infinium_Design_Type,Color_Channel,"
    "Genome_Build,CHR,MAPINFO,Strand,UCSC_RefGene_Name"
)
CONTROLS = [
    *[("STAINING", "Red", f"DNP ({level})") for level in ("High", "Bkg")],
    *[("STAINING", "Green", f"Biotin ({level})") for level in ("High", "Bkg")],
    *[
        ("BISULFITE CONVERSION I", "Green", f"BS Conversion I-{c}{n}")
        for c in "CU"
        for n in range(1, 7)
    ],
    *[("BISULFITE CONVERSION II", "Red", f"BS Conversion II-{n}") for n in range(1, 5)],
    *[("NEGATIVE", "Red", f"Negative {n}") for n in range(1, 21)],
    *[(kind, "Red", f"{kind.title()}{n}") for kind in ("NORM_A", "NORM_T") for n in range(1, 6)],
    *[(kind, "Green", f"{kind.title()}{n}") for kind in ("NORM_C", "NORM_G") for n in range(1, 6)],
]


@dataclass(frozen=True)
class TinyArray:
    """A manifest of 640 probes, 74 controls, and how to write samples on it."""

    manifest: Manifest
    folder: Path

    def write(
        self,
        sample: str,
        *,
        methylation: np.ndarray,
        seed: int = 0,
        brightness: float = 8000.0,
        red_gain: float = 1.5,
        dead: Sequence[int] = (),
        **idat: object,
    ) -> tuple[str, Path, Path]:
        """Write a pair whose probes have these true methylation levels; return a batch item."""
        rng = np.random.default_rng(seed)
        grn, red = self.intensities(methylation, rng, brightness, red_gain, dead)
        address = self.manifest.addresses
        n_beads = idat.pop("n_beads", np.full(len(address), 12))
        paths = []
        for color, mean in (("Grn", grn), ("Red", red)):
            path = self.folder / f"{sample}_R01C01_{color}.idat"
            write_idat(
                path,
                address,
                mean,
                mean // 10,
                n_beads,
                **({"barcode": sample, "position": "R01C01"} | idat),
            )
            paths.append(path)
        return sample, paths[0], paths[1]

    def intensities(
        self,
        methylation: np.ndarray,
        rng: np.random.Generator,
        brightness: float,
        gain: float,
        dead: Sequence[int],
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return green and red intensities in the order of the addresses."""
        address = self.manifest.addresses
        signal = {"Grn": np.zeros(len(address)), "Red": np.zeros(len(address))}
        at = {int(a): i for i, a in enumerate(address)}
        probes = self.manifest.probes.to_dicts()
        for i, (level, probe) in enumerate(zip(methylation, probes, strict=True)):
            height = 0 if i in dead else brightness
            m, u = height * level, height * (1 - level)
            if probe["design"] == "II":
                signal["Grn"][at[probe["address_a"]]] = m
                signal["Red"][at[probe["address_a"]]] = u
            else:
                signal[probe["channel"]][at[probe["address_b"]]] = m
                signal[probe["channel"]][at[probe["address_a"]]] = u
        for control in self.manifest.controls.to_dicts():
            for color in ("Grn", "Red"):
                if _shines(control["kind"], control["label"], color):
                    signal[color][at[control["address"]]] = brightness
        grn = signal["Grn"] * rng.lognormal(0, 0.05, len(address)) + rng.normal(
            400, 80, len(address)
        )
        red = signal["Red"] * rng.lognormal(0, 0.05, len(address)) + rng.normal(
            500, 90, len(address)
        )
        red = 500 + (red - 500) * gain
        return grn.clip(0, 65535).astype(np.uint16), red.clip(0, 65535).astype(np.uint16)


def _shines(kind: str, label: str, color: str) -> bool:
    if kind in ("NORM_C", "NORM_G"):
        return color == "Grn"
    if kind in ("NORM_A", "NORM_T", "BISULFITE CONVERSION II"):
        return color == "Red"
    if kind == "BISULFITE CONVERSION I":
        return "-C" in label and (color == "Grn") == (int(label[-1]) <= 3)
    return label == ("Biotin (High)" if color == "Grn" else "DNP (High)")


def tiny_csv(rows: list[str] | None = None, descriptor: str = "CupMiniTest.bpm") -> str:
    """Return a manifest's text."""
    if rows is None:
        rows = tiny_rows()
    controls = [f"{90_000 + i},{','.join(control)}" for i, control in enumerate(CONTROLS)]
    heading = ["Illumina, Inc.", "[Heading]", f"Descriptor File Name,{descriptor}", "[Assay]"]
    return "\n".join([*heading, HEADER, *rows, "[Controls]", *controls]) + "\n"


def tiny_rows() -> list[str]:
    """Return 640 probes in an order that is not that of their addresses."""
    rows = []
    for i in range(640):
        name = f"rs{i:07d}" if i >= 600 else f"cg{i:08d}"
        design = ("I", "I", "II", "II")[i % 4]
        channel = ("Grn", "Red", "", "")[i % 4]
        a, b = 50_000 - 7 * i, (50_003 - 7 * i if design == "I" else "")
        chrom = "X" if i % 20 == 7 else "Y" if i % 20 == 12 else str(i % 22 + 1)
        rows.append(f"{name},{name},{a},{b},{design},{channel},37,{chrom},{1000 + i},F,GENE{i % 9}")
    return rows


@pytest.fixture(scope="session")
def manifest_text() -> Callable[..., str]:
    return tiny_csv


@pytest.fixture(scope="session")
def tiny_manifest(tmp_path_factory: pytest.TempPathFactory) -> Manifest:
    path = tmp_path_factory.mktemp("manifest") / "tiny.csv"
    path.write_text(tiny_csv())
    return read_manifest(path)


@pytest.fixture
def tiny(tiny_manifest: Manifest, tmp_path: Path) -> TinyArray:
    return TinyArray(tiny_manifest, tmp_path)


@pytest.fixture
def levels(tiny_manifest: Manifest) -> np.ndarray:
    """Return true methylation: bimodal CpGs, genotypes at the SNPs."""
    rng = np.random.default_rng(5)
    probes = tiny_manifest.probes
    methylation = rng.beta(0.4, 0.4, probes.height)
    snp = (probes["kind"] == "rs").to_numpy()
    methylation[snp] = rng.choice([0.05, 0.5, 0.95], snp.sum())
    return methylation


@pytest.fixture(scope="session")
def hm27_items(reference_data: Path) -> list[tuple[str, Path, Path]]:
    folder = reference_data / "hm27"
    return [
        (s, folder / f"5318317007_{s}_Grn.idat", folder / f"5318317007_{s}_Red.idat") for s in "ABC"
    ]


@pytest.fixture(scope="session")
def hm27_manifest(reference_data: Path) -> Manifest:
    return read_manifest(reference_data / "hm27" / "HumanMethylation27_270596_v1-2.core.csv.gz")


@pytest.fixture(scope="session")
def hm450_path(reference_data: Path) -> Path:
    return reference_data / "hm450" / "HumanMethylation450_15017482_v1-2.core.csv.gz"
