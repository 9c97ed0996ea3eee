-- A small catalogue as schema version 3 wrote it, with a few simulated samples; for the test of the
-- migration, never to be changed. First its layout, then its rows.

-- Tables of the platform. Every row that an asset wrote carries the run that wrote it (run_id) and
-- the data version of the asset (data_version). Statements are idempotent.

CREATE TABLE IF NOT EXISTS platform (key VARCHAR PRIMARY KEY, value VARCHAR NOT NULL);

-- Provenance: one row a version of an asset (or of one of its partitions), kept for ever.
CREATE TABLE IF NOT EXISTS asset_versions (
    asset VARCHAR NOT NULL, partition VARCHAR NOT NULL, data_version VARCHAR NOT NULL,
    fingerprint VARCHAR NOT NULL, code_version VARCHAR NOT NULL, parameters JSON NOT NULL,
    run_id VARCHAR NOT NULL, materialised_at TIMESTAMPTZ NOT NULL, seconds DOUBLE,
    summary JSON NOT NULL, is_current BOOLEAN NOT NULL);
CREATE TABLE IF NOT EXISTS input_manifest (
    asset VARCHAR NOT NULL, asset_version VARCHAR NOT NULL, input VARCHAR NOT NULL,
    input_version VARCHAR NOT NULL, run_id VARCHAR NOT NULL);
CREATE TABLE IF NOT EXISTS matrices (
    batch VARCHAR NOT NULL, array_name VARCHAR NOT NULL, kind VARCHAR NOT NULL, path VARCHAR NOT NULL,
    n_probes INTEGER NOT NULL, n_samples INTEGER NOT NULL,
    run_id VARCHAR NOT NULL, data_version VARCHAR NOT NULL);

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
CREATE TABLE IF NOT EXISTS panels (
    panel_id VARCHAR NOT NULL, size INTEGER NOT NULL, rank INTEGER NOT NULL, probe_id VARCHAR NOT NULL,
    run_id VARCHAR NOT NULL, data_version VARCHAR NOT NULL);
CREATE TABLE IF NOT EXISTS panel_curve (
    model VARCHAR NOT NULL, selector VARCHAR NOT NULL, size INTEGER NOT NULL, metric VARCHAR NOT NULL,
    value DOUBLE, low DOUBLE, high DOUBLE, run_id VARCHAR NOT NULL, data_version VARCHAR NOT NULL);
CREATE TABLE IF NOT EXISTS panel_choices (
    repeat INTEGER NOT NULL, outer_fold INTEGER NOT NULL, rank INTEGER NOT NULL,
    probe_id VARCHAR NOT NULL, run_id VARCHAR NOT NULL, data_version VARCHAR NOT NULL);

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

-- rows
INSERT INTO "asset_versions" ("asset", "partition", "data_version", "fingerprint", "code_version", "parameters", "run_id", "materialised_at", "seconds", "summary", "is_current") VALUES
    ('datasets/reference', '', 'b1dd315fedf7da60065cc679b849420205cde9c44c090af32c89e2b043046b51', '82f6b1c8853df43b853f37e991411d1fe8f211ea0d034617b99bbfaafaab7c25', '3', '{}', '6a75d239-844b-4bc2-9954-51a3f1e8c935', '2026-11-22 23:01:37.737821+00', 0.6674330270034261, '{"table": "dataset_members", "columns": {"sample_id": "String"}, "rows": 30, "numbers": {"members": 24, "classes": 3}, "notes": {}, "findings": [{"name": "identities", "passed": true, "description": "no two patients share genotypes, and every patient''s samples agree", "severe": false}], "seconds": 0.667, "simulated_samples": 30, "pictures": []}', TRUE),
    ('diagnosis/classifier', '', '2041ca7d2931ec5b97ea8b82690675233ba1165610781215bc11969375fc8a9a', '2041ca7d2931ec5b97ea8b82690675233ba1165610781215bc11969375fc8a9a', '3', '{}', '6a75d239-844b-4bc2-9954-51a3f1e8c935', '2026-11-22 23:02:05.819277+00', 0.4932823199997074, '{"table": "releases", "columns": {"sample_id": "String"}, "rows": 1, "numbers": {"release": "r2041ca7d2931", "model": "logistic_regression"}, "notes": {}, "findings": [], "seconds": 0.493, "simulated_samples": 30, "pictures": []}', TRUE),
    ('diagnosis/predictions', 'alpha', 'c6458e681b14f6edc7bb70d44b44f3459eaf98d55b1214d684722d6244658285', 'c6458e681b14f6edc7bb70d44b44f3459eaf98d55b1214d684722d6244658285', '3', '{}', 'a088329a-0683-421b-b9fb-32f3fa2294b4', '2026-11-22 23:02:06.72011+00', 0.31694924399926094, '{"table": "predictions", "columns": {"sample_id": "String"}, "rows": 0, "numbers": {"release": "r2041ca7d2931", "cases": 0}, "notes": {}, "findings": [], "seconds": 0.317, "simulated_samples": 30, "pictures": []}', TRUE),
    ('diagnosis/predictions', 'beta', 'faa0d79b70e9f3e1d62869507209658df249abd8ed0185de8b0257e59fa65fcf', 'faa0d79b70e9f3e1d62869507209658df249abd8ed0185de8b0257e59fa65fcf', '3', '{}', '0f12776f-ebd6-427e-b3aa-2abd019229a0', '2026-11-22 23:02:08.509975+00', 1.2300701689964626, '{"table": "predictions", "columns": {"sample_id": "String"}, "rows": 2, "numbers": {"release": "r2041ca7d2931", "cases": 2}, "notes": {}, "findings": [], "seconds": 1.23, "simulated_samples": 30, "pictures": []}', TRUE),
    ('normalised/betas', 'alpha', '838979bc3dcb32e72605cd80b2e291bcf10a363ed807aa3c191398554c912af1', '838979bc3dcb32e72605cd80b2e291bcf10a363ed807aa3c191398554c912af1', '2', '{}', 'd8fc5030-e79e-4304-9100-99b7a28d03a5', '2026-11-22 23:01:23.249843+00', 2.2441769169963663, '{"table": "sample_measures", "columns": {"sample_id": "String"}, "rows": 16, "numbers": {"samples": 16, "samples_failed_to_read": 0}, "notes": {}, "findings": [{"name": "quality", "passed": true, "description": "16 of 16 samples usable. ", "severe": false}], "seconds": 2.244, "simulated_samples": 16, "pictures": []}', TRUE),
    ('normalised/betas', 'beta', '7efaca96d8b688a7c9e163a439de0026dba7fa4beb7e3e7ead50242e74b7d1b4', '7efaca96d8b688a7c9e163a439de0026dba7fa4beb7e3e7ead50242e74b7d1b4', '2', '{}', 'c45e48ca-8fda-4d6e-9031-f3a40c792c9b', '2026-11-22 23:01:27.152144+00', 2.640331550996052, '{"table": "sample_measures", "columns": {"sample_id": "String"}, "rows": 14, "numbers": {"samples": 14, "samples_failed_to_read": 0}, "notes": {"identity": "| SIM-0002 | same genotypes as SIM-0001 of patient SIM-P001 (98% of 65 SNPs agree) |"}, "findings": [{"name": "quality", "passed": true, "description": "14 of 14 samples usable. ", "severe": false}], "seconds": 2.64, "simulated_samples": 30, "pictures": []}', TRUE),
    ('raw/idats', 'alpha', '3ac395003c27c17c147591a4ef908dc7e1e144c7b0b8df0fed3f1ba143654fc4', '3ac395003c27c17c147591a4ef908dc7e1e144c7b0b8df0fed3f1ba143654fc4', '2', '{}', 'd8fc5030-e79e-4304-9100-99b7a28d03a5', '2026-11-22 23:01:20.413788+00', 0.210981588003051, '{"table": "samples", "columns": {"sample_id": "String"}, "rows": 16, "numbers": {"samples": 16, "files": 33}, "notes": {}, "findings": [{"name": "pairs_complete", "passed": true, "description": "16 samples taken in", "severe": false}], "seconds": 0.211, "simulated_samples": 0, "pictures": []}', TRUE),
    ('raw/idats', 'beta', '1fe35064c0ba5dab033f847a3d0589be7c2e693fa41b4668920314845f7600da', '1fe35064c0ba5dab033f847a3d0589be7c2e693fa41b4668920314845f7600da', '2', '{}', 'c45e48ca-8fda-4d6e-9031-f3a40c792c9b', '2026-11-22 23:01:23.915679+00', 0.28212449699640274, '{"table": "samples", "columns": {"sample_id": "String"}, "rows": 14, "numbers": {"samples": 14, "files": 29}, "notes": {}, "findings": [{"name": "pairs_complete", "passed": true, "description": "14 samples taken in", "severe": false}], "seconds": 0.282, "simulated_samples": 16, "pictures": []}', TRUE);
