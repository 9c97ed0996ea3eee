"""Errors that a user can act on.

Belongs here: which exceptions are shown as one line. Does not belong here: raising them.
"""

from __future__ import annotations

import errno
from collections.abc import Callable


class ConsoleError(RuntimeError):
    """The command cannot do what was asked; the message says what to do."""


def explained(command: Callable[[], object]) -> str | None:
    """Run a command; return the message of an error of the platform, None if there was none.

    Errors of the platform's packages are `ValueError` s of their own with a message of one line;
    any other exception is a bug and keeps its traceback.
    """
    from cup_assets.orchestration.headless import HeadlessError
    from cup_assets.warehouse import WarehouseError

    try:
        command()
    except (ConsoleError, HeadlessError, WarehouseError) as error:
        return str(error)
    except ValueError as error:
        if type(error).__module__.startswith("cup_assets."):
            return str(error)
        raise
    except OSError as error:
        if error.errno == errno.ENOSPC:
            return f"the disk is full ({error.filename or 'no file name'}): free space, run again"
        raise
    return None
