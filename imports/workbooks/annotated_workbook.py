"""Build the annotated workbook: from the original file if possible, else from its parsed values."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, NamedTuple

from imports.formats import xlsx, zip_archive
from imports.workbooks.annotated_copy import rebuild
from imports.workbooks.annotated_original import annotate

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from openpyxl import Workbook

    from imports.workbooks.marks import RowMarks, TableLocation

logger = logging.getLogger(__name__)

#: Maximum size of an unpacked file for openpyxl, which needs some ten times as much memory.
MAX_UNPACKED_BYTES = 45 * 1024 * 1024


class AnnotatedWorkbook(NamedTuple):
    """An annotated workbook, its file extension, and whether it was rebuilt without formatting."""

    content: bytes
    suffix: str
    rebuilt: bool


def build_annotated(
    content: bytes, place: TableLocation, marks: Sequence[RowMarks], sign: Callable[[Workbook, int], None]
) -> AnnotatedWorkbook:
    """Return the annotated workbook. `sign`: called with it and the index (from 0) of the choice column.

    Raises `UnreadableFile` if the file can no longer be parsed.
    """
    members = zip_archive.WorkbookArchive(content).members if content.startswith(zip_archive.SIGNATURE) else {}
    # All of them: openpyxl also parses parts that are not below `xl/`, as the relations tell.
    if xlsx.WORKBOOK in members and sum(member.file_size for member in members.values()) <= MAX_UNPACKED_BYTES:
        macros = "xl/vbaproject.bin" in members
        try:
            return AnnotatedWorkbook(
                annotate(content, place, marks, sign, macros=macros), ".xlsm" if macros else ".xlsx", rebuilt=False
            )
        except MemoryError:
            # Nothing can be rebuilt where the memory is still held.
            raise
        except Exception:
            # openpyxl is stricter than Excel, in many ways: fall back to the parsed values.
            logger.exception("A workbook could not be annotated as it came; it is rebuilt from its values.")
    return AnnotatedWorkbook(rebuild(content, place, marks, sign), ".xlsx", rebuilt=True)
