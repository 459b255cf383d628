"""Parse a file into rows: select the sheets, find the header row, map the columns, parse the cells.

Pure: no database query. Entry point: `spreadsheet.parse_spreadsheet`, which opens the file with `imports.formats`.
"""
