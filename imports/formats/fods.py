"""Open a .fods, an OpenDocument spreadsheet in one XML file: as the .ods whose content it is."""

from __future__ import annotations

import re

from imports.formats import zip_archive
from imports.formats.loaded_workbook import LoadedWorkbook
from imports.formats.ods import MIMETYPE, open_ods, pack

#: The root element of a flat document; it says which kind of document it is.
_ROOT = re.compile(rb"<office:document\s[^>]*>")
_KIND = b'office:mimetype="' + MIMETYPE + b'"'
_HEAD_BYTES = 16 * 1024


def is_flat_spreadsheet(content: bytes) -> bool:
    """Whether a file is an OpenDocument spreadsheet in one XML file."""
    root = _ROOT.search(content[:_HEAD_BYTES])
    return root is not None and _KIND in root[0]


def open_fods(content: bytes) -> LoadedWorkbook:
    """Open a .fods. Raises `UnreadableFile`."""
    packed = pack(content)
    return open_ods(packed, zip_archive.WorkbookArchive(packed), "fods")
