"""Bundles: everything behind a score, a panel or a release in one file that can be checked.

Belongs here: the file, its RO-Crate metadata, and checking what is inside it by itself. Does not
belong here: where the evidence comes from (`cup_assets.warehouse.evidence`), recomputing a score
and printing (`cup_assets.console`).
"""
