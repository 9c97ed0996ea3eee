"""The errors of this package.

Belongs here: exception types. Does not belong here: anything that can raise them.
"""

from __future__ import annotations


class ClassifyError(ValueError):
    """Data, folds or parameters that no classifier can honestly be fitted or judged on."""


class NoExplainerError(ClassifyError):
    """A model that classifies, and whose scores nobody can take apart yet."""


class ReleaseError(ClassifyError):
    """A released classifier that must not be used, or a sample table that does not fit it."""
