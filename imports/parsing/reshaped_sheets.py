"""Sheets whose tables do not stand as the parser reads them, shown as sheets that do. Pure.

`parsing.sheet_shapes` recognises them. Their names are of no sheet in the file, which cannot be annotated as it came.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from imports.formats.sheet_types import CellColours, CellPositions, CellRow, MergedRange, SheetMetadata, WorkbookSheet


class ReshapedSheet:
    """A sheet made of one of the file, its origin."""

    def __init__(
        self,
        name: str,
        origin: WorkbookSheet,
        read_rows: Callable[[], Iterable[CellRow]],
        height: int,
        metadata: SheetMetadata,
    ) -> None:
        """`read_rows`: returns its `height` rows, from row 1, each time."""
        self.name, self.origin, self.hidden = name, origin, origin.hidden
        self.merged, self.uncomputed, self.errors = metadata.merged, metadata.uncomputed, metadata.errors
        self.hidden_rows, self.hidden_columns = metadata.hidden_rows, metadata.hidden_columns
        self.struck, self._read_colours = metadata.struck, metadata.read_colours
        self.height = height
        self._read_rows = read_rows

    def rows(self) -> Iterator[CellRow]:
        """Iterate over all rows."""
        yield from self._read_rows()

    def read_colours(self) -> CellColours | None:
        """Return the colours of the cells; None where they cannot be told."""
        return None if self._read_colours is None else self._read_colours()


def find_origin(sheet: WorkbookSheet) -> WorkbookSheet:
    """Return the sheet of the file that a sheet is made of."""
    return sheet.origin if isinstance(sheet, ReshapedSheet) else sheet


def take_columns(sheet: WorkbookSheet, name: str, left: int, right: int | None) -> ReshapedSheet:
    """Return the columns from `left` to `right` of a sheet, counted from 0 again; None for all to the right."""

    def holds(column: int) -> bool:
        return left <= column and (right is None or column <= right)

    def shift(positions: CellPositions) -> CellPositions:
        return frozenset((row, column - left) for row, column in positions if holds(column))

    def shift_colours() -> CellColours | None:
        colours = sheet.read_colours()
        if colours is None:
            return None
        return {(row, column - left): colour for (row, column), colour in colours.items() if holds(column)}

    end = None if right is None else right + 1
    merged = [
        area._replace(left=area.left - left, right=area.right - left) for area in sheet.merged if holds(area.left)
    ]
    metadata = SheetMetadata(
        merged,
        shift(sheet.uncomputed),
        shift(sheet.errors),
        sheet.hidden_rows,
        shift(sheet.struck),
        frozenset(column - left for column in sheet.hidden_columns if holds(column)),
        shift_colours,
    )
    return ReshapedSheet(name, sheet, lambda: (row[left:end] for row in sheet.rows()), sheet.height, metadata)


def turn(sheet: WorkbookSheet, name: str, rows: Sequence[CellRow]) -> ReshapedSheet:
    """Return a sheet that lies on its side with its columns as rows: row 2 is column B. `rows`: all of the sheet's."""
    height = max(map(len, rows), default=0)

    def flip(positions: CellPositions) -> CellPositions:
        return frozenset((column + 1, row - 1) for row, column in positions)

    def flip_colours() -> CellColours | None:
        colours = sheet.read_colours()
        if colours is None:
            return None
        return {(column + 1, row - 1): colour for (row, column), colour in colours.items()}

    merged = [MergedRange(area.left + 1, area.top - 1, area.right + 1, area.bottom - 1) for area in sheet.merged]
    return ReshapedSheet(
        name,
        sheet,
        lambda: ([row[column] if column < len(row) else "" for row in rows] for column in range(height)),
        height,
        SheetMetadata(
            merged,
            flip(sheet.uncomputed),
            flip(sheet.errors),
            frozenset(column + 1 for column in sheet.hidden_columns),
            flip(sheet.struck),
            frozenset(row - 1 for row in sheet.hidden_rows),
            flip_colours,
        ),
    )


def list_forms(sheet: WorkbookSheet, name: str, filled: Mapping[int, CellRow]) -> ReshapedSheet:
    """Return a sheet of forms as a list. `filled`: the row of titles and those of the schools, by number."""
    height = max(filled)
    return ReshapedSheet(
        name, sheet, lambda: (filled.get(number, []) for number in range(1, height + 1)), height, SheetMetadata()
    )
