"""What two headers of the same titles have in common. Pure."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from imports.meanings import is_added
from schools.folding import fold

if TYPE_CHECKING:
    from collections.abc import Sequence


def shape_of(titles: Sequence[str]) -> str:
    """Return what two headers of the same titles have in common, "" where there are none.

    The columns that we add to an annotated workbook count for nothing: corrected, it is of the shape that it was.
    """
    folded = ["" if is_added(title) else fold(title) for title in titles]
    while folded and not folded[-1]:
        folded.pop()
    return hashlib.sha256("\n".join(folded).encode()).hexdigest() if any(folded) else ""
