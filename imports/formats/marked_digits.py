"""Find numbers of an .xlsx of which some digits are struck or raised: calamine reads « 5¹ » as 51.

A text of several formats is a list of runs, in the shared strings or in the cell.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from core.xml_streaming import create_parser, local_name
from imports.formats.xml_parser import parse_xml

#: Texts without which no digit is marked, however the XML is written.
MARKS = (b"strike", b"vertAlign")
_DIGITS = re.compile(r"\s*[0-9]{1,6}\s*")
_OFF = frozenset({"0", "false", "baseline"})
#: Cells that are named in a remark.
_MAX_NAMED = 5


class _TextReader:
    """Collects the runs of one text."""

    def __init__(self) -> None:
        self._texts: list[str] = []
        self._is_marked = self._in_text = False
        #: Whether it has digits that are marked, and others.
        self._has_marked = self._has_plain = False

    def start(self, name: str, attributes: dict[str, str]) -> None:
        if name == "r":
            self._is_marked = False
        elif name in {"strike", "vertAlign"}:
            self._is_marked = self._is_marked or attributes.get("val", "") not in _OFF
        self._in_text = name == "t"

    def add(self, text: str) -> None:
        if self._in_text:
            self._texts.append(text)
            if any(map(str.isdecimal, text)):
                self._has_marked |= self._is_marked
                self._has_plain |= not self._is_marked

    def end(self) -> None:
        self._in_text = False

    def is_marked_number(self) -> bool:
        """Return whether the text reads as one number, and some of its digits are marked and others are not."""
        return self._has_marked and self._has_plain and _DIGITS.fullmatch("".join(self._texts)) is not None


def find_marked_texts(pieces: Iterable[bytes]) -> set[int]:
    """Return the indexes of the shared strings that are numbers with marked digits."""
    found: set[int] = set()
    count = -1
    reader = _TextReader()

    def start(element: str, attributes: dict[str, str]) -> None:
        nonlocal count, reader
        name = local_name(element)
        if name == "si":
            count, reader = count + 1, _TextReader()
        reader.start(name, attributes)

    def text(data: str) -> None:
        reader.add(data)

    def end(element: str) -> None:
        reader.end()
        if local_name(element) == "si" and reader.is_marked_number():
            found.add(count)

    parser = create_parser(start)
    parser.EndElementHandler, parser.CharacterDataHandler = end, text
    parse_xml(parser, pieces)
    return found


def find_marked_cells(pieces: Iterable[bytes], marked_texts: set[int]) -> list[str]:
    """Return the references of the cells of a sheet that hold a number with marked digits: « C3 »."""
    found: list[str] = []
    reference = kind = value = ""
    in_value = False
    reader = _TextReader()

    def start(element: str, attributes: dict[str, str]) -> None:
        nonlocal reference, kind, value, in_value, reader
        name = local_name(element)
        if name == "c":
            reference, kind, value, reader = attributes.get("r", ""), attributes.get("t", ""), "", _TextReader()
        in_value = name == "v"
        reader.start(name, attributes)

    def text(data: str) -> None:
        nonlocal value
        if in_value:
            value += data
        reader.add(data)

    def end(element: str) -> None:
        nonlocal in_value
        in_value = False
        reader.end()
        if local_name(element) == "c":
            is_shared = kind == "s" and value.strip().isdecimal() and int(value) in marked_texts
            if is_shared or (kind == "inlineStr" and reader.is_marked_number()):
                found.append(reference)

    parser = create_parser(start)
    parser.EndElementHandler, parser.CharacterDataHandler = end, text
    parse_xml(parser, pieces)
    return found


def describe_marked_cells(sheet: str, cells: list[str]) -> str:
    """Return the remark about the cells of a sheet with marked digits."""
    named = ", ".join(cells[:_MAX_NAMED]) + (", …" if len(cells) > _MAX_NAMED else "")
    which = f"la case {named} a" if len(cells) == 1 else f"les cases {named} ont"
    return (
        f"Feuille « {sheet} » : {which} des chiffres barrés ou en exposant, qui ont été lus comme les autres "
        "(« 5 » suivi d'un petit « 1 » est lu 51). Vérifiez ces nombres."
    )
