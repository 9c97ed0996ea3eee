"""From raw Illumina array files to beta values, one sample at a time.

Belongs here: IDAT and manifest reading, normalisation, detection, sample quality, identity.
Does not belong here: storage, Dagster, anything that needs a second sample to normalise the first.
"""
