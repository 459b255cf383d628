"""Strict JSON request parser: bounded size, no duplicate names, no NaN, no lone surrogates."""

from __future__ import annotations

import json
import re
from typing import IO, TYPE_CHECKING, Any, NoReturn

from django.conf import settings
from rest_framework.exceptions import ParseError
from rest_framework.parsers import JSONParser

from api.problem_details import ApiProblem

if TYPE_CHECKING:
    from collections.abc import Mapping


#: Escaped UTF-16 surrogates (« \\ud83d »). A lone one can neither be encoded in a response nor stored.
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")


class BodyTooLarge(ApiProblem):
    """The request body exceeds `API_MAX_BODY_BYTES`."""

    status_code = 413

    def __init__(self) -> None:
        max_megabytes = settings.API_MAX_BODY_BYTES // (1024 * 1024)
        super().__init__("body_too_large", f"La requête dépasse {max_megabytes} Mo : partagez-la en plusieurs.")


class StrictJsonParser(JSONParser):
    """Parses RFC 8259 JSON: UTF-8, no duplicate names, no NaN, no lone surrogates, bounded nesting."""

    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        """Return the decoded body. Raises `ParseError`, `BodyTooLarge`."""
        max_bytes = settings.API_MAX_BODY_BYTES
        raw = stream.read(max_bytes + 1)
        if len(raw) > max_bytes:
            raise BodyTooLarge
        try:
            parsed = json.loads(
                raw.decode("utf-8"), object_pairs_hook=_reject_duplicates, parse_constant=_reject_constant
            )
            if _SURROGATE.search(raw):
                json.dumps(parsed, ensure_ascii=False).encode()  # raises UnicodeEncodeError
        except (ValueError, RecursionError):
            raise ParseError("Le corps de la requête n'est pas du JSON lisible, en UTF-8.") from None
        return parsed


def _reject_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError
    return members


def _reject_constant(_name: str) -> NoReturn:
    raise ValueError
