"""What an .xlsx would become, found out before anything is read from it.

A sheet says where each of its cells is. Two cells, A1 and XFD1048576, make a file of two kilobytes and a table of
seventeen thousand million cells; one long text may be shared by every cell; fifty sheets may be one. So the sheets'
XML goes by here once, while it is unpacked.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from imports.readers import archive, limits, markup, shared_texts
from imports.readers.refusals import damaged, too_many_sheets
from imports.readers.sheet_bounds import apart, bounds_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from zipfile import ZipInfo

    from imports.readers.sheets import Seen

#: Names of members in lower case, as they are looked up.
WORKBOOK, RELATIONS = "xl/workbook.xml", "xl/_rels/workbook.xml.rels"
STYLES, TEXTS = "xl/styles.xml", "xl/sharedstrings.xml"
#: Charts, dialogs and macros have names, too.
_MOST_NAMES = 1_000
_WHERE = (
    b'<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rId1" Type='
    b'"http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" Target="xl/workbook.xml"/>'
    b"</Relationships>"
)


def verified(content: bytes, members: Mapping[str, ZipInfo]) -> tuple[bytes, dict[str, Seen]]:
    """Return an archive with the worksheets alone, and what was seen of each, by its name.

    `members`: by their names in lower case. Raises `Unreadable`.
    """
    if RELATIONS not in members:
        raise damaged()
    sheets = _sheets(content, members)
    seen = {name: bounds_of(_reader(content, member), member.file_size).seen for name, member in sheets.items()}
    if TEXTS in members:

        def cells() -> Iterator[bytes]:
            for member in sheets.values():
                yield from apart(archive.inflate(content, member))

        shared_texts.check(
            lambda: apart(archive.inflate(content, members[TEXTS])),
            cells,
            sum(member.file_size for member in sheets.values()),
        )
    for name in members.keys() & {STYLES}:
        for _ in archive.inflate(content, members[name]):
            pass
    others = [members[name] for name in (WORKBOOK, RELATIONS, STYLES, TEXTS) if name in members]
    return archive.repacked(content, [*others, *sheets.values()], {"_rels/.rels": _WHERE}), seen


def _reader(content: bytes, member: ZipInfo) -> Callable[[], Iterator[bytes]]:
    return lambda: archive.inflate(content, member)


def _sheets(content: bytes, members: Mapping[str, ZipInfo]) -> dict[str, ZipInfo]:
    """Return the members that hold the worksheets, by the sheets' names, in their order."""
    names: dict[str, str] = {}
    targets: dict[str, str] = {}

    def sheet(element: str, attributes: dict[str, str]) -> None:
        if markup.local(element) == "sheet":
            related = next((value for key, value in attributes.items() if markup.local(key) == "id"), "")
            names[attributes.get("name", "")] = attributes.get("r:id", related)
        if len(names) > _MOST_NAMES:
            raise too_many_sheets(len(names), limits.MAX_SHEETS)

    def relation(element: str, attributes: dict[str, str]) -> None:
        if markup.local(element) == "Relationship" and attributes.get("Type", "").endswith("/worksheet"):
            targets[attributes.get("Id", "")] = attributes.get("Target", "")
        if len(targets) > _MOST_NAMES:
            raise too_many_sheets(len(targets), limits.MAX_SHEETS)

    markup.parse(markup.parser(sheet), archive.inflate(content, members[WORKBOOK]))
    markup.parse(markup.parser(relation), archive.inflate(content, members[RELATIONS]))
    paths = {name: _path(targets[identity]) for name, identity in names.items() if identity in targets}
    # Fifty names for one immense sheet would be fifty immense sheets.
    if not members.keys() >= set(paths.values()) or len(set(paths.values())) != len(paths):
        raise damaged()
    if len(paths) > limits.MAX_SHEETS:
        raise too_many_sheets(len(paths), limits.MAX_SHEETS)
    return {name: members[path] for name, path in paths.items()}


def _path(target: str) -> str:
    """Return where a related member is, as its reader finds it."""
    return (target.removeprefix("/") if target.startswith(("/xl/", "xl/")) else f"xl/{target}").lower()
