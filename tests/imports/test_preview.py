"""The preview rows shown while choosing the columns' meanings."""

from typing import Any

from imports.layout import PreviewRow
from imports.parsing.spreadsheet import build_preview

ROWS: list[list[Any]] = [["Liste"], [], ["UAI", "Licences"], ["0301234D", 3.0], ["x" * 80, 2]]


def test_the_preview_starts_above_the_titles():
    assert build_preview(ROWS, 3) == [
        PreviewRow(1, ["Liste"]),
        PreviewRow(2, []),
        PreviewRow(3, ["UAI", "Licences"]),
        PreviewRow(4, ["0301234D", "3"]),
        PreviewRow(5, ["x" * 59 + "…", "2"]),
    ]
    assert [row.number for row in build_preview([[str(n)] for n in range(1, 30)], 20)] == list(range(17, 26))


def test_the_preview_of_a_sheet_without_titles_starts_at_its_first_row():
    assert [row.number for row in build_preview([[str(n)] for n in range(1, 30)], None)] == [1, 2, 3, 4, 5]
