"""The assets, one module a group; each asset is a thin adapter between domain and warehouse.

Belongs here: which inputs, which function, which tables, which pictures. Does not belong here:
science and SQL beyond a query.
"""
