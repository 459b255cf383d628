"""Builders of small spreadsheet files."""

import datetime
import io
import re
import zipfile

import openpyxl
import xlwt
from odf.opendocument import OpenDocumentSpreadsheet
from odf.style import Style, TableProperties
from odf.table import CoveredTableCell, Table, TableCell, TableRow
from odf.text import P

#: Valid UAI of no school.
UNUSED_UAIS = ["0301234D", "0301235E", "0301236F", "0311131L", "0940176F"]


def build_xlsx(rows, *, sheet="Feuil1", more=None, merged=(), hidden=()):
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
    return save_workbook(book)


def build_xls(rows, *, sheet="Feuil1", more=None, merged=(), hidden=()):
    """Return a workbook of Excel 97-2003 (.xls), as `xlsx` does.

    `merged`: (top, bottom, left, right) in its first sheet, each from 0. `hidden`: names of sheets.
    A cell that is an `xlwt.Formula` is written without the value that it would have.
    """
    book = xlwt.Workbook(encoding="utf-8")
    date = xlwt.easyxf(num_format_str="DD/MM/YYYY")
    for name, cells in {sheet: rows, **(more or {})}.items():
        page = book.add_sheet(name, cell_overwrite_ok=True)
        for top, row in enumerate(cells):
            for left, cell in enumerate(row):
                if cell is None:
                    continue
                if isinstance(cell, datetime.date):
                    page.write(top, left, cell, date)
                else:
                    page.write(top, left, cell)
        if name == sheet:
            for top, bottom, left, right in merged:
                page.merge(top, bottom, left, right)
        if name in hidden:
            page.visibility = 1
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def build_ods(rows, *, sheet="Feuille1", more=None, merged=(), hidden=(), formulas=None):
    """Return a workbook of LibreOffice (.ods), as `xlsx` does.

    `merged` and `hidden` as for `xls`. `formulas`: in its first sheet, by (row, column) from 0, the formula of a cell
    that then holds no value unless its cell in `rows` is one.
    """
    document = OpenDocumentSpreadsheet()
    unseen = Style(name="unseen", family="table")
    unseen.addElement(TableProperties(display="false"))
    document.automaticstyles.addElement(unseen)
    for name, cells in {sheet: rows, **(more or {})}.items():
        table = Table(name=name, **({"stylename": unseen} if name in hidden else {}))
        first = name == sheet
        for top, row in enumerate(cells):
            line = TableRow()
            for left, cell in enumerate(row):
                formula = (formulas or {}).get((top, left)) if first else None
                line.addElement(_ods_cell(cell, top, left, merged if first else (), formula))
            table.addElement(line)
        document.spreadsheet.addElement(table)
    out = io.BytesIO()
    document.write(out)
    return out.getvalue()


def _ods_cell(cell, row, column, merged, formula):
    attributes = {"formula": formula} if formula else {}
    for top, bottom, left, right in merged:
        if top <= row <= bottom and left <= column <= right:
            if (row, column) != (top, left):
                return CoveredTableCell()
            attributes |= {"numberrowsspanned": bottom - top + 1, "numbercolumnsspanned": right - left + 1}
    if cell is None:
        return TableCell(**attributes)
    if isinstance(cell, bool):
        attributes |= {"valuetype": "boolean", "booleanvalue": str(cell).lower()}
    elif isinstance(cell, int | float):
        attributes |= {"valuetype": "float", "value": cell}
    elif isinstance(cell, datetime.date):
        attributes |= {"valuetype": "date", "datevalue": cell.isoformat()}
    else:
        attributes |= {"valuetype": "string"}
    element = TableCell(**attributes)
    element.addElement(P(text=str(cell)))
    return element


def save_workbook(book):
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def build_csv(rows, *, separator=";", encoding="utf-8"):
    """Return a text file with these rows."""
    return "\r\n".join(separator.join(map(str, row)) for row in rows).encode(encoding)


def schools_csv(*rows, titles=("UAI", "Licences", "E-mail")):
    """Return a csv of schools: `schools_csv((school, 3), (school, 2, "a@b.fr"))`."""
    return build_csv([list(titles), *[[getattr(row[0], "uai", row[0]), *row[1:]] for row in rows]])


def build_zip(members):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return out.getvalue()


def read_members(content):
    """Return an archive's members, by name."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def replace_sheet_xml(content, xml):
    """Return a workbook whose first sheet is replaced by this XML."""
    return build_zip(read_members(content) | {"xl/worksheets/sheet1.xml": xml})


def use_shared_strings(content):
    """Move an openpyxl workbook's texts into shared strings, as Excel does."""
    members, texts = read_members(content), {}
    for name in [name for name in members if name.startswith("xl/worksheets/")]:
        members[name] = re.sub(
            rb't="inlineStr"><is>(.*?)</is>',
            lambda match: b't="s"><v>%d</v>' % texts.setdefault(match[1], len(texts)),
            members[name],
            flags=re.DOTALL,
        )
    items = b"".join(b"<si>%s</si>" % text for text in texts)
    namespace = b"http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    members["xl/sharedStrings.xml"] = b'<sst xmlns="%s" uniqueCount="%d">%s</sst>' % (namespace, len(texts), items)
    return build_zip(members)
