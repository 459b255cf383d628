"""The digest by which headers with the same titles are recognised. Pure."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from imports.meanings import is_added_title
from schools.folding import fold

if TYPE_CHECKING:
    from collections.abc import Sequence


def compute_header_digest(titles: Sequence[str]) -> str:
    """Return a digest of the titles, "" where there are none.

    Columns added by annotating a workbook are left out, so that its digest does not change.
    """
    folded = ["" if is_added_title(title) else fold(title) for title in titles]
    while folded and not folded[-1]:
        folded.pop()
    return hashlib.sha256("\n".join(folded).encode()).hexdigest() if any(folded) else ""
