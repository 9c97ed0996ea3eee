"""What the benchmarks need of other engines: their environments, their choices step by step.

Belongs here: making a peer's virtual environment, scripts that run inside it, reference variants.
Does not belong here: anything that the package itself uses.
"""
