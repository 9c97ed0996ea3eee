"""The exception of the copy-number stage."""

from __future__ import annotations


class CnvError(ValueError):
    """A copy-number step cannot be done; the message says what, where and what to do."""
