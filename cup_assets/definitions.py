"""The entry point of Dagster: ``defs``."""

from cup_assets.file_modes import keep_private
from cup_assets.orchestration.build import build_defs

keep_private()
defs = build_defs()
