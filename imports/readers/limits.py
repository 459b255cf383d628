"""What a file may weigh. Stated on the upload page, enforced before anything is unpacked."""

from __future__ import annotations

#: Bytes of the file as it is uploaded.
MAX_BYTES = 20 * 1024 * 1024
#: Rows of one sheet, the last one that holds something included.
MAX_ROWS = 100_000
#: Rows times columns of one sheet: what the reader must hold in memory at once, however few cells are filled.
MAX_CELLS = 10_000_000
#: Bytes of a workbook once unpacked: a real one of 20 MB unpacks to some 150 MB, a bomb to gigabytes.
MAX_UNPACKED = 300 * 1024 * 1024
#: Sheets of a workbook.
MAX_SHEETS = 50
#: Characters kept of one cell.
MAX_CELL = 1_000
