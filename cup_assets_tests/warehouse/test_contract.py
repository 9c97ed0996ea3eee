"""The tables and columns that others rely on are there, also in a database without a single row."""

from __future__ import annotations

import pytest

from cup_assets.warehouse import Catalogue

CONTRACT = {
    "batches": "batch state n_samples data_version landed_at",
    "samples": "sample_id batch sentrix_id sentrix_position patient_id array role diagnosis class"
    " family material sex site cohort",
    "sample_qc": "sample_id verdict reasons failed_fraction median_m median_u predicted_sex purity"
    " same_as measured_verdict measured_reasons recorded_sex sex_conflict identity_conflict"
    " overridden_by override_reason override_date",
    "verdict_overrides": "sample_id verdict reason by date",
    "identity_conflicts": "sample_id other kind other_patient snps concordance note",
    "probes": "array probe_id design channel chrom pos build genes",
    "betas": "sample_id probe_id beta",
    "masked_betas": "sample_id reason n",
    "cnv_bins": "sample_id chrom start end log2 build",
    "cnv_segments": "sample_id chrom start end n_probes log2 call build",
    "cnv_calls": "sample_id kind region log2 call confidence build",
    "dataset_members": "sample_id included reason",
    "training_plan": "strategy sample_id weight",
    "folds": "scheme repeat outer_fold inner_fold sample_id",
    "cv_scores": "model scheme strategy features repeat outer_fold sample_id class raw_score score",
    "cv_metrics": "model scheme strategy features metric class value low high",
    "cv_family_metrics": "model scheme strategy features metric family value low high",
    "cv_calibration_metrics": "model scheme calibrator metric value low high",
    "cv_comparisons": "study scheme a b metric value_a value_b difference low high test p p_holm",
    "landscape": "method seed sample_id x y",
    "cpg_importance": "probe_id method class score rank",
    "cpg_summary": "probe_id genes gene_parts island mean_rank rank_forest_shap verdict cluster"
    " frequency class direction difference separation hyper_in hypo_in",
    "gene_set_enrichment": "collection class direction gene_set n_genes n_hit expected p fdr hit",
    "panels": "panel_id size rank probe_id",
    "panel_curve": "model selector size metric value low high",
    "panel_choices": "repeat outer_fold rank probe_id",
    "panel_stability": "size stability low high n_folds",
    "panel_recommended": "scope model size error best_model best_size best_error allowed",
    "panel_performance": "panel_id metric class value low high",
    "assay_targets": "technology probe_id amplicon build chrom start end class difference genes",
    "assay_refusals": "technology reason n",
    "assay_accuracy": "technology measured_by measured metric class value low high",
    "panel_releases": "release technology material n_cpgs least_measured path digest is_current",
    "predictions": "sample_id release class score family family_score call missing note",
    "prediction_drivers": "sample_id batch release class feature kind gene value contribution rank"
    " class_share other_share note",
    "cv_explanations": "model scheme class feature gene mean_absolute direction rank",
    "cv_case_explanations": "model scheme repeat outer_fold sample_id class part feature value"
    " contribution rank",
    "label_doubts": "sample_id class suggested evidence",
    "input_manifest": "asset asset_version input input_version run_id",
}


@pytest.fixture(scope="module")
def catalogue(tmp_path_factory: pytest.TempPathFactory) -> Catalogue:
    return Catalogue(tmp_path_factory.mktemp("warehouse") / "cup.duckdb")


@pytest.mark.parametrize("table", CONTRACT)
def test_a_table_of_the_contract_has_its_columns(catalogue: Catalogue, table: str) -> None:
    assert set(CONTRACT[table].split()) <= set(catalogue.query(f"SELECT * FROM {table}").columns)


def test_every_table_that_assets_write_carries_run_and_version(catalogue: Catalogue) -> None:
    own = {"platform", "asset_versions", "input_manifest"}
    tables = catalogue.query("SELECT table_name FROM duckdb_tables()")["table_name"]
    lacking = [
        table
        for table in sorted(set(tables) - own)
        if not {"run_id", "data_version"} <= set(catalogue.query(f"SELECT * FROM {table}").columns)
    ]
    assert lacking == []
