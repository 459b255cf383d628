"""Pools and allocations in the API: counts and states, never a key or the name of a teacher."""

TAGS = ["Attributions"]
