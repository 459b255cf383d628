"""The annotated workbook: the original file if possible, else one of its parsed values."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from imports.formats import xlsx, zip_archive
from imports.workbooks.annotated_copy import rebuild
from imports.workbooks.annotated_original import SheetsReshaped, annotate
from imports.workbooks.marks import RowMarks, TableLocation

if TYPE_CHECKING:
    from openpyxl import Workbook


logger = logging.getLogger(__name__)

#: Maximum size of an unpacked file for openpyxl on an idle machine: it takes 13 s, and ten times as much memory.
MAX_UNPACKED_BYTES = 45 * 1024 * 1024


class AnnotatedWorkbook(NamedTuple):
    """An annotated workbook, its file extension, and whether it was rebuilt without formatting."""

    content: bytes
    suffix: str
    rebuilt: bool


def annotate_as_it_came(
    content: bytes, place: TableLocation, marks: Sequence[RowMarks], sign: Callable[[Workbook, int], None]
) -> AnnotatedWorkbook | None:
    """Return the original file annotated; None where it is no .xlsx, too large for now, or refused by openpyxl.

    Also where its tables were turned or parted: their marks belong beside each of them.

    `sign`: called with the workbook and the index (from 0) of the choice column.
    """
    members = zip_archive.WorkbookArchive(content).members if content.startswith(zip_archive.SIGNATURE) else {}
    # All of them: openpyxl also parses parts that are not below `xl/`, as the relations tell.
    size = sum(member.file_size for member in members.values())
    if xlsx.WORKBOOK not in members or size > MAX_UNPACKED_BYTES * _processor_share():
        return None
    macros = "xl/vbaproject.bin" in members
    try:
        annotated = annotate(content, place, marks, sign, macros=macros)
    except MemoryError:
        raise
    except SheetsReshaped:
        return None
    except Exception:
        # openpyxl is stricter than Excel, in many ways.
        logger.exception("A workbook could not be annotated as it came.")
        return None
    return AnnotatedWorkbook(annotated, ".xlsm" if macros else ".xlsx", rebuilt=False)


def _processor_share() -> float:
    """Return the share of a processor that a process gets by the load of the last minute, at most 1."""
    return min(1.0, (os.cpu_count() or 1) / max(os.getloadavg()[0], 1.0))


def rebuild_from_values(
    content: bytes, place: TableLocation, marks: Sequence[RowMarks], sign: Callable[[Workbook, int], None]
) -> AnnotatedWorkbook:
    """Return a workbook of the file's values, annotated. Raises `UnreadableFile` if it can no longer be parsed."""
    return AnnotatedWorkbook(rebuild(content, place, marks, sign), ".xlsx", rebuilt=True)
