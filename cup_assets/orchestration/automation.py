"""When the aggregates refresh by themselves.

Belongs here: automation conditions and their sensor. Does not belong here: the landing of new
batches (`cup_assets.orchestration.landing`).

Why not ``AutomationCondition.eager()``: an update that arrives while the target is in progress is
lost with it (dagster issues 33587 and 24650), and it waits for every partition of a partitioned
dependency, so that one batch that cannot be read would block every aggregate.
"""

import dagster as dg

from cup_assets.orchestration.conventions import PREDICTIONS

# Reads: some dependency has a new data version (or will be made in this tick) since this asset was
# last asked for; wait until neither it nor a dependency is being made, then ask for it once.
# `data_version_changed` rather than `newly_updated`: a batch that only brings diagnostic cases
# gives the reference dataset the same version again, and nothing downstream is computed for it.
ON_NEW_DATA = (
    dg.AutomationCondition.any_deps_updated()
    .replace("newly_updated", dg.AutomationCondition.data_version_changed())
    .since(dg.AutomationCondition.newly_requested() | dg.AutomationCondition.initial_evaluation())
    & ~dg.AutomationCondition.in_progress()
    & ~dg.AutomationCondition.any_deps_in_progress()
).with_label("on_new_data")

# The same, where a dependency has checks that must pass. Blocking checks act within one run only,
# so a run of the downstream asset alone has to ask again.
ON_NEW_CHECKED_DATA = (
    ON_NEW_DATA & dg.AutomationCondition.all_deps_blocking_checks_passed()
).with_label("on_new_checked_data")

# The same, where nothing can be done before every dependency is there: a case that lands before the
# first classifier is released waits for it, and a batch that could not be read is never scored.
ON_NEW_COMPLETE_DATA = (ON_NEW_DATA & ~dg.AutomationCondition.any_deps_missing()).with_label(
    "on_new_complete_data"
)

_CASES = dg.AssetSelection.assets(PREDICTIONS)

# The name of the first is also in the instance's configuration: its runs go one after the other.
# A batch that lands while a run makes aggregates asks for those again that are done already, and a
# second run would exchange the dataset under the steps that are still to come in the first.
# Predictions have a sensor of their own so that a new case need not wait for that queue.
AUTOMATION_SENSORS = [
    dg.AutomationConditionSensorDefinition(
        "refresh_aggregates",
        target=dg.AssetSelection.all() - _CASES,
        default_status=dg.DefaultSensorStatus.RUNNING,
        minimum_interval_seconds=15,
        description="Refreshes the aggregates when a batch changed what they are made of.",
    ),
    dg.AutomationConditionSensorDefinition(
        "predict_cases",
        target=_CASES,
        default_status=dg.DefaultSensorStatus.RUNNING,
        minimum_interval_seconds=15,
        description="Scores a batch's cases when they or the released classifier are new.",
    ),
]
