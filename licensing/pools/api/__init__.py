"""Pools and allocations in the API. Counts and states: never a key, nor the name of whoever holds a licence."""

TAGS = ["Attributions"]