INSERT INTO "batches" ("batch", "state", "n_samples", "files_version", "signature", "landed_at", "run_id", "data_version") VALUES
    ('alpha', 'ready', 16, '688afd85d31decf42f1c150594a722a442e220466c196f553486278f95c04732', '39e416ec5773a76f30228ab4088cbb44', '2026-11-22 23:01:20.413788+00', 'd8fc5030-e79e-4304-9100-99b7a28d03a5', '3ac395003c27c17c147591a4ef908dc7e1e144c7b0b8df0fed3f1ba143654fc4'),
    ('beta', 'ready', 14, '1d772365da0b2820a0509f2e132af3fc9f25bb5bae93d4470feb90260c70b013', 'af0e932d7d3e3cda85adaf65406f5160', '2026-11-22 23:01:23.915679+00', 'c45e48ca-8fda-4d6e-9031-f3a40c792c9b', '1fe35064c0ba5dab033f847a3d0589be7c2e693fa41b4668920314845f7600da');
INSERT INTO "case_neighbours" ("sample_id", "place", "neighbour", "class", "distance", "run_id", "data_version") VALUES
    ('SIM-0002', 1, 'SIM-0003', 'hpv_positive_squamous_cell_carcinoma', 0.5200098873397359, '6a75d239-844b-4bc2-9954-51a3f1e8c935', '20db1879ecb21bf518b37243dd8fec35d8b264b93c111b9a432a45941993d282'),
    ('SIM-0002', 2, 'SIM-0009', 'hpv_positive_squamous_cell_carcinoma', 1.1865200181141295, '6a75d239-844b-4bc2-9954-51a3f1e8c935', '20db1879ecb21bf518b37243dd8fec35d8b264b93c111b9a432a45941993d282');
INSERT INTO "cnv_bins" ("sample_id", "batch", "chrom", "start", "end", "log2", "n_probes", "build", "run_id", "data_version") VALUES
    ('SIM-0001', 'alpha', '1', 50000, 5200000, -0.03656482696533203, 26, 'hg19', 'cae0eecb-00b6-4eb5-a516-df3feb35f41f', '3f094ad833103fa7e6d2d9d2018b51f58aa60691e202882eb91bed0124338f0f'),
    ('SIM-0001', 'alpha', '1', 5200000, 10350000, 0.17188215255737305, 16, 'hg19', 'cae0eecb-00b6-4eb5-a516-df3feb35f41f', '3f094ad833103fa7e6d2d9d2018b51f58aa60691e202882eb91bed0124338f0f');
INSERT INTO "cnv_calls" ("sample_id", "batch", "kind", "region", "log2", "call", "confidence", "build", "run_id", "data_version") VALUES
    ('SIM-0001', 'alpha', 'arm', '10p', 0.01772165298461914, 'neutral', 0.9999204109231932, 'hg19', 'cae0eecb-00b6-4eb5-a516-df3feb35f41f', '3f094ad833103fa7e6d2d9d2018b51f58aa60691e202882eb91bed0124338f0f'),
    ('SIM-0001', 'alpha', 'arm', '10q', 7.295608520507812e-05, 'neutral', 0.9999849053414922, 'hg19', 'cae0eecb-00b6-4eb5-a516-df3feb35f41f', '3f094ad833103fa7e6d2d9d2018b51f58aa60691e202882eb91bed0124338f0f'),
    ('SIM-0001', 'alpha', 'arm', '11p', 0.05591440200805664, 'neutral', 0.9994808833169849, 'hg19', 'cae0eecb-00b6-4eb5-a516-df3feb35f41f', '3f094ad833103fa7e6d2d9d2018b51f58aa60691e202882eb91bed0124338f0f'),
    ('SIM-0001', 'alpha', 'arm', '11q', 0.00695037841796875, 'neutral', 0.9999854350904052, 'hg19', 'cae0eecb-00b6-4eb5-a516-df3feb35f41f', '3f094ad833103fa7e6d2d9d2018b51f58aa60691e202882eb91bed0124338f0f');
INSERT INTO "cnv_frequencies" ("class", "build", "chrom", "start", "end", "n", "gain", "loss", "run_id", "data_version") VALUES
    ('adenoid_cystic_carcinoma', 'hg19', '1', 0, 1000000, 8, 0.0, 0.0, '6a75d239-844b-4bc2-9954-51a3f1e8c935', '20db1879ecb21bf518b37243dd8fec35d8b264b93c111b9a432a45941993d282'),
    ('adenoid_cystic_carcinoma', 'hg19', '1', 1000000, 2000000, 8, 0.0, 0.0, '6a75d239-844b-4bc2-9954-51a3f1e8c935', '20db1879ecb21bf518b37243dd8fec35d8b264b93c111b9a432a45941993d282');
INSERT INTO "cnv_pools" ("array", "pool_version", "n_controls", "sample_ids", "sexes", "path", "warning", "n_female", "n_male", "response", "rejected", "normal_betas_path", "made_by", "is_current", "run_id", "data_version") VALUES
    ('mini', '8b3c977a5da5028b', 4, 'SIM-0011;SIM-0022;SIM-0023;SIM-0030', 'M;M;F;F', 'pools/mini-8b3c977a5da5028b.parquet', 'only 4 normal controls on mini, at least 16 are advised: profiles are noisier', 2, 2, 0.9996364462725937, NULL, 'pools/mini-normal-betas-6b5df14f18614782.parquet', '4eab857dbe18d5311489617ff9db63f8eedc7988ea959007d6705f60b42f0db5', TRUE, 'a1fe44ed-da63-444a-a857-44baa335d87c', '4eab857dbe18d5311489617ff9db63f8eedc7988ea959007d6705f60b42f0db5');
