-- Tables of the platform. Every row that an asset wrote carries the run that wrote it (run_id) and
-- the data version of the asset (data_version). Statements are idempotent.

CREATE TABLE IF NOT EXISTS platform (key VARCHAR PRIMARY KEY, value VARCHAR NOT NULL);

-- Provenance: one row a version of an asset (or of one of its partitions), kept for ever.
CREATE TABLE IF NOT EXISTS asset_versions (
    asset VARCHAR NOT NULL, partition VARCHAR NOT NULL, data_version VARCHAR NOT NULL,
    fingerprint VARCHAR NOT NULL, code_version VARCHAR NOT NULL, parameters JSON NOT NULL,
    run_id VARCHAR NOT NULL, materialised_at TIMESTAMPTZ NOT NULL, seconds DOUBLE,
    summary JSON NOT NULL, is_current BOOLEAN NOT NULL,
    started_at TIMESTAMPTZ); -- null in rows of schema 4 and earlier; materialised_at is the end
CREATE TABLE IF NOT EXISTS input_manifest (
    asset VARCHAR NOT NULL, asset_version VARCHAR NOT NULL, input VARCHAR NOT NULL,
    input_version VARCHAR NOT NULL, run_id VARCHAR NOT NULL);
CREATE TABLE IF NOT EXISTS matrices (
    batch VARCHAR NOT NULL, array_name VARCHAR NOT NULL, kind VARCHAR NOT NULL, path VARCHAR NOT NULL,
    n_probes INTEGER NOT NULL, n_samples INTEGER NOT NULL,
    run_id VARCHAR NOT NULL, data_version VARCHAR NOT NULL);
-- Digests of the bundles that `cup audit --bundle` made here; the run and the version are those of
-- the newest result in it.
CREATE TABLE IF NOT EXISTS audit_bundles (
    digest VARCHAR NOT NULL, kind VARCHAR NOT NULL, id VARCHAR NOT NULL,
    made_at TIMESTAMPTZ DEFAULT now(), run_id VARCHAR NOT NULL, data_version VARCHAR NOT NULL);

-- raw
CREATE TABLE IF NOT EXISTS batches (
    batch VARCHAR NOT NULL, state VARCHAR NOT NULL, n_samples INTEGER NOT NULL,
    files_version VARCHAR NOT NULL, signature VARCHAR, landed_at TIMESTAMPTZ DEFAULT now(),
    run_id VARCHAR NOT NULL, data_version VARCHAR NOT NULL);
CREATE TABLE IF NOT EXISTS samples (
    sample_id VARCHAR NOT NULL, batch VARCHAR NOT NULL, sentrix_id VARCHAR, sentrix_position VARCHAR,
    patient_id VARCHAR, "array" VARCHAR, "role" VARCHAR, diagnosis VARCHAR, "class" VARCHAR,
    family VARCHAR, material VARCHAR, sex VARCHAR, site VARCHAR, cohort VARCHAR,
    grn VARCHAR, red VARCHAR, grn_sha256 VARCHAR, red_sha256 VARCHAR, scan_date VARCHAR, extra JSON,
    run_id VARCHAR NOT NULL, data_version VARCHAR NOT NULL);
CREATE TABLE IF NOT EXISTS intake_problems (
    batch VARCHAR NOT NULL, severity VARCHAR NOT NULL, code VARCHAR NOT NULL, place VARCHAR NOT NULL,
    message VARCHAR NOT NULL, remedy VARCHAR NOT NULL,
    run_id VARCHAR NOT NULL, data_version VARCHAR NOT NULL);
-- Verdicts that a person overrides (overrides.csv of the batch); what was measured stays as it is.
CREATE TABLE IF NOT EXISTS verdict_overrides (
    sample_id VARCHAR NOT NULL, batch VARCHAR NOT NULL, verdict VARCHAR NOT NULL,
    reason VARCHAR NOT NULL, "by" VARCHAR NOT NULL, date VARCHAR NOT NULL,
    run_id VARCHAR NOT NULL, data_version VARCHAR NOT NULL);

-- normalised
-- What was measured on a sample's files alone; the verdict that counts is that of sample_qc.
CREATE TABLE IF NOT EXISTS sample_measures (
    sample_id VARCHAR NOT NULL, batch VARCHAR NOT NULL, "array" VARCHAR NOT NULL,
    files_sha256 VARCHAR NOT NULL, verdict VARCHAR NOT NULL, reasons VARCHAR,
    failed_fraction DOUBLE, median_m DOUBLE, median_u DOUBLE, predicted_sex VARCHAR, purity DOUBLE,
    measures JSON NOT NULL, run_id VARCHAR NOT NULL, data_version VARCHAR NOT NULL);
CREATE TABLE IF NOT EXISTS failed_samples (
    sample_id VARCHAR NOT NULL, batch VARCHAR NOT NULL, error VARCHAR NOT NULL,
    run_id VARCHAR NOT NULL, data_version VARCHAR NOT NULL);
CREATE TABLE IF NOT EXISTS masked_betas (
    sample_id VARCHAR NOT NULL, batch VARCHAR NOT NULL, reason VARCHAR NOT NULL, n BIGINT NOT NULL,
    run_id VARCHAR NOT NULL, data_version VARCHAR NOT NULL);
