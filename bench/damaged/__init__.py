"""Lists of schools, damaged as people damage them, each with the expected result of every row.

The rows come from a real or synthetic directory; the damage is drawn from a seed and deterministic. Nothing here uses
the import code: expectations are recorded while writing, and `bench.spreadsheets` compares.
"""
