"""The only parallel construct of the platform: map a function over independent items.

Belongs here: where the items run (this process, local processes, Spark), and the memory and disk
of the processes that run them. Does not belong here: what the function does.
"""

from cup_assets.compute.errors import ComputeError
from cup_assets.compute.mapping import Mapper, local, make_file_mapper, make_mapper, serial
from cup_assets.compute.memory import keep_freed_memory
from cup_assets.compute.scratch import scratch_folder
from cup_assets.compute.threads import single_threaded

__all__ = [
    "ComputeError",
    "Mapper",
    "keep_freed_memory",
    "local",
    "make_file_mapper",
    "make_mapper",
    "scratch_folder",
    "serial",
    "single_threaded",
]