CREATE TABLE IF NOT EXISTS probes (
    "array" VARCHAR NOT NULL, probe_id VARCHAR NOT NULL, name VARCHAR, design VARCHAR, channel VARCHAR,
    chrom VARCHAR, pos BIGINT, build VARCHAR, genes VARCHAR, kind VARCHAR,
    gene_parts VARCHAR, -- "gene:part;..." (TSS200, Body, ...) where the manifest says it
    island VARCHAR, -- Island, N_Shore, ..., OpenSea; null where the manifest does not say
    run_id VARCHAR NOT NULL, data_version VARCHAR NOT NULL);

-- cnv
CREATE TABLE IF NOT EXISTS cnv_pools (
    "array" VARCHAR NOT NULL, pool_version VARCHAR NOT NULL, n_controls INTEGER NOT NULL,
    sample_ids VARCHAR NOT NULL, sexes VARCHAR NOT NULL, path VARCHAR NOT NULL, warning VARCHAR,
    n_female INTEGER, n_male INTEGER, -- of known sex
    response DOUBLE, -- log2 ratio that the array shows where the DNA's is 1
    rejected VARCHAR, -- normal controls that are not used, and why
    normal_betas_path VARCHAR, -- betas of CpGs that all controls leave unmethylated
    made_by VARCHAR NOT NULL, -- the version of cnv/controls that made the pool
    is_current BOOLEAN NOT NULL,
    run_id VARCHAR NOT NULL, data_version VARCHAR NOT NULL);
CREATE TABLE IF NOT EXISTS cnv_profiles (
    sample_id VARCHAR NOT NULL, batch VARCHAR NOT NULL, pool_version VARCHAR, n_controls INTEGER,
    noise DOUBLE, shift DOUBLE, altered_fraction DOUBLE, reason VARCHAR, warnings VARCHAR,
    -- Fraction of tumour cells, the 90 % interval, what it rests on, or why it is not known.
    purity DOUBLE, purity_low DOUBLE, purity_high DOUBLE, purity_method VARCHAR, purity_reason VARCHAR,
    build VARCHAR,
    run_id VARCHAR NOT NULL, data_version VARCHAR NOT NULL);
CREATE TABLE IF NOT EXISTS cnv_bins (
    sample_id VARCHAR NOT NULL, batch VARCHAR NOT NULL, chrom VARCHAR NOT NULL, start BIGINT NOT NULL,
    "end" BIGINT NOT NULL, log2 DOUBLE NOT NULL, n_probes INTEGER NOT NULL,
    build VARCHAR,
    run_id VARCHAR NOT NULL, data_version VARCHAR NOT NULL);
CREATE TABLE IF NOT EXISTS cnv_segments (
    sample_id VARCHAR NOT NULL, batch VARCHAR NOT NULL, chrom VARCHAR NOT NULL, start BIGINT NOT NULL,
    "end" BIGINT NOT NULL, n_probes INTEGER NOT NULL, log2 DOUBLE NOT NULL, call VARCHAR NOT NULL,
    build VARCHAR,
    run_id VARCHAR NOT NULL, data_version VARCHAR NOT NULL);
CREATE TABLE IF NOT EXISTS cnv_calls (
    sample_id VARCHAR NOT NULL, batch VARCHAR NOT NULL, kind VARCHAR NOT NULL, region VARCHAR NOT NULL,
    log2 DOUBLE, call VARCHAR NOT NULL, confidence DOUBLE,
    build VARCHAR,
    run_id VARCHAR NOT NULL, data_version VARCHAR NOT NULL);
-- How often a place is gained or lost in the reference samples of a class (by evaluation/landscape).
CREATE TABLE IF NOT EXISTS cnv_frequencies (
    "class" VARCHAR NOT NULL, build VARCHAR NOT NULL, chrom VARCHAR NOT NULL, start BIGINT NOT NULL,
    "end" BIGINT NOT NULL, n INTEGER NOT NULL, gain DOUBLE NOT NULL, loss DOUBLE NOT NULL,
    run_id VARCHAR NOT NULL, data_version VARCHAR NOT NULL);

-- datasets
-- Labels and files as they were when the dataset was made; later changes of a sheet do not count
-- until it is made again. `person` joins the samples of one patient, under whatever name.
CREATE TABLE IF NOT EXISTS dataset_members (
    sample_id VARCHAR NOT NULL, included BOOLEAN NOT NULL, reason VARCHAR, batch VARCHAR NOT NULL,
    "array" VARCHAR, "class" VARCHAR, family VARCHAR, person VARCHAR, material VARCHAR, site VARCHAR,
    files_sha256 VARCHAR, run_id VARCHAR NOT NULL, data_version VARCHAR NOT NULL);
CREATE TABLE IF NOT EXISTS identities (
    sample_id VARCHAR NOT NULL, same_as VARCHAR NOT NULL, snps INTEGER, concordance DOUBLE NOT NULL,
    run_id VARCHAR NOT NULL, data_version VARCHAR NOT NULL);
-- Genotypes against the sample sheets: kind same_genotype (one person under two patient names) or
-- other_genotype (two people under one).
CREATE TABLE IF NOT EXISTS identity_conflicts (
    sample_id VARCHAR NOT NULL, other VARCHAR NOT NULL, kind VARCHAR NOT NULL,
    other_patient VARCHAR, snps INTEGER NOT NULL, concordance DOUBLE NOT NULL, note VARCHAR NOT NULL,
    run_id VARCHAR NOT NULL, data_version VARCHAR NOT NULL);
CREATE TABLE IF NOT EXISTS folds (
    scheme VARCHAR NOT NULL, repeat INTEGER NOT NULL, outer_fold INTEGER NOT NULL, inner_fold INTEGER,
    sample_id VARCHAR NOT NULL, run_id VARCHAR NOT NULL, data_version VARCHAR NOT NULL);
