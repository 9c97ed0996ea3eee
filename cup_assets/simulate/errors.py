"""The simulator's exception."""

from __future__ import annotations


class SimulationError(ValueError):
    """A cohort cannot be simulated as asked; the message says why and what to change."""
