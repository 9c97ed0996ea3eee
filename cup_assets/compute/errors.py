"""Errors of the parallel computation.

Belongs here: what can go wrong with workers, whatever they compute. Does not belong here: errors
of the items, which are raised as they are.
"""


class ComputeError(ValueError):
    """The workers cannot do what was asked; the message says what to do."""


class SparkError(ComputeError):
    """Spark cannot be used, or its workers were lost; the message says what to do."""
