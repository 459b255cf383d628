"""Stream untrusted XML through Expat: no tree is built, and no entity is expanded."""

from collections.abc import Callable, Iterable
from xml.parsers import expat

#: Called with an element's name, prefix included, and its attributes.
type StartHandler = Callable[[str, dict[str, str]], None]

#: What Expat raises; `LookupError` for an unknown encoding.
_PARSE_ERRORS = (expat.ExpatError, ValueError, LookupError)


class MalformedXml(Exception):
    """The document is not well-formed, or has a document type declaration."""


def create_parser(start: StartHandler) -> expat.XMLParserType:
    """Return a parser that calls `start` for each element and rejects document type declarations."""
    expat_parser = expat.ParserCreate()
    expat_parser.StartElementHandler = start
    expat_parser.StartDoctypeDeclHandler = _reject_doctype
    return expat_parser


def parse(expat_parser: expat.XMLParserType, pieces: Iterable[bytes]) -> None:
    """Parse a document. Raises `MalformedXml`, and what the parser's handlers raise."""
    try:
        for piece in pieces:
            expat_parser.Parse(piece, False)
        expat_parser.Parse(b"", True)
    except _PARSE_ERRORS as error:
        raise MalformedXml(str(error)) from error


def parse_while(expat_parser: expat.XMLParserType, pieces: Iterable[bytes], is_wanted: Callable[[], bool]) -> None:
    """Parse the beginning of a document, as long as more is wanted. Raises `MalformedXml` as `parse` does."""
    try:
        for piece in pieces:
            expat_parser.Parse(piece, False)
            if not is_wanted():
                return
    except _PARSE_ERRORS as error:
        raise MalformedXml(str(error)) from error


def local_name(name: str) -> str:
    """Return a name without its prefix: « row » for « x:row »."""
    return name.rpartition(":")[2]


def _reject_doctype(*_: object) -> None:
    raise MalformedXml("document type declaration")
