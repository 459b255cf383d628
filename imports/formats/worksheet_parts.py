"""Which members of an Office archive hold the worksheets: names and relations must tell the same, or one is lost."""

from __future__ import annotations

from collections.abc import Mapping

from core.xml_streaming import create_parser, local_name
from imports.formats.exceptions import damaged
from imports.formats.xml_parser import parse_xml
from imports.formats.zip_archive import WorkbookArchive

_WORKSHEET = "worksheet"
#: Sheets without a table.
_OTHER_SHEETS = frozenset({"chartsheet", "dialogsheet", "xlMacrosheet", "xlIntlMacrosheet"})


def find_worksheets(archive: WorkbookArchive, relations: str, identities: Mapping[str, str]) -> dict[str, str]:
    """Return the member of each worksheet by sheet name, in order. Raises `UnreadableFile` where a sheet is lost.

    `relations`: the member with the relations of the workbook. `identities`: the relation of each sheet by its name.
    """
    kinds: dict[str, str] = {}
    targets: dict[str, str] = {}

    def relation(element: str, attributes: dict[str, str]) -> None:
        if local_name(element) == "Relationship":
            identity = attributes.get("Id", "")
            kinds[identity] = attributes.get("Type", "").rpartition("/")[2]
            targets[identity] = _path(attributes.get("Target", ""))

    if relations not in archive.members:
        raise damaged()
    parse_xml(create_parser(relation), archive.read(relations))
    if any(kinds.get(identity) not in {_WORKSHEET, *_OTHER_SHEETS} for identity in identities.values()):
        raise damaged()
    paths = {name: targets[identity] for name, identity in identities.items() if kinds[identity] == _WORKSHEET}
    # Fifty names for one huge sheet would be read as fifty huge sheets; a worksheet without a name would be lost.
    if sorted(paths.values()) != sorted({targets[identity] for identity in kinds if kinds[identity] == _WORKSHEET}):
        raise damaged()
    if not archive.members.keys() >= set(paths.values()):
        raise damaged()
    return paths


def _path(target: str) -> str:
    """Return the member name of a relation's target, as calamine resolves it."""
    return (target.removeprefix("/") if target.startswith(("/xl/", "xl/")) else f"xl/{target}").lower()
