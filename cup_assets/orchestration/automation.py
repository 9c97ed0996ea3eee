"""When the aggregates refresh by themselves.

Belongs here: automation conditions and their sensor. Does not belong here: the landing of new
batches (`cup_assets.orchestration.landing`).

Why not ``AutomationCondition.eager()``: an update that arrives while the target is in progress is
lost with it (dagster issues 33587 and 24650), and it waits for every partition of a partitioned
dependency, so that one batch that cannot be read would block every aggregate.
"""

import dagster as dg

from cup_assets.orchestration.conventions import (
    CLASSIFIER,
    GENE_SETS,
    LANDSCAPE,
    PANEL_RELEASE,
    PANELS,
    PREDICTIONS,
    PROFILES,
    REPORTS,
    STUDIES,
    STUDY_TAGS,
)

# `data_version_changed` rather than `newly_updated`: a batch that only brings diagnostic cases
# gives the reference dataset the same version again, and nothing downstream is computed for it.
_DEPS_UPDATED = dg.AutomationCondition.any_deps_updated().replace(
    "newly_updated", dg.AutomationCondition.data_version_changed()
)

# Reads: some dependency has a new data version (or will be made in this tick) since this asset was
# last asked for; wait until neither it nor a dependency is being made, then ask for it once.
# A request shows in the tick after it. What changed by then may have come too late for its run, so
# it is not taken for answered: at worst the asset is asked for once more, and reuses what it has.
ON_NEW_DATA = (
    _DEPS_UPDATED.since(
        (dg.AutomationCondition.newly_requested() & ~_DEPS_UPDATED)
        | dg.AutomationCondition.initial_evaluation()
    )
    & ~dg.AutomationCondition.in_progress()
    & ~dg.AutomationCondition.any_deps_in_progress()
).with_label("on_new_data")

# The same, where a dependency has checks that must pass. Blocking checks act within one run only,
# so a run of the downstream asset alone has to ask again.
ON_NEW_CHECKED_DATA = (
    ON_NEW_DATA & dg.AutomationCondition.all_deps_blocking_checks_passed()
).with_label("on_new_checked_data")

# For cases, which nothing can be done about before every dependency is there: one that lands before
# the first classifier is released waits for it, and a batch that could not be read is not scored.
ON_NEW_COMPLETE_DATA = (ON_NEW_DATA & ~dg.AutomationCondition.any_deps_missing()).with_label(
    "on_new_complete_data"
)

# For the pages of cases: a case's page can be made as soon as the case has been scored. It neither
# waits for a map that is being drawn, nor until there is one; with a new map it is made again.
_SCORED = dg.AssetSelection.assets(PREDICTIONS)
_ELSEWHERE = dg.AssetSelection.assets(LANDSCAPE)
ON_SCORED_CASES = (
    _DEPS_UPDATED.since(
        (dg.AutomationCondition.newly_requested() & ~_DEPS_UPDATED)
        | dg.AutomationCondition.initial_evaluation()
    )
    & ~dg.AutomationCondition.in_progress()
    & ~dg.AutomationCondition.any_deps_match(dg.AutomationCondition.in_progress()).ignore(
        _ELSEWHERE
    )
    & ~dg.AutomationCondition.any_deps_match(
        dg.AutomationCondition.missing() & ~dg.AutomationCondition.will_be_requested()
    ).allow(_SCORED)
).with_label("on_scored_cases")


def _being_made(asset: dg.AssetKey) -> dg.AutomationCondition:  # type: ignore[type-arg]
    return dg.AutomationCondition.asset_matches(asset, dg.AutomationCondition.in_progress())


# For the aggregates that are made of batches: they are asked for together with all that follows
# from them, or not yet. A batch that lands while a run makes aggregates would otherwise have those
# made again that are done already, before the others: a classifier would be released with the new
# dataset and the old leaderboard. The last asset of each branch stands for the whole run.
_NO_AGGREGATE_BEING_MADE = ~(
    _being_made(CLASSIFIER)
    | _being_made(LANDSCAPE)
    | _being_made(GENE_SETS)
    | _being_made(PANELS)
    | _being_made(PANEL_RELEASE)
)
# Copy number comes last of a batch, when its betas are stored already: whoever needs only these
# waits for it all the same, or the map, which shows both, would follow in a run of its own after
# all others, and what reads the map would be made before it.
ON_NEW_BATCHES = (ON_NEW_DATA & _NO_AGGREGATE_BEING_MADE & ~_being_made(PROFILES)).with_label(
    "on_new_batches"
)
ON_NEW_CHECKED_BATCHES = (ON_NEW_CHECKED_DATA & _NO_AGGREGATE_BEING_MADE).with_label(
    "on_new_checked_batches"
)

# For studies: they are asked for when the aggregates that they study have been made, and a batch
# that lands meanwhile has its classifier before they are brought up to date again.
ON_SETTLED_DATA = (ON_NEW_CHECKED_DATA & _NO_AGGREGATE_BEING_MADE).with_label("on_settled_data")

# For a study that nothing can be said in before all that it compares is there.
ON_SETTLED_COMPLETE_DATA = (
    ON_SETTLED_DATA & ~dg.AutomationCondition.any_deps_missing()
).with_label("on_settled_complete_data")

_CASES = dg.AssetSelection.assets(PREDICTIONS, REPORTS)
_STUDIES = dg.AssetSelection.assets(*STUDIES)

# The name of the first is also in the instance's configuration: its runs go one after the other,
# retries included, because two would exchange each other's dataset half-way. Predictions have a
# sensor of their own so that a case need not wait in that queue, and studies so that the queue need
# not wait for them: a sensor sees what it asks for itself, so that studies are never asked for
# together with what they study.
AUTOMATION_SENSORS = [
    dg.AutomationConditionSensorDefinition(
        "refresh_aggregates",
        target=dg.AssetSelection.all() - _CASES - _STUDIES,
        default_status=dg.DefaultSensorStatus.RUNNING,
        minimum_interval_seconds=15,
        description="Refreshes the aggregates when a batch changed what they are made of.",
    ),
    dg.AutomationConditionSensorDefinition(
        "predict_cases",
        target=_CASES,
        default_status=dg.DefaultSensorStatus.RUNNING,
        minimum_interval_seconds=15,
        description="Scores a batch's cases when they or the release are new; makes their pages.",
    ),
    dg.AutomationConditionSensorDefinition(
        "refresh_studies",
        target=_STUDIES,
        run_tags=STUDY_TAGS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        minimum_interval_seconds=15,
        description="Repeats the studies of the classifiers once what they study is made.",
    ),
]
