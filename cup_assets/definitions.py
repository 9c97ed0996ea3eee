"""The entry point of Dagster: ``defs``."""

from cup_assets.orchestration.build import build_defs

defs = build_defs()
