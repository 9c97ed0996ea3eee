"""Methylation arrays to auditable tumour diagnoses, as Dagster assets."""
