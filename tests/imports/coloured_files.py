"""Builders of lists of schools whose cells have colours."""

import io

import openpyxl
import xlwt
from odf.opendocument import OpenDocumentSpreadsheet
from odf.style import Style, TableCellProperties, TextProperties
from odf.table import Table, TableCell, TableColumn, TableRow
from odf.text import P
from openpyxl.styles import Font, PatternFill

from tests.imports.sample_files import UNUSED_UAIS, read_members, save_workbook

TITLES = ("UAI", "École", "Licences")
#: Rows 2 to 6.
ROWS = [[uai, f"École {n}", 3] for n, uai in enumerate(UNUSED_UAIS, start=2)]
LEGEND = "En rouge : ne participe pas"
RED, GREEN = "FF0000", "00B050"


def colour_xlsx(*rows, fills=None, fonts=None, more=None):
    """Return an .xlsx of these rows.

    `fills`, `fonts`: colours (or whole fills) by cell, « B2 », or by number of the row. `more`: rows by sheet name.
    """
    book = openpyxl.Workbook()
    page = book.active
    for row in rows:
        page.append(list(row))
    for where, colour in (fills or {}).items():
        for cell in page[where] if isinstance(where, int) else [page[where]]:
            cell.fill = colour if isinstance(colour, PatternFill) else PatternFill("solid", fgColor=colour)
    for where, colour in (fonts or {}).items():
        for cell in page[where] if isinstance(where, int) else [page[where]]:
            cell.font = Font(color=colour)
    for name, others in (more or {}).items():
        other = book.create_sheet(name)
        for row in others:
            other.append(list(row))
    return save_workbook(book)


def list_in_colour(legend, *, below=True, **options):
    """Return an .xlsx of the schools, with a legend below the table or above it."""
    table = [TITLES, *ROWS]
    return colour_xlsx(*([*table, (), (legend,)] if below else [(legend,), (), *table]), **options)


def build_coloured_xlsx(refused=(3, 5)):
    """Return the list as an .xlsx whose refused rows are red."""
    return list_in_colour(LEGEND, fills=dict.fromkeys(refused, RED))


def build_coloured_xls(refused=(3, 5)):
    """Return the same list as an .xls."""
    book = xlwt.Workbook()
    page = book.add_sheet("A")
    red = xlwt.easyxf("pattern: pattern solid, fore_colour red")
    for top, row in enumerate([TITLES, *ROWS], start=1):
        for left, cell in enumerate(row):
            page.write(top - 1, left, cell, *([red] if top in refused else []))
    page.write(len(ROWS) + 2, 0, LEGEND)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def build_coloured_ods(refused=(3, 5)):
    """Return the same list as an .ods: one row has its colour itself, the others from a style for the whole row."""
    document = OpenDocumentSpreadsheet()
    named = Style(name="Refusé", family="table-cell")
    named.addElement(TableCellProperties(backgroundcolor="#ff0000"))
    document.styles.addElement(named)
    red = Style(name="ce1", family="table-cell", parentstylename="Refusé")
    red.addElement(TextProperties(fontweight="bold"))
    document.automaticstyles.addElement(red)
    table = Table(name="A")
    table.addElement(TableColumn(numbercolumnsrepeated=3))
    for top, row in enumerate([TITLES, *ROWS, [], [LEGEND]], start=1):
        own = {"stylename": red} if top in refused[:1] else {}
        line = TableRow(**({"defaultcellstylename": red} if top in refused[1:] else {}))
        for cell in row:
            kind = {"valuetype": "float", "value": cell} if isinstance(cell, int) else {"valuetype": "string"}
            element = TableCell(**kind, **own)
            element.addElement(P(text=str(cell)))
            line.addElement(element)
        table.addElement(line)
    document.spreadsheet.addElement(table)
    out = io.BytesIO()
    document.write(out)
    return out.getvalue()


def build_coloured_fods(refused=(3, 5)):
    """Return the same list as a .fods."""
    members = read_members(build_coloured_ods(refused))
    styles = members["styles.xml"].decode().partition("<office:styles>")[2].partition("</office:styles>")[0]
    content = members["content.xml"].decode().replace("office:document-content", "office:document")
    kind = 'office:mimetype="application/vnd.oasis.opendocument.spreadsheet" '
    content = content.replace("<office:document ", f"<office:document {kind}", 1)
    return content.replace("<office:body", f"<office:styles>{styles}</office:styles><office:body", 1).encode()
