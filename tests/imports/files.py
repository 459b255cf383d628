"""Small invented files, made as people make them."""

from __future__ import annotations

import io
import zipfile

import openpyxl

#: Valid UAI of no school.
UAI = ["0301234D", "0301235E", "0301236F", "0311131L", "0940176F"]


def xlsx(rows, *, sheet="Feuil1", more=None, merged=(), hidden=()):
    """Return a workbook with these rows in its first sheet, and further sheets by name."""
    book = openpyxl.Workbook()
    first = book.active
    first.title = sheet
    for row in rows:
        first.append(row)
    for area in merged:
        first.merge_cells(area)
    for column in hidden:
        first.column_dimensions[column].hidden = True
    for name, others in (more or {}).items():
        other = book.create_sheet(name)
        for row in others:
            other.append(row)
    return saved(book)


def saved(book):
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def csv(rows, *, separator=";", encoding="utf-8"):
    """Return a text file with these rows."""
    return "\r\n".join(separator.join(map(str, row)) for row in rows).encode(encoding)


def zipped(members):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return out.getvalue()


def with_sheet_xml(content, xml):
    """Return a workbook whose first sheet is replaced by this XML."""
    members = {}
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        for name in archive.namelist():
            members[name] = archive.read(name)
    members["xl/worksheets/sheet1.xml"] = xml
    return zipped(members)
