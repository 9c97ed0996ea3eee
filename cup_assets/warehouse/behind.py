"""Which rows of which tables are behind a sample's scores, a panel or a release.

Belongs here: tables, conditions on their rows (``$1`` is the name asked for), what is withheld.
Does not belong here: reading them (`.evidence`).
"""

from __future__ import annotations

WITHHELD = {
    "samples": ("patient_id", "extra"),
    "dataset_members": ("person",),
    "novelty_calls": ("patient_id",),
}
# Floats that a recomputation must meet to the last bit are written in hexadecimal, too.
EXACT = {
    "predictions": ("score", "family_score", "typicality", "missing"),
    "prediction_scores": ("raw_score", "score"),
    "cv_scores": ("raw_score", "score"),
}
_FOLD = "study, model, scheme, strategy, features, repeat, outer_fold"
# What the release of a classifier names its performance by, all of its scores in it.
_JUDGED = (
    "study = 'leaderboard' AND scheme = 'stratified' AND model IN"
    " (SELECT model FROM releases WHERE release = $1)"
)
_TECHNOLOGY = "technology IN (SELECT technology FROM panel_releases WHERE release = $1)"
ABOUT = {
    "sample": {
        "samples": "sample_id = $1",
        "sample_qc": "sample_id = $1",
        "verdict_overrides": "sample_id = $1",
        "masked_betas": "sample_id = $1",
        "cnv_profiles": "sample_id = $1",
        "cnv_calls": "sample_id = $1",
        "predictions": "sample_id = $1",
        "prediction_scores": "sample_id = $1",
        "prediction_cpgs": "sample_id = $1",
        "prediction_differential": "sample_id = $1",
        "cv_scores": "sample_id = $1",
        # With the calibrator of each fold that held the sample out.
        "cv_choices": f"({_FOLD}) IN (SELECT {_FOLD} FROM cv_scores WHERE sample_id = $1)",
        "cnv_pools": "pool_version IN (SELECT pool_version FROM cnv_profiles WHERE sample_id = $1)",
        "releases": "release IN (SELECT release FROM predictions WHERE sample_id = $1)",
        "cv_metrics": "study = 'leaderboard' AND model IN (SELECT model FROM cv_scores"
        " WHERE sample_id = $1 UNION SELECT model FROM releases JOIN predictions USING (release)"
        " WHERE sample_id = $1)",
    },
    "panel": {
        "panels": "panel_id = $1",
        "panel_curve": "$1 <> ''",
        "panel_choices": "$1 <> ''",
        "panel_performance": "panel_id = $1",
        "panel_recommended": "$1 <> ''",
        "panel_stability": "$1 <> ''",
        "probes": "name IN (SELECT probe_id FROM panels WHERE panel_id = $1)",
    },
    "release": {
        "releases": "release = $1",
        "cv_metrics": "study = 'leaderboard' AND model IN"
        " (SELECT model FROM releases WHERE release = $1)",
        "cv_choices": "study = 'leaderboard' AND model IN"
        " (SELECT model FROM releases WHERE release = $1)",
        "cv_scores": _JUDGED,
    },
    "released panel": {
        "panel_releases": "release = $1",
        **dict.fromkeys(
            ("assay_panels", "assay_targets", "assay_refusals", "assay_choices", "assay_accuracy"),
            _TECHNOLOGY,
        ),
        "probes": f"name IN (SELECT probe_id FROM assay_targets WHERE {_TECHNOLOGY})",
    },
}
# Of what is learnt from: the same, whichever result it is behind.
LEARNT_FROM = ("dataset_members", "folds", "training_plan")
# Not replaced by the version that a result was made of, or kept for ever: shown as they are now.
AS_THEY_ARE = (
    *("samples", "sample_qc", "verdict_overrides", "releases", "panel_releases", "cnv_pools"),
    "probes",
)
TABLES_OF = {
    "raw/idats": "samples",
    "normalised/betas": "sample_qc, masked_betas",
    "cnv/profiles": "cnv_profiles, cnv_calls",
    "datasets/reference": "dataset_members, folds",
    "datasets/balanced": "training_plan",
    "evaluation/leaderboard": "cv_metrics",
    "panels/cpg": "panels",
    "panels/assays": "assay_panels, assay_targets, assay_accuracy",
}
