"""Linear algebra on one thread, wherever the bits of a result must not depend on the machine.

Belongs here: the limit. Does not belong here: processes (`cup_assets.compute.mapping`).
"""

from __future__ import annotations

import sys
from contextlib import AbstractContextManager
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from threadpoolctl import ThreadpoolController


def single_threaded() -> AbstractContextManager[object]:
    """Limit the libraries that are loaded to one thread, for a ``with`` block.

    More threads would add in another order, and the bits of a sum would depend on the number of
    processors.
    """
    # Finding the libraries means asking the linker for all of the process, milliseconds for what
    # is wanted thousands of times; they are looked for again when a module has been imported.
    limits: AbstractContextManager[object] = _controller(
        len(sys.modules), next(reversed(sys.modules))
    ).limit(limits=1)
    return limits


@lru_cache(maxsize=1)
def _controller(_n_modules: int, _last_module: str) -> ThreadpoolController:
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()
