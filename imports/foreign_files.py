"""Parse and annotate uploaded files in a child process, which they can make run out of memory or time alone.

The functions called « child_… » run there, without Django's settings; what they return is plain data.
"""

from __future__ import annotations

import contextlib
import itertools
import pickle
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, overload

from core.bounded_process import BoundedProcessError, ProcessFailure, ProcessLimits, load_plain, run_bounded
from imports.formats.exceptions import UnreadableFile, annotation_too_slow, damaged, too_much_memory, too_much_time
from imports.parsing.column_mapping import ComparedRow
from imports.parsing.rows import ParsedRow
from imports.parsing.spreadsheet import ParsedSheet, ParsingContext, ParsingOptions, parse_spreadsheet
from imports.problems import Problem, RowNote
from imports.workbooks import provenance
from imports.workbooks.annotated_workbook import AnnotatedWorkbook, annotate_as_it_came, rebuild_from_values
from imports.workbooks.marks import RowMarks, TableLocation

if TYPE_CHECKING:
    from openpyxl import Workbook


#: Rows of one message of the child, and of those made into objects at once.
_BATCH_ROWS = 5_000
LIMITS = ProcessLimits()
#: openpyxl takes 12 s for 60,000 rows that all have a problem; rebuilding them in the rest of `LIMITS` takes 8 s.
ORIGINAL_LIMITS = ProcessLimits(cpu_seconds=15, wall_seconds=15.0)


class ReceivedRows(Sequence[ParsedRow]):
    """The rows of a file, made into objects a batch at a time, anew whenever they are read.

    100,000 rows take 17 MB between two readings, where their objects would take 110 MB.
    """

    def __init__(self) -> None:
        #: Pickled by the child, and loaded as what it sends.
        self._batches: list[bytes] = []
        self._count = 0

    def append_batch(self, rows: bytes, count: int) -> None:
        """Add rows as the child pickled them. Raises what `load_plain` raises, when they are read."""
        self._batches.append(rows)
        self._count += count

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[ParsedRow]:
        load = ParsedRow._make
        for batch in self._batches:
            for row in load_plain(batch):
                *_, problems, _, notes = row
                yield _load_remarks(load(row)) if problems or notes else load(row)

    @overload
    def __getitem__(self, index: int) -> ParsedRow: ...
    @overload
    def __getitem__(self, index: slice) -> list[ParsedRow]: ...
    def __getitem__(self, index: int | slice) -> ParsedRow | list[ParsedRow]:
        return list(self)[index]


def parse_foreign_file(
    content: bytes,
    choices: ParsingOptions,
    progress: Callable[[int, int], None] | None = None,
    known: ParsingContext | None = None,
) -> ParsedSheet:
    """Parse a file as `parse_spreadsheet` does, in a child process. Raises `UnreadableFile`.

    `progress`: what it raises ends the child and is passed on.
    """
    rows = ReceivedRows()

    def receive(message: tuple[bytes, int] | tuple[int, int]) -> None:
        first, second = message
        if isinstance(first, bytes):
            rows.append_batch(first, second)
        elif progress is not None:
            progress(first, second)

    answer = _run("child_parse", LIMITS, content, choices, known, receive=receive)
    if "refusal" in answer:
        raise UnreadableFile(*answer["refusal"])
    compared = tuple(ComparedRow(*row) for row in answer["compared"])
    return replace(ParsedSheet.from_json(answer["layout"]), rows=rows, compared=compared)


def annotate_foreign_file(
    content: bytes, place: TableLocation, marks: Sequence[RowMarks], signature: str
) -> AnnotatedWorkbook:
    """Return the annotated workbook of a file, within the time of `LIMITS`. Raises `UnreadableFile`.

    `signature`: the signed id of the import. A file that openpyxl cannot annotate as it came, or not within
    `ORIGINAL_LIMITS`, is rebuilt from its values, by another child in the time that is left.
    """
    deadline = time.monotonic() + LIMITS.wall_seconds
    arguments = (content, place, marks, signature)
    made = None
    with contextlib.suppress(UnreadableFile):
        made = _run("child_annotate", ORIGINAL_LIMITS, *arguments, False)
    if made is None:
        rest = replace(LIMITS, wall_seconds=max(0.0, deadline - time.monotonic()))
        try:
            made = _run("child_annotate", rest, *arguments, True)
        except UnreadableFile as refusal:
            raise annotation_too_slow() if refusal.code == "too_much_time" else refusal from None
    return AnnotatedWorkbook(*made)


def _run(name: str, limits: ProcessLimits, *arguments: Any, receive: Callable[[Any], None] | None = None) -> Any:
    try:
        return run_bounded(f"{__name__}:{name}", *arguments, limits=limits, on_message=receive)
    except BoundedProcessError as error:
        if error.failure is ProcessFailure.MEMORY:
            raise too_much_memory() from error
        if error.failure is ProcessFailure.TIME:
            raise too_much_time() from error
        raise damaged() from error


def _load_remarks(row: ParsedRow) -> ParsedRow:
    return row._replace(
        problems=[Problem(*problem) for problem in row.problems],
        notes=tuple(RowNote(*note) for note in row.notes),
    )


# --- In the child ----------------------------------------------------------------------------------------------------


def child_parse(
    send: Callable[[Any], None], content: bytes, choices: ParsingOptions, known: ParsingContext | None
) -> dict[str, Any]:
    """Parse a file; send the progress and the rows, return the rest, or the refusal."""
    try:
        parsed = parse_spreadsheet(content, choices, lambda done, total: send((done, total)), known)
    except UnreadableFile as refusal:
        return {"refusal": (refusal.code, refusal.sentence)}
    for batch in itertools.batched(parsed.rows, _BATCH_ROWS, strict=False):
        rows = [_dump_row(row) if row.problems or row.notes else tuple(row) for row in batch]
        send((pickle.dumps(rows, protocol=pickle.HIGHEST_PROTOCOL), len(rows)))
    # Neither is plain data: the rows were sent above, those compared are sent beside it.
    layout = replace(parsed, rows=[], compared=()).to_json()
    return {"layout": layout, "compared": [tuple(row) for row in parsed.compared]}


def _dump_row(row: ParsedRow) -> tuple[Any, ...]:
    *before, problems, ignored, notes = row
    return (*before, [_dump_problem(problem) for problem in problems], ignored, tuple(tuple(note) for note in notes))


def _dump_problem(problem: Problem) -> tuple[str, str, str, bool]:
    # A meaning becomes a text.
    return (str(problem.column), problem.code, problem.message, problem.blocking)


def child_annotate(  # noqa: PLR0917 - all sent by position
    send: Callable[[Any], None],  # noqa: ARG001 - nothing to tell meanwhile
    content: bytes,
    place: TableLocation,
    marks: Sequence[RowMarks],
    signature: str,
    from_values: bool,  # noqa: FBT001
) -> tuple[bytes, str, bool] | None:
    """Annotate a file as it came, None where that cannot be done; or one of its values."""

    def sign(book: Workbook, choice: int) -> None:
        provenance.write_property(book, provenance.add_choice(signature, choice))

    made = (rebuild_from_values if from_values else annotate_as_it_came)(content, place, marks, sign)
    return None if made is None else (made.content, made.suffix, made.rebuilt)
