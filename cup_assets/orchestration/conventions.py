"""What all assets have in common: owners, pools, names.

Belongs here: constants that the assets share. Does not belong here: behaviour.
"""

import dagster as dg

OWNERS = ["team:cup-assets"]

# One step at a time in each pool (limits in dagster.yaml). Steps of the first are short and write
# the database; steps of the second use every CPU for minutes, and must not keep a batch that has
# just landed from being read. Their writes are short transactions that wait for each other.
WAREHOUSE_POOL = "warehouse"
COMPUTE_POOL = "compute"

# Studies answer questions about the classifier; nothing waits for their answers.
STUDY_TAGS = {"dagster/priority": "-1"}
# A batch may land while a study is under way, and what it studies is then made anew. Nothing of two
# versions is stored: the same run tries again with the new one. Bad input is not tried again.
STUDY_RETRIES = dg.RetryPolicy(max_retries=2, delay=10, backoff=dg.Backoff.EXPONENTIAL)

# A run that `cup materialize` executes carries the tag; the lock in the data folder is held while
# it is at work.
PID_TAG = "cup/pid"
LOCK_NAME = ".materialize.lock"

RAW = dg.AssetKey(["raw", "idats"])
BETAS = dg.AssetKey(["normalised", "betas"])
CONTROLS = dg.AssetKey(["cnv", "controls"])
PROFILES = dg.AssetKey(["cnv", "profiles"])
REFERENCE = dg.AssetKey(["datasets", "reference"])
BALANCED = dg.AssetKey(["datasets", "balanced"])
LEADERBOARD = dg.AssetKey(["evaluation", "leaderboard"])
ABLATIONS = dg.AssetKey(["evaluation", "ablations"])
LEARNING_CURVE = dg.AssetKey(["evaluation", "learning_curve"])
NOVELTY = dg.AssetKey(["evaluation", "novelty"])
EXPLANATIONS = dg.AssetKey(["evaluation", "explanations"])
LANDSCAPE = dg.AssetKey(["evaluation", "landscape"])
CONCORDANCE = dg.AssetKey(["evaluation", "concordance"])
COHORT_REPORT = dg.AssetKey(["evaluation", "report"])
IMPORTANCE = dg.AssetKey(["panels", "importance"])
GENE_SETS = dg.AssetKey(["panels", "gene_sets"])
PANELS = dg.AssetKey(["panels", "cpg"])
ASSAYS = dg.AssetKey(["panels", "assays"])
PANEL_RELEASE = dg.AssetKey(["panels", "release"])
CLASSIFIER = dg.AssetKey(["diagnosis", "classifier"])
PREDICTIONS = dg.AssetKey(["diagnosis", "predictions"])
REPORTS = dg.AssetKey(["diagnosis", "reports"])

# Made after everything else, in runs of their own.
STUDIES = (ABLATIONS, LEARNING_CURVE, NOVELTY, CONCORDANCE, EXPLANATIONS, COHORT_REPORT)

# How intensities become betas; raised by hand when that changes. A pool of normal controls only
# holds intensities of one normalisation, so both know it.
BETAS_CODE_VERSION = "2"


def cv_key(model: str) -> dg.AssetKey:
    """Return the key of a model's cross-validation."""
    return dg.AssetKey(["evaluation", "cv", model])


def check(asset: dg.AssetKey, name: str, description: str, *, blocking: bool) -> dg.AssetCheckSpec:
    """Return the declaration of an asset check."""
    return dg.AssetCheckSpec(name, asset=asset, description=description, blocking=blocking)