CREATE TABLE IF NOT EXISTS training_plan (
    strategy VARCHAR NOT NULL, sample_id VARCHAR NOT NULL, weight DOUBLE NOT NULL,
    run_id VARCHAR NOT NULL, data_version VARCHAR NOT NULL);

-- What the schemes hold out, and the samples that a scheme cannot use, by datasets/reference.
CREATE TABLE IF NOT EXISTS scheme_parts (
    scheme VARCHAR NOT NULL, repeat INTEGER NOT NULL, outer_fold INTEGER NOT NULL,
    held_out VARCHAR NOT NULL, n_train INTEGER NOT NULL, n_test INTEGER NOT NULL,
    n_not_used INTEGER NOT NULL, run_id VARCHAR NOT NULL, data_version VARCHAR NOT NULL);
CREATE TABLE IF NOT EXISTS scheme_not_used (
    scheme VARCHAR NOT NULL, repeat INTEGER, outer_fold INTEGER, sample_id VARCHAR NOT NULL,
    "class" VARCHAR, part VARCHAR NOT NULL, reason VARCHAR NOT NULL,
    run_id VARCHAR NOT NULL, data_version VARCHAR NOT NULL);

-- evaluation
-- study: leaderboard (evaluation/cv/<model>) or ablations (evaluation/ablations).
CREATE TABLE IF NOT EXISTS cv_scores (
    model VARCHAR NOT NULL, scheme VARCHAR NOT NULL, strategy VARCHAR NOT NULL, features VARCHAR NOT NULL,
    repeat INTEGER NOT NULL, outer_fold INTEGER NOT NULL, sample_id VARCHAR NOT NULL,
    "class" VARCHAR NOT NULL, raw_score DOUBLE NOT NULL, score DOUBLE NOT NULL,
    study VARCHAR DEFAULT 'leaderboard',
    run_id VARCHAR NOT NULL, data_version VARCHAR NOT NULL);
-- What was chosen in the inner loop of each fold; calibrator: its coefficients, for explanations.
CREATE TABLE IF NOT EXISTS cv_choices (
    model VARCHAR NOT NULL, scheme VARCHAR NOT NULL, repeat INTEGER NOT NULL, outer_fold INTEGER NOT NULL,
    candidate JSON NOT NULL, inner_log_loss DOUBLE, calibration_c DOUBLE, n_probes INTEGER NOT NULL,
    n_train INTEGER NOT NULL, n_test INTEGER NOT NULL, calibrator JSON,
    strategy VARCHAR, features VARCHAR, study VARCHAR DEFAULT 'leaderboard',
    run_id VARCHAR NOT NULL, data_version VARCHAR NOT NULL);
CREATE TABLE IF NOT EXISTS cv_metrics (
    model VARCHAR NOT NULL, scheme VARCHAR NOT NULL, strategy VARCHAR NOT NULL, features VARCHAR NOT NULL,
    metric VARCHAR NOT NULL, "class" VARCHAR, value DOUBLE, low DOUBLE, high DOUBLE,
    study VARCHAR DEFAULT 'leaderboard',
    run_id VARCHAR NOT NULL, data_version VARCHAR NOT NULL);
CREATE TABLE IF NOT EXISTS cv_family_metrics (
    model VARCHAR NOT NULL, scheme VARCHAR NOT NULL, strategy VARCHAR NOT NULL, features VARCHAR NOT NULL,
    metric VARCHAR NOT NULL, family VARCHAR, value DOUBLE, low DOUBLE, high DOUBLE,
    run_id VARCHAR NOT NULL, data_version VARCHAR NOT NULL);
-- The same raw scores by other calibrators than the one that is used (by evaluation/cv/<model>), and
-- how far each can be believed (by evaluation/leaderboard).
CREATE TABLE IF NOT EXISTS cv_calibrations (
    model VARCHAR NOT NULL, scheme VARCHAR NOT NULL, calibrator VARCHAR NOT NULL,
    repeat INTEGER NOT NULL, outer_fold INTEGER NOT NULL, sample_id VARCHAR NOT NULL,
    "class" VARCHAR NOT NULL, score DOUBLE NOT NULL,
    run_id VARCHAR NOT NULL, data_version VARCHAR NOT NULL);
CREATE TABLE IF NOT EXISTS cv_calibration_metrics (
    model VARCHAR NOT NULL, scheme VARCHAR NOT NULL, calibrator VARCHAR NOT NULL,
    metric VARCHAR NOT NULL, value DOUBLE, low DOUBLE, high DOUBLE,
    run_id VARCHAR NOT NULL, data_version VARCHAR NOT NULL);
-- Differences on the very same predictions: of models (study leaderboard), of strategies against
-- unequal classes and of features (study ablations).
CREATE TABLE IF NOT EXISTS cv_comparisons (
    study VARCHAR NOT NULL, scheme VARCHAR NOT NULL, a VARCHAR NOT NULL, b VARCHAR NOT NULL,
    metric VARCHAR NOT NULL, n_samples INTEGER, n_patients INTEGER, n_unpaired INTEGER,
    value_a DOUBLE, value_b DOUBLE, difference DOUBLE, low DOUBLE, high DOUBLE,
    a_better INTEGER, b_better INTEGER, test VARCHAR, p DOUBLE, p_holm DOUBLE,
    run_id VARCHAR NOT NULL, data_version VARCHAR NOT NULL);
