"""Detect a file's format from its bytes, never from its name, and open it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from imports.formats import limits, ole, zip_archive
from imports.formats.calamine_workbook import open_archive, open_ole
from imports.formats.delimited_text import TextWorkbook
from imports.formats.exceptions import UnreadableFile
from imports.formats.unsupported import ACCEPTED_FORMATS_HINT, reject_by_signature

if TYPE_CHECKING:
    from imports.formats.sheet_types import Workbook


def open_workbook(content: bytes) -> Workbook:
    """Open a file. Raises `UnreadableFile`, whose message says what is wrong with the file and what to do."""
    if not content.strip(b"\xef\xbb\xbf\xff\xfe\0 \t\r\n"):
        raise UnreadableFile("empty", f"Ce fichier est vide. {ACCEPTED_FORMATS_HINT}")
    if len(content) > limits.MAX_BYTES:
        raise UnreadableFile(
            "file_too_large", "Ce fichier dépasse 20 Mo. Gardez les colonnes utiles, ou partagez-le en deux."
        )
    if content.startswith(zip_archive.SIGNATURE):
        return open_archive(content)
    if content.startswith(ole.SIGNATURE):
        return open_ole(content)
    reject_by_signature(content)
    return TextWorkbook(content)
