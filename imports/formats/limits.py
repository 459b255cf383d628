"""Size limits of an uploaded file. Stated on the upload page, enforced before anything is unpacked."""

#: Bytes of the file as it is uploaded.
MAX_BYTES = 20 * 1024 * 1024
#: Rows of one sheet, up to the last that is not empty.
MAX_ROWS = 100_000
#: Rows above the limit that are accepted before it is known which are data.
MARGIN_ROWS = 100
#: Rows times columns, all sheets together: what the reader holds in memory at once, however few cells are filled.
MAX_CELLS = 10_000_000
#: The same for an .ods, whose reader holds about four copies of each cell.
MAX_CELLS_ODS = 3_000_000
#: Bytes of a workbook once unpacked: a real one of 20 MB unpacks to some 150 MB, a bomb to gigabytes.
MAX_UNPACKED = 300 * 1024 * 1024
#: Members of a workbook's archive: 20 MB could declare 400,000, of which the list alone takes 300 MB.
MAX_MEMBERS = 10_000
#: Formulas without a result, or with an error as their result, recorded for one sheet.
MAX_UNRESOLVED_FORMULAS = 1_000_000
#: Cells struck through, recorded for one sheet.
MAX_STRUCK_CELLS = 1_000_000
#: Cells with a colour, recorded for one sheet; the colours of a sheet with more are not told.
MAX_COLOURED_CELLS = 500_000
#: Notes on cells that are read of one sheet, and characters kept of each.
MAX_NOTES, MAX_NOTE_LENGTH = 10_000, 500
#: Columns of a text file: as many as a spreadsheet has.
MAX_COLUMNS = 16_384
#: Sheets of a workbook.
MAX_SHEETS = 50
#: Characters kept of one cell.
MAX_CELL_LENGTH = 1_000
