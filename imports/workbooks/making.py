"""Which way an annotated workbook is made: the file as it came where that can be, else one of the values it holds."""

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

#: Bytes of unpacked sheets that openpyxl is given: it takes some ten times as much memory.
MOST_UNPACKED = 45 * 1024 * 1024


class Made(NamedTuple):
    """A workbook, what its name ends in, and whether it was made of the values alone, without their formatting."""

    content: bytes
    suffix: str
    rebuilt: bool


def make(content: bytes, place: Place, marks: Sequence[Mark], sign: Callable[[Workbook, int], None]) -> Made:
    """Return the annotated workbook. `sign` is given it, and the column (from 0) that was added for choices.

    Raises `Unreadable` where the file cannot be read any more.
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
            # What Excel forgives openpyxl may not, in a hundred ways: the values were read, and they are given back.
            logger.exception("A workbook could not be annotated as it came; it is rebuilt from its values.")
    return Made(rebuild(content, place, marks, sign), ".xlsx", rebuilt=True)


def _is_zip(content: bytes) -> bool:
    return content.startswith(archive.SIGNATURE)