INSERT INTO "cnv_profiles" ("sample_id", "batch", "pool_version", "n_controls", "noise", "shift", "altered_fraction", "reason", "warnings", "purity", "purity_low", "purity_high", "purity_method", "purity_reason", "build", "run_id", "data_version") VALUES
    ('SIM-0001', 'alpha', '8b3c977a5da5028b', 4, 0.5518773322295254, 0.04617166519165039, 0.07050420632144763, NULL, 'only 4 normal controls on mini, at least 16 are advised: profiles are noisier', 0.87, 0.83, 0.9, 'copy_number+methylation', NULL, 'hg19', 'cae0eecb-00b6-4eb5-a516-df3feb35f41f', '3f094ad833103fa7e6d2d9d2018b51f58aa60691e202882eb91bed0124338f0f'),
    ('SIM-0002', 'beta', '8b3c977a5da5028b', 4, 0.6767840134577632, -0.0014333724975585938, 0.050437467833247554, NULL, 'only 4 normal controls on mini, at least 16 are advised: profiles are noisier', 0.73, 0.65, 0.83, 'copy_number+methylation', NULL, 'hg19', 'ad2b6da6-eb36-4939-bd95-d191caa8942c', '7bcb0a0db9e98f601e87970faaae0a7738dba5231efba53744aed5c06bada232');
INSERT INTO "cnv_segments" ("sample_id", "batch", "chrom", "start", "end", "n_probes", "log2", "call", "build", "run_id", "data_version") VALUES
    ('SIM-0001', 'alpha', '1', 50000, 249150000, 1093, 0.004423880464284815, 'neutral', 'hg19', 'cae0eecb-00b6-4eb5-a516-df3feb35f41f', '3f094ad833103fa7e6d2d9d2018b51f58aa60691e202882eb91bed0124338f0f'),
    ('SIM-0001', 'alpha', '10', 50000, 135450000, 604, 0.01000529524779681, 'neutral', 'hg19', 'cae0eecb-00b6-4eb5-a516-df3feb35f41f', '3f094ad833103fa7e6d2d9d2018b51f58aa60691e202882eb91bed0124338f0f');
INSERT INTO "concordance" ("kind", "method", "n", "answered", "accuracy", "low", "high", "balanced_accuracy", "run_id", "data_version") VALUES
    ('classifier', 'logistic_regression', 24, 1.0, 1.0, 0.8575264022774743, 1.0, 1.0, 'b4b04040-5d6d-4d79-bd2e-72818ea2681d', '59bf8e6b185f5d633890691f148ecb149f947db3226f5785c70a386165e477c7'),
    ('classifier', 'neural_network', 24, 1.0, 0.375, 0.2041666666666667, 0.5, 0.375, 'b4b04040-5d6d-4d79-bd2e-72818ea2681d', '59bf8e6b185f5d633890691f148ecb149f947db3226f5785c70a386165e477c7');
INSERT INTO "cpg_effects" ("probe_id", "class", "n", "mean", "mean_others", "difference", "separation", "direction", "run_id", "data_version") VALUES
    ('cg00187771', 'adenoid_cystic_carcinoma', 8, 0.7957495748996735, 0.42643402237445116, 0.3693155525252223, 0.984375, 'hyper', '6a75d239-844b-4bc2-9954-51a3f1e8c935', '599ef07170ef30420c13e078855eb558b4af30cfb0061984c1bb43899c707983'),
    ('cg00187771', 'hpv_positive_squamous_cell_carcinoma', 8, 0.4176342096179724, 0.6154917050153017, -0.19785749539732933, 0.265625, 'hypo', '6a75d239-844b-4bc2-9954-51a3f1e8c935', '599ef07170ef30420c13e078855eb558b4af30cfb0061984c1bb43899c707983');
INSERT INTO "cpg_importance" ("probe_id", "method", "class", "score", "rank", "run_id", "data_version") VALUES
    ('cg00187771', 'anova_f', NULL, 13.696498425614163, 69, '6a75d239-844b-4bc2-9954-51a3f1e8c935', '599ef07170ef30420c13e078855eb558b4af30cfb0061984c1bb43899c707983'),
    ('cg00187771', 'logistic_coefficient', 'adenoid_cystic_carcinoma', 0.04819132805463504, 24, '6a75d239-844b-4bc2-9954-51a3f1e8c935', '599ef07170ef30420c13e078855eb558b4af30cfb0061984c1bb43899c707983');
INSERT INTO "cpg_relevance" ("probe_id", "cluster", "representative", "correlation", "verdict", "boruta_importance", "frequency", "frequency_of_cluster", "run_id", "data_version") VALUES
    ('cg00187771', 10, 'cg00187771', 1.0, 'tentative', 0.0585156731768722, 0.0, 0.0, '6a75d239-844b-4bc2-9954-51a3f1e8c935', '599ef07170ef30420c13e078855eb558b4af30cfb0061984c1bb43899c707983'),
    ('cg00283495', 6, 'cg24598819', 0.9243560463400504, 'tentative', 0.09037134740259739, 0.25, 0.5, '6a75d239-844b-4bc2-9954-51a3f1e8c935', '599ef07170ef30420c13e078855eb558b4af30cfb0061984c1bb43899c707983');
INSERT INTO "cpg_tests" ("probe_id", "method", "statistic", "p", "fdr", "run_id", "data_version") VALUES
    ('cg00187771', 'anova', 13.696498425614163, 0.00015598619317447045, 0.0002260669466296673, '6a75d239-844b-4bc2-9954-51a3f1e8c935', '599ef07170ef30420c13e078855eb558b4af30cfb0061984c1bb43899c707983'),
    ('cg00187771', 'kruskal', 14.420000000000002, 0.0007391571554628189, 0.0016466830225415053, '6a75d239-844b-4bc2-9954-51a3f1e8c935', '599ef07170ef30420c13e078855eb558b4af30cfb0061984c1bb43899c707983');
INSERT INTO "cv_calibration_metrics" ("model", "scheme", "calibrator", "metric", "value", "low", "high", "run_id", "data_version") VALUES
    ('logistic_regression', 'leave_batch_out', 'isotonic', 'brier', 0.0050800753820921946, 0.0009396343046175863, 0.012420268414281, '6a75d239-844b-4bc2-9954-51a3f1e8c935', 'b239ef7ec14635e39efe85a090998ba3361de859262635b4d9b2258ca8ed806f'),
    ('logistic_regression', 'leave_batch_out', 'isotonic', 'ece', 0.01619678002871656, 0.004875049040823032, 0.0336645396283527, '6a75d239-844b-4bc2-9954-51a3f1e8c935', 'b239ef7ec14635e39efe85a090998ba3361de859262635b4d9b2258ca8ed806f');
INSERT INTO "cv_calibrations" ("model", "scheme", "calibrator", "repeat", "outer_fold", "sample_id", "class", "score", "run_id", "data_version") VALUES
    ('logistic_regression', 'leave_batch_out', 'isotonic', 0, 0, 'SIM-0001', 'adenoid_cystic_carcinoma', 0.7874866463323119, '6a75d239-844b-4bc2-9954-51a3f1e8c935', 'a7d033a89c9951b448c6a214f605f5094effd6d4c2ff292bbeea4ca584495fd5'),
    ('logistic_regression', 'leave_batch_out', 'isotonic', 0, 0, 'SIM-0001', 'hpv_positive_squamous_cell_carcinoma', 0.21251335366768803, '6a75d239-844b-4bc2-9954-51a3f1e8c935', 'a7d033a89c9951b448c6a214f605f5094effd6d4c2ff292bbeea4ca584495fd5');
