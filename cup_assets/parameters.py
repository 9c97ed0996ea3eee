"""Every scientific parameter of the platform, with defaults and a TOML override.

Belongs here: putting the packages' parameter classes together and reading ``parameters.toml``.
Does not belong here: the parameters themselves (each package documents its own) and paths
(`cup_assets.settings`).
"""

from __future__ import annotations

import dataclasses
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cup_assets.classify.parameters import EvaluationParameters
from cup_assets.classify.study_parameters import (
    AblationParameters,
    ExplanationParameters,
    LearningCurveParameters,
    NoveltyParameters,
)
from cup_assets.cohort.parameters import CohortParameters
from cup_assets.copynumber.parameters import CnvParameters
from cup_assets.landscape.parameters import LandscapeParameters
from cup_assets.methylome.parameters import BetaParameters
from cup_assets.methylome.quality_parameters import QualityParameters
from cup_assets.panels.assay_parameters import AssayParameters
from cup_assets.panels.parameters import PanelParameters


class ParametersError(ValueError):
    """The parameters file cannot be used; the message names the entry."""


@dataclass(frozen=True)
class Parameters:
    """Parameters of every stage; each section is a table of ``parameters.toml``."""

    betas: BetaParameters = field(default_factory=BetaParameters)
    quality: QualityParameters = field(default_factory=QualityParameters)
    cnv: CnvParameters = field(default_factory=CnvParameters)
    cohort: CohortParameters = field(default_factory=CohortParameters)
    evaluation: EvaluationParameters = field(default_factory=EvaluationParameters)
    ablations: AblationParameters = field(default_factory=AblationParameters)
    learning_curve: LearningCurveParameters = field(default_factory=LearningCurveParameters)
    novelty: NoveltyParameters = field(default_factory=NoveltyParameters)
    explanations: ExplanationParameters = field(default_factory=ExplanationParameters)
    landscape: LandscapeParameters = field(default_factory=LandscapeParameters)
    panels: PanelParameters = field(default_factory=PanelParameters)
    assays: AssayParameters = field(default_factory=AssayParameters)


def load_parameters(path: Path) -> Parameters:
    """Read overrides from a TOML file; a missing file means all defaults.

    Raises
    ------
    ParametersError
        If the file is no TOML, or names a section or entry that does not exist, or gives a value
        of another type than the default's.
    """
    if not path.exists():
        return Parameters()
    try:
        given = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ParametersError(f"{path} is not valid TOML: {error}; correct the file") from error
    defaults = Parameters()
    sections = {f.name: getattr(defaults, f.name) for f in dataclasses.fields(defaults)}
    for name, entries in given.items():
        if name not in sections or not isinstance(entries, dict):
            raise ParametersError(
                f"{path}: unknown section [{name}]; use one of {', '.join(sections)}"
            )
        sections[name] = _override(sections[name], entries, f"{path} [{name}]")
    return Parameters(**sections)


def _override(defaults: Any, entries: dict[str, Any], where: str) -> Any:
    known = {f.name for f in dataclasses.fields(defaults)}
    values = {}
    for name, value in entries.items():
        if name not in known:
            raise ParametersError(
                f"{where}: unknown entry {name!r}; use one of {', '.join(sorted(known))}"
            )
        default = getattr(defaults, name)
        given = tuple(value) if isinstance(value, list) else value
        if isinstance(default, float) and type(given) is int:
            given = float(given)
        if default is not None and type(given) is not type(default):
            raise ParametersError(
                f"{where}: {name} = {value!r} should be of type {type(default).__name__}"
            )
        values[name] = given
    try:
        return dataclasses.replace(defaults, **values)
    except ValueError as error:
        raise ParametersError(f"{where}: {error}") from error
