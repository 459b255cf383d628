"""What the cell of a row's UAI holds. Pure; the directory says afterwards which of these exist."""

from __future__ import annotations

import functools
import re
from typing import NamedTuple

from schools import uai
from schools.recognition.answers import How

# « à créer », « ? », « néant », « n.c. » : no code was meant.
_LIKE_A_CODE = re.compile(r"[0-9]{3}")


class Code(NamedTuple):
    """One cell."""

    #: The valid UAI that it holds; several where several were pasted.
    valid: tuple[str, ...]
    #: Whether the one valid UAI was written otherwise: without its zero, with an O for a 0.
    repaired: bool
    #: Where there is none: the valid UAI that one slip would explain.
    near: frozenset[str]
    #: The cell in capitals, without spaces; empty where no code was meant.
    text: str

    @property
    def how(self) -> How:
        """How a school is recognised by it."""
        return How.REPAIRED if self.repaired else How.UAI

    @property
    def one(self) -> str:
        """The valid UAI, where there is exactly one."""
        return self.valid[0] if len(self.valid) == 1 else ""


@functools.lru_cache(maxsize=1_000)
def code_of(cell: str) -> Code:
    """Return what a cell holds."""
    found = uai.find(cell)
    text = uai.tidy(cell)
    if len(found) == 1:
        return Code((found[0],), found[0] not in text, frozenset(), text)
    if found:
        return Code(tuple(found), repaired=False, near=frozenset(), text=text)
    if _LIKE_A_CODE.search(text) is None:
        return Code((), repaired=False, near=frozenset(), text="")
    return Code((), repaired=False, near=uai.near(cell), text=text)
