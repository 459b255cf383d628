"""The files that are mutated: one list of schools in every format, with several sheets where there are any."""

from collections.abc import Iterator
from typing import NamedTuple

from bench.damaged import formats, synthetic_directory
from bench.damaged.directory import SchoolDirectory
from bench.damaged.sheet_builder import SheetBuilder, UncomputedFormula
from bench.damaged.xlsb_writer import write_xlsb
from bench.damaged.zip_archive import read_archive
from bench.drawn_up.lists import drawn_up_lists

_FLAT_KIND = b'office:mimetype="application/vnd.oasis.opendocument.spreadsheet"'


class SourceFile(NamedTuple):
    """A file of the corpus. `suffix`: of its format, without the dot."""

    name: str
    suffix: str
    content: bytes


def list_sources(size: int = 12) -> Iterator[SourceFile]:
    """Return a file of every format, of some `size` rows a sheet, and the lists that were drawn up."""
    schools = synthetic_directory.generate_schools(400)
    sheets = [SheetBuilder(name) for name in ("Nord", "Sud", "Élèves")]
    for at, sheet in enumerate(sheets):
        sheet.add_unscored("Liste des écoles", "", "", "")
        sheet.add_unscored("UAI", "École", "Licences", "E-mail")
        for school in schools[at * size : at * size + size]:
            sheet.add_unscored(school.uai, school.name, len(school.name) % 9 + 1, f"ce.{school.uai}@exemple.example")
        sheet.merged = [(1, 1, 1, 4)]
    with_formula = SheetBuilder("Total")
    with_formula.rows = [*sheets[0].rows, ["Total", "", UncomputedFormula(f"SUM(C3:C{size + 2})"), "#N/A"]]
    ods = formats.ods(*sheets)
    yield SourceFile("xlsx", "xlsx", formats.xlsx(*sheets, with_formula))
    yield SourceFile("xlsm", "xlsm", formats.xlsm(*sheets))
    yield SourceFile("xlsb", "xlsb", write_xlsb({sheet.name: sheet.rows for sheet in sheets}, merged=[(0, 0, 0, 3)]))
    yield SourceFile("xls", "xls", formats.xls(*sheets))
    yield SourceFile("ods", "ods", ods)
    yield SourceFile("fods", "fods", _flatten(ods))
    for encoding in ("utf-8", "utf-8-sig", "cp1252", "mac_roman", "utf-16"):
        yield SourceFile(f"csv {encoding}", "csv", formats.delimited(sheets[0], encoding=encoding))
    yield SourceFile("tsv", "tsv", formats.delimited(sheets[0], separator="\t"))
    for drawn in drawn_up_lists(SchoolDirectory(schools)):
        yield SourceFile(drawn.name, drawn.filename.rpartition(".")[2], drawn.content)


def _flatten(ods: bytes) -> bytes:
    """Return the content of an .ods as a flat document."""
    content = read_archive(ods)["content.xml"].replace(b"office:document-content", b"office:document")
    return content.replace(b"<office:document ", b"<office:document " + _FLAT_KIND + b" ", 1)
