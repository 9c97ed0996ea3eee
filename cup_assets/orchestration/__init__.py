"""Dagster, and only here: assets, partitions, sensors, automation, checks, jobs.

Belongs here: when something is computed, and what the UI shows of it. Does not belong here: how
it is computed (the domain packages) and where it is kept (`cup_assets.warehouse`).
"""
