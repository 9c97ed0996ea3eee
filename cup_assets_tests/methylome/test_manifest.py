"""Manifests of every official layout are read, cached, and refused where they are wrong."""

from __future__ import annotations

import gzip
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from cup_assets.methylome import (
    ManifestError,
    UnknownArrayError,
    load_manifest,
    load_manifests,
    read_idat,
    read_manifest,
    recognise_array,
)
from cup_assets.methylome.manifest import Manifest, array_name

Text = Callable[..., str]


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    def writer(text: str | bytes, name: str = "manifest.csv") -> Path:
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return writer


def error_of(path: Path) -> str:
    with pytest.raises(ManifestError) as caught:
        read_manifest(path)
    message = str(caught.value)
    assert message.startswith(f"{path.name}: ")
    assert "\n" not in message
    return message


def test_the_real_450k_manifest_has_the_published_counts(hm450_path: Path) -> None:
    manifest = read_manifest(hm450_path)
    probes = manifest.probes
    assert (manifest.array, manifest.build) == ("450k", "hg19")
    assert manifest.name == "HumanMethylation450_15017482_v1-2"
    assert probes.height == 485_577
    assert manifest.controls.height == 850
    assert len(manifest.addresses) == 621_928
    designs = probes.group_by("design", "channel").len()
    assert {tuple(row[:2]): row[2] for row in designs.iter_rows()} == {
        ("I", "Grn"): 46_298,
        ("I", "Red"): 89_203,
        ("II", None): 350_076,
    }
    kinds = dict(probes["kind"].value_counts().iter_rows())
    assert kinds == {"cg": 482_421, "ch": 3_091, "rs": 65}
    assert (manifest.controls["kind"] == "NEGATIVE").sum() == 614
    one = probes.row(by_predicate=pl.col("probe_id") == "cg00000029", named=True)
    assert (one["address_a"], one["chrom"], one["pos"]) == (14782418, "16", 53468112)


def test_the_real_450k_manifest_loads_from_the_cache_in_half_a_second(
    hm450_path: Path, tmp_path: Path
) -> None:
    first = load_manifest(hm450_path, tmp_path)
    seconds = []
    for _ in range(3):
        start = time.perf_counter()
        again = load_manifest(hm450_path, tmp_path)
        seconds.append(time.perf_counter() - start)
    assert min(seconds) < 0.5
    assert again.probes.equals(first.probes)
    assert again.controls.equals(first.controls)
    assert again.content_hash == first.content_hash


def test_the_real_hm27_manifest_is_all_type_one(hm27_manifest: Manifest) -> None:
    assert hm27_manifest.array == "hm27"
    assert hm27_manifest.probes.height == 27_578
    assert (hm27_manifest.probes["design"] == "I").all()
    kinds = set(hm27_manifest.controls["kind"])
    assert {"NORMALIZATION-GREEN", "NORMALIZATION-RED", "NEGATIVE"} <= kinds


def test_an_epic_v2_manifest_keeps_replicates_and_reads_its_coordinates(write: Callable) -> None:
    text = (
        "Illumina, Inc.,,\n[Heading],,\nDescriptor File Name,EPIC-8v2-0_A1.bpm,\n[Assay],,\n"
        "IlmnID,Name,AddressA_ID,AlleleA_ProbeSeq,AddressB_ID,Color_Channel,Col,Probe_Type,"
        "Infinium_Design,Infinium_Design_Type,CHR,MAPINFO,Genome_Build,UCSC_RefGene_Name\n"
        "cg25324105_BC11,cg25324105,1754126,AC,99753217,Grn,G,cg,1,I,chr19,37692358,GRCh38,A1;A1;B2\n"
        "cg25324105_BC12,cg25324105,1754127,AC,99753218,Red,R,cg,1,I,chr19,37692358,GRCh38,\n"
        "nv-GRCh38-1_TC21,nv-GRCh38-1,1754128,AC,,,,nv,2,II,chr0,0,GRCh38,\n"
        "[Controls],,\n27630314,STAINING,Red,DNP (High),x\n"
    )
    manifest = read_manifest(write(text))
    assert (manifest.array, manifest.build) == ("epicv2", "hg38")
    assert manifest.probes["probe_id"].to_list()[:2] == ["cg25324105_BC11", "cg25324105_BC12"]
    assert manifest.probes["name"].to_list() == ["cg25324105", "cg25324105", "nv-GRCh38-1"]
    assert manifest.probes["chrom"].to_list() == ["19", "19", None]
    assert manifest.probes["pos"].to_list() == [37692358, 37692358, None]
    assert manifest.probes["genes"].to_list() == ["A1;B2", None, None]
    assert manifest.probes["kind"].to_list() == ["cg", "cg", "nv"]
    assert manifest.probes["address_b"].to_list() == [99753217, 99753218, None]


