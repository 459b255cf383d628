"""Detect a file's format from its bytes, never from its name, and open it."""

from imports.formats import limits, ods, workbook_parts, xls, xlsb, xlsx
from imports.formats.delimited_text import TextWorkbook
from imports.formats.exceptions import (
    ACCEPTED_FORMATS_HINT,
    UnreadableFile,
    damaged,
    reject_by_signature,
    unsupported_archive,
)
from imports.formats.sheet_types import Workbook


def open_workbook(content: bytes) -> Workbook:
    """Open a file. Raises `UnreadableFile`, whose message says what is wrong with the file and what to do.

    Foreign bytes are opened in a bounded process only (`imports.foreign_files`): some of them take all the memory that
    there is, or end the process.
    """
    if not content.strip(b"\xef\xbb\xbf\xff\xfe\0 \t\r\n"):
        raise UnreadableFile("empty", f"Ce fichier est vide. {ACCEPTED_FORMATS_HINT}")
    if len(content) > limits.MAX_BYTES:
        raise UnreadableFile(
            "file_too_large", "Ce fichier dépasse 20 Mo. Gardez les colonnes utiles, ou partagez-le en deux."
        )
    if any(signature.startswith(content) for signature in (workbook_parts.SIGNATURE, xls.SIGNATURE)):
        raise damaged()
    if content.startswith(workbook_parts.SIGNATURE):
        return _open_archive(content)
    if content.startswith(xls.SIGNATURE):
        return xls.open_xls(content)
    if ods.is_flat_spreadsheet(content):
        return ods.open_fods(content)
    reject_by_signature(content)
    return TextWorkbook(content)


def _open_archive(content: bytes) -> Workbook:
    archive = workbook_parts.WorkbookArchive(content)
    if xlsx.WORKBOOK in archive.members:
        return xlsx.open_xlsx(content, archive)
    if xlsb.WORKBOOK in archive.members:
        return xlsb.open_xlsb(content, archive)
    if ods.is_spreadsheet(archive):
        return ods.open_ods(content, archive)
    raise unsupported_archive(set(archive.members))
