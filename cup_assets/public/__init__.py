"""Public cohorts: from an accession to batches like any other.

Belongs here: the registry of cohorts with their label maps, what GEO and GDC offer and where,
careful downloads, safe unpacking, and the batches with their sheet and provenance. Does not belong
here: what is printed (`cup_assets.console.fetch`), the intake of a batch (`cup_assets.cohort`).
"""