def test_an_epic_manifest_with_padded_addresses_windows_lines_and_a_bom_is_read(
    write: Callable, manifest_text: Text
) -> None:
    rows = ["cg1,cg1,0053797166,,II,,37,1,7,F,\r", "cg2,cg2,0000085713,0000085714,I,Red,37,,0,F,\r"]
    text = "\ufeff" + manifest_text(rows, "MethylationEPIC_v-1-0_B4.bpm").replace("\n", "\r\n")
    manifest = read_manifest(write(text.replace("\r\r", "\r")))
    assert manifest.array == "epic"
    assert manifest.probes["address_a"].to_list() == [53797166, 85713]
    assert manifest.probes["chrom"].to_list() == ["1", None]
    assert manifest.probes["pos"].to_list() == [7, None]


def test_the_original_hm27_layout_keeps_no_coordinates_of_build_36(write: Callable) -> None:
    text = (
        "[Heading]\nDescriptor File Name,HumanMethylation27_270596_v1-2.bpm\n[Assay]\n"
        "IlmnID,Name,AddressA_ID,AddressB_ID,GenomeBuild,Chr,MapInfo,Color_Channel,Symbol\n"
        "cg1,cg1,10,11,36,16,28797601,Red,ATXN2L\n[Controls]\n12,NEGATIVE,Red,Negative 1\n"
    )
    probe = read_manifest(write(text)).probes.row(0, named=True)
    assert (probe["design"], probe["chrom"], probe["pos"]) == ("I", "16", None)
    assert (probe["genes"], probe["channel"]) == ("ATXN2L", "Red")


@pytest.mark.parametrize(
    ("descriptor", "array"),
    [
        ("HumanMethylation27_270596_v1-2", "hm27"),
        ("HumanMethylation450_15017482_v1-2", "450k"),
        ("MethylationEPIC_v-1-0_B4", "epic"),
        ("MethylationEPIC v2.0", "epicv2"),
        ("EPIC-8v2-0_A1", "epicv2"),
        ("CupMini_v1", "mini"),
        ("MouseMethylation-12v1-0_A2", "mousemethylation-12v1-0-a2"),
    ],
)
def test_arrays_have_canonical_names(descriptor: str, array: str) -> None:
    assert array_name(descriptor) == array


@pytest.mark.parametrize(
    ("row", "fault"),
    [
        ("cg9,cg9,12,,I,Red,37,1,5,F,", "probe cg9 is Type I without AddressB_ID"),
        ("cg9,cg9,12,13,I,,37,1,5,F,", "probe cg9 is Type I without a colour channel"),
        ("cg9,cg9,,,II,,37,1,5,F,", "probe cg9 has no AddressA_ID"),
        ("cg9,cg9,12,,III,,37,1,5,F,", "probe cg9 has a design other than I or II"),
        ("cg9,cg9,1.2E+07,,II,,37,1,5,F,", "address_a '1.2E+07' of cg9 is not a whole number"),
        ("cg9,cg9,12,,II,,37,1,half,F,", "pos 'half' of cg9 is not a whole number"),
        ("cg00000003,cg3,12,,II,,37,1,5,F,", "probe cg00000003 is listed more than once"),
    ],
)
def test_a_malformed_probe_is_named(
    write: Callable, manifest_text: Text, row: str, fault: str
) -> None:
    lines = manifest_text().split("\n")
    lines.insert(lines.index("[Controls]"), row)
    assert fault in error_of(write("\n".join(lines)))


def test_a_malformed_manifest_says_what_is_missing(write: Callable, manifest_text: Text) -> None:
    text = manifest_text()
    cases = {
        "has no section [Controls]": text[: text.index("[Controls]")],
        "has no section [Assay]": "a,b\n1,2\n",
        "has no column CHR, MAPINFO": text.replace(",CHR,MAPINFO,", ",Chromosome,Place,"),
        "has no probes": manifest_text([]),
        "has nothing under [Assay]": "[Heading]\n[Assay]\n\n[Controls]\n1,NEGATIVE,Red,N1\n",
        "has no control probes": text[: text.index("[Controls]")] + "[Controls]\n",
        "has no known Genome_Build": text.replace(",37,", ",mm10,"),
    }
    for fault, content in cases.items():
        assert fault in error_of(write(content)), fault
    assert "gzip" in error_of(write(gzip.compress(text.encode())[:-20], "cut.csv.gz"))
    assert "cannot be read" in error_of(Path("absent.csv"))


