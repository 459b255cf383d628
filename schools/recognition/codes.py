"""Parse the UAI cell of a row. Pure; whether the UAI exist is checked later."""

from __future__ import annotations

import functools
import re
from typing import NamedTuple

from schools import uai
from schools.recognition.answers import How

# Excludes placeholders: « à créer », « ? », « néant », « n.c. ».
_LIKE_A_CODE = re.compile(r"[0-9]{3}")


class Code(NamedTuple):
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
    def how(self) -> How:
        """The match method for a school matched by this UAI."""
        return How.REPAIRED if self.repaired else How.UAI

    @property
    def one(self) -> str:
        """The valid UAI, if there is exactly one, else an empty string."""
        return self.valid[0] if len(self.valid) == 1 else ""


@functools.lru_cache(maxsize=1_000)
def code_of(cell: str) -> Code:
    """Parse a UAI cell."""
    found = uai.find(cell)
    text = uai.tidy(cell)
    if len(found) == 1:
        return Code((found[0],), found[0] not in text, frozenset(), text)
    if found:
        return Code(tuple(found), repaired=False, near=frozenset(), text=text)
    if _LIKE_A_CODE.search(text) is None:
        return Code((), repaired=False, near=frozenset(), text="")
    return Code((), repaired=False, near=uai.near(cell), text=text)
