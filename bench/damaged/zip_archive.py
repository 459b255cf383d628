"""Zip archives, as most workbooks are: the same bytes from the same members, whenever they are written."""

import io
import zipfile
from collections.abc import Mapping

#: The first moment that an archive can tell.
_WRITTEN_AT = (1980, 1, 1, 0, 0, 0)
#: What tells the kind of an OpenDocument is read at a fixed place, so it is not packed.
_PLAIN = "mimetype"


def build_archive(members: Mapping[str, str | bytes]) -> bytes:
    """Return an archive of these members, in their order."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, body in members.items():
            packed = zipfile.ZIP_STORED if name == _PLAIN else zipfile.ZIP_DEFLATED
            archive.writestr(zipfile.ZipInfo(name, _WRITTEN_AT), body, packed)
    return out.getvalue()


def read_archive(content: bytes) -> dict[str, bytes]:
    """Return the members by name, in their order; none where the file is no archive."""
    if not content.startswith(b"PK"):
        return {}
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}
