"""Where an annotated workbook comes from: the import's number, signed, in a property of the document.

A number alone would be anybody's. The signature is made for one collectivity: at another the mark means nothing. It
survives Excel and LibreOffice, which keep a document's own properties; where it is lost, the added columns' titles
still tell what the file is.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from django.core.signing import BadSignature, Signer
from openpyxl.packaging.custom import StringProperty

from imports.readers import archive
from imports.readers.refusals import Unreadable

if TYPE_CHECKING:
    import zipfile

    from openpyxl import Workbook

PROPERTY = "peps-import"
ZIP = b"PK\x03\x04"
#: Bytes of properties that are looked at; ours stands in a hundred.
LARGEST = 256 * 1024
# Of an .xlsx, and of the .ods that it may have been saved as. Looked for as bytes: no document is built from what
# strangers send.
_PLACES = {
    "docProps/custom.xml": re.compile(
        rb"""name=["']peps-import["'][^>]*>\s*<(?:[a-z]+:)?lpwstr[^>]*>([A-Za-z0-9:._-]{1,200})<"""
    ),
    "meta.xml": re.compile(rb"""meta:name=["']peps-import["'][^>]*>([A-Za-z0-9:._-]{1,200})<"""),
}


class Provenance(NamedTuple):
    """The import that a workbook corrects, and the column (from 0) that was added for choices."""

    import_id: int
    choice: int | None


def _signer(schema: str) -> Signer:
    return Signer(salt=f"imports.provenance:{schema}")


def signed(provenance: Provenance, schema: str) -> str:
    """Return the text of the property."""
    choice = "" if provenance.choice is None else str(provenance.choice)
    return _signer(schema).sign(f"{provenance.import_id}.{choice}")


def put(book: Workbook, text: str) -> None:
    """Write the property into a workbook, in place of one that an earlier round left."""
    properties = book.custom_doc_props  # type: ignore[attr-defined] # its types are older than it
    if PROPERTY in properties.names:
        del properties[PROPERTY]
    properties.append(StringProperty(name=PROPERTY, value=text))


def read(content: bytes, schema: str) -> Provenance | None:
    """Return where a file comes from; None where it says nothing, or nothing that this collectivity signed.

    Bounded whatever the file: its directory is read, and one small member unpacked.
    """
    if not content.startswith(ZIP):
        return None
    try:
        found = _property(content)
        if found is None:
            return None
        number, _, choice = _signer(schema).unsign(found).partition(".")
    except (Unreadable, BadSignature):
        return None
    return Provenance(int(number), int(choice) if choice else None)


def _property(content: bytes) -> str | None:
    for member in archive.directory(content):
        pattern = _PLACES.get(member.filename)
        if pattern is not None and member.file_size <= LARGEST:
            return _text_in(content, member, pattern)
    return None


def _text_in(content: bytes, member: zipfile.ZipInfo, pattern: re.Pattern[bytes]) -> str | None:
    match = pattern.search(b"".join(archive.inflate(content, member)))
    return match[1].decode("ascii") if match else None
