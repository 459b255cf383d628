"""What is measured, and against what: `python -m bench [NAME…] [--json]`.

Each measure times ours, a floor (the least that PostgreSQL needs for the same result) and a peer (how it is usually
done), all in one run and in turn, so that a busy machine slows all three. A new measure is a function in a module of
this package, marked `@bench.registry.measure("name")`; it receives a scratch database, made for it and dropped after
it. Nothing timed stands in the test suite.
"""