CREATE TABLE IF NOT EXISTS cv_recall_changes (
    model VARCHAR NOT NULL, scheme VARCHAR NOT NULL, "class" VARCHAR, n_samples INTEGER,
    n_patients INTEGER, "before" VARCHAR NOT NULL, "after" VARCHAR NOT NULL,
    recall_before DOUBLE, recall_after DOUBLE, difference DOUBLE, low DOUBLE, high DOUBLE,
    run_id VARCHAR NOT NULL, data_version VARCHAR NOT NULL);
-- Error against the size of the training part, and the patients in training that a lower error takes:
-- null is more than the curve can tell, the answer says it in a sentence.
CREATE TABLE IF NOT EXISTS learning_curve (
    model VARCHAR NOT NULL, scheme VARCHAR NOT NULL, fraction DOUBLE NOT NULL,
    n_train_patients DOUBLE NOT NULL, n_train_samples DOUBLE NOT NULL, n_test_patients INTEGER NOT NULL,
    error DOUBLE NOT NULL, low DOUBLE, high DOUBLE,
    run_id VARCHAR NOT NULL, data_version VARCHAR NOT NULL);
CREATE TABLE IF NOT EXISTS patients_needed (
    model VARCHAR NOT NULL, target_error DOUBLE NOT NULL, n_patients INTEGER, low INTEGER,
    high INTEGER, more INTEGER, answer VARCHAR NOT NULL,
    run_id VARCHAR NOT NULL, data_version VARCHAR NOT NULL);
-- Samples of classes that were left out of the training, and what they are called. rule: release
-- (scores and typicality, as a case is called) or scores (alone); a match is always wrong.
CREATE TABLE IF NOT EXISTS novelty_calls (
    model VARCHAR NOT NULL, left_out VARCHAR NOT NULL, true_family VARCHAR NOT NULL,
    family_known BOOLEAN NOT NULL, patient_id VARCHAR NOT NULL, sample_id VARCHAR NOT NULL,
    "class" VARCHAR, score DOUBLE, family VARCHAR, family_score DOUBLE, call VARCHAR NOT NULL,
    top_score DOUBLE, typicality DOUBLE, note VARCHAR,
    outcome VARCHAR NOT NULL, outcome_by_scores VARCHAR NOT NULL,
    run_id VARCHAR NOT NULL, data_version VARCHAR NOT NULL);
CREATE TABLE IF NOT EXISTS novelty_outcomes (
    model VARCHAR NOT NULL, rule VARCHAR NOT NULL, "class" VARCHAR, family VARCHAR,
    family_known BOOLEAN, n_samples INTEGER NOT NULL, n_patients INTEGER NOT NULL,
    outcome VARCHAR NOT NULL, share DOUBLE, low DOUBLE, high DOUBLE,
    run_id VARCHAR NOT NULL, data_version VARCHAR NOT NULL);
CREATE TABLE IF NOT EXISTS novelty_thresholds (
    model VARCHAR NOT NULL, rule VARCHAR NOT NULL, threshold DOUBLE NOT NULL,
    false_match DOUBLE NOT NULL, low DOUBLE, high DOUBLE,
    run_id VARCHAR NOT NULL, data_version VARCHAR NOT NULL);
-- What held-out samples' scores are made of (by evaluation/explanations): features that matter most
-- to a model, overall (class null) and for each class; how it was explained, and by how much the
-- contributions miss the scores; whether models agree; the largest contributions in single samples.
CREATE TABLE IF NOT EXISTS cv_explanations (
    model VARCHAR NOT NULL, scheme VARCHAR NOT NULL, "class" VARCHAR, feature VARCHAR NOT NULL,
    gene VARCHAR, quantity VARCHAR NOT NULL, -- calibrated_logit, or raw_score (random_forest)
    mean_absolute DOUBLE NOT NULL, share DOUBLE NOT NULL,
    direction VARCHAR, correlation DOUBLE, -- hyper: a high beta speaks for the class
    rank INTEGER NOT NULL, folds INTEGER NOT NULL, n_samples INTEGER NOT NULL,
    run_id VARCHAR NOT NULL, data_version VARCHAR NOT NULL);
CREATE TABLE IF NOT EXISTS cv_explanation_checks (
    model VARCHAR NOT NULL, scheme VARCHAR NOT NULL, method VARCHAR NOT NULL,
    quantity VARCHAR NOT NULL, n_samples INTEGER NOT NULL, folds INTEGER NOT NULL,
    additivity_max DOUBLE NOT NULL, additivity_median DOUBLE NOT NULL,
    floored DOUBLE, floor_gap DOUBLE, run_id VARCHAR NOT NULL, data_version VARCHAR NOT NULL);
CREATE TABLE IF NOT EXISTS explanation_agreement (
    scheme VARCHAR NOT NULL, a VARCHAR NOT NULL, b VARCHAR NOT NULL, "class" VARCHAR,
    metric VARCHAR NOT NULL, value DOUBLE, by_chance DOUBLE, n_features INTEGER NOT NULL,
    run_id VARCHAR NOT NULL, data_version VARCHAR NOT NULL);
