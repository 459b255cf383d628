"""Writers of the spreadsheet formats in which lists are sent."""

import csv
import datetime
import io
import re
from typing import Any

import openpyxl
import xlwt
from odf import namespaces, table, text
from odf.opendocument import OpenDocumentSpreadsheet
from openpyxl.utils import get_column_letter

from bench.damaged.sheet_builder import SheetBuilder, UncomputedFormula
from bench.damaged.zip_archive import build_archive, read_archive

#: The code of `#N/A` in Excel 97's files.
_NOT_AVAILABLE = 0x2A
#: When openpyxl wrote a workbook, among its properties.
_MOMENT = re.compile(rb"(?<=W3CDTF\">)[^<]+")


def xlsx(*sheets: SheetBuilder) -> bytes:
    """Return a workbook of Excel's; formulas are without cached value."""
    book = openpyxl.Workbook()
    book.remove(book.worksheets[0])
    for sheet in sheets:
        page = book.create_sheet(sheet.name)
        for row, cells in enumerate(sheet.rows, start=1):
            for column, cell in enumerate(cells, start=1):
                if isinstance(cell, UncomputedFormula):
                    page.cell(row, column, f"={cell.text}")
                elif cell not in ("", None):
                    target = page.cell(row, column)
                    target.value = cell
                    if isinstance(cell, str) and cell.startswith("="):
                        target.data_type = "s"
        for first_row, first_column, last_row, last_column in sheet.merged:
            page.merge_cells(start_row=first_row, start_column=first_column, end_row=last_row, end_column=last_column)
        for column in sheet.hidden:
            page.column_dimensions[get_column_letter(column)].hidden = True
    return save_workbook(book)


def save_workbook(book: openpyxl.Workbook) -> bytes:
    """Return a workbook of openpyxl's, which does not tell when it was written."""
    out = io.BytesIO()
    book.save(out)
    members = read_archive(out.getvalue())
    members["docProps/core.xml"] = _MOMENT.sub(b"2026-09-01T08:00:00Z", members["docProps/core.xml"])
    return build_archive(members)


def xlsm(*sheets: SheetBuilder) -> bytes:
    """Return a macro-enabled workbook."""
    members = read_archive(xlsx(*sheets))
    members["[Content_Types].xml"] = members["[Content_Types].xml"].replace(
        b"application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml",
        b"application/vnd.ms-excel.sheet.macroEnabled.main+xml",
    )
    return build_archive(members)


def xls(*sheets: SheetBuilder) -> bytes:
    """Return a workbook of Excel 97."""
    book = xlwt.Workbook(encoding="utf-8")
    day = xlwt.easyxf(num_format_str="DD/MM/YYYY")
    for sheet in sheets:
        page = book.add_sheet(sheet.name)
        for row, cells in enumerate(sheet.rows):
            for column, cell in enumerate(cells):
                if cell == "#N/A":
                    page.row(row).set_cell_error(column, _NOT_AVAILABLE)
                elif isinstance(cell, UncomputedFormula):
                    page.write(row, column, xlwt.Formula(cell.text))
                elif isinstance(cell, datetime.date):
                    page.write(row, column, cell, day)
                elif cell not in ("", None):
                    page.write(row, column, cell)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def ods(*sheets: SheetBuilder) -> bytes:
    """Return a workbook of LibreOffice's: blank cells and rows repeated, merged areas covered."""
    book = OpenDocumentSpreadsheet()
    for sheet in sheets:
        page = table.Table(name=sheet.name)
        spans = {(a - 1, b - 1): (c - a + 1, d - b + 1) for a, b, c, d in sheet.merged}
        covered = {
            (row, column)
            for (first_row, first_column), (height, width) in spans.items()
            for row in range(first_row, first_row + height)
            for column in range(first_column, first_column + width)
        } - spans.keys()
        for row, cells in enumerate(sheet.rows):
            line = table.TableRow()
            for column, cell in enumerate(cells):
                if (row, column) in covered:
                    line.addElement(table.CoveredTableCell())
                    continue
                made = _ods_cell(cell)
                if (row, column) in spans:
                    height, width = spans[row, column]
                    made.setAttribute("numberrowsspanned", height)
                    made.setAttribute("numbercolumnsspanned", width)
                line.addElement(made)
            line.addElement(table.TableCell(numbercolumnsrepeated=1024 - len(cells)))
            page.addElement(line)
        rest = table.TableRow(numberrowsrepeated=1_048_576 - len(sheet.rows))
        rest.addElement(table.TableCell(numbercolumnsrepeated=1024))
        page.addElement(rest)
        book.spreadsheet.addElement(page)
    out = io.BytesIO()
    book.write(out)
    return build_archive(read_archive(out.getvalue()))


def _ods_cell(cell: Any) -> table.TableCell:
    if isinstance(cell, UncomputedFormula):
        return table.TableCell(formula=f"of:={cell.text}")
    if cell in ("", None):
        return table.TableCell()
    if isinstance(cell, datetime.date):
        made = table.TableCell(valuetype="date", datevalue=cell.isoformat())
        made.addElement(text.P(text=f"{cell:%d/%m/%Y}"))
    elif isinstance(cell, int | float):
        made = table.TableCell(valuetype="float", value=cell)
        made.addElement(text.P(text=str(cell)))
    else:
        made = table.TableCell(valuetype="string")
        # As LibreOffice marks an error.
        if cell == "#N/A":
            made.setAttrNS(namespaces.TABLENS, "formula", "of:=NA()")
        made.addElement(text.P(text=str(cell)))
    return made


def delimited(
    sheet: SheetBuilder, *, separator: str = ";", encoding: str = "utf-8", width: int = 0, first_line: str = ""
) -> bytes:
    """Return a text file as Excel writes it; `width`: cells a row at least, empty at its end."""
    out = io.StringIO()
    out.write(first_line)
    writer = csv.writer(out, delimiter=separator, lineterminator="\r\n")
    for cells in sheet.rows:
        shown = [_shown(cell) for cell in cells]
        writer.writerow(shown + [""] * (width - len(shown)))
    return out.getvalue().encode(encoding, "replace")


def _shown(cell: Any) -> str:
    if isinstance(cell, UncomputedFormula):
        return ""
    if isinstance(cell, datetime.date):
        return f"{cell:%d/%m/%Y}"
    if isinstance(cell, float):
        return f"{cell:g}".replace(".", ",") if cell.is_integer() else str(cell).replace(".", ",")
    return str(cell)
