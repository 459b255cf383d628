"""Dates, texts, searches and JSON that others write: each brought within bounds, or refused, before it is used.

Pure. Whatever is wrong with a date is a `ValueError`: callers need know no other. A column that holds one has its
constraint (`core.models`), so that the database refuses what a reader let through.
"""

import datetime
import json
import math
import re
from collections.abc import Iterator
from email.utils import parsedate_to_datetime
from typing import Any, Final, NoReturn

#: Characters; the longest name of a school has 90.
MAX_SEARCH_LENGTH = 200
#: Each is a condition of the query.
MAX_SEARCH_WORDS = 8


def cut_search(text: str) -> str:
    """Return the beginning of a search, at most `MAX_SEARCH_WORDS` words in `MAX_SEARCH_LENGTH` characters.

    What is beyond is ignored, and no error: whoever pastes a whole line finds what it begins with.
    """
    return " ".join(text[:MAX_SEARCH_LENGTH].split()[:MAX_SEARCH_WORDS])


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


#: Any day of the trade is in this span. Python and PostgreSQL reach much further on both sides, so that a shift by a
#: time zone, or a duration that is added, ends outside of neither.
FIRST_DAY: Final = datetime.date(1900, 1, 1)
LAST_DAY: Final = datetime.date(2199, 12, 31)
#: What an ISO 8601 text in this span begins with, for those who describe it.
YEAR_PATTERN: Final = "^(19|20|21)"
#: Longest text that is looked at as a date: RFC 5322's own, with the name of a zone behind it, has some 40.
_MAX_DATE_LENGTH = 100


def check_day(day: datetime.date) -> datetime.date:
    """Return the day. Raises `ValueError` outside of the span."""
    if not FIRST_DAY <= day <= LAST_DAY:
        raise ValueError(f"{day} is not between {FIRST_DAY} and {LAST_DAY}.")
    return day


def check_moment(moment: datetime.datetime) -> datetime.datetime:
    """Return the moment, in UTC. Raises `ValueError` outside of the span, or without a time zone."""
    if moment.tzinfo is None:
        raise ValueError(f"{moment} has no time zone.")
    try:
        moment = moment.astimezone(datetime.UTC)
    except OverflowError:
        raise ValueError(f"{moment} is in no year of Python's.") from None
    check_day(moment.date())
    return moment


def parse_day(text: str) -> datetime.date:
    """Return the day of an ISO 8601 text. Raises `ValueError`."""
    return check_day(datetime.date.fromisoformat(_check_length(text)))


def parse_moment(text: str, *, default_zone: datetime.tzinfo | None = None) -> datetime.datetime:
    """Return the moment of an ISO 8601 text, in UTC. Raises `ValueError`, also without a zone where none is given."""
    moment = datetime.datetime.fromisoformat(_check_length(text))
    return check_moment(moment if moment.tzinfo else moment.replace(tzinfo=default_zone))


def parse_header_date(text: str, *, default_zone: datetime.tzinfo | None = None) -> datetime.datetime:
    """Return the moment of a date as e-mail and HTTP write it, in UTC. Raises `ValueError`, as `parse_moment`."""
    try:
        moment = parsedate_to_datetime(_check_length(text))
    except (TypeError, IndexError, OverflowError) as error:
        raise ValueError(f"It is no date: {error}") from None
    return check_moment(moment if moment.tzinfo else moment.replace(tzinfo=default_zone))


def from_timestamp(seconds: float) -> datetime.datetime:
    """Return the moment so many seconds after 1970, in UTC. Raises `ValueError`."""
    try:
        return check_moment(datetime.datetime.fromtimestamp(seconds, tz=datetime.UTC))
    except (OverflowError, OSError, TypeError) as error:
        raise ValueError(f"It is no moment: {error}") from None


def clean_line(text: object, length: int) -> str:
    """Return printable text on one line, at most that long: PostgreSQL stores neither NUL nor half a surrogate pair."""
    # Four letters of white space for one that is kept are enough for whatever is real.
    printable = "".join(letter if letter.isprintable() else " " for letter in str(text)[: 4 * length])
    return " ".join(printable.split())[:length].rstrip()


def _check_length(text: str) -> str:
    if len(text) > _MAX_DATE_LENGTH:
        raise ValueError(f"A date has no {len(text)} letters.")
    return text
