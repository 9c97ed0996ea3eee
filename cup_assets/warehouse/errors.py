"""Errors of the warehouse, each one clear line.

Belongs here: exception classes. Does not belong here: raising them.
"""


class WarehouseError(RuntimeError):
    """The database cannot be used as asked; the message says what to do."""


class InputChangedError(WarehouseError):
    """An input got a new version while an asset was being made of it; nothing was stored."""
