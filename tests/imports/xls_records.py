"""Records of .xls files, read and changed."""

import io
import struct

from xlrd.compdoc import CompDoc
from xlwt.CompoundDoc import XlsDoc


def read_stream(content):
    """Return the bytes of the records of an .xls."""
    return bytes(CompDoc(content, logfile=io.StringIO()).get_named_stream("Workbook"))


def build_container(stream):
    """Return an .xls of these bytes."""
    out = io.BytesIO()
    XlsDoc().save(out, stream)
    return out.getvalue()


def records(content):
    """Return the records of an .xls: their kind and their bytes."""
    stream, at = read_stream(content), 0
    while at + 4 <= len(stream):
        kind, length = struct.unpack_from("<HH", stream, at)
        yield kind, stream[at + 4 : at + 4 + length]
        at += 4 + length


def join_records(found):
    """Return an .xls of these records."""
    return build_container(b"".join(struct.pack("<HH", kind, len(data)) + data for kind, data in found))


def with_records(content, change):
    """Return an .xls whose records are changed one by one: `change(kind, data)` gives the data."""
    return join_records([(kind, change(kind, data)) for kind, data in records(content)])


def with_password(content):
    """Return an .xls that begins like one whose records are encrypted."""
    found = [*records(content)]
    found.insert(1, (0x002F, struct.pack("<HHH", 1, 1, 1) + b"x" * 48))
    return join_records(found)
