"""Reports to draw pages of, with numbers that nothing else on a page can be mistaken for."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import polars as pl

from cup_assets.report.case_report import CaseReport
from cup_assets.report.case_sections import (
    Anomaly,
    CopyNumber,
    Driver,
    Drivers,
    Genome,
    Limits,
    Neighbour,
    Opposed,
    Prediction,
    Provenance,
    Quality,
    ReferenceMap,
    Score,
    Step,
)

WHEN = datetime(2026, 3, 7, 14, 5, 9, tzinfo=UTC)
ADENOID, DUCT, MELANOMA = (
    "adenoid_cystic_carcinoma",
    "salivary_duct_carcinoma",
    "mucosal_melanoma",
)

LIMITS = Limits(match=0.9, family=0.8, typicality=0.05, missing=0.2)
QUALITY = Quality(
    "warn",
    ["signal over background 2.4 is below 3", "recorded sex F, measured M"],
    {
        "failed_fraction": 0.0237, "bisulfite_conversion": 0.9612, "median_m": 11.171,
        "median_u": 11.393, "signal_to_background": 2.43, "median_beads": 14.0,
    },
    "M",
    "F",
)  # fmt: skip
PREDICTION = Prediction(
    "match", ADENOID, 0.9527, "salivary", 0.9841, 0.4375, 0.0132,
    scores=[
        Score(ADENOID, "salivary", 0.9527), Score(DUCT, "salivary", 0.0314),
        Score(MELANOMA, "sinonasal", 0.0159),
    ],
    families=[Score("salivary", None, 0.9841), Score("sinonasal", None, 0.0159)],
)  # fmt: skip
COPY_NUMBER = CopyNumber(
    reason=None, build="hg19", n_controls=17, noise=0.618, altered_fraction=0.1062,
    purity=0.44, purity_low=0.38, purity_high=0.75, pool_version="pool5e1f",
    warnings=["only 17 normal controls on mini, at least 24 are advised: profiles are noisier"],
    anomalies=[
        Anomaly("arm", "12q", "loss", -0.3346, 0.97, 0.4545, 0.0312),
        Anomaly("gene", "MYB", "gain", 0.5173, 0.91),
    ],
    n_not_called=8,
)  # fmt: skip
CASE = CaseReport(
    sample_id="CASE-0071",
    batch="B-03",
    array="epicv2",
    material="FFPE",
    simulated=False,
    date=WHEN,
    provenance=Provenance(
        [("R01C01_Grn.idat", "a1" * 32), ("R01C01_Red.idat", "b2" * 32)],
        {"method": "noob", "offset": 15.0},
        [Step("diagnosis/predictions[B-03]", "c3" * 32, "4", "run-71", WHEN)],
        "r0123456789ab",
        "d4" * 32,
        "random_forest",
    ),
    quality=QUALITY,
    limits=LIMITS,
    prediction=PREDICTION,
    neighbours=[
        Neighbour(1, "REF-9", ADENOID, "salivary", 4.7931),
        Neighbour(2, "REF-4", MELANOMA, "sinonasal", 5.4642),
    ],
    copy_number=COPY_NUMBER,
    drivers=Drivers("raw_score", 0.0831, 0.5702, [Driver(1, "cg00000071", "MYB", 0.1925, 0.0531),
                                                  Driver(2, "cg00000072", None, None, -0.0463)]),
    differential=[Opposed(1, "cg00000073", "NFIB", 0.2834, 0.0219, -0.0118, 0.0337),
                  Opposed(2, "cg00000074", None, 0.6081, -0.0075, 0.0164, -0.0239)],
    reference_map=ReferenceMap(
        "tsne",
        pl.DataFrame(
            {"x": [0.0, 1.0, 5.0], "y": [0.0, 2.0, 4.0], "class": [ADENOID, ADENOID, "normal"]}
        ),
        (0.5, 1.0),
    ),
    genome=Genome(
        pl.DataFrame({"chrom": ["1", "6", "12"], "start": [10**6, 10**7, 9 * 10**7],
                      "end": [2 * 10**6, 2 * 10**7, 10**8], "log2": [0.01, 2.0, -0.33]}),
        pl.DataFrame({"chrom": ["6", "12"], "start": [10**7, 9 * 10**7], "end": [2 * 10**7, 10**8],
                      "log2": [0.51, -0.33], "call": ["gain", "loss"]}),
        pl.DataFrame({"region": ["MYB"], "chrom": ["6"], "start": [135_000_000],
                      "end": [135_100_000], "log2": [0.5173]}),
    ),
)  # fmt: skip


def called(call: str, **changes: Any) -> CaseReport:
    """Return the case with another call."""
    return replace(CASE, prediction=replace(PREDICTION, call=call, **changes))


def not_scored(note: str, missing: float = 0.0132) -> CaseReport:
    """Return the case as it is where the release gave no score."""
    found = Prediction("no_match", None, None, None, None, None, missing, [note])
    return replace(CASE, prediction=found, drivers=None, differential=())


UNREADABLE = CaseReport(
    "CASE-0072", "B-03", None, "frozen", True, WHEN, replace(CASE.provenance, release=None),
    error="R02C01_Grn.idat: the file ends before its bead counts: copy it again",
)  # fmt: skip
STATES = {
    "match": CASE,
    "family_only": called("family_only", score=0.7418),
    "family_only_unlike": called("family_only", typicality=0.0294),
    "no_match": called("no_match", score=0.3127, family_score=0.5016),
    "no_match_unlike": called("no_match", typicality=0.0294, family_score=0.7),
    "failed_quality": not_scored("not scored: failed quality control: share of failed probes 36.0%"
                                 " is above 25%"),
    "missing_probes": not_scored("not scored: 31% of the probes missing (limit 20%)", 0.31),
    "refused": not_scored("not scored: the moon was full"),
    "not_scored": replace(CASE, prediction=None, limits=None, drivers=None, differential=()),
    "unreadable": UNREADABLE,
}  # fmt: skip
