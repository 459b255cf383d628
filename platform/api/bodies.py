"""What is read of a request: JSON of a bounded size, in which nothing is ambiguous."""

from __future__ import annotations

import json
import re
from typing import IO, TYPE_CHECKING, Any, NoReturn

from django.conf import settings
from rest_framework.exceptions import ParseError
from rest_framework.parsers import JSONParser

from api.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Mapping


#: What may be half of a character, written « \\ud83d », that neither an answer nor the database could hold.
_HALF = re.compile(rb"\\u[dD][89a-fA-F]")


class TooLarge(Problem):
    """More bytes than the API reads."""

    status_code = 413

    def __init__(self) -> None:
        most = settings.API_LARGEST_BODY // (1024 * 1024)
        super().__init__("body_too_large", f"La requête dépasse {most} Mo : partagez-la en plusieurs.")


class PlainJson(JSONParser):
    """JSON as RFC 8259 has it: UTF-8, no name twice, no NaN, no half of a character; not nested too deep."""

    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        """Return what was sent. Raises `ParseError`, `TooLarge`."""
        most = settings.API_LARGEST_BODY
        raw = stream.read(most + 1)
        if len(raw) > most:
            raise TooLarge
        try:
            read = json.loads(raw.decode("utf-8"), object_pairs_hook=_each_once, parse_constant=_no_constant)
            if _HALF.search(raw):
                json.dumps(read, ensure_ascii=False).encode()  # raises
        except (ValueError, RecursionError):
            raise ParseError("Le corps de la requête n'est pas du JSON lisible, en UTF-8.") from None
        return read


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError
    return found


def _no_constant(_name: str) -> NoReturn:
    raise ValueError