CREATE TABLE IF NOT EXISTS cv_case_explanations (
    model VARCHAR NOT NULL, scheme VARCHAR NOT NULL, repeat INTEGER NOT NULL,
    outer_fold INTEGER NOT NULL, sample_id VARCHAR NOT NULL, true_class VARCHAR NOT NULL,
    "class" VARCHAR NOT NULL, part VARCHAR NOT NULL, -- called or runner_up
    score DOUBLE NOT NULL, quantity VARCHAR NOT NULL, base DOUBLE NOT NULL, output DOUBLE NOT NULL,
    feature VARCHAR NOT NULL, gene VARCHAR, value DOUBLE, contribution DOUBLE NOT NULL,
    rank INTEGER NOT NULL, run_id VARCHAR NOT NULL, data_version VARCHAR NOT NULL);
-- The pages about the cohort, by evaluation/report.
CREATE TABLE IF NOT EXISTS cohort_reports (
    language VARCHAR NOT NULL, file VARCHAR NOT NULL, page_sha256 VARCHAR NOT NULL,
    page_bytes BIGINT NOT NULL, run_id VARCHAR NOT NULL, data_version VARCHAR NOT NULL);
CREATE TABLE IF NOT EXISTS label_doubts (
    sample_id VARCHAR NOT NULL, "class" VARCHAR NOT NULL, suggested VARCHAR NOT NULL,
    evidence VARCHAR NOT NULL, run_id VARCHAR NOT NULL, data_version VARCHAR NOT NULL);
CREATE TABLE IF NOT EXISTS landscape (
    method VARCHAR NOT NULL, seed INTEGER NOT NULL, sample_id VARCHAR NOT NULL,
    x DOUBLE NOT NULL, y DOUBLE NOT NULL, run_id VARCHAR NOT NULL, data_version VARCHAR NOT NULL);
CREATE TABLE IF NOT EXISTS landscape_agreement (
    method VARCHAR NOT NULL, seed INTEGER, metric VARCHAR NOT NULL, label VARCHAR NOT NULL,
    value DOUBLE, n INTEGER, run_id VARCHAR NOT NULL, data_version VARCHAR NOT NULL);
CREATE TABLE IF NOT EXISTS landscape_clusters (
    method VARCHAR NOT NULL, sample_id VARCHAR NOT NULL, cluster INTEGER, -- null: in none
    run_id VARCHAR NOT NULL, data_version VARCHAR NOT NULL);
-- What neighbours and cluster mates of other patients would call each reference sample.
CREATE TABLE IF NOT EXISTS landscape_answers (
    kind VARCHAR NOT NULL, method VARCHAR NOT NULL, sample_id VARCHAR NOT NULL, answer VARCHAR,
    support DOUBLE, run_id VARCHAR NOT NULL, data_version VARCHAR NOT NULL);
-- Classifiers and unsupervised structure side by side, and where they differ (by
-- evaluation/concordance).
CREATE TABLE IF NOT EXISTS concordance (
    kind VARCHAR NOT NULL, method VARCHAR NOT NULL, n INTEGER NOT NULL, answered DOUBLE,
    accuracy DOUBLE, low DOUBLE, high DOUBLE, balanced_accuracy DOUBLE,
    run_id VARCHAR NOT NULL, data_version VARCHAR NOT NULL);
CREATE TABLE IF NOT EXISTS disagreements (
    sample_id VARCHAR NOT NULL, "class" VARCHAR NOT NULL, model VARCHAR NOT NULL,
    called VARCHAR NOT NULL, score DOUBLE, method VARCHAR NOT NULL, answer VARCHAR, support DOUBLE,
    "right" VARCHAR NOT NULL, run_id VARCHAR NOT NULL, data_version VARCHAR NOT NULL);
CREATE TABLE IF NOT EXISTS case_neighbours (
    sample_id VARCHAR NOT NULL, place INTEGER NOT NULL, neighbour VARCHAR NOT NULL,
    "class" VARCHAR, distance DOUBLE NOT NULL,
    run_id VARCHAR NOT NULL, data_version VARCHAR NOT NULL);

-- panels
CREATE TABLE IF NOT EXISTS cpg_importance (
    probe_id VARCHAR NOT NULL, method VARCHAR NOT NULL, "class" VARCHAR, score DOUBLE NOT NULL,
    rank INTEGER NOT NULL, run_id VARCHAR NOT NULL, data_version VARCHAR NOT NULL);
-- Of each candidate CpG: its cluster of correlated ones, Boruta's verdict, how often it is chosen from
-- random halves of the patients; tests; and how each class differs from the others there.
CREATE TABLE IF NOT EXISTS cpg_relevance (
    probe_id VARCHAR NOT NULL, cluster INTEGER NOT NULL, representative VARCHAR NOT NULL,
    correlation DOUBLE, verdict VARCHAR, boruta_importance DOUBLE, frequency DOUBLE,
    frequency_of_cluster DOUBLE, run_id VARCHAR NOT NULL, data_version VARCHAR NOT NULL);
CREATE TABLE IF NOT EXISTS cpg_tests (
    probe_id VARCHAR NOT NULL, method VARCHAR NOT NULL, statistic DOUBLE, p DOUBLE, fdr DOUBLE,
    run_id VARCHAR NOT NULL, data_version VARCHAR NOT NULL);
CREATE TABLE IF NOT EXISTS cpg_effects (
    probe_id VARCHAR NOT NULL, "class" VARCHAR NOT NULL, n INTEGER NOT NULL, mean DOUBLE,
    mean_others DOUBLE, difference DOUBLE, separation DOUBLE, direction VARCHAR,
    run_id VARCHAR NOT NULL, data_version VARCHAR NOT NULL);
