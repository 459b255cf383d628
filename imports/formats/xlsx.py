"""Measure an .xlsx before calamine reads it.

Each cell states its position: two cells, A1 and XFD1048576, make a file of two kilobytes and a table of seventeen
thousand million cells. One long text may be shared by every cell; fifty sheet names may refer to one sheet. So the
sheets' XML is streamed here once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from imports.formats import limits, shared_strings, xml_parser, zip_archive
from imports.formats.exceptions import damaged, too_many_sheets
from imports.formats.xlsx_bounds import measure_sheet, split_at_cells

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from zipfile import ZipInfo

    from imports.formats.sheet_types import SheetMetadata

#: Member names in lower case, as they are looked up.
WORKBOOK, RELATIONS = "xl/workbook.xml", "xl/_rels/workbook.xml.rels"
STYLES, SHARED_STRINGS = "xl/styles.xml", "xl/sharedstrings.xml"
#: Charts, dialogs and macros have names as well.
_MAX_NAMES = 1_000
_ROOT_RELATIONS = (
    b'<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rId1" Type='
    b'"http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" Target="xl/workbook.xml"/>'
    b"</Relationships>"
)


def sanitize(content: bytes, members: Mapping[str, ZipInfo]) -> tuple[bytes, dict[str, SheetMetadata]]:
    """Return an archive of the worksheets only, and the metadata of each by name.

    `members`: by name in lower case. Raises `UnreadableFile`.
    """
    if RELATIONS not in members:
        raise damaged()
    sheets = _sheets(content, members)
    metadata = {
        name: measure_sheet(_chunks_of(content, member), member.file_size).metadata for name, member in sheets.items()
    }
    if SHARED_STRINGS in members:

        def cells() -> Iterator[bytes]:
            for member in sheets.values():
                yield from split_at_cells(zip_archive.inflate(content, member))

        shared_strings.check_expanded_size(
            lambda: split_at_cells(zip_archive.inflate(content, members[SHARED_STRINGS])),
            cells,
            sum(member.file_size for member in sheets.values()),
        )
    for name in members.keys() & {STYLES}:
        for _ in zip_archive.inflate(content, members[name]):
            pass
    others = [members[name] for name in (WORKBOOK, RELATIONS, STYLES, SHARED_STRINGS) if name in members]
    return zip_archive.repack(content, [*others, *sheets.values()], {"_rels/.rels": _ROOT_RELATIONS}), metadata


def _chunks_of(content: bytes, member: ZipInfo) -> Callable[[], Iterator[bytes]]:
    return lambda: zip_archive.inflate(content, member)


def _sheets(content: bytes, members: Mapping[str, ZipInfo]) -> dict[str, ZipInfo]:
    """Return the worksheets' members by sheet name, in order."""
    names: dict[str, str] = {}
    targets: dict[str, str] = {}

    def sheet(element: str, attributes: dict[str, str]) -> None:
        if xml_parser.local_name(element) == "sheet":
            related = next((value for key, value in attributes.items() if xml_parser.local_name(key) == "id"), "")
            names[attributes.get("name", "")] = attributes.get("r:id", related)
        if len(names) > _MAX_NAMES:
            raise too_many_sheets(len(names), limits.MAX_SHEETS)

    def relation(element: str, attributes: dict[str, str]) -> None:
        if xml_parser.local_name(element) == "Relationship" and attributes.get("Type", "").endswith("/worksheet"):
            targets[attributes.get("Id", "")] = attributes.get("Target", "")
        if len(targets) > _MAX_NAMES:
            raise too_many_sheets(len(targets), limits.MAX_SHEETS)

    xml_parser.parse(xml_parser.create_parser(sheet), zip_archive.inflate(content, members[WORKBOOK]))
    xml_parser.parse(xml_parser.create_parser(relation), zip_archive.inflate(content, members[RELATIONS]))
    paths = {name: _path(targets[identity]) for name, identity in names.items() if identity in targets}
    # Fifty names for one huge sheet would be read as fifty huge sheets.
    if not members.keys() >= set(paths.values()) or len(set(paths.values())) != len(paths):
        raise damaged()
    if len(paths) > limits.MAX_SHEETS:
        raise too_many_sheets(len(paths), limits.MAX_SHEETS)
    return {name: members[path] for name, path in paths.items()}


def _path(target: str) -> str:
    """Return the member name of a relation's target, as calamine resolves it."""
    return (target.removeprefix("/") if target.startswith(("/xl/", "xl/")) else f"xl/{target}").lower()
