"""The exceptions of this package: each message is one line saying what, where and what to do.

Belongs here: exception classes. Does not belong here: their texts, which the raising code writes.
"""

from __future__ import annotations

_LONGEST = 1_500  # characters of a message


class MethylomeError(ValueError):
    """Something about an array file, a manifest or a sample that a person has to put right.

    The message often quotes a file, which may hold anything: it is kept on one line, and cut.
    """

    def __init__(self, message: str) -> None:
        shown = (c if c.isprintable() else ascii(c)[1:-1] for c in message[:_LONGEST])
        super().__init__("".join(shown))


class IdatError(MethylomeError):
    """An IDAT file, or a Grn/Red pair of them, cannot be used."""


class ManifestError(MethylomeError):
    """An array manifest cannot be used."""


class MaskError(MethylomeError):
    """A mask file cannot be used."""


class UnknownArrayError(MethylomeError):
    """No manifest at hand describes the array of an IDAT file."""


class SignalError(MethylomeError):
    """A sample's intensities do not allow a normalisation."""