-- All of it in one row a candidate: where it lies, its rank by each method (of ranks for single
-- classes the best), verdict, stability, cluster, and the classes that it marks.
CREATE TABLE IF NOT EXISTS cpg_summary (
    probe_id VARCHAR NOT NULL, hg19 VARCHAR, hg38 VARCHAR, genes VARCHAR, gene_parts VARCHAR,
    island VARCHAR, mean_rank DOUBLE NOT NULL, rank_anova_f INTEGER, rank_pca_loading INTEGER,
    rank_random_forest INTEGER, rank_logistic_coefficient INTEGER, rank_forest_permutation INTEGER,
    rank_forest_shap INTEGER, rank_elastic_net INTEGER, anova_fdr DOUBLE, kruskal_fdr DOUBLE,
    verdict VARCHAR, boruta_importance DOUBLE, frequency DOUBLE, frequency_of_cluster DOUBLE,
    cluster INTEGER NOT NULL, cluster_size INTEGER NOT NULL, representative VARCHAR NOT NULL,
    "class" VARCHAR, direction VARCHAR, difference DOUBLE, separation DOUBLE,
    hyper_in VARCHAR, hypo_in VARCHAR, run_id VARCHAR NOT NULL, data_version VARCHAR NOT NULL);
-- Gene sets of which confirmed CpGs hit more genes than a blind choice would: of all of them (no
-- class), and of those that are higher or lower in a class.
CREATE TABLE IF NOT EXISTS gene_set_enrichment (
    collection VARCHAR NOT NULL, "class" VARCHAR, direction VARCHAR, n_chosen INTEGER NOT NULL,
    n_background INTEGER NOT NULL, gene_set VARCHAR NOT NULL, n_genes INTEGER NOT NULL,
    n_hit INTEGER NOT NULL, counted DOUBLE, expected DOUBLE, odds DOUBLE, p DOUBLE, fdr DOUBLE,
    hit VARCHAR, untested VARCHAR, run_id VARCHAR NOT NULL, data_version VARCHAR NOT NULL);
CREATE TABLE IF NOT EXISTS panels (
    panel_id VARCHAR NOT NULL, size INTEGER NOT NULL, rank INTEGER NOT NULL, probe_id VARCHAR NOT NULL,
    chosen_in DOUBLE, -- share of the outer folds whose training part chose it for this panel, too
    separates VARCHAR, -- the classes that it was chosen to tell apart
    run_id VARCHAR NOT NULL, data_version VARCHAR NOT NULL);
CREATE TABLE IF NOT EXISTS panel_curve (
    model VARCHAR NOT NULL, selector VARCHAR NOT NULL, size INTEGER NOT NULL, metric VARCHAR NOT NULL,
    value DOUBLE, low DOUBLE, high DOUBLE, run_id VARCHAR NOT NULL, data_version VARCHAR NOT NULL);
CREATE TABLE IF NOT EXISTS panel_choices (
    repeat INTEGER NOT NULL, outer_fold INTEGER NOT NULL, rank INTEGER NOT NULL,
    probe_id VARCHAR NOT NULL, run_id VARCHAR NOT NULL, data_version VARCHAR NOT NULL);
-- How far the folds agree on a panel, the size that suffices (of each model family, and overall),
-- and how panels for a differential diagnosis work on patients that did not choose them.
CREATE TABLE IF NOT EXISTS panel_stability (
    size INTEGER NOT NULL, stability DOUBLE, low DOUBLE, high DOUBLE, n_folds INTEGER NOT NULL,
    run_id VARCHAR NOT NULL, data_version VARCHAR NOT NULL);
CREATE TABLE IF NOT EXISTS panel_recommended (
    scope VARCHAR NOT NULL, model VARCHAR NOT NULL, size INTEGER NOT NULL, error DOUBLE NOT NULL,
    best_model VARCHAR NOT NULL, best_size INTEGER NOT NULL, best_error DOUBLE NOT NULL,
    allowed DOUBLE NOT NULL, run_id VARCHAR NOT NULL, data_version VARCHAR NOT NULL);
CREATE TABLE IF NOT EXISTS panel_performance (
    panel_id VARCHAR NOT NULL, metric VARCHAR NOT NULL, "class" VARCHAR, value DOUBLE, low DOUBLE,
    high DOUBLE, run_id VARCHAR NOT NULL, data_version VARCHAR NOT NULL);
-- Panels that a light technology can measure (by panels/assays): the choice on all reference samples,
-- the choices inside the training parts that stand in for it, and how often such panels are right.
CREATE TABLE IF NOT EXISTS assay_panels (
    technology VARCHAR NOT NULL, title VARCHAR NOT NULL, material VARCHAR NOT NULL,
    build VARCHAR NOT NULL, n_cpgs INTEGER NOT NULL, n_amplicons INTEGER NOT NULL,
    measured INTEGER, -- CpGs of the smallest panel that was judged
    assumed VARCHAR, -- numbers of the profile that nobody measured
    profile JSON NOT NULL, note VARCHAR, -- why there is no panel
    run_id VARCHAR NOT NULL, data_version VARCHAR NOT NULL);
CREATE TABLE IF NOT EXISTS assay_targets (
    technology VARCHAR NOT NULL, "order" INTEGER NOT NULL, probe_id VARCHAR NOT NULL,
    amplicon VARCHAR NOT NULL, build VARCHAR NOT NULL, chrom VARCHAR NOT NULL, start BIGINT NOT NULL,
    "end" BIGINT NOT NULL, "class" VARCHAR, difference DOUBLE, genes VARCHAR,
    chosen_in DOUBLE NOT NULL, -- share of the outer folds whose training part chose it, too
    run_id VARCHAR NOT NULL, data_version VARCHAR NOT NULL);
