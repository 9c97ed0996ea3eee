"""What can go wrong with a public cohort, said in one line.

Belongs here: the errors of this package. Does not belong here: finding the faults.
"""

from __future__ import annotations


class PublicError(ValueError):
    """A public cohort that cannot be fetched; the message is one line that says what to do."""


class RegistryError(PublicError):
    """A registry file that is not in its layout."""


class TransferError(PublicError):
    """A file that could not be transferred, or is not the one that was announced."""


class AbsentError(TransferError):
    """A file that the source does not have (404)."""


class ChangedError(TransferError):
    """A file that is no longer the one that was fetched before."""


class ArchiveError(PublicError):
    """An archive that must not be unpacked."""