INSERT INTO "cv_case_explanations" ("model", "scheme", "repeat", "outer_fold", "sample_id", "true_class", "class", "part", "score", "quantity", "base", "output", "feature", "gene", "value", "contribution", "rank", "run_id", "data_version") VALUES
    ('logistic_regression', 'stratified', 0, 1, 'SIM-0001', 'adenoid_cystic_carcinoma', 'adenoid_cystic_carcinoma', 'called', 0.9591159015852891, 'calibrated_logit', -0.19153368914209395, 2.8413494867555555, 'cg06411837', 'SIMGENE3155', 0.10687266290187836, 0.17641028952263418, 4, 'b4b04040-5d6d-4d79-bd2e-72818ea2681d', '4c6d5859fd40578c8b3c5a106b390f223b0c326b93a7e7596027d4eaf290333c'),
    ('logistic_regression', 'stratified', 0, 1, 'SIM-0001', 'adenoid_cystic_carcinoma', 'adenoid_cystic_carcinoma', 'called', 0.9591159015852891, 'calibrated_logit', -0.19153368914209395, 2.8413494867555555, 'cg18234422', 'SIMGENE7767', 0.710422158241272, 0.20896219463805574, 3, 'b4b04040-5d6d-4d79-bd2e-72818ea2681d', '4c6d5859fd40578c8b3c5a106b390f223b0c326b93a7e7596027d4eaf290333c');
INSERT INTO "cv_choices" ("model", "scheme", "repeat", "outer_fold", "candidate", "inner_log_loss", "calibration_c", "n_probes", "n_train", "n_test", "calibrator", "strategy", "features", "study", "run_id", "data_version") VALUES
    ('logistic_regression', 'leave_batch_out', 0, 0, '{"C": 30.0}', 0.14803864305429354, 1.0, 200, 12, 12, '{"classes": ["adenoid_cystic_carcinoma", "hpv_positive_squamous_cell_carcinoma", "olfactory_neuroblastoma"], "coefficients": [[2.0569102144499243, -0.10833349094224935, 0.0682097523257376], [-0.11046156747669948, 2.0860602357533393, 0.041187807556772926], [0.07033782886018777, 0.03905973102232258, 1.9073889159509019]], "intercept": [-0.1107397610214436, 0.0065875112189428976, 0.1041522498025015], "numbers": [1e-09, 1.3360525557621008, 1.0, 0.14803864305429354]}', 'class_weight', 'betas', 'leaderboard', '6a75d239-844b-4bc2-9954-51a3f1e8c935', 'a7d033a89c9951b448c6a214f605f5094effd6d4c2ff292bbeea4ca584495fd5'),
    ('logistic_regression', 'leave_batch_out', 0, 1, '{"C": 30.0}', 0.1511358137091275, 1.0, 200, 12, 12, '{"classes": ["adenoid_cystic_carcinoma", "hpv_positive_squamous_cell_carcinoma", "olfactory_neuroblastoma"], "coefficients": [[1.9020013237403166, 0.22252629561835238, -0.09927804335236019], [0.04590287466876191, 2.014283237453004, -0.03493653611545754], [0.07734537759723005, -0.21155995706504788, 2.1594641554741263]], "intercept": [-0.024425886273787598, -0.20587043171075156, 0.2302963179845396], "numbers": [1e-09, 1.109218582178251, 1.0, 0.1511358137091275]}', 'class_weight', 'betas', 'leaderboard', '6a75d239-844b-4bc2-9954-51a3f1e8c935', 'a7d033a89c9951b448c6a214f605f5094effd6d4c2ff292bbeea4ca584495fd5');
INSERT INTO "cv_comparisons" ("study", "scheme", "a", "b", "metric", "n_samples", "n_patients", "n_unpaired", "value_a", "value_b", "difference", "low", "high", "a_better", "b_better", "test", "p", "p_holm", "run_id", "data_version") VALUES
    ('ablations', 'stratified', 'logistic_regression · betas_cnv', 'logistic_regression · betas', 'error', 24, 24, 0, 0.0, 0.0, 0.0, NULL, NULL, 0, 0, 'mcnemar_exact', 1.0, 1.0, 'b4b04040-5d6d-4d79-bd2e-72818ea2681d', '251c87eb88a714b5d57232183599a5601d232743e87d2f2c9c6221e111533f6e'),
    ('ablations', 'stratified', 'logistic_regression · betas_cnv', 'logistic_regression · betas', 'log_loss', 24, 24, 0, 0.03954829495032212, 0.03219019060263072, 0.007358104347691401, -0.01353462395411814, 0.029132096979216565, 13, 11, 'exchange', 0.5022488755622189, 1.0, 'b4b04040-5d6d-4d79-bd2e-72818ea2681d', '251c87eb88a714b5d57232183599a5601d232743e87d2f2c9c6221e111533f6e');
INSERT INTO "cv_explanation_checks" ("model", "scheme", "method", "quantity", "n_samples", "folds", "additivity_max", "additivity_median", "floored", "floor_gap", "run_id", "data_version") VALUES
    ('logistic_regression', 'stratified', 'linear_shap', 'calibrated_logit', 24, 3, 3.552713678800501e-15, 2.1094237467877974e-15, 0.0, 0.0, 'b4b04040-5d6d-4d79-bd2e-72818ea2681d', '4c6d5859fd40578c8b3c5a106b390f223b0c326b93a7e7596027d4eaf290333c'),
    ('random_forest', 'stratified', 'tree_shap', 'raw_score', 24, 3, 2.220446049250313e-16, 1.1102230246251565e-16, NULL, NULL, 'b4b04040-5d6d-4d79-bd2e-72818ea2681d', '4c6d5859fd40578c8b3c5a106b390f223b0c326b93a7e7596027d4eaf290333c');
INSERT INTO "cv_explanations" ("model", "scheme", "class", "feature", "gene", "quantity", "mean_absolute", "share", "direction", "correlation", "rank", "folds", "n_samples", "run_id", "data_version") VALUES
    ('logistic_regression', 'stratified', 'adenoid_cystic_carcinoma', 'cg10936163', NULL, 'calibrated_logit', 0.0736344342284888, 0.0182722803546802, 'hypo', -0.9352574648570299, 5, 3, 24, 'b4b04040-5d6d-4d79-bd2e-72818ea2681d', '4c6d5859fd40578c8b3c5a106b390f223b0c326b93a7e7596027d4eaf290333c'),
    ('logistic_regression', 'stratified', 'adenoid_cystic_carcinoma', 'cg20796701', 'SIMGENE7345', 'calibrated_logit', 0.07651849440049241, 0.018987955793417104, 'hypo', -0.9631963808237204, 2, 3, 24, 'b4b04040-5d6d-4d79-bd2e-72818ea2681d', '4c6d5859fd40578c8b3c5a106b390f223b0c326b93a7e7596027d4eaf290333c');
INSERT INTO "cv_family_metrics" ("model", "scheme", "strategy", "features", "metric", "family", "value", "low", "high", "run_id", "data_version") VALUES
    ('logistic_regression', 'leave_batch_out', 'class_weight', 'betas', 'family_accuracy', NULL, 1.0, 0.8575264022774743, 1.0, '6a75d239-844b-4bc2-9954-51a3f1e8c935', 'b239ef7ec14635e39efe85a090998ba3361de859262635b4d9b2258ca8ed806f'),
    ('logistic_regression', 'leave_batch_out', 'class_weight', 'betas', 'family_auc_hand_till', NULL, 1.0, NULL, NULL, '6a75d239-844b-4bc2-9954-51a3f1e8c935', 'b239ef7ec14635e39efe85a090998ba3361de859262635b4d9b2258ca8ed806f');
