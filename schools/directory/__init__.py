"""The synchronisation with the national directory, from an open-data file to the table of schools.

Entry point: `operations.synchronise`. Steps:

1. `files` opens the file, plain or gzipped, and yields its lines; truncated or re-encoded files are refused;
2. `columns` locates the columns by header, which changed over the years;
3. `cells` parses one cell: damage by Excel is repaired where the repair is unambiguous, else the value is None;
4. `rows` parses a line into a `SchoolRow`, or a `RefusedRow` with the reason;
5. `merge` COPYs the rows into a temporary table, and merges rows of the same UAI;
6. `merge` compares that table with the schools and writes the differences, in one statement.

`None` in a row means that the file has no value: the school keeps its own. An empty string means that there is none.
"""
