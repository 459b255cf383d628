"""Read a directory file into schools: its bytes in a child process of bounded memory and time, its cells here."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from core.bounded_process import BoundedProcessError, ProcessLimits, run_bounded
from schools.directory.files import DirectoryLine, child_read
from schools.directory.rows import RefusedRow, RowReader, SchoolRow
from schools.exceptions import DirectoryRefused

#: The national file takes 2 s of processor; the child waits while its lines are stored.
_LIMITS = ProcessLimits(cpu_seconds=60, wall_seconds=300.0)


class DirectoryFile:
    """A file of the directory; each line is a `SchoolRow` or a `RefusedRow`."""

    def __init__(self, path: Path) -> None:
        self._path = path.resolve()
        #: Fields that the file has, once it was read.
        self.fields: list[str] = []

    def read(self, receive: Callable[[SchoolRow | RefusedRow], None]) -> None:
        """Call `receive` with each line.

        Raises `DirectoryRefused` after any line, even the last: the caller must then roll back.
        """
        good = 0

        def receive_batch(batch: tuple[list[str], list[tuple[Any, ...]]]) -> None:
            nonlocal good
            self.fields, lines = batch
            read = RowReader({field: index for index, field in enumerate(self.fields)})
            for line in map(DirectoryLine._make, lines):
                row = RefusedRow(line.number, "", line.reason) if line.reason else read(line.number, line.cells)
                good += isinstance(row, SchoolRow)
                receive(row)

        try:
            refusal = run_bounded(
                f"{child_read.__module__}:{child_read.__name__}",
                str(self._path),
                limits=_LIMITS,
                files=[self._path],
                on_message=receive_batch,
            )
        except BoundedProcessError as error:
            raise DirectoryRefused(error.sentence) from error
        if refusal:
            raise DirectoryRefused(refusal)
        if not good:
            raise DirectoryRefused("Aucune ligne de ce fichier ne décrit un établissement.")