INSERT INTO "cv_metrics" ("model", "scheme", "strategy", "features", "metric", "class", "value", "low", "high", "study", "run_id", "data_version") VALUES
    ('logistic_regression', 'leave_batch_out', 'class_weight', 'betas', 'accuracy', NULL, 1.0, 0.8575264022774743, 1.0, 'leaderboard', '6a75d239-844b-4bc2-9954-51a3f1e8c935', 'b239ef7ec14635e39efe85a090998ba3361de859262635b4d9b2258ca8ed806f'),
    ('logistic_regression', 'leave_batch_out', 'class_weight', 'betas', 'auc_hand_till', NULL, 1.0, NULL, NULL, 'leaderboard', '6a75d239-844b-4bc2-9954-51a3f1e8c935', 'b239ef7ec14635e39efe85a090998ba3361de859262635b4d9b2258ca8ed806f');
INSERT INTO "cv_recall_changes" ("model", "scheme", "class", "n_samples", "n_patients", "before", "after", "recall_before", "recall_after", "difference", "low", "high", "run_id", "data_version") VALUES
    ('logistic_regression', 'stratified', 'adenoid_cystic_carcinoma', 8, 8, 'none', 'smote', 1.0, 1.0, 0.0, NULL, NULL, 'b4b04040-5d6d-4d79-bd2e-72818ea2681d', '251c87eb88a714b5d57232183599a5601d232743e87d2f2c9c6221e111533f6e'),
    ('logistic_regression', 'stratified', 'hpv_positive_squamous_cell_carcinoma', 8, 8, 'none', 'smote', 1.0, 1.0, 0.0, NULL, NULL, 'b4b04040-5d6d-4d79-bd2e-72818ea2681d', '251c87eb88a714b5d57232183599a5601d232743e87d2f2c9c6221e111533f6e');
INSERT INTO "cv_scores" ("model", "scheme", "strategy", "features", "repeat", "outer_fold", "sample_id", "class", "raw_score", "score", "study", "run_id", "data_version") VALUES
    ('logistic_regression', 'leave_batch_out', 'class_weight', 'betas', 0, 0, 'SIM-0001', 'adenoid_cystic_carcinoma', 0.6804865588195678, 0.7716545870037145, 'leaderboard', '6a75d239-844b-4bc2-9954-51a3f1e8c935', 'a7d033a89c9951b448c6a214f605f5094effd6d4c2ff292bbeea4ca584495fd5'),
    ('logistic_regression', 'leave_batch_out', 'class_weight', 'betas', 0, 0, 'SIM-0001', 'hpv_positive_squamous_cell_carcinoma', 0.27431133731591123, 0.20761071370510017, 'leaderboard', '6a75d239-844b-4bc2-9954-51a3f1e8c935', 'a7d033a89c9951b448c6a214f605f5094effd6d4c2ff292bbeea4ca584495fd5');
INSERT INTO "dataset_members" ("sample_id", "included", "reason", "batch", "array", "class", "family", "person", "material", "site", "files_sha256", "run_id", "data_version") VALUES
    ('SIM-0001', TRUE, NULL, 'alpha', 'mini', 'adenoid_cystic_carcinoma', 'salivary', 'SIM-P001', 'frozen', 'SIM-centre-1', 'dc761e5819a87466071ffb5523643754ebc99baceab8d03c450417f790d28001+6904f2e3461a6467a3bae2924c5725379db9728a5f9a432b694df06a8183bd79', '6a75d239-844b-4bc2-9954-51a3f1e8c935', 'b1dd315fedf7da60065cc679b849420205cde9c44c090af32c89e2b043046b51'),
    ('SIM-0002', FALSE, 'role is diagnostic, not reference', 'beta', 'mini', NULL, NULL, 'SIM-P002', 'FFPE', 'SIM-centre-1', '1f9fc7068497a53246dc8c4cd584246e639cdcce8bb8813ef44cd63a5ae09ae2+705cc8eade33a4807f5cdf67b5de4ddbf7d86abbb8c962f61bae08eeb99fac93', '6a75d239-844b-4bc2-9954-51a3f1e8c935', 'b1dd315fedf7da60065cc679b849420205cde9c44c090af32c89e2b043046b51'),
    ('SIM-0003', FALSE, 'identity: same genotypes as SIM-0001 of patient SIM-P001: one person under two patient names', 'alpha', 'mini', 'hpv_positive_squamous_cell_carcinoma', 'squamous', 'SIM-P003', 'FFPE', 'SIM-centre-1', '303e3bbd7db42956b242da6d0e1bb0ca8e885ffcf6d4bea81be8524a67a619fc+c37ea4134030f844bc3502904d0472df1292b7731a043a5f78ad12a4c523d40f', '6a75d239-844b-4bc2-9954-51a3f1e8c935', 'b1dd315fedf7da60065cc679b849420205cde9c44c090af32c89e2b043046b51');
INSERT INTO "disagreements" ("sample_id", "class", "model", "called", "score", "method", "answer", "support", "right", "run_id", "data_version") VALUES
    ('SIM-0001', 'adenoid_cystic_carcinoma', 'neural_network', 'hpv_positive_squamous_cell_carcinoma', 0.6587865547115882, 'pc_space', 'adenoid_cystic_carcinoma', 1.0, 'neighbours', 'b4b04040-5d6d-4d79-bd2e-72818ea2681d', '59bf8e6b185f5d633890691f148ecb149f947db3226f5785c70a386165e477c7'),
    ('SIM-0003', 'hpv_positive_squamous_cell_carcinoma', 'neural_network', 'olfactory_neuroblastoma', 0.5016371926612554, 'pc_space', 'hpv_positive_squamous_cell_carcinoma', 1.0, 'neighbours', 'b4b04040-5d6d-4d79-bd2e-72818ea2681d', '59bf8e6b185f5d633890691f148ecb149f947db3226f5785c70a386165e477c7');
INSERT INTO "explanation_agreement" ("scheme", "a", "b", "class", "metric", "value", "by_chance", "n_features", "run_id", "data_version") VALUES
    ('stratified', 'logistic_regression', 'random_forest', 'adenoid_cystic_carcinoma', 'overlap', 0.2, 0.014970059880239521, 334, 'b4b04040-5d6d-4d79-bd2e-72818ea2681d', '4c6d5859fd40578c8b3c5a106b390f223b0c326b93a7e7596027d4eaf290333c'),
    ('stratified', 'logistic_regression', 'random_forest', 'adenoid_cystic_carcinoma', 'rank_correlation', 0.3333610597205838, 0.0, 334, 'b4b04040-5d6d-4d79-bd2e-72818ea2681d', '4c6d5859fd40578c8b3c5a106b390f223b0c326b93a7e7596027d4eaf290333c');
INSERT INTO "folds" ("scheme", "repeat", "outer_fold", "inner_fold", "sample_id", "run_id", "data_version") VALUES
    ('leave_batch_out', 0, 0, NULL, 'SIM-0001', '6a75d239-844b-4bc2-9954-51a3f1e8c935', 'b1dd315fedf7da60065cc679b849420205cde9c44c090af32c89e2b043046b51'),
    ('leave_batch_out', 0, 0, NULL, 'SIM-0003', '6a75d239-844b-4bc2-9954-51a3f1e8c935', 'b1dd315fedf7da60065cc679b849420205cde9c44c090af32c89e2b043046b51');
INSERT INTO "identity_conflicts" ("sample_id", "other", "kind", "other_patient", "snps", "concordance", "note", "run_id", "data_version") VALUES
    ('SIM-0002', 'SIM-0001', 'same_genotype', 'SIM-P001', 65, 0.98, 'same genotypes as SIM-0001 of patient SIM-P001 (98% of 65 SNPs agree)', 'run', 'v');