CREATE TABLE IF NOT EXISTS assay_refusals (
    technology VARCHAR NOT NULL, reason VARCHAR NOT NULL, n INTEGER NOT NULL, first VARCHAR,
    example VARCHAR, run_id VARCHAR NOT NULL, data_version VARCHAR NOT NULL);
CREATE TABLE IF NOT EXISTS assay_choices (
    technology VARCHAR NOT NULL, repeat INTEGER NOT NULL, outer_fold INTEGER NOT NULL,
    inner_fold INTEGER, "order" INTEGER NOT NULL, probe_id VARCHAR NOT NULL, amplicon VARCHAR NOT NULL,
    run_id VARCHAR NOT NULL, data_version VARCHAR NOT NULL);
CREATE TABLE IF NOT EXISTS assay_accuracy (
    technology VARCHAR NOT NULL, measured_by VARCHAR NOT NULL, -- the technology, or array: no noise
    measured INTEGER NOT NULL, metric VARCHAR NOT NULL, "class" VARCHAR, value DOUBLE, low DOUBLE,
    high DOUBLE, run_id VARCHAR NOT NULL, data_version VARCHAR NOT NULL);
-- Panels that are released (by panels/release); a version is never made anew.
CREATE TABLE IF NOT EXISTS panel_releases (
    release VARCHAR NOT NULL, technology VARCHAR NOT NULL, title VARCHAR NOT NULL,
    material VARCHAR NOT NULL, n_cpgs INTEGER NOT NULL, least_measured DOUBLE NOT NULL,
    model VARCHAR NOT NULL, path VARCHAR NOT NULL, digest VARCHAR NOT NULL,
    is_current BOOLEAN NOT NULL, run_id VARCHAR NOT NULL, data_version VARCHAR NOT NULL);

-- diagnosis
CREATE TABLE IF NOT EXISTS releases (
    release VARCHAR NOT NULL, model VARCHAR NOT NULL, path VARCHAR NOT NULL, digest VARCHAR NOT NULL,
    is_current BOOLEAN NOT NULL, run_id VARCHAR NOT NULL, data_version VARCHAR NOT NULL);
-- One row a case: its best class and family, and the call. Class, family and scores are null where
-- a case could not be scored; the note says why.
CREATE TABLE IF NOT EXISTS predictions (
    sample_id VARCHAR NOT NULL, batch VARCHAR NOT NULL, release VARCHAR NOT NULL, "class" VARCHAR,
    score DOUBLE, family VARCHAR, family_score DOUBLE, call VARCHAR NOT NULL, note VARCHAR,
    typicality DOUBLE, -- share of held-out reference samples as far from their class
    missing DOUBLE, -- share of the release's probes that the sample lacks
    run_id VARCHAR NOT NULL, data_version VARCHAR NOT NULL);
CREATE TABLE IF NOT EXISTS prediction_scores (
    sample_id VARCHAR NOT NULL, batch VARCHAR NOT NULL, release VARCHAR NOT NULL,
    "class" VARCHAR NOT NULL, raw_score DOUBLE NOT NULL, score DOUBLE NOT NULL,
    run_id VARCHAR NOT NULL, data_version VARCHAR NOT NULL);
-- What the score of the class named for a case is made of, by the release that scored it: base and
-- all contributions, the small ones too, add up to the output.
CREATE TABLE IF NOT EXISTS prediction_cpgs (
    sample_id VARCHAR NOT NULL, batch VARCHAR NOT NULL, release VARCHAR NOT NULL,
    "class" VARCHAR NOT NULL, quantity VARCHAR NOT NULL, base DOUBLE NOT NULL,
    output DOUBLE NOT NULL,
    floor_gap DOUBLE, -- most that the calibrator's floor, left out of the contributions, changes
    feature VARCHAR NOT NULL, gene VARCHAR,
    value DOUBLE, -- null: not measured, counts as the mean of the reference
    contribution DOUBLE NOT NULL, rank INTEGER NOT NULL,
    run_id VARCHAR NOT NULL, data_version VARCHAR NOT NULL);

-- What speaks for the class named for a case (difference > 0) or for the class of the next best score.
CREATE TABLE IF NOT EXISTS prediction_differential (
    sample_id VARCHAR NOT NULL, batch VARCHAR NOT NULL, release VARCHAR NOT NULL,
    "class" VARCHAR NOT NULL, against VARCHAR NOT NULL, quantity VARCHAR NOT NULL,
    feature VARCHAR NOT NULL, gene VARCHAR, value DOUBLE, contribution DOUBLE NOT NULL,
    contribution_against DOUBLE NOT NULL, difference DOUBLE NOT NULL, rank INTEGER NOT NULL,
    run_id VARCHAR NOT NULL, data_version VARCHAR NOT NULL);
-- The pages of the cases (by diagnosis/reports), which say when and by which run a case was scored.
CREATE TABLE IF NOT EXISTS case_reports (
    sample_id VARCHAR NOT NULL, batch VARCHAR NOT NULL, release VARCHAR, language VARCHAR NOT NULL,
    file VARCHAR NOT NULL, page_sha256 VARCHAR NOT NULL, page_bytes BIGINT NOT NULL,
    run_id VARCHAR NOT NULL, data_version VARCHAR NOT NULL);

