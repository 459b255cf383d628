"""XML that strangers wrote, gone through with Expat: nothing is kept, and no entity is unfolded."""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.parsers import expat

from imports.readers.refusals import damaged

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

#: Called with an element's name, its prefix included, and its attributes.
type Start = Callable[[str, dict[str, str]], None]

#: What Expat raises: a `LookupError` is of an encoding that nobody knows.
_NO_DOCUMENT = (expat.ExpatError, ValueError, LookupError)


def parser(start: Start) -> expat.XMLParserType:
    """Return a parser that tells where elements start, and refuses documents that define what others mean by theirs."""
    made = expat.ParserCreate()
    made.StartElementHandler = start
    made.StartDoctypeDeclHandler = _refuse
    return made


def parse(made: expat.XMLParserType, pieces: Iterable[bytes]) -> None:
    """Let a whole document go by. Raises `Unreadable` where it is none."""
    try:
        for piece in pieces:
            made.Parse(piece, False)
        made.Parse(b"", True)
    except _NO_DOCUMENT as error:
        raise damaged() from error


def begin(made: expat.XMLParserType, head: bytes) -> None:
    """Let the beginning of a document go by. Raises `Unreadable` where it is none."""
    try:
        made.Parse(head, False)
    except _NO_DOCUMENT as error:
        raise damaged() from error


def local(name: str) -> str:
    """Return a name without its prefix: « row » of « x:row »."""
    return name.rpartition(":")[2]


def _refuse(*_: object) -> None:
    raise damaged()
