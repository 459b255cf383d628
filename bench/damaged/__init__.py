"""Lists of schools, damaged in every way that people damage them, each with the truth of every row.

The rows come from a directory, real or invented; the damage is drawn from a seed, the same at each call. Nothing here
knows how lists are read: what a row means is said by who wrote it, and `bench.reading` compares.
"""
