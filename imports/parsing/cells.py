"""Read one cell: as text, a number, an e-mail address or a telephone number. Pure."""

from __future__ import annotations

import datetime
import re

from imports.formats import limits
from imports.formats.sheet_types import CellValue

_SPACES = re.compile(r"\s+")


def cell_to_text(cell: CellValue) -> str:
    """Return a cell as text: integers without « .0 », dates in French form, whitespace collapsed."""
    if isinstance(cell, str):
        text = cell
        # Most cells are clean; this test is ten times cheaper than the substitution below.
        if len(text) <= limits.MAX_CELL_LENGTH and text.isprintable() and "  " not in text:
            return text.strip()
    elif isinstance(cell, bool):
        text = "VRAI" if cell else "FAUX"
    elif isinstance(cell, float) and cell.is_integer() and abs(cell) < 1e15:  # noqa: PLR2004 - exact up to there
        text = str(int(cell))
    elif isinstance(cell, datetime.datetime | datetime.date):
        text = f"{cell:%d/%m/%Y}"
    else:
        text = str(cell)
    if len(text) > limits.MAX_CELL_LENGTH:
        text = text[: limits.MAX_CELL_LENGTH] + "…"
    return _SPACES.sub(" ", text.replace("\0", "")).strip()
