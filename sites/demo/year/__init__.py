"""A whole year of three collectivities on a clock: from the first purchase to the second September."""
