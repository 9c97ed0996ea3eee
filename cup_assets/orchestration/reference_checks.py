"""What the checks of the reference set find.

Belongs here: findings for people about members, classes, arrays and sexes. Does not belong here:
who is a member (`cup_assets.cohort`), the asset (`cup_assets.orchestration.assets.datasets`).
"""

from __future__ import annotations

import polars as pl

from cup_assets.cohort.probe_space import ArrayChoice
from cup_assets.orchestration.materialise import Finding

# What a failed sample is left out for: the override, if that is what fails it, then what was
# measured.
WHY_UNUSABLE = pl.concat_str(
    pl.format("overridden by {}: {}", "overridden_by", "override_reason"),
    pl.when(pl.col("reasons") != "").then(pl.col("reasons")),
    separator="; ",
    ignore_nulls=True,
)


def class_members(included: pl.DataFrame, samples: pl.DataFrame) -> pl.DataFrame:
    """Return each class of the members with its size and the diagnoses that were merged into it.

    Parameters
    ----------
    included
        Members: ``sample_id``, ``batch``, ``class``, ``family``, ``person``.
    samples
        ``sample_id``, ``batch`` and ``diagnosis`` as the sample sheets write it.

    Returns
    -------
    Frame (family, class, samples, persons, diagnoses), diagnoses with their samples in brackets.
    """
    written = included.join(
        samples.select("sample_id", "batch", "diagnosis"), on=["sample_id", "batch"], how="left"
    )
    by = ["family", "class"]
    merged = (
        written.group_by(*by, "diagnosis")
        .len()
        .sort(*by, "len", "diagnosis", descending=[False, False, True, False])
        .group_by(by)
        .agg(diagnoses=pl.format("{} ({})", "diagnosis", "len").str.join("; "))
    )
    sizes = written.group_by(by).agg(samples=pl.len(), persons=pl.col("person").n_unique())
    return sizes.join(merged, on=by).sort(by)


def doubtful_samples(samples: pl.DataFrame, conflicts: pl.DataFrame) -> pl.DataFrame:
    """Return every sample that is not beyond doubt, whatever its role, the worst first.

    Columns: sample_id, batch, role, verdict, reasons. Whoever looks for samples to check by hand
    finds them here: failed and doubtful measures, overrides, and what contradicts the sample sheet.
    """
    order = {"fail": 0, "warn": 1, "pass": 2}
    notes = conflicts.group_by("sample_id").agg(identity=pl.col("note").str.join("; "))
    found = samples.join(notes, on="sample_id", how="left", maintain_order="left").select(
        "sample_id", "batch", "role",
        verdict=pl.when((pl.col("verdict") == "pass") & pl.col("overridden_by").is_null()
                        & pl.col("identity").is_not_null())
        .then(pl.lit("warn")).otherwise("verdict"),
        reasons=pl.concat_str(WHY_UNUSABLE, "sex_conflict", "identity", separator="; ",
                              ignore_nulls=True).str.strip_prefix("; "),
    )  # fmt: skip
    doubtful = found.filter((pl.col("verdict") != "pass") | (pl.col("reasons") != ""))
    return doubtful.sort(pl.col("verdict").replace_strict(order), "sample_id")


def reference_findings(
    samples: pl.DataFrame,
    everyone: pl.DataFrame,
    included: pl.DataFrame,
    arrays: ArrayChoice,
    conflicts: pl.DataFrame,
) -> list[Finding]:
    """Return what the checks of ``datasets/reference`` find.

    Parameters
    ----------
    samples
        Live samples with ``sex`` (recorded) and ``predicted_sex``.
    everyone, included
        All samples with ``included`` and ``reason``, and the members among them.
    arrays
        Which arrays are learnt from.
    conflicts
        Where the genotypes of any two samples, diagnostic ones too, contradict the sheets.
    """
    left_out = everyone.filter(~pl.col("included"))
    small = left_out.filter(pl.col("reason").str.contains("patients, needs"))
    n_classes = included["class"].n_unique()
    too_few = n_classes < 2
    sexes = samples.filter(
        pl.col("predicted_sex").is_not_null() & (pl.col("sex") != pl.col("predicted_sex"))
    )
    return [
        Finding(
            "identities",
            passed=conflicts.is_empty(),
            description="; ".join(
                f"{name}: {note}" for name, note in conflicts["sample_id", "note"].iter_rows()
            )
            or "no two patients share genotypes, and every patient's samples agree",
            severe=False,  # they are left out already
        ),
        Finding(
            "class_sizes",
            passed=small.is_empty() and not too_few,
            description="; ".join(
                [
                    *([f"{n_classes} usable class: two are needed to learn"] if too_few else []),
                    *sorted(set(small["reason"])),
                ]
            )
            or f"{n_classes} classes, all large enough",
            severe=too_few,
        ),
        Finding(
            "recorded_sex",
            passed=sexes.is_empty(),
            description="; ".join(
                f"{name}: recorded {sex}, measured {measured}"
                for name, sex, measured in sexes["sample_id", "sex", "predicted_sex"].iter_rows()
            )
            or "recorded and measured sex agree wherever both are known",
            severe=False,
        ),
        _arrays_finding(arrays),
    ]


def _arrays_finding(arrays: ArrayChoice) -> Finding:
    used = arrays.report.filter("used")["array"].to_list()
    return Finding(
        "arrays",
        passed=not arrays.left_out,
        description="; ".join(arrays.left_out.values()) or f"all are used: {', '.join(used)}",
        severe=False,  # their samples are left out, each with this reason
    )
