"""What the ``cup`` command prints and asks for.

Belongs here: tables, progress bars and the wording of results on a terminal. Does not belong
here: computation, and Dagster beyond starting it.
"""
