"""Parse many files in one child process, where none can harm the tests. Imports nothing of Django's."""

import contextlib

from core.bounded_process import BoundedProcessError, ProcessFailure, run_bounded
from imports.formats.exceptions import UnreadableFile
from imports.parsing.spreadsheet import ParsingOptions, parse_spreadsheet


def parse_or_reject(contents):
    """Parse these files, one process for all. Raise where one is neither parsed nor refused: our mistake.

    A file that takes too much memory or time is refused by the process's end; then each has one of its own.
    """
    try:
        run_bounded(f"{__name__}:child_parse_all", contents)
    except BoundedProcessError as error:
        if error.failure is ProcessFailure.CRASHED:
            raise
        if len(contents) > 1:
            for content in contents:
                parse_or_reject([content])


def child_parse_all(_, contents):
    for content in contents:
        with contextlib.suppress(UnreadableFile):
            parse_spreadsheet(content, ParsingOptions(units_for_all=1))
