"""The only parallel construct of the platform: map a function over independent items.

Belongs here: where the items run (this process, local processes, Spark). Does not belong here:
what the function does.
"""

from cup_assets.compute.mapping import Mapper, local, make_mapper, serial

__all__ = ["Mapper", "local", "make_mapper", "serial"]
