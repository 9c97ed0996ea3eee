"""The one partition dimension: batches of samples.

A partition per sample would cost a process of several seconds each; samples are rows.
"""

import dagster as dg

BATCHES = dg.DynamicPartitionsDefinition(name="batches")
