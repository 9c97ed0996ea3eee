"""What is run together.

Belongs here: selections of assets. Does not belong here: when they run.
"""

import dagster as dg

from cup_assets.orchestration.conventions import (
    BETAS,
    CONTROLS,
    PREDICTIONS,
    PROFILES,
    RAW,
    REPORTS,
    STUDIES,
    STUDY_TAGS,
)

process_batch_job = dg.define_asset_job(
    "process_batch",
    selection=dg.AssetSelection.assets(RAW, BETAS, CONTROLS, PROFILES),
    description="A batch from its files to betas and copy number; reuses what is unchanged.",
)
raw_job = dg.define_asset_job(
    "take_inventory",
    selection=dg.AssetSelection.assets(RAW, CONTROLS),
    description="The inventory of a batch: retracts it, and its controls, if its folder is gone.",
)
read_batch_job = dg.define_asset_job(
    "read_batch",
    selection=dg.AssetSelection.assets(RAW, BETAS),
    description="A batch from its files to betas; reuses what is unchanged.",
)
controls_job = dg.define_asset_job(
    "refresh_controls",
    selection=dg.AssetSelection.assets(CONTROLS),
    description="The pools of normal controls.",
)
profile_batch_job = dg.define_asset_job(
    "profile_batch",
    selection=dg.AssetSelection.assets(PROFILES),
    description="Copy number of a batch.",
)
predict_batch_job = dg.define_asset_job(
    "predict_batch",
    selection=dg.AssetSelection.assets(PREDICTIONS, REPORTS),
    description="Calibrated scores of a batch's diagnostic cases by the release, and their pages.",
)
refresh_job = dg.define_asset_job(
    "refresh_aggregates_now",
    selection=dg.AssetSelection.groups("datasets", "evaluation", "panels", "diagnosis")
    - dg.AssetSelection.assets(PREDICTIONS, REPORTS, *STUDIES),
    description="Datasets, cross-validation, panels and classifier; reuses what is unchanged.",
)
studies_job = dg.define_asset_job(
    "refresh_studies_now",
    selection=dg.AssetSelection.assets(*STUDIES),
    tags=STUDY_TAGS,
    description="Studies of the classifiers; reuses what is unchanged.",
)
JOBS = [
    process_batch_job,
    raw_job,
    read_batch_job,
    controls_job,
    profile_batch_job,
    predict_batch_job,
    refresh_job,
    studies_job,
]
