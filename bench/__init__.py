"""Benchmarks: `python -m bench [NAME…] [--json]`.

Each measure times ours, a floor (the least work PostgreSQL needs for the same result) and a peer (the usual library or
method), interleaved in one run, so that a busy machine slows all three. A new measure is a function in a module of this
package, decorated with `@bench.registry.measure("name")`; it runs on its own scratch database. The test suite times
nothing.

For database-bound pages the measure also prints the query plans (`bench.query_plans`), with seventy thousand schools
and two hundred thousand accounts (`bench.account_data`, `bench.licence_data`): a sequential scan ends the run with
status 1. Plans that can be checked on a few rows are tested in `tests/schools/test_plans.py`.

`read_spreadsheets` measures no time: it scores imports of damaged lists (`bench.damaged`) against the expected
result of every row. `load` (`bench.load`) compares pages beside large imports, uploads and slow clients with the same
pages while nothing else runs; `chaos` (`bench.chaos`) kills processes; `mail_outage` moves a clock through an hour
without a mail server. A measure that misses its target ends the run with status 1, after all have run.
"""
