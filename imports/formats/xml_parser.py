"""The XML of workbooks, streamed by `core.xml_streaming`: what is not well-formed is a damaged workbook."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from xml.parsers import expat

from core import xml_streaming
from core.xml_streaming import MalformedXml
from imports.formats.exceptions import damaged


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
