"""The synchronisation with the national directory, from an open-data file to the table of schools.

`operations.synchronise` is the way in. What it goes through, in order:

1. `files` opens the file, plain or gzipped, and yields its lines; one that was cut or recoded is refused;
2. `columns` finds the columns by their names, which have drifted over the years;
3. `cells` reads one cell: what Excel damaged is repaired where one repair is possible, and dropped otherwise;
4. `rows` makes of a line a `SchoolRow`, or a `RefusedRow` that says why;
5. `staging` COPYs the rows into a temporary table, and folds the rows of one UAI into one;
6. `writing` compares that table with the schools and writes what differs, in one statement.

`None` in a row means « this file does not say »: the school keeps what it had. An empty text means « there is none ».
"""
