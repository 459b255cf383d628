"""Cell styles of an .xlsx that strike their text through."""

from __future__ import annotations

from collections.abc import Iterable

from core.xml_streaming import create_parser, local_name
from imports.formats.xml_parser import parse_xml

#: Member name in lower case, as it is looked up.
STYLES = "xl/styles.xml"
_FALSE = ("0", "false")


def find_struck_styles(pieces: Iterable[bytes]) -> frozenset[str]:
    """Return the styles, as cells name them, with a font that is struck through. Raises `UnreadableFile`."""
    scanner = _StyleScanner()
    parse_xml(scanner.parser, pieces)
    return frozenset(scanner.struck_styles)


class _StyleScanner:
    """Collects the fonts that are struck, then the cell styles that use them."""

    def __init__(self) -> None:
        self.parser = create_parser(self._start)
        self.parser.EndElementHandler = self._end
        self.struck_styles: list[str] = []
        #: « fonts » or « cellXfs »; other parts hold fonts of conditional formats.
        self._part = ""
        self._fonts = self._styles = 0
        self._struck_fonts: set[str] = set()

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        element = local_name(name)
        if element in ("fonts", "cellXfs"):
            self._part = element
        elif self._part == "fonts":
            if element == "font":
                self._fonts += 1
            elif element == "strike" and attributes.get("val", "1") not in _FALSE:
                self._struck_fonts.add(str(self._fonts - 1))
        elif self._part == "cellXfs" and element == "xf":
            if attributes.get("fontId") in self._struck_fonts:
                self.struck_styles.append(str(self._styles))
            self._styles += 1

    def _end(self, name: str) -> None:
        if local_name(name) == self._part:
            self._part = ""
