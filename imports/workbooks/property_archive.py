"""The few bytes of an uploaded workbook that may say which import it corrects, without loading the file."""

from __future__ import annotations

import zipfile
import zlib
from typing import BinaryIO

from imports.formats import zip_archive
from imports.workbooks.provenance import MAX_PROPERTY_BYTES

#: Members that hold the properties of an .xlsx and of an .ods.
_PROPERTY_MEMBERS = ("docProps/custom.xml", "meta.xml")
#: Entries of an archive's directory, each some 500 bytes in memory; a large workbook has a few hundred.
_MAX_ENTRIES = 10_000
_ENTRY_SIGNATURE = b"PK\x01\x02"
_CHUNK_BYTES = 256 * 1024


def extract_properties(file: BinaryIO) -> bytes:
    """Return a small archive of the file's property members; empty if there are none, or if it is no archive."""
    file.seek(0)
    if file.read(len(zip_archive.SIGNATURE)) != zip_archive.SIGNATURE or _count_entries(file) > _MAX_ENTRIES:
        return b""
    try:
        with zipfile.ZipFile(file) as archive:
            texts = {
                member.filename: _read_member(archive, member)
                for member in archive.infolist()
                if member.filename in _PROPERTY_MEMBERS and member.file_size <= MAX_PROPERTY_BYTES
            }
    except (zipfile.BadZipFile, zlib.error, RuntimeError, ValueError, OSError, EOFError):
        # Damaged or encrypted: its reading says so.
        return b""
    return zip_archive.build_archive(texts) if texts else b""


def _count_entries(file: BinaryIO) -> int:
    file.seek(0)
    count = 0
    while chunk := file.read(_CHUNK_BYTES):
        count += chunk.count(_ENTRY_SIGNATURE)
    return count


def _read_member(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> bytes:
    """Return the member's first bytes: its declared size may be false."""
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise ValueError(member.compress_type)
    with archive.open(member) as content:
        return content.read(MAX_PROPERTY_BYTES)
