"""The directory's file, line by line. A file that was cut, recoded or is something else is refused as a whole.

Nothing here holds more than a line in memory: the national file has 70,000 of them.
"""

from __future__ import annotations

import contextlib
import csv
import gzip
import re
import zlib
from typing import IO, TYPE_CHECKING, cast

from schools.directory.columns import locate
from schools.directory.rows import RefusedRow, RowReader, SchoolRow
from schools.exceptions import DirectoryRefused

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_GZIP = b"\x1f\x8b"
_BOM = b"\xef\xbb\xbf"
# What Excel, zip and UTF-16 begin with.
_OTHERS = {b"PK\x03\x04": "un classeur ou une archive zip", b"\xd0\xcf\x11\xe0": "un ancien classeur Excel"}
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")
# A directory's line has some 700 characters. Far beyond, it is no directory, and could fill the memory.
_LONGEST_LINE = 256 * 1024
# UTF-8 that was read as Windows-1252 and saved again: « Ã‰cole », « CollÃ¨ge ». No French word has these pairs.
_MOJIBAKE = re.compile(
    "\u00c3[\u0080-\u00bf\u2010-\u203a\u20ac\u2122\u0152\u0153\u0160\u0161\u0178\u017d\u017e\u0192\u02c6\u02dc]"
)
_LOST_CHARACTER = "\ufffd"
# One damaged line in twenty is a damaged file; fewer are somebody's slip, and only those lines are left out.
_DAMAGED_ONE_IN = 20

_AGAIN = "Téléchargez-le de nouveau."
_NOT_UTF_8 = "Ce fichier n'est pas en UTF-8. Prenez-le tel que le site le donne, sans l'enregistrer dans un tableur."


class DirectoryFile:
    """A file of the directory. Iterate over it once: each line is a `SchoolRow` or a `RefusedRow`.

    The iteration raises `DirectoryRefused` wherever the file proves unfit, possibly at its very end: what was made of
    the lines before must then be undone.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._ends_properly = True

    def __iter__(self) -> Iterator[SchoolRow | RefusedRow]:
        """Yield the lines, the header and the blank ones left out."""
        with contextlib.ExitStack() as stack:
            try:
                yield from self._rows(self._opened(stack))
            except UnicodeDecodeError as error:
                raise DirectoryRefused(_NOT_UTF_8) from error
            except (EOFError, zlib.error, gzip.BadGzipFile) as error:
                raise DirectoryRefused(f"Ce fichier compressé est coupé ou abîmé. {_AGAIN}") from error
            except csv.Error as error:
                raise DirectoryRefused(
                    f"Un guillemet reste ouvert ou mal placé : le fichier est coupé ou abîmé. {_AGAIN}"
                ) from error
            except OSError as error:
                raise DirectoryRefused(f"Le fichier ne peut pas être lu : {error.strerror or error}.") from error

    def _opened(self, stack: contextlib.ExitStack) -> IO[bytes]:
        raw = stack.enter_context(self.path.open("rb"))
        if raw.peek(2)[:2] == _GZIP:
            return cast("IO[bytes]", stack.enter_context(contextlib.closing(gzip.GzipFile(fileobj=raw))))
        return raw

    def _rows(self, stream: IO[bytes]) -> Iterator[SchoolRow | RefusedRow]:
        lines = self._lines(stream)
        first = next(lines, None)
        if first is None:
            raise DirectoryRefused("Ce fichier est vide.")
        header, delimiter = _header(first)
        places = locate(header)
        read = RowReader(places)
        width = len(header)
        reader = csv.reader(lines, delimiter=delimiter, strict=True)
        good = damaged = total = 0
        for row in reader:
            line = reader.line_num + 1  # the header was read before
            if not any(row):
                continue
            total += 1
            text = "".join(row)
            if "\n" in text and _swallowed(row, width, delimiter):
                raise DirectoryRefused(
                    f"Un guillemet ouvert avant la ligne {line} n'est jamais refermé : le fichier est abîmé. {_AGAIN}"
                )
            if not self._ends_properly and (len(row) < width or width - 1 in places.values()):
                raise DirectoryRefused(f"Le fichier est coupé au milieu de sa dernière ligne ({line}). {_AGAIN}")
            if _LOST_CHARACTER in text or ("Ã" in text and _MOJIBAKE.search(text)):
                damaged += 1
                yield RefusedRow(line, "", "Les accents de cette ligne sont abîmés.")
            elif len(row) < width or any(row[width:]):
                yield RefusedRow(line, "", f"{len(row)} cellules au lieu de {width}.")
            else:
                answer = read(line, row)
                good += isinstance(answer, SchoolRow)
                yield answer
        if damaged * _DAMAGED_ONE_IN > total:
            raise DirectoryRefused(f"Les accents de ce fichier sont abîmés ({damaged} lignes). {_NOT_UTF_8}")
        if not good:
            raise DirectoryRefused("Aucune ligne de ce fichier ne décrit un établissement.")

    def _lines(self, stream: IO[bytes]) -> Iterator[str]:
        """Yield the lines as text, the last one noted where nothing ends it."""
        start = True
        while raw := stream.readline(_LONGEST_LINE):
            if start:
                _check_kind(raw)
                raw = raw.removeprefix(_BOM)
                start = False
            if b"\0" in raw:
                raise DirectoryRefused(f"Le fichier contient des octets nuls : il est abîmé ou mal encodé. {_AGAIN}")
            if len(raw) == _LONGEST_LINE:
                raise DirectoryRefused("Une ligne est démesurément longue : ce fichier n'est pas un annuaire.")
            self._ends_properly = raw.endswith(b"\n")
            yield raw.decode("utf-8")


def _check_kind(start: bytes) -> None:
    for signature, kind in _OTHERS.items():
        if start.startswith(signature):
            raise DirectoryRefused(f"Ce fichier est {kind} ; l'annuaire se lit en CSV, compressé en .gz ou non.")
    if start.startswith(_UTF_16):
        raise DirectoryRefused(_NOT_UTF_8)


def _header(line: str) -> tuple[list[str], str]:
    """Return the cells of the header and the delimiter, which is the one that cuts it into most cells."""
    delimiter = max(";,\t", key=line.count)
    return next(csv.reader([line], delimiter=delimiter)), delimiter


def _swallowed(row: list[str], width: int, delimiter: str) -> bool:
    """Tell whether a quote that nothing closed has eaten the end of its line and more.

    A cell may hold a line break; one that also holds a whole line's delimiters, or leaves a wrong number of cells,
    has swallowed what was none of its own.
    """
    return len(row) != width or any("\n" in cell and cell.count(delimiter) >= width - 1 for cell in row)
