"""Copy number of many samples: features for learning, and what is typical of each class.

Belongs here: what is read from the warehouse for these. Does not belong here: the computation
(`cup_assets.copynumber`), drawing.
"""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from cup_assets.copynumber.features import CnvFeatures, cnv_features, cnv_log2_ratios
from cup_assets.copynumber.frequency import FREQUENCY_SCHEMA, gain_loss_frequency
from cup_assets.orchestration.conventions import PROFILES
from cup_assets.orchestration.inputs import inputs_of
from cup_assets.orchestration.resources import Platform
from cup_assets.report import arm_heatmap
from cup_assets.report.frequency_figures import frequency_plot


def read_cnv_features(platform: Platform, sample_ids: Sequence[str]) -> CnvFeatures:
    """Return the copy-number features of samples, in this order, whatever their arrays.

    Parameters
    ----------
    platform
        Where the warehouse is.
    sample_ids
        Rows of the matrix. A sample without a profile has NaN throughout.
    """
    wanted = [list(sample_ids)]
    calls = platform.catalogue.query(
        "SELECT sample_id, kind, region, log2, call FROM cnv_calls"
        " WHERE kind <> 'focal' AND list_contains(?, sample_id)",
        wanted,
    )
    altered = platform.catalogue.query(
        "SELECT sample_id, altered_fraction FROM cnv_profiles WHERE list_contains(?, sample_id)",
        wanted,
    )
    return cnv_features(sample_ids, calls, altered, platform.parameters.cnv.genes)


def read_cnv_log2_ratios(platform: Platform, sample_ids: Sequence[str]) -> CnvFeatures:
    """Return what is learnt from beside betas, of samples in this order, whatever their arrays.

    A sample without a profile has NaN throughout.
    """
    calls = platform.catalogue.query(
        "SELECT sample_id, kind, region, log2, call FROM cnv_calls"
        " WHERE kind <> 'focal' AND list_contains(?, sample_id)",
        [list(sample_ids)],
    )
    return cnv_log2_ratios(sample_ids, calls, platform.parameters.cnv.genes)


def reference_profiles(platform: Platform) -> dict[str, str]:
    """Return the versions of the reference samples' profiles, as an input manifest records them."""
    batches = platform.catalogue.query(
        "SELECT DISTINCT batch FROM dataset_members WHERE included ORDER BY batch"
    )["batch"]
    versions = platform.catalogue.current_partitions(PROFILES.to_user_string())
    return inputs_of(versions[batch] for batch in batches if batch in versions)


def class_copy_number(
    platform: Platform, labels: pl.DataFrame
) -> tuple[pl.DataFrame, dict[str, bytes]]:
    """Return how often each place is gained or lost in each class, and the pictures of it.

    Parameters
    ----------
    platform
        Where the warehouse is.
    labels
        ``sample_id``, ``class``.

    Returns
    -------
    frequencies, pictures
        Rows of ``cnv_frequencies``, for each genome build by itself; PNG images by title.
    """
    ids = [labels["sample_id"].to_list()]
    arms = platform.catalogue.query(
        "SELECT sample_id, kind, region, log2, call FROM cnv_calls"
        " WHERE kind = 'arm' AND list_contains(?, sample_id)",
        ids,
    )
    segments = platform.catalogue.query(
        'SELECT sample_id, build, chrom, start, "end", call FROM cnv_segments'
        " WHERE list_contains(?, sample_id)",
        ids,
    )
    pictures = {"arms by class": arm_heatmap(arms, labels, title="Chromosome arms by class")}
    frames = [pl.DataFrame(schema=FREQUENCY_SCHEMA)]
    for (build,), group in sorted(segments.group_by("build")):
        frequency = gain_loss_frequency(group, labels, str(build))
        frames.append(frequency)
        pictures[f"gains and losses by class {build}"] = frequency_plot(frequency, str(build))
    return pl.concat(frames), pictures
