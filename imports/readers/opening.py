"""Detect a file's format from its bytes, never from its name, and open it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from imports.readers import archive, limits, ole
from imports.readers.refusals import Unreadable
from imports.readers.strangers import HOW, refuse_by_beginning
from imports.readers.text import TextWorkbook, too_many_rows
from imports.readers.workbook import open_archive, open_ole

if TYPE_CHECKING:
    from imports.readers.sheets import Workbook


def open_workbook(content: bytes) -> Workbook:
    """Open a file. Raises `UnreadableFile`, whose message says what is wrong with the file and what to do."""
    if not content.strip(b"\xef\xbb\xbf\xff\xfe\0 \t\r\n"):
        raise Unreadable("empty", f"Ce fichier est vide. {HOW}")
    if len(content) > limits.MAX_BYTES:
        raise Unreadable("too_big", "Ce fichier dépasse 20 Mo. Gardez les colonnes utiles, ou partagez-le en deux.")
    if content.startswith(archive.SIGNATURE):
        return open_archive(content)
    if content.startswith(ole.SIGNATURE):
        return open_ole(content)
    refuse_by_beginning(content)
    return TextWorkbook(content)


def check_height(height: int) -> None:
    """Raise `UnreadableFile` when the selected sheets have too many rows."""
    if height > limits.MAX_ROWS + 100:
        raise too_many_rows(height)
