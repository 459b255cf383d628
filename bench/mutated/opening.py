"""Opens mutated files in child processes, which they can make run out of memory or time alone."""

from collections.abc import Callable, Sequence
from typing import Any

from core.bounded_process import BoundedProcessError, ProcessFailure, run_bounded
from imports.formats.detection import open_workbook
from imports.formats.exceptions import UnreadableFile
from imports.parsing.spreadsheet import ParsingOptions, parse_spreadsheet

#: What a file came to: the number of its sheets, or how it failed.
type Opened = int | str
#: A file was refused with a sentence; or its child was ended, which becomes a sentence as well.
REFUSED, STOPPED = "refused", "stopped"


def open_all(contents: Sequence[bytes]) -> list[Opened]:
    """Return the number of sheets of each file, `REFUSED`, `STOPPED`, or what was raised.

    One child opens all; where it is ended, each file has one of its own.
    """
    try:
        opened: list[Opened] = run_bounded(f"{__name__}:child_open_all", list(contents))
    except BoundedProcessError as error:
        if len(contents) == 1:
            return [str(error) if error.failure is ProcessFailure.CRASHED else STOPPED]
        return [open_all([content])[0] for content in contents]
    return opened


def child_open_all(send: Callable[[Any], None], contents: list[bytes]) -> list[Opened]:  # noqa: ARG001 - no progress
    """Open each file and read all of its rows, then parse it."""
    return [_open(content) for content in contents]


def _open(content: bytes) -> Opened:
    try:
        sheets = open_workbook(content).sheets
        for sheet in sheets:
            for _ in sheet.rows():
                pass
        parse_spreadsheet(content, ParsingOptions(units_for_all=1))
    except UnreadableFile:
        return REFUSED
    except Exception as error:  # noqa: BLE001 - whatever it is, it is to be reported
        return f"{type(error).__name__}: {error}"
    return len(sheets)
