"""Parts of a workbook's zip archive: its members, their XML, which hold the worksheets, its colours."""

import colorsys
import io
import math
import re
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from xml.parsers import expat

from core import xml_streaming
from core.xml_streaming import MalformedXml, create_parser, local_name
from imports.formats import limits
from imports.formats.exceptions import UnreadableFile, damaged, encrypted


def parse_xml(expat_parser: expat.XMLParserType, pieces: Iterable[bytes]) -> None:
    """Parse a document. Raises `UnreadableFile` where it is not well-formed."""
    try:
        xml_streaming.parse(expat_parser, pieces)
    except MalformedXml as error:
        raise damaged() from error


def parse_xml_while(expat_parser: expat.XMLParserType, pieces: Iterable[bytes], is_wanted: Callable[[], bool]) -> None:
    """Parse the beginning of a document, as long as more is wanted. Raises `UnreadableFile` as `parse_xml` does."""
    try:
        xml_streaming.parse_while(expat_parser, pieces, is_wanted)
    except MalformedXml as error:
        raise damaged() from error


CHUNK_SIZE = 256 * 1024
SIGNATURE = b"PK\x03\x04"
_DIRECTORY_HEADER = b"PK\x01\x02"
_ERRORS = (zipfile.BadZipFile, zlib.error, ValueError, NotImplementedError, struct.error, OSError, EOFError)


class WorkbookArchive:
    """A workbook's archive: its members by name in lower case, as readers look them up."""

    def __init__(self, content: bytes) -> None:
        """Raise `UnreadableFile` where the archive is damaged or declares too many bytes."""
        if content.count(_DIRECTORY_HEADER) > limits.MAX_MEMBERS:
            raise damaged()
        try:
            self._archive = zipfile.ZipFile(io.BytesIO(content))
        except _ERRORS as error:
            raise damaged() from error
        members = self._archive.infolist()
        if sum(member.file_size for member in members) > limits.MAX_UNPACKED:
            raise UnreadableFile(
                "zip_bomb",
                "Ce classeur, une fois décompressé, dépasse 300 Mo : il n'a pas été ouvert. Copiez le tableau seul "
                "dans un nouveau classeur, puis déposez celui-ci.",
            )
        self.members = {member.filename.lower(): member for member in members}
        if len(self.members) != len(members):
            raise damaged()
        if any(member.flag_bits & 0x1 for member in members):
            raise encrypted()

    def read(self, name: str) -> Iterator[bytes]:
        """Yield a member's bytes in chunks, at most as many as it declares. Raises `UnreadableFile` where damaged."""
        try:
            with self._archive.open(self.members[name]) as member:
                while chunk := member.read(CHUNK_SIZE):
                    yield chunk
        except _ERRORS as error:
            raise damaged() from error


def build_archive(members: Mapping[str, bytes]) -> bytes:
    """Return a new archive of these members, by name, not compressed."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return out.getvalue()


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


# The colours of an Office workbook as « FF0000 », from what its XML names: RGB, an index, or a theme and a tint.
#
# A tint moves the lightness towards white (above 0) or black (below), as in ECMA-376, part 1, 18.8.19.

#: Member name in lower case, as it is looked up.
THEME = "xl/theme/theme1.xml"
#: The colours of a theme in the order of their index, which is not that of the theme's XML.
_THEME_ORDER = ("lt1", "dk1", "lt2", "dk2", *(f"accent{n}" for n in range(1, 7)), "hlink", "folHlink")
_RGB = re.compile(r"(?:[0-9A-Fa-f]{2})?([0-9A-Fa-f]{6})")
WHITE, BLACK = "FFFFFF", "000000"


class WorkbookPalette:
    """Resolves the attributes of a colour in styles."""

    def __init__(self, theme: Sequence[str] = (), indexed: Sequence[str] | None = None) -> None:
        """`theme`: its colours in the order of their index. `indexed`: the workbook's own, None for the usual ones."""
        from openpyxl.styles.colors import COLOR_INDEX  # noqa: PLC0415 - loads all of openpyxl

        self._theme = theme
        self._indexed = [parse_rgb(colour) for colour in COLOR_INDEX] if indexed is None else indexed

    def resolve(self, attributes: Mapping[str, str]) -> str:
        """Return the colour that the attributes name, "" for one that is left to the program or unknown."""
        if "rgb" in attributes:
            colour = parse_rgb(attributes["rgb"])
        elif "theme" in attributes:
            colour = _pick(self._theme, attributes["theme"])
        else:
            colour = _pick(self._indexed, attributes.get("indexed", ""))
        try:
            tint = float(attributes.get("tint", "0"))
        except ValueError:
            tint = 0.0
        return _apply_tint(colour, tint) if colour and tint and math.isfinite(tint) else colour


def parse_rgb(text: str) -> str:
    """Return « FF0000 » for « FFFF0000 » (its opacity comes first), « #ff0000 » or « FF0000 », else ""."""
    match = _RGB.fullmatch(text.removeprefix("#"))
    return match[1].upper() if match else ""


def read_theme(pieces: Iterable[bytes]) -> list[str]:
    """Return the colours of a theme in the order of their index. Raises `UnreadableFile`."""
    found: dict[str, str] = {}
    slot = ""

    def start(element: str, attributes: dict[str, str]) -> None:
        nonlocal slot
        name = local_name(element)
        if name in _THEME_ORDER:
            slot = name
        elif name in ("srgbClr", "sysClr") and slot and slot not in found:
            # `lastClr`: what the system's colour was when the file was saved.
            found[slot] = parse_rgb(attributes.get("lastClr", attributes.get("val", "")))

    parse_xml(create_parser(start), pieces)
    return [found.get(name, "") for name in _THEME_ORDER]


def _pick(colours: Sequence[str], index: str) -> str:
    if not (index.isascii() and index.isdigit() and len(index) <= 3):  # noqa: PLR2004
        return ""
    return colours[int(index)] if int(index) < len(colours) else ""


def _apply_tint(colour: str, tint: float) -> str:
    hue, lightness, saturation = colorsys.rgb_to_hls(*(part / 255 for part in bytes.fromhex(colour)))
    tint = max(-1.0, min(1.0, tint))
    lightness = lightness * (1 + tint) if tint < 0 else lightness * (1 - tint) + tint
    parts = colorsys.hls_to_rgb(hue, lightness, saturation)
    return bytes(round(part * 255) for part in parts).hex().upper()
