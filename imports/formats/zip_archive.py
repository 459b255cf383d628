"""Parts of a workbook's zip archive: its members, their XML, which hold the worksheets, its colours."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from collections.abc import Iterator, Mapping

from imports.formats import limits
from imports.formats.exceptions import UnreadableFile, damaged, encrypted

CHUNK_SIZE = 256 * 1024
SIGNATURE = b"PK\x03\x04"
_DIRECTORY_HEADER = b"PK\x01\x02"
_ERRORS = (zipfile.BadZipFile, zlib.error, ValueError, NotImplementedError, struct.error, OSError, EOFError)


class WorkbookArchive:
    """A workbook's archive: its members by name in lower case, as readers look them up."""

    def __init__(self, content: bytes) -> None:
        """Raise `UnreadableFile` where the archive is damaged or declares too many bytes."""
        if content.count(_DIRECTORY_HEADER) > limits.MAX_MEMBERS:
            raise damaged()
        try:
            self._archive = zipfile.ZipFile(io.BytesIO(content))
        except _ERRORS as error:
            raise damaged() from error
        members = self._archive.infolist()
        if sum(member.file_size for member in members) > limits.MAX_UNPACKED:
            raise UnreadableFile(
                "zip_bomb",
                "Ce classeur, une fois décompressé, dépasse 300 Mo : il n'a pas été ouvert. Copiez le tableau seul "
                "dans un nouveau classeur, puis déposez celui-ci.",
            )
        self.members = {member.filename.lower(): member for member in members}
        if len(self.members) != len(members):
            raise damaged()
        if any(member.flag_bits & 0x1 for member in members):
            raise encrypted()

    def read(self, name: str) -> Iterator[bytes]:
        """Yield a member's bytes in chunks, at most as many as it declares. Raises `UnreadableFile` where damaged."""
        try:
            with self._archive.open(self.members[name]) as member:
                while chunk := member.read(CHUNK_SIZE):
                    yield chunk
        except _ERRORS as error:
            raise damaged() from error


def build_archive(members: Mapping[str, bytes]) -> bytes:
    """Return a new archive of these members, by name, not compressed."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return out.getvalue()
