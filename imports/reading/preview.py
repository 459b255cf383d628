"""The first rows of a table as they stand in the file, for the page that asks what its columns mean. Pure."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any

from imports.reading import cells

if TYPE_CHECKING:
    from collections.abc import Iterable

    from imports.readers.sheets import Row

#: Rows shown above the titles, and from them on.
ABOVE = 3
BELOW = 5
#: What is shown of a row: enough to know a column by, small beside the file.
MOST_COLUMNS = 100
LONGEST = 60


def preview(rows: Iterable[Row], header_row: int | None) -> list[dict[str, Any]]:
    """Return the rows around the titles, or the first ones where there are none: `{"number", "cells"}`, as texts."""
    first = max((header_row or 1) - ABOVE, 1)
    last = (header_row or 0) + BELOW
    return [
        {"number": number, "cells": [_shown(cells.text_of(cell)) for cell in row[:MOST_COLUMNS]]}
        for number, row in enumerate(islice(rows, first - 1, last), start=first)
    ]


def _shown(text: str) -> str:
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"
