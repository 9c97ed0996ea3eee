"""The batch page shows the worst first, everything measured, and says what it leaves out."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import polars as pl

from cup_assets.methylome import QualityParameters
from cup_assets.methylome.identity import CONFLICT_SCHEMA
from cup_assets.methylome.quality import LIMITS
from cup_assets.orchestration.quality_page import (
    densities_shown,
    density_title,
    limits_frame,
    quality_finding,
    quality_notes,
    quality_pictures,
    worst_first,
)

NO_OVERRIDES = pl.DataFrame(
    schema=dict.fromkeys(("sample_id", "verdict", "reason", "by", "date"), pl.String)
)
NO_FAILURES = pl.DataFrame(schema={"sample_id": pl.String, "error": pl.String})
NO_CONFLICTS = pl.DataFrame(schema=CONFLICT_SCHEMA)


def array(verdicts: list[str], name: str = "mini", lacks: str | None = None) -> Any:
    """Return signals of samples with these verdicts, as far as the page looks at them."""
    n = len(verdicts)
    ids = [f"{name}-{i:03d}" for i in range(n)]
    measures = {limit.measure: [2.0] * n for limit in LIMITS}
    quality = pl.DataFrame(
        {
            "sample_id": ids,
            "array": name,
            "verdict": verdicts,
            "reasons": ["" if v == "pass" else f"reason of {v}" for v in verdicts],
            "predicted_sex": "F",
            "not_measured": [lacks] * n,
            "median_m": 11.0,
            "median_u": 11.0,
            **measures,
        },
        schema_overrides={"not_measured": pl.String},
    )
    beta = np.random.default_rng(0).random((50, n)).astype(np.float32)
    manifest = SimpleNamespace(array=name)
    return SimpleNamespace(manifest=manifest, sample_ids=tuple(ids), beta=beta, quality=quality)


def test_the_table_has_failed_samples_first_over_all_arrays() -> None:
    arrays = [array(["pass", "fail"]), array(["warn", "fail"], "epic")]
    found = worst_first(arrays)
    assert found["sample_id"].to_list() == ["epic-001", "mini-001", "epic-000", "mini-000"]
    notes = quality_notes(arrays, NO_OVERRIDES, NO_CONFLICTS, 4)
    lines = notes["sample quality"].splitlines()
    assert "epic-001" in lines[2]
    assert "reason of fail" in lines[2]
    assert "mini-000" in lines[5]
    assert notes["identity"].endswith("No genotypes contradict the sample sheets.")
    assert "4 samples" in notes["identity"]


def test_controls_that_an_array_does_not_have_are_named() -> None:
    arrays = [array(["pass"]), array(["pass"], "HM27", lacks="bisulfite_ii, specificity_ii")]
    notes = quality_notes(arrays, NO_OVERRIDES, NO_CONFLICTS, 2)
    assert "| HM27 | bisulfite_ii, specificity_ii |" in notes["controls not measured"]
    assert "mini" not in notes["controls not measured"]


def test_overrides_and_identity_are_shown_with_their_reasons() -> None:
    override = pl.DataFrame([("mini-000", "pass", "seen", "Dr Roy", "2026-03-01")],
                            schema=NO_OVERRIDES.schema, orient="row")  # fmt: skip
    conflict = pl.DataFrame(
        [("mini-000", "X", "same_genotype", "P9", 65, 1.0, "same genotypes as X, filed elsewhere")],
        schema=CONFLICT_SCHEMA, orient="row",
    )  # fmt: skip
    notes = quality_notes([array(["fail"])], override, conflict, 12)
    assert "Dr Roy" in notes["overridden verdicts"]
    assert "same genotypes as X, filed elsewhere" in notes["identity"]


def test_a_picture_of_densities_leaves_out_samples_that_passed_and_says_so() -> None:
    signals = array(["pass"] * 60 + ["fail", "warn"])
    shown = densities_shown(signals)
    assert len(shown) == 48
    assert {60, 61} <= set(shown)
    assert density_title(62).endswith("48 of 62, the worst among them")
    assert "of" not in density_title(48).removeprefix("Distribution of")


def test_every_batch_has_its_three_pictures_and_an_empty_one_none() -> None:
    for verdicts in (["pass"], ["fail"], ["pass"] * 100 + ["warn"] * 3):
        pictures = quality_pictures([array(verdicts)], QualityParameters())
        assert list(pictures) == ["beta density mini", "quality", "quality controls"]
        assert all(png.startswith(b"\x89PNG") for png in pictures.values())
    assert quality_pictures([], QualityParameters()) == {}
    assert quality_notes([], NO_OVERRIDES, NO_CONFLICTS, 0) == {}


def test_every_measure_that_decides_has_its_panel_and_thresholds() -> None:
    frame = limits_frame(QualityParameters(min_staining=7.0))
    assert frame["measure"].to_list() == [limit.measure for limit in LIMITS]
    assert (frame["warn"].is_not_null() | frame["fail"].is_not_null()).all()
    assert frame.filter(measure="staining_grn")["warn"].item() == 7.0


def test_the_check_respects_overrides() -> None:
    quality = array(["fail", "pass"]).quality
    found = quality_finding(quality, NO_FAILURES, NO_OVERRIDES)
    assert (found.passed, found.severe) == (False, False)
    assert found.description == "1 of 2 samples usable. mini-000: reason of fail"
    rows = [("mini-000", "warn", "r", "b", "d"), ("mini-001", "fail", "wrong block", "b", "d")]
    overrides = pl.DataFrame(rows, schema=NO_OVERRIDES.schema, orient="row")
    found = quality_finding(quality, NO_FAILURES, overrides)
    assert found.description == "1 of 2 samples usable. mini-001: overridden: wrong block"
    alone = quality_finding(quality.head(1), NO_FAILURES, NO_OVERRIDES)
    assert alone.severe, "nothing of the batch can be used"
    assert quality_finding(quality.head(1), NO_FAILURES, overrides).passed
