"""The page that tells a reader what a released classifier is and is not.

Belongs here: wording and tables of the model card. Does not belong here: any number that the
release's record does not hold.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_SHOWN = (
    "error",
    "balanced_accuracy",
    "macro_f1",
    "auc_hand_till",
    "brier",
    "log_loss",
    "ece",
    "coverage_at_99",
    "precision_at_90",
    "coverage_at_90",
)
_METRIC_HEAD = "| metric | value | 95 % interval | uncalibrated |"
_CLASS_HEAD = "| class | family | samples | recall | precision |"


def model_card(record: Mapping[str, Any]) -> str:
    """Write the card in Markdown from a release's record."""
    parameters = record["parameters"]
    lines = [
        f"# Classifier {record['version']}",
        "",
        f"{record['model']}, fitted on {record['n_samples']} reference samples of "
        f"{record['n_patients']} patients, {len(record['classes'])} classes, "
        f"{record['n_probes']} probes.",
        "",
        "## Use",
        "",
        "Research support for a pathologist's diagnosis; not a medical device. It can only name "
        "classes listed below: a tumour of any other kind is scored among them all the same, often "
        "highly. A sample unlike the reference samples of its class is no match for it; this finds "
        "some tumours of other kinds, not all.",
        "",
        f"Call: match at a class score of at least {parameters['match_threshold']}; family_only "
        f"at a family score of at least {parameters['family_threshold']}; otherwise no_match. "
        f"No match either, where fewer than {parameters['typicality_threshold']:.0%} of the "
        "held-out reference samples lie as far from their class: as many of the known kinds are "
        "lost. A "
        f"sample lacking more than {parameters['max_missing']:.0%} of the probes is not scored.",
        "",
        "## Performance in nested cross-validation",
        "",
        "Of classifiers made in the same way from parts of the same reference samples; performance "
        "on another centre or array must be expected to be lower.",
        "",
        _METRIC_HEAD,
        "|---|---|---|---|",
        *_metric_rows(record["metrics"]),
        "",
        "brier: mean sum over classes of squared differences, 0 to 2. Intervals: bootstrap over "
        "patients.",
        "",
        "## Classes",
        "",
        _CLASS_HEAD,
        "|---|---|---|---|---|",
        *_class_rows(record),
        "",
        "## Making",
        "",
        f"- Balancing: {parameters['strategy']}; seed {parameters['seed']}.",
        f"- Hyperparameters: {_listed(record['candidate'])}.",
        "- Adjusted for (samples): "
        + (
            "; ".join(f"{name}: {_listed(sizes)}" for name, sizes in record["factors"].items())
            or "nothing"
        )
        + ".",
        f"- Normalisation: {_listed(record['normalisation'])}; replicate probes: "
        f"{record['replicates']}.",
        f"- Probe list SHA-256: `{record['probe_list_sha256']}`.",
        f"- Inputs: {len(record['input_manifest'])}, listed in release.json.",
        "",
        *(_panel_lines(record["panel"]) if "panel" in record else ()),
    ]
    return "\n".join(lines)


def figure_lines(record: Mapping[str, Any]) -> tuple[list[str], list[str]]:
    """Return the heads of the card's tables of figures, and the lines below them."""
    return [_METRIC_HEAD, _CLASS_HEAD], [*_metric_rows(record["metrics"]), *_class_rows(record)]


def _panel_lines(panel: Mapping[str, Any]) -> list[str]:
    """Return what is only true of a classifier of few CpGs that a light technology measures."""
    noise = panel["noise"]
    counted = f", {noise['molecules']} molecules" if noise["molecules"] else ""
    return [
        "## Panel",
        "",
        f"For {panel['title']} of {panel['material']} DNA; amplicons were laid in "
        f"{panel['build']}. The reference was measured by arrays: for the performance above, "
        "held-out samples were measured by simulation (standard deviation "
        f"{noise['sd']}, dropout {noise['dropout']:.0%}{counted}; a value a "
        f"{noise['resolution']}). Shifts between the technology and arrays are not simulated: "
        "measure samples that have both before any use. Assumed, not measured: "
        f"{', '.join(panel['assumed']) or 'nothing'}.",
        "",
        f"A sample needs {panel['least_measured']:.0%} of the CpGs; the classifier learnt from "
        f"{panel['simulation']['masked_copies']} copies of each sample with CpGs hidden.",
        "",
        "| CpG | amplicon | place | marks |",
        "|---|---|---|---|",
        *(
            f"| {row['probe_id']} | {row['amplicon']} | chr{row['chrom']}:{row['start'] + 1} "
            f"| {row['class']}, {'hyper' if row['difference'] > 0 else 'hypo'} |"
            for row in panel["targets"]
        ),
        "",
    ]


def _metric_rows(metrics: list[Mapping[str, Any]]) -> list[str]:
    overall = {row["metric"]: row for row in metrics if row["class"] is None}
    rows = []
    for name in _SHOWN:
        if name in overall:
            row, raw = overall[name], overall.get(f"raw_{name}", {"value": None})
            interval = f"{_number(row['low'])} to {_number(row['high'])}"
            rows.append(
                f"| {name} | {_number(row['value'])} | {interval} | {_number(raw['value'])} |"
            )
    return rows


def _class_rows(record: Mapping[str, Any]) -> list[str]:
    by_class = {(row["metric"], row["class"]): row["value"] for row in record["metrics"]}
    return [
        f"| {name} | {record['families'][name]} | {size} "
        f"| {_number(by_class.get(('recall', name)))} "
        f"| {_number(by_class.get(('precision', name)))} |"
        for name, size in sorted(record["classes"].items())
    ]


def _number(value: float | None) -> str:
    return "undefined" if value is None else f"{value:.3f}"


def _listed(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{name or 'unknown'} {value}" for name, value in values.items()) or "none"