def test_a_damaged_cache_entry_is_built_anew(
    write: Callable, manifest_text: Text, tmp_path: Path
) -> None:
    path, cache = write(manifest_text()), tmp_path / "cache"
    first = load_manifest(path, cache)
    entry = next((cache / "manifests").iterdir())
    (entry / "probes.parquet").write_bytes(b"PAR1 cut")
    assert load_manifest(path, cache).probes.equals(first.probes)
    assert pl.read_parquet(entry / "probes.parquet").equals(first.probes)
    assert [p.name for p in (cache / "manifests").iterdir()] == [entry.name], "no drafts are left"


def test_an_entry_stored_by_another_process_in_between_is_left_alone(
    write: Callable, manifest_text: Text, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, cache = write(manifest_text()), tmp_path / "cache"
    first = load_manifest(path, cache)
    entry = next((cache / "manifests").iterdir())
    remove = shutil.rmtree
    monkeypatch.setattr(
        shutil, "rmtree", lambda folder, **how: None if folder == entry else remove(folder, **how)
    )
    (entry / "heading.json").rename(entry / "away.json")
    assert load_manifest(path, cache).probes.equals(first.probes)
    assert [p.name for p in (cache / "manifests").iterdir()] == [entry.name]


def test_a_cache_that_cannot_be_written_is_named(
    write: Callable, manifest_text: Text, tmp_path: Path
) -> None:
    cache = write("a file where the folder should be", "cache")
    with pytest.raises(ManifestError, match=r"cache/manifests: cannot keep the parsed CupMiniTest"):
        load_manifest(write(manifest_text()), cache)


def test_a_changed_manifest_is_not_served_from_the_cache(
    write: Callable, manifest_text: Text, tmp_path: Path
) -> None:
    before = load_manifest(write(manifest_text()), tmp_path)
    after = load_manifest(write(manifest_text().replace("GENE3", "GENE4")), tmp_path)
    assert before.content_hash != after.content_hash
    assert "GENE3" in set(before.probes["genes"]) - set(after.probes["genes"])


def test_a_folder_of_manifests_is_loaded_by_name(
    write: Callable, manifest_text: Text, tmp_path: Path
) -> None:
    with pytest.raises(ManifestError, match="holds no manifest"):
        load_manifests(tmp_path, tmp_path / "cache")
    write(manifest_text(descriptor="B.bpm"), "b.csv")
    write(gzip.compress(manifest_text(descriptor="A.bpm").encode()), "a.CSV.gz")
    write("not a manifest", ".hidden.csv")
    assert [m.name for m in load_manifests(tmp_path, tmp_path / "cache")] == ["A", "B"]


def test_an_array_is_the_manifest_that_covers_its_addresses(
    hm27_manifest: Manifest, tiny_manifest: Manifest, reference_data: Path
) -> None:
    hm27 = read_idat(reference_data / "hm27" / "5318317007_A_Grn.idat")
    assert recognise_array(hm27.address, [tiny_manifest, hm27_manifest]) is hm27_manifest
    assert recognise_array(tiny_manifest.addresses, [hm27_manifest, tiny_manifest]) is tiny_manifest


def test_a_genotyping_array_that_shares_half_of_the_addresses_is_unknown(
    hm27_manifest: Manifest, reference_data: Path
) -> None:
    other = read_idat(reference_data / "not_methylation" / "4019585376_B_Red.idat.gz")
    with pytest.raises(
        UnknownArrayError, match=r"HumanMethylation27.* has 53\.\d% of its addresses"
    ):
        recognise_array(other.address, [hm27_manifest])
    with pytest.raises(UnknownArrayError, match="no manifest is installed"):
        recognise_array(other.address, [])


@pytest.mark.parametrize(("of_manifest", "strangers"), [(0.85, 0), (1.0, 300)])
def test_an_array_must_hold_most_of_the_manifest_and_be_explained_by_it(
    tiny_manifest: Manifest, of_manifest: float, strangers: int
) -> None:
    known = tiny_manifest.addresses
    address = known[: int(of_manifest * len(known))]
    address = np.concatenate([address, 10**7 + np.arange(strangers, dtype=np.int32)])
    with pytest.raises(UnknownArrayError, match="CupMiniTest"):
        recognise_array(address, [tiny_manifest])
    nearly_all = np.concatenate([known[20:], 10**7 + np.arange(50, dtype=np.int32)])
    assert recognise_array(nearly_all, [tiny_manifest]) is tiny_manifest


def test_between_revisions_of_a_manifest_the_more_complete_then_the_later_counts(
    write: Callable, manifest_text: Text, tiny_manifest: Manifest
) -> None:
    fewer = manifest_text(manifest_text().split("[Assay]\n")[1].split("\n")[1:630], "Rev_B9.bpm")
    small, b4, b5 = (
        read_manifest(write(text))
        for text in (
            fewer,
            manifest_text(descriptor="Rev_B4.bpm"),
            manifest_text(descriptor="Rev_B5.bpm"),
        )
    )
    assert recognise_array(tiny_manifest.addresses, [small, b5, b4]) is b5
