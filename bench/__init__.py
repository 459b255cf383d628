"""What is measured, and against what: `python -m bench [NAME…] [--json]`.

Each measure times ours, a floor (the least that PostgreSQL needs for the same result) and a peer (how it is usually
done), all in one run and in turn, so that a busy machine slows all three. A new measure is a function in a module of
this package, marked `@bench.registry.measure("name")`; it receives a scratch database, made for it and dropped after
it. Nothing timed stands in the test suite.

Where a page waits for the database, the measure tells the plans of its questions as well (`bench.plans`), at seventy
thousand schools and two hundred thousand accounts (`bench.people`, `bench.licences`): a table read whole ends the run
with status 1. What of it can be told among a few rows is tested (`tests/schools/test_plans.py`).

`read_spreadsheets` measures no time: it is the score of a set of damaged lists (`bench.damaged`), against the truth of
every row. A measure that does not reach what it must ends the run with status 1, once all have been told.
"""
