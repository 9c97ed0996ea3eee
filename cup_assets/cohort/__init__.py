"""Which samples, which classes, which folds.

Belongs here: sample sheets, the intake of a batch, the landing plan, the taxonomy of diagnoses, the
members of the reference data set, their folds and weights, and small helpers over matrices. Does
not belong here: signals (`cup_assets.methylome`), models, storage, Dagster.
"""
