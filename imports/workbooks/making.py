"""Build the annotated workbook: from the original file if possible, else from its parsed values."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, NamedTuple

from imports.readers import archive
from imports.workbooks.annotating import annotate
from imports.workbooks.rebuilding import rebuild

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from openpyxl import Workbook

    from imports.workbooks.marks import Mark, Place

logger = logging.getLogger(__name__)

#: Maximum size of unpacked sheets for openpyxl, which needs some ten times as much memory.
MOST_UNPACKED = 45 * 1024 * 1024


class Made(NamedTuple):
    """An annotated workbook, its file extension, and whether it was rebuilt without formatting."""

    content: bytes
    suffix: str
    rebuilt: bool


def make(content: bytes, place: Place, marks: Sequence[Mark], sign: Callable[[Workbook, int], None]) -> Made:
    """Return the annotated workbook. `sign`: called with it and the index (from 0) of the choice column.

    Raises `UnreadableFile` if the file can no longer be parsed.
    """
    members = {member.filename: member.file_size for member in archive.directory(content)} if _is_zip(content) else {}
    unpacked = sum(size for name, size in members.items() if name.startswith("xl/"))
    if "xl/workbook.xml" in members and unpacked <= MOST_UNPACKED:
        macros = "xl/vbaProject.bin" in members
        try:
            return Made(
                annotate(content, place, marks, sign, macros=macros), ".xlsm" if macros else ".xlsx", rebuilt=False
            )
        except Exception:
            # openpyxl is stricter than Excel, in many ways: fall back to the parsed values.
            logger.exception("A workbook could not be annotated as it came; it is rebuilt from its values.")
    return Made(rebuild(content, place, marks, sign), ".xlsx", rebuilt=True)


def _is_zip(content: bytes) -> bool:
    return content.startswith(archive.SIGNATURE)
