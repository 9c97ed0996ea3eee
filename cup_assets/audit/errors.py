"""What a bundle can be refused for.

Belongs here: the errors of this package. Does not belong here: findings of a verification, which
are results (`cup_assets.audit.checks`).
"""


class BundleError(ValueError):
    """A file is no bundle, or cannot become one; the message is one line with the remedy."""
