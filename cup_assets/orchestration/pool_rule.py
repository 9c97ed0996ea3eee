"""Which pool of normal controls a profile is computed with, and when it gives way to a newer one.

Belongs here: the rule, and who it concerns. Does not belong here: the pools themselves
(`control_pools`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from cup_assets.copynumber import CnvParameters
from cup_assets.orchestration.control_pools import normal_controls, normalisation_of
from cup_assets.orchestration.conventions import CONTROLS, PROFILES
from cup_assets.orchestration.resources import Platform
from cup_assets.warehouse import AssetVersion

NO_POOL = "none"


@dataclass(frozen=True)
class PoolChoice:
    """The pool that a batch's profiles of one array are computed with.

    Attributes
    ----------
    version : str
        `NO_POOL` where there is none.
    lost : tuple of str
        Controls of the pool that no longer serve as such, where no other pool can replace it.
    """

    version: str
    lost: tuple[str, ...] = ()


def superseded(
    kept: dict[str, Any], current: dict[str, Any] | None, parameters: CnvParameters
) -> str | None:
    """Return why a pool gives way to the current one of its array, or None.

    A newer pool alone is no reason: old results never change because new samples came. The rule
    is in the parameters (``renew_when_advised``, ``renew_when_control_lost``).

    Parameters
    ----------
    kept, current : dict
        Rows of ``cnv_pools``.
    parameters : CnvParameters
    """
    if current is None or current["pool_version"] == kept["pool_version"]:
        return None
    few, advised = kept["n_controls"], parameters.advised_controls
    if parameters.renew_when_advised and few < advised <= current["n_controls"]:
        return f"it had {few} controls, {current['n_controls']} are there now"
    lost = _lost(kept, set(current["sample_ids"].split(";")))
    if parameters.renew_when_control_lost and lost:
        return f"no longer normal controls: {', '.join(lost)}"
    return None


def _lost(kept: dict[str, Any], serving: set[str]) -> tuple[str, ...]:
    return tuple(sorted(set(kept["sample_ids"].split(";")) - serving))


def pools_for(
    platform: Platform, betas: AssetVersion, arrays: list[str], *, keep: bool
) -> dict[str, PoolChoice]:
    """Return array -> the pool that a batch's profiles are computed with.

    Parameters
    ----------
    platform
        Where the pools are.
    betas
        The batch's betas.
    arrays
        Of its samples.
    keep
        Take the pool that they were computed with before, where there is one of the same
        normalisation that is not `superseded`.
    """
    rows = platform.catalogue.query("SELECT * FROM cnv_pools").rows(named=True)
    current = {row["array"]: row for row in rows if row["is_current"]}
    known = {(row["array"], row["pool_version"]): row for row in rows}
    used = _used_before(platform, betas) if keep else {}
    return {
        array: _choose(platform, known.get((array, used.get(array, ""))), current.get(array))
        for array in arrays
    }


def _used_before(platform: Platform, betas: AssetVersion) -> dict[str, str]:
    previous = platform.catalogue.current(PROFILES.to_user_string(), betas.partition)
    if not previous or previous.parameters["normalisation"] != normalisation_of(betas):
        return {}
    prefix = f"{CONTROLS.to_user_string()}/"
    return {
        name.removeprefix(prefix): version
        for name, version in previous.inputs.items()
        if name.startswith(prefix)
    }


def _choose(
    platform: Platform, kept: dict[str, Any] | None, current: dict[str, Any] | None
) -> PoolChoice:
    if kept is None or superseded(kept, current, platform.parameters.cnv):
        return PoolChoice(current["pool_version"] if current else NO_POOL)
    if current:
        return PoolChoice(kept["pool_version"])
    samples, _ = normal_controls(platform)
    return PoolChoice(kept["pool_version"], _lost(kept, set(samples["sample_id"])))


def batches_to_profile_again(platform: Platform) -> list[str]:
    """Return batches whose samples have no pool although there is one, or a superseded one."""
    rows = platform.catalogue.query("SELECT * FROM cnv_pools").rows(named=True)
    current = {row["array"]: row for row in rows if row["is_current"]}
    known = {(row["array"], row["pool_version"]): row for row in rows}
    used = platform.catalogue.query(
        'SELECT DISTINCT p.batch, m."array", p.pool_version FROM cnv_profiles p'
        " JOIN sample_measures m USING (sample_id, batch)"
    )
    return sorted(
        {
            batch
            for batch, array, version in used.iter_rows()
            if array in current
            and (
                version is None
                or (
                    (array, version) in known
                    and superseded(known[array, version], current[array], platform.parameters.cnv)
                )
            )
        }
    )
