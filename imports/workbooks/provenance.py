"""Provenance of an annotated workbook: the signed id of its import, in a custom document property.

The signature is salted with the collectivity's schema. Excel and LibreOffice keep custom properties; if it is lost, the
titles of the added columns still identify the file.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from django.core.signing import BadSignature, Signer
from openpyxl import Workbook
from openpyxl.packaging.custom import StringProperty

from imports.formats import zip_archive
from imports.formats.exceptions import UnreadableFile

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


def write_property(book: Workbook, text: str) -> None:
    """Set the property of a workbook, replacing an earlier one."""
    properties = book.custom_doc_props  # type: ignore[attr-defined] # missing in the type stubs
    if PROPERTY_NAME in properties.names:
        del properties[PROPERTY_NAME]
    properties.append(StringProperty(name=PROPERTY_NAME, value=text))


def read_provenance(content: bytes, schema: str) -> Provenance | None:
    """Return the provenance of a file, None if it has none or one not signed for this collectivity.

    Bounded for any file: reads the ZIP directory and unpacks one small member.
    """
    if not content.startswith(zip_archive.SIGNATURE):
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
    archive = zip_archive.WorkbookArchive(content)
    for name, pattern in _PROPERTY_PATTERNS.items():
        member = archive.members.get(name.lower())
        if member is not None and member.file_size <= MAX_PROPERTY_BYTES:
            match = pattern.search(b"".join(archive.read(name.lower())))
            return match[1].decode("ascii") if match else None
    return None
