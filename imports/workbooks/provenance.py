"""Provenance of an annotated workbook: the signed id of its import, in a custom document property.

The signature is salted with the collectivity's schema. Excel and LibreOffice keep custom properties; if it is lost, the
titles of the added columns still identify the file.
"""

import re
import zipfile
import zlib
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

from django.core.signing import BadSignature, Signer

from imports.formats import workbook_parts
from imports.formats.exceptions import UnreadableFile

if TYPE_CHECKING:
    from openpyxl import Workbook

PROPERTY_NAME = "peps-import"
#: Maximum size in bytes of a parsed properties file; ours is about a hundred.
MAX_PROPERTY_BYTES = 256 * 1024
# In an .xlsx, and in an .ods that it may have been saved as. Matched as bytes: untrusted XML is not parsed.
_PROPERTY_PATTERNS = {
    "docProps/custom.xml": re.compile(
        rb"""name=["']peps-import["'][^>]*>\s*<(?:[a-z]+:)?lpwstr[^>]*>([A-Za-z0-9:._-]{1,200})<"""
    ),
    "meta.xml": re.compile(rb"""meta:name=["']peps-import["'][^>]*>([A-Za-z0-9:._-]{1,200})<"""),
}


_COLUMN_INDEX = re.compile(r"[0-9]{1,5}")


class Provenance(NamedTuple):
    """The import that a workbook corrects, and the index (from 0) of its choice column."""

    import_id: int
    choice: int | None


def _signer(schema: str) -> Signer:
    return Signer(salt=f"imports.provenance:{schema}")


def sign(import_id: int, schema: str) -> str:
    """Return the signed id of an import, to which `add_choice` adds the choice column."""
    return _signer(schema).sign(str(import_id))


def add_choice(signature: str, choice: int | None) -> str:
    """Return the value of the property.

    The choice column is not signed: it is known only where the workbook is made, and there is no key. Whoever changes
    it has another column of their own file read as the choice.
    """
    return f"{signature}.{'' if choice is None else choice}"


def write_property(book: "Workbook", text: str) -> None:
    """Set the property of a workbook, replacing an earlier one."""
    from openpyxl.packaging.custom import StringProperty  # noqa: PLC0415 - uploads read what workbooks alone write

    properties = book.custom_doc_props  # type: ignore[attr-defined] # missing in the type stubs
    if PROPERTY_NAME in properties.names:
        del properties[PROPERTY_NAME]
    properties.append(StringProperty(name=PROPERTY_NAME, value=text))


def read_provenance(content: bytes, schema: str) -> Provenance | None:
    """Return the provenance of a file, None if it has none or one not signed for this collectivity.

    Bounded for any file: reads the ZIP directory and unpacks one small member.
    """
    if not content.startswith(workbook_parts.SIGNATURE):
        return None
    try:
        found = _read_property(content)
        if found is None:
            return None
        signature, _, choice = found.rpartition(".")
        if choice and _COLUMN_INDEX.fullmatch(choice) is None:
            return None
        return Provenance(int(_signer(schema).unsign(signature)), int(choice) if choice else None)
    except (UnreadableFile, BadSignature):
        return None


def _read_property(content: bytes) -> str | None:
    archive = workbook_parts.WorkbookArchive(content)
    for name, pattern in _PROPERTY_PATTERNS.items():
        member = archive.members.get(name.lower())
        if member is not None and member.file_size <= MAX_PROPERTY_BYTES:
            match = pattern.search(b"".join(archive.read(name.lower())))
            return match[1].decode("ascii") if match else None
    return None


#: Members that hold the properties of an .xlsx and of an .ods.
_PROPERTY_MEMBERS = ("docProps/custom.xml", "meta.xml")
#: Entries of an archive's directory, each some 500 bytes in memory; a large workbook has a few hundred.
_MAX_ENTRIES = 10_000
_ENTRY_SIGNATURE = b"PK\x01\x02"
_CHUNK_BYTES = 256 * 1024


def extract_properties(file: BinaryIO) -> bytes:
    """Return a small archive of the file's property members; empty if there are none, or if it is no archive."""
    file.seek(0)
    if file.read(len(workbook_parts.SIGNATURE)) != workbook_parts.SIGNATURE or _count_entries(file) > _MAX_ENTRIES:
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
    return workbook_parts.build_archive(texts) if texts else b""


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
