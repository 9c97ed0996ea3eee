"""The platform as its users have it.

A package, unlike its neighbours, so that its fixtures end with it (``scope="package"``).
"""