INSERT INTO "input_manifest" ("asset", "asset_version", "input", "input_version", "run_id") VALUES
    ('diagnosis/classifier', '2041ca7d2931ec5b97ea8b82690675233ba1165610781215bc11969375fc8a9a', 'datasets/reference', 'b1dd315fedf7da60065cc679b849420205cde9c44c090af32c89e2b043046b51', '6a75d239-844b-4bc2-9954-51a3f1e8c935'),
    ('diagnosis/classifier', '2041ca7d2931ec5b97ea8b82690675233ba1165610781215bc11969375fc8a9a', 'evaluation/leaderboard', 'b239ef7ec14635e39efe85a090998ba3361de859262635b4d9b2258ca8ed806f', '6a75d239-844b-4bc2-9954-51a3f1e8c935'),
    ('diagnosis/predictions[alpha]', 'c6458e681b14f6edc7bb70d44b44f3459eaf98d55b1214d684722d6244658285', 'diagnosis/classifier', '2041ca7d2931ec5b97ea8b82690675233ba1165610781215bc11969375fc8a9a', 'a088329a-0683-421b-b9fb-32f3fa2294b4'),
    ('diagnosis/predictions[alpha]', 'c6458e681b14f6edc7bb70d44b44f3459eaf98d55b1214d684722d6244658285', 'normalised/betas[alpha]', '838979bc3dcb32e72605cd80b2e291bcf10a363ed807aa3c191398554c912af1', 'a088329a-0683-421b-b9fb-32f3fa2294b4'),
    ('diagnosis/predictions[alpha]', 'c6458e681b14f6edc7bb70d44b44f3459eaf98d55b1214d684722d6244658285', 'raw/idats[alpha]', '3ac395003c27c17c147591a4ef908dc7e1e144c7b0b8df0fed3f1ba143654fc4', 'a088329a-0683-421b-b9fb-32f3fa2294b4'),
    ('diagnosis/predictions[beta]', 'faa0d79b70e9f3e1d62869507209658df249abd8ed0185de8b0257e59fa65fcf', 'diagnosis/classifier', '2041ca7d2931ec5b97ea8b82690675233ba1165610781215bc11969375fc8a9a', '0f12776f-ebd6-427e-b3aa-2abd019229a0'),
    ('diagnosis/predictions[beta]', 'faa0d79b70e9f3e1d62869507209658df249abd8ed0185de8b0257e59fa65fcf', 'normalised/betas[beta]', '7efaca96d8b688a7c9e163a439de0026dba7fa4beb7e3e7ead50242e74b7d1b4', '0f12776f-ebd6-427e-b3aa-2abd019229a0'),
    ('diagnosis/predictions[beta]', 'faa0d79b70e9f3e1d62869507209658df249abd8ed0185de8b0257e59fa65fcf', 'raw/idats[beta]', '1fe35064c0ba5dab033f847a3d0589be7c2e693fa41b4668920314845f7600da', '0f12776f-ebd6-427e-b3aa-2abd019229a0');
INSERT INTO "landscape" ("method", "seed", "sample_id", "x", "y", "run_id", "data_version") VALUES
    ('pca', 1, 'SIM-0001', 1.584624171257019, 1.2545450925827026, '6a75d239-844b-4bc2-9954-51a3f1e8c935', '20db1879ecb21bf518b37243dd8fec35d8b264b93c111b9a432a45941993d282'),
    ('pca', 1, 'SIM-0002', 0.8965818285942078, -1.475049614906311, '6a75d239-844b-4bc2-9954-51a3f1e8c935', '20db1879ecb21bf518b37243dd8fec35d8b264b93c111b9a432a45941993d282');
INSERT INTO "landscape_agreement" ("method", "seed", "metric", "label", "value", "n", "run_id", "data_version") VALUES
    ('hdbscan', 1, 'ami', 'batch', -0.048805685741309265, 24, '6a75d239-844b-4bc2-9954-51a3f1e8c935', '20db1879ecb21bf518b37243dd8fec35d8b264b93c111b9a432a45941993d282'),
    ('hdbscan', 1, 'ami', 'class', 0.8268543976084928, 24, '6a75d239-844b-4bc2-9954-51a3f1e8c935', '20db1879ecb21bf518b37243dd8fec35d8b264b93c111b9a432a45941993d282');
INSERT INTO "landscape_answers" ("kind", "method", "sample_id", "answer", "support", "run_id", "data_version") VALUES
    ('clusters', 'hdbscan', 'SIM-0001', 'adenoid_cystic_carcinoma', 1.0, '6a75d239-844b-4bc2-9954-51a3f1e8c935', '20db1879ecb21bf518b37243dd8fec35d8b264b93c111b9a432a45941993d282'),
    ('clusters', 'hdbscan', 'SIM-0003', 'hpv_positive_squamous_cell_carcinoma', 1.0, '6a75d239-844b-4bc2-9954-51a3f1e8c935', '20db1879ecb21bf518b37243dd8fec35d8b264b93c111b9a432a45941993d282');
INSERT INTO "landscape_clusters" ("method", "sample_id", "cluster", "run_id", "data_version") VALUES
    ('hdbscan', 'SIM-0001', 0, '6a75d239-844b-4bc2-9954-51a3f1e8c935', '20db1879ecb21bf518b37243dd8fec35d8b264b93c111b9a432a45941993d282'),
    ('hdbscan', 'SIM-0003', 1, '6a75d239-844b-4bc2-9954-51a3f1e8c935', '20db1879ecb21bf518b37243dd8fec35d8b264b93c111b9a432a45941993d282');
INSERT INTO "learning_curve" ("model", "scheme", "fraction", "n_train_patients", "n_train_samples", "n_test_patients", "error", "low", "high", "run_id", "data_version") VALUES
    ('logistic_regression', 'stratified', 0.5, 9.0, 9.0, 24, 0.0, 0.0, 0.14247359772252566, 'b4b04040-5d6d-4d79-bd2e-72818ea2681d', '373079c23f32075b7557fd1473de1734a2bd17ca32989515346b653e600d3f65'),
    ('logistic_regression', 'stratified', 1.0, 16.0, 16.0, 24, 0.0, 0.0, 0.14247359772252566, 'b4b04040-5d6d-4d79-bd2e-72818ea2681d', '373079c23f32075b7557fd1473de1734a2bd17ca32989515346b653e600d3f65');
INSERT INTO "masked_betas" ("sample_id", "batch", "reason", "n", "run_id", "data_version") VALUES
    ('SIM-0001', 'alpha', 'detection', 4, 'd8fc5030-e79e-4304-9100-99b7a28d03a5', '838979bc3dcb32e72605cd80b2e291bcf10a363ed807aa3c191398554c912af1'),
    ('SIM-0001', 'alpha', 'low_beads', 59, 'd8fc5030-e79e-4304-9100-99b7a28d03a5', '838979bc3dcb32e72605cd80b2e291bcf10a363ed807aa3c191398554c912af1');
INSERT INTO "novelty_calls" ("model", "left_out", "true_family", "family_known", "patient_id", "sample_id", "class", "score", "family", "family_score", "call", "top_score", "typicality", "note", "outcome", "outcome_by_scores", "run_id", "data_version") VALUES
    ('logistic_regression', 'adenoid_cystic_carcinoma', 'salivary', FALSE, 'SIM-P001', 'SIM-0001', 'hpv_positive_squamous_cell_carcinoma', 0.928964013519053, 'squamous', 0.928964013519053, 'match', 0.928964013519053, 0.35294117647058826, NULL, 'match', 'match', 'b4b04040-5d6d-4d79-bd2e-72818ea2681d', 'a735eb9b2a593989a04574dc29f834e2cfc96faec9f6861aae331ac768851423'),
    ('logistic_regression', 'hpv_positive_squamous_cell_carcinoma', 'squamous', FALSE, 'SIM-P003', 'SIM-0003', 'adenoid_cystic_carcinoma', 0.6513082030447604, 'salivary', 0.6513082030447604, 'no_match', 0.6513082030447604, 0.058823529411764705, NULL, 'no_match', 'no_match', 'b4b04040-5d6d-4d79-bd2e-72818ea2681d', 'a735eb9b2a593989a04574dc29f834e2cfc96faec9f6861aae331ac768851423');
