"""Parse the UAI cell of a row. Pure; whether the UAI exist is checked later."""

from __future__ import annotations

import functools
import re
from typing import NamedTuple

from schools import uai
from schools.recognition.results import RecognitionMethod

# Excludes placeholders: « à créer », « ? », « néant », « n.c. ».
_LIKE_A_CODE = re.compile(r"[0-9]{3}")
# UAI read of one cell.
_MAX_UAIS = 10


class ParsedUaiCell(NamedTuple):
    """The parsed UAI cell."""

    #: The valid UAI in the cell.
    valid: tuple[str, ...]
    #: Whether the single valid UAI was repaired: leading zero restored, O replaced by 0.
    repaired: bool
    #: Where there is none: the valid UAI one edit away.
    near: frozenset[str]
    #: The cell in capitals, without separators; empty for a placeholder.
    text: str

    @property
    def match_method(self) -> RecognitionMethod:
        """The match method for a school matched by this UAI."""
        return RecognitionMethod.REPAIRED if self.repaired else RecognitionMethod.UAI

    @property
    def one(self) -> str:
        """The valid UAI, if there is exactly one, else an empty string."""
        return self.valid[0] if len(self.valid) == 1 else ""


@functools.lru_cache(maxsize=1_000)
def parse_uai_cell(cell: str) -> ParsedUaiCell:
    """Parse a UAI cell."""
    found = uai.find_all(cell)[:_MAX_UAIS]
    text = uai.tidy(cell)
    if len(found) == 1:
        return ParsedUaiCell((found[0],), found[0] not in text, frozenset(), text)
    if found:
        return ParsedUaiCell(tuple(found), repaired=False, near=frozenset(), text=text)
    if _LIKE_A_CODE.search(text) is None:
        return ParsedUaiCell((), repaired=False, near=frozenset(), text="")
    return ParsedUaiCell((), repaired=False, near=uai.find_similar(cell), text=text)
