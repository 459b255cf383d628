"""The colours of an Office workbook as « FF0000 », from what its XML names: RGB, an index, or a theme and a tint.

A tint moves the lightness towards white (above 0) or black (below), as in ECMA-376, part 1, 18.8.19.
"""

from __future__ import annotations

import colorsys
import math
import re
from collections.abc import Iterable, Mapping, Sequence

from openpyxl.styles.colors import COLOR_INDEX

from core.xml_streaming import create_parser, local_name
from imports.formats.xml_parser import parse_xml

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
