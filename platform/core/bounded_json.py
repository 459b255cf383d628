"""Read JSON that others wrote: bounded in size, depth and numbers, without what no column of ours stores."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from typing import Any, NoReturn

#: Levels of objects and lists in each other; no document that we take has more than a few.
MAX_DEPTH = 32
#: Of PostgreSQL's `bigint`: nothing of ours stores a whole number beyond.
_MIN_NUMBER, _MAX_NUMBER = -(2**63), 2**63 - 1
#: Letters of the longest such number, with its sign; int() refuses by itself from 4,300 on only.
_MAX_NUMBER_LENGTH = 20
#: NUL can only be escaped: JSON forbids it as it is.
_ESCAPED_NUL = b"\\u0000"
#: Escaped UTF-16 surrogates (« \\ud83d »). A lone one can neither be encoded in a response nor stored.
_ESCAPED_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
_REPLACEMENT = "\ufffd"


class UnreadableJson(ValueError):
    """It is no JSON, or none that we take. The text says why, without what was sent."""


class JsonTooLarge(UnreadableJson):
    """It has more bytes than its reader takes."""


class NulInJson(UnreadableJson):
    """A text or name has NUL. `parsed`: the whole, to say where."""

    def __init__(self, parsed: Any) -> None:
        super().__init__("A text has NUL.")
        self.parsed = parsed


def parse_json(raw: bytes, *, max_bytes: int, mends_texts: bool = False) -> Any:
    """Return what RFC 8259 JSON in UTF-8 says, without repeated names and constants such as NaN.

    `mends_texts`: NUL and lone surrogates are replaced by U+FFFD, for a sender who only passes on what strangers
    wrote; otherwise they are refused. Raises `UnreadableJson`, and nothing else.
    """
    if len(raw) > max_bytes:
        raise JsonTooLarge(f"It has more than {max_bytes} bytes.")
    try:
        parsed = json.loads(
            raw.decode("utf-8"),
            object_pairs_hook=_build_object,
            parse_constant=_refuse_constant,
            parse_int=_parse_int,
            parse_float=_parse_float,
        )
    except UnreadableJson:
        raise
    except (ValueError, RecursionError) as error:
        # Not chained: the text of such an error may hold what was sent.
        raise UnreadableJson(f"It is no JSON: {type(error).__name__}.") from None
    _check_depth(parsed)
    if _ESCAPED_NUL not in raw and not _ESCAPED_SURROGATE.search(raw):
        return parsed
    return _mend(parsed) if mends_texts else _check_texts(parsed)


def parse_json_object(raw: bytes, *, max_bytes: int, mends_texts: bool = False) -> dict[str, Any]:
    """Return a JSON object, read as by `parse_json`. Raises `UnreadableJson`, for anything but an object too."""
    parsed = parse_json(raw, max_bytes=max_bytes, mends_texts=mends_texts)
    if not isinstance(parsed, dict):
        raise UnreadableJson("It is no JSON object.")
    return parsed


def _build_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise UnreadableJson("A name is repeated.")
    return members


def _refuse_constant(_name: str) -> NoReturn:
    raise UnreadableJson("It has a number that is none.")


def _parse_int(text: str) -> int:
    if len(text) > _MAX_NUMBER_LENGTH or not _MIN_NUMBER <= (number := int(text)) <= _MAX_NUMBER:
        raise UnreadableJson("It has a number of more than 64 bits.")
    return number


def _parse_float(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise UnreadableJson("It has a number of more than 64 bits.")
    return number


def _check_depth(parsed: object) -> None:
    level = [parsed]
    for _ in range(MAX_DEPTH):
        level = [inner for outer in level for inner in _iter_inner(outer) if isinstance(inner, dict | list)]
    if level:
        raise UnreadableJson(f"It has more than {MAX_DEPTH} levels.")


def _iter_inner(value: object) -> Iterator[object]:
    if isinstance(value, dict):
        yield from value.values()
    elif isinstance(value, list):
        yield from value


def _check_texts(parsed: Any) -> Any:
    dumped = json.dumps(parsed, ensure_ascii=False)
    try:
        dumped.encode()
    except UnicodeEncodeError:
        raise UnreadableJson("A text has half a character.") from None
    if any("\x00" in text for text in _iter_texts(parsed)):
        raise NulInJson(parsed)
    return parsed


def _iter_texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
        return
    if isinstance(value, dict):
        yield from value
    for inner in _iter_inner(value):
        yield from _iter_texts(inner)


def _mend(value: Any) -> Any:
    if isinstance(value, str):
        return _UNSTORABLE.sub(_REPLACEMENT, value)
    if isinstance(value, dict):
        return {_mend(name): _mend(inner) for name, inner in value.items()}
    return [_mend(inner) for inner in value] if isinstance(value, list) else value