INSERT INTO "novelty_outcomes" ("model", "rule", "class", "family", "family_known", "n_samples", "n_patients", "outcome", "share", "low", "high", "run_id", "data_version") VALUES
    ('logistic_regression', 'release', 'adenoid_cystic_carcinoma', 'salivary', FALSE, 8, 8, 'family_right', NULL, NULL, NULL, 'b4b04040-5d6d-4d79-bd2e-72818ea2681d', 'a735eb9b2a593989a04574dc29f834e2cfc96faec9f6861aae331ac768851423'),
    ('logistic_regression', 'release', 'adenoid_cystic_carcinoma', 'salivary', FALSE, 8, 8, 'family_wrong', 0.0, 0.0, 0.3694166475528192, 'b4b04040-5d6d-4d79-bd2e-72818ea2681d', 'a735eb9b2a593989a04574dc29f834e2cfc96faec9f6861aae331ac768851423');
INSERT INTO "novelty_thresholds" ("model", "rule", "threshold", "false_match", "low", "high", "run_id", "data_version") VALUES
    ('logistic_regression', 'release', 0.0, 1.0, 0.8575264022774743, 1.0, 'b4b04040-5d6d-4d79-bd2e-72818ea2681d', 'a735eb9b2a593989a04574dc29f834e2cfc96faec9f6861aae331ac768851423'),
    ('logistic_regression', 'release', 0.01, 1.0, 0.8575264022774743, 1.0, 'b4b04040-5d6d-4d79-bd2e-72818ea2681d', 'a735eb9b2a593989a04574dc29f834e2cfc96faec9f6861aae331ac768851423');
INSERT INTO "panel_choices" ("repeat", "outer_fold", "rank", "probe_id", "run_id", "data_version") VALUES
    (0, 0, 1, 'cg03669080', '6a75d239-844b-4bc2-9954-51a3f1e8c935', '7c19ed0b143880a37a3e9bb108bddf436ce0c78186d371235d125ad7cdb626eb'),
    (0, 0, 2, 'cg01990608', '6a75d239-844b-4bc2-9954-51a3f1e8c935', '7c19ed0b143880a37a3e9bb108bddf436ce0c78186d371235d125ad7cdb626eb');
INSERT INTO "panel_curve" ("model", "selector", "size", "metric", "value", "low", "high", "run_id", "data_version") VALUES
    ('logistic_regression', 'random', 2, 'error', 0.4166666666666667, 0.22708333333333336, 0.5416666666666666, '6a75d239-844b-4bc2-9954-51a3f1e8c935', '7c19ed0b143880a37a3e9bb108bddf436ce0c78186d371235d125ad7cdb626eb'),
    ('logistic_regression', 'random', 2, 'log_loss', 1.079701680122229, 0.8408835894636411, 1.3539861401289464, '6a75d239-844b-4bc2-9954-51a3f1e8c935', '7c19ed0b143880a37a3e9bb108bddf436ce0c78186d371235d125ad7cdb626eb');
INSERT INTO "panels" ("panel_id", "size", "rank", "probe_id", "run_id", "data_version") VALUES
    ('ranked_2', 2, 1, 'cg22956973', '6a75d239-844b-4bc2-9954-51a3f1e8c935', '7c19ed0b143880a37a3e9bb108bddf436ce0c78186d371235d125ad7cdb626eb'),
    ('ranked_2', 2, 2, 'cg06411837', '6a75d239-844b-4bc2-9954-51a3f1e8c935', '7c19ed0b143880a37a3e9bb108bddf436ce0c78186d371235d125ad7cdb626eb');
INSERT INTO "patients_needed" ("model", "target_error", "n_patients", "low", "high", "more", "answer", "run_id", "data_version") VALUES
    ('logistic_regression', 0.02, NULL, NULL, NULL, NULL, 'The curve does not tell: it has 2 sizes of the 4 it needs.', 'b4b04040-5d6d-4d79-bd2e-72818ea2681d', '373079c23f32075b7557fd1473de1734a2bd17ca32989515346b653e600d3f65'),
    ('logistic_regression', 0.05, NULL, NULL, NULL, NULL, 'The curve does not tell: it has 2 sizes of the 4 it needs.', 'b4b04040-5d6d-4d79-bd2e-72818ea2681d', '373079c23f32075b7557fd1473de1734a2bd17ca32989515346b653e600d3f65');
INSERT INTO platform VALUES ('schema_version', '3'), ('root', '/earlier/warehouse');
INSERT INTO "prediction_cpgs" ("sample_id", "batch", "release", "class", "quantity", "base", "output", "floor_gap", "feature", "gene", "value", "contribution", "rank", "run_id", "data_version") VALUES
    ('SIM-0002', 'beta', 'r2041ca7d2931', 'hpv_positive_squamous_cell_carcinoma', 'calibrated_logit', 0.07097100096756323, 3.8671313516127728, 0.0, 'cg03520082', 'SIMGENE12144', 0.368815153837204, 0.13015306771655102, 3, '0f12776f-ebd6-427e-b3aa-2abd019229a0', 'faa0d79b70e9f3e1d62869507209658df249abd8ed0185de8b0257e59fa65fcf'),
    ('SIM-0002', 'beta', 'r2041ca7d2931', 'hpv_positive_squamous_cell_carcinoma', 'calibrated_logit', 0.07097100096756323, 3.8671313516127728, 0.0, 'cg09702489', NULL, 0.6227096319198608, 0.10245971784651231, 4, '0f12776f-ebd6-427e-b3aa-2abd019229a0', 'faa0d79b70e9f3e1d62869507209658df249abd8ed0185de8b0257e59fa65fcf');
INSERT INTO "prediction_scores" ("sample_id", "batch", "release", "class", "raw_score", "score", "run_id", "data_version") VALUES
    ('SIM-0002', 'beta', 'r2041ca7d2931', 'adenoid_cystic_carcinoma', 0.021299463878141998, 0.003725020115068979, '0f12776f-ebd6-427e-b3aa-2abd019229a0', 'faa0d79b70e9f3e1d62869507209658df249abd8ed0185de8b0257e59fa65fcf'),
    ('SIM-0002', 'beta', 'r2041ca7d2931', 'hpv_positive_squamous_cell_carcinoma', 0.9655523886044937, 0.9938478681042645, '0f12776f-ebd6-427e-b3aa-2abd019229a0', 'faa0d79b70e9f3e1d62869507209658df249abd8ed0185de8b0257e59fa65fcf');
INSERT INTO "predictions" ("sample_id", "batch", "release", "class", "score", "family", "family_score", "call", "note", "typicality", "missing", "run_id", "data_version") VALUES
    ('SIM-0002', 'beta', 'r2041ca7d2931', 'hpv_positive_squamous_cell_carcinoma', 0.9938478681042645, 'squamous', 0.9938478681042645, 'match', 'same genotypes as SIM-0001 of patient Dr. O''Neil (2) (98% of 65 SNPs agree), which the classifier learnt from', 0.56, 0.02, '0f12776f-ebd6-427e-b3aa-2abd019229a0', 'faa0d79b70e9f3e1d62869507209658df249abd8ed0185de8b0257e59fa65fcf');
