"""From a file's bytes to its checked rows: which sheets, which titles, which columns, what each cell says.

Pure: nothing here asks the database. `table.read_table` is the way in; `imports.readers` opens the file for it.
"""
