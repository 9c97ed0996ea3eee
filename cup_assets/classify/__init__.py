"""Classifiers of tumour classes from betas: fitting, honest evaluation, release.

Belongs here: what is learnt from labelled samples and how well it holds on others. Does not belong
here: which samples and folds (cohort), panels and projections, tables and files of the warehouse.
"""