INSERT INTO "probes" ("array", "probe_id", "name", "design", "channel", "chrom", "pos", "build", "genes", "kind", "gene_parts", "island", "run_id", "data_version") VALUES
    ('mini', 'cg00000029', 'cg00000029', 'II', NULL, '11', 102219160, 'hg19', 'BIRC2', 'cg', 'BIRC2:Body', 'OpenSea', 'd8fc5030-e79e-4304-9100-99b7a28d03a5', '6f967d7a3bc198f8c2797ecbb6adf4e77742840aec635db7b3b61b0d001fe90f'),
    ('mini', 'cg00009413', 'cg00009413', 'I', 'Red', '10', 62712947, 'hg19', NULL, 'cg', NULL, 'Island', 'd8fc5030-e79e-4304-9100-99b7a28d03a5', '6f967d7a3bc198f8c2797ecbb6adf4e77742840aec635db7b3b61b0d001fe90f');
INSERT INTO "releases" ("release", "model", "path", "digest", "is_current", "run_id", "data_version") VALUES
    ('r2041ca7d2931', 'logistic_regression', 'r2041ca7d2931', 'bfe66205648f9fea82bf50c159e10041d5da1b8972d7cb9799db063cc7687003', TRUE, '6a75d239-844b-4bc2-9954-51a3f1e8c935', '2041ca7d2931ec5b97ea8b82690675233ba1165610781215bc11969375fc8a9a');
INSERT INTO "sample_measures" ("sample_id", "batch", "array", "files_sha256", "verdict", "reasons", "failed_fraction", "median_m", "median_u", "predicted_sex", "purity", "measures", "run_id", "data_version") VALUES
    ('SIM-0001', 'alpha', 'mini', 'dc761e5819a87466071ffb5523643754ebc99baceab8d03c450417f790d28001+6904f2e3461a6467a3bae2924c5725379db9728a5f9a432b694df06a8183bd79', 'pass', '', 0.00525, 11.734497941692572, 12.073974164666751, 'M', NULL, '{}', 'd8fc5030-e79e-4304-9100-99b7a28d03a5', '838979bc3dcb32e72605cd80b2e291bcf10a363ed807aa3c191398554c912af1'),
    ('SIM-0002', 'beta', 'mini', '1f9fc7068497a53246dc8c4cd584246e639cdcce8bb8813ef44cd63a5ae09ae2+705cc8eade33a4807f5cdf67b5de4ddbf7d86abbb8c962f61bae08eeb99fac93', 'pass', '', 0.014666666666666666, 11.106562940444883, 11.634130373093326, 'F', NULL, '{}', 'c45e48ca-8fda-4d6e-9031-f3a40c792c9b', '7efaca96d8b688a7c9e163a439de0026dba7fa4beb7e3e7ead50242e74b7d1b4'),
    ('SIM-0003', 'alpha', 'mini', '303e3bbd7db42956b242da6d0e1bb0ca8e885ffcf6d4bea81be8524a67a619fc+c37ea4134030f844bc3502904d0472df1292b7731a043a5f78ad12a4c523d40f', 'pass', '', 0.012666666666666666, 10.834471049984222, 11.437231901039478, 'M', NULL, '{}', 'd8fc5030-e79e-4304-9100-99b7a28d03a5', '838979bc3dcb32e72605cd80b2e291bcf10a363ed807aa3c191398554c912af1');
INSERT INTO "samples" ("sample_id", "batch", "sentrix_id", "sentrix_position", "patient_id", "array", "role", "diagnosis", "class", "family", "material", "sex", "site", "cohort", "grn", "red", "grn_sha256", "red_sha256", "scan_date", "extra", "run_id", "data_version") VALUES
    ('SIM-0001', 'alpha', '290000010001', 'R01C01', 'SIM-P001', 'mini', 'reference', 'adenoid cystic carcinoma', 'adenoid_cystic_carcinoma', 'salivary', 'frozen', 'M', 'SIM-centre-1', 'SIMULATED', '290000010001_R01C01_Grn.idat', '290000010001_R01C01_Red.idat', 'dc761e5819a87466071ffb5523643754ebc99baceab8d03c450417f790d28001', '6904f2e3461a6467a3bae2924c5725379db9728a5f9a432b694df06a8183bd79', '2020-01-06T09:00:00', '{"Nom": "Zebulon Quickbury"}', 'd8fc5030-e79e-4304-9100-99b7a28d03a5', '3ac395003c27c17c147591a4ef908dc7e1e144c7b0b8df0fed3f1ba143654fc4'),
    ('SIM-0002', 'beta', '290000010001', 'R02C01', 'SIM-P002', 'mini', 'diagnostic', NULL, NULL, NULL, 'FFPE', 'F', 'SIM-centre-1', 'SIMULATED', '290000010001_R02C01_Grn.idat', '290000010001_R02C01_Red.idat', '1f9fc7068497a53246dc8c4cd584246e639cdcce8bb8813ef44cd63a5ae09ae2', '705cc8eade33a4807f5cdf67b5de4ddbf7d86abbb8c962f61bae08eeb99fac93', '2020-01-06T09:25:00', '{"Nom": "Zebulon Quickbury"}', 'c45e48ca-8fda-4d6e-9031-f3a40c792c9b', '1fe35064c0ba5dab033f847a3d0589be7c2e693fa41b4668920314845f7600da'),
    ('SIM-0003', 'alpha', '290000010001', 'R03C01', 'SIM-P003', 'mini', 'reference', 'hpv-positive squamous cell carcinoma', 'hpv_positive_squamous_cell_carcinoma', 'squamous', 'FFPE', 'M', 'SIM-centre-1', 'SIMULATED', '290000010001_R03C01_Grn.idat', '290000010001_R03C01_Red.idat', '303e3bbd7db42956b242da6d0e1bb0ca8e885ffcf6d4bea81be8524a67a619fc', 'c37ea4134030f844bc3502904d0472df1292b7731a043a5f78ad12a4c523d40f', '2020-01-06T09:50:00', '{"Nom": "Zebulon Quickbury"}', 'd8fc5030-e79e-4304-9100-99b7a28d03a5', '3ac395003c27c17c147591a4ef908dc7e1e144c7b0b8df0fed3f1ba143654fc4');
INSERT INTO "scheme_parts" ("scheme", "repeat", "outer_fold", "held_out", "n_train", "n_test", "n_not_used", "run_id", "data_version") VALUES
    ('leave_batch_out', 0, 0, 'alpha', 12, 12, 0, '6a75d239-844b-4bc2-9954-51a3f1e8c935', 'b1dd315fedf7da60065cc679b849420205cde9c44c090af32c89e2b043046b51'),
    ('leave_batch_out', 0, 1, 'beta', 12, 12, 0, '6a75d239-844b-4bc2-9954-51a3f1e8c935', 'b1dd315fedf7da60065cc679b849420205cde9c44c090af32c89e2b043046b51');
INSERT INTO "training_plan" ("strategy", "sample_id", "weight", "run_id", "data_version") VALUES
    ('class_weight', 'SIM-0001', 1.0, '6a75d239-844b-4bc2-9954-51a3f1e8c935', '7860267b7d672b9b07649f21d8659692d2a2aa440114a81ca319b9021eab4d33'),
    ('class_weight', 'SIM-0003', 1.0, '6a75d239-844b-4bc2-9954-51a3f1e8c935', '7860267b7d672b9b07649f21d8659692d2a2aa440114a81ca319b9021eab4d33');