-- What speaks for the class named for a case: the CpGs that its score is made of (kind cpg), and
-- gains and losses of it that are typical of the class (kind anomaly): seen in three tenths or more
-- of the class's reference samples in which the place was called, at least three of them, and more
-- often than in the other classes. Anomalies are context: the release learns from betas alone, so
-- that they have no contribution. A view, because profiles may be made after a case was scored.
CREATE OR REPLACE VIEW prediction_drivers AS
WITH observed AS (
    SELECT sample_id, kind, region, log2, confidence, run_id, data_version,
           CASE WHEN call IN ('gain', 'amplification') THEN 'gain'
                WHEN call IN ('loss', 'deletion') THEN 'loss' ELSE call END AS change
    FROM cnv_calls WHERE kind IN ('arm', 'gene') AND call <> 'no_call'
), counted AS (
    SELECT d."class", o.kind, o.region, count(*) AS n,
           count(*) FILTER (o.change = 'gain') AS gain,
           count(*) FILTER (o.change = 'loss') AS loss
    FROM observed o JOIN dataset_members d USING (sample_id)
    WHERE d.included AND d."class" IS NOT NULL GROUP BY ALL
), everywhere AS (
    SELECT kind, region, sum(n) AS n, sum(gain) AS gain, sum(loss) AS loss
    FROM counted GROUP BY ALL
), typical AS (
    SELECT c."class", c.kind, c.region, change.change, c.n AS n_class,
           if(change.change = 'gain', c.gain, c.loss) / c.n AS class_share,
           (if(change.change = 'gain', e.gain - c.gain, e.loss - c.loss)) / nullif(e.n - c.n, 0)
               AS other_share
    FROM counted c JOIN everywhere e USING (kind, region),
         (VALUES ('gain'), ('loss')) AS change(change)
    WHERE if(change.change = 'gain', c.gain, c.loss) >= 3
)
SELECT sample_id, batch, release, "class", feature, 'cpg' AS kind, gene, value, contribution,
       rank::BIGINT AS rank, NULL::DOUBLE AS class_share, NULL::DOUBLE AS other_share,
       'adds to the ' || replace(quantity, '_', ' ')
           || if(floor_gap > 1e-9, ' before the floor on raw scores', '') AS note,
       run_id, data_version
FROM prediction_cpgs
UNION ALL
SELECT p.sample_id, p.batch, p.release, p."class", t.change || ' of ' || t.region, 'anomaly',
       if(t.kind = 'gene', t.region, NULL), o.log2, NULL::DOUBLE,
       row_number() OVER (PARTITION BY p.sample_id, p.release
                          ORDER BY t.class_share DESC, t.kind, t.region),
       t.class_share, t.other_share, 'observed; the release does not look at copy number',
       o.run_id, o.data_version
FROM predictions p JOIN observed o USING (sample_id)
JOIN typical t ON t."class" = p."class" AND t.kind = o.kind AND t.region = o.region
     AND t.change = o.change
WHERE t.class_share >= 0.3 AND t.class_share > coalesce(t.other_share, 0);

-- The verdict that counts. A sheet may change without the measures changing, so what contradicts
-- the sheet (sex, identity) is compared here, and turns a pass into a warning; a person's override
-- comes before everything, and what it overrides stays beside it.
CREATE OR REPLACE VIEW sample_qc AS
WITH compared AS (
    SELECT m.* EXCLUDE (purity), p.purity, p.purity_low, p.purity_high, p.purity_method,
           p.purity_reason, s.sex AS recorded_sex, i.same_as, c.identity_conflict,
           'recorded sex ' || s.sex || ', measured ' || m.predicted_sex AS sex_conflict_if,
           o.verdict AS override_verdict, o.reason AS override_reason,
           o."by" AS overridden_by, o.date AS override_date
    FROM sample_measures m
    LEFT JOIN samples s USING (sample_id, batch)
    LEFT JOIN verdict_overrides o USING (sample_id, batch)
    LEFT JOIN cnv_profiles p USING (sample_id, batch)
    LEFT JOIN (SELECT sample_id, string_agg(same_as, ';' ORDER BY same_as) AS same_as
               FROM identities GROUP BY sample_id) i USING (sample_id)
    LEFT JOIN (SELECT sample_id, string_agg(note, '; ' ORDER BY other) AS identity_conflict
               FROM identity_conflicts GROUP BY sample_id) c USING (sample_id)
), judged AS (
    SELECT *, CASE WHEN recorded_sex <> predicted_sex THEN sex_conflict_if END AS sex_conflict
    FROM compared
), measured AS (
    SELECT * RENAME (verdict AS measured_verdict, reasons AS measured_reasons),
           CASE WHEN verdict = 'pass' AND coalesce(sex_conflict, identity_conflict) IS NOT NULL
                THEN 'warn' ELSE verdict END AS compared_verdict,
           concat_ws('; ', nullif(reasons, ''), sex_conflict, identity_conflict) AS all_reasons
    FROM judged
)
SELECT sample_id, batch, coalesce(override_verdict, compared_verdict) AS verdict,
       concat_ws('; ', 'overridden by ' || overridden_by || ' on ' || override_date || ', was '
                       || compared_verdict || ': ' || override_reason, nullif(all_reasons, ''))
           AS reasons,
       measured_verdict, measured_reasons, overridden_by, override_date, override_reason,
       failed_fraction, median_m, median_u, predicted_sex, recorded_sex, sex_conflict, purity,
       purity_low, purity_high, purity_method, purity_reason,
       same_as, identity_conflict, "array", files_sha256, measures, run_id, data_version
FROM measured;
