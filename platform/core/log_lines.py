"""Log lines: of which request or job each is, and as JSON for whoever collects them."""

from __future__ import annotations

import contextlib
import datetime
import json
import logging
from collections.abc import Iterator, Mapping
from contextvars import ContextVar

_NOTHING: Mapping[str, str] = {}
_context: ContextVar[Mapping[str, str]] = ContextVar("log_context", default=_NOTHING)


@contextlib.contextmanager
def log_context(**fields: str) -> Iterator[None]:
    """Have the log lines of this thread tell these fields, beside those told already, until the block ends."""
    token = _context.set({**_context.get(), **fields})
    try:
        yield
    finally:
        _context.reset(token)


def begin_log_context(**fields: str) -> None:
    """Have the log lines of this thread tell these fields, and no others, until `end_log_context`."""
    _context.set(fields)


def end_log_context() -> None:
    """Have the log lines of this thread tell no fields."""
    _context.set(_NOTHING)


class ContextFilter(logging.Filter):
    """Gives each record the fields of `log_context`: `context`, and `origin` as a text for lines."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Set both; let every record pass."""
        fields = _context.get()
        record.__dict__["context"] = fields
        record.__dict__["origin"] = "".join(f"[{name} {value}] " for name, value in fields.items())
        return True


class LineFormatter(logging.Formatter):
    """A line for people: moment with its distance to UTC, level, logger, the fields of `log_context`, message."""

    def __init__(self) -> None:
        super().__init__("{asctime} {levelname} {name} {origin}{message}", "%Y-%m-%dT%H:%M:%S%z", style="{")

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's name
        """Return the line, one whatever was in the message: what a visitor sent may not look like another one."""
        return "\\n".join(super().formatMessage(record).splitlines())


class JsonFormatter(logging.Formatter):
    """One JSON object a line: moment, level, logger, message, the fields of `log_context`, and the traceback if any."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        moment = datetime.datetime.fromtimestamp(record.created, datetime.UTC)
        fields = {
            "at": moment.isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            **getattr(record, "context", _NOTHING),
        }
        if record.exc_info:
            fields["traceback"] = self.formatException(record.exc_info)
        return json.dumps(fields, ensure_ascii=False)
