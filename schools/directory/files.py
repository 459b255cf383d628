"""Read the lines of a directory file. A truncated, re-encoded or foreign file is refused as a whole.

Runs in a child process, without Django: the file comes from elsewhere, and may be made to decompress without end. At
most one batch of lines is held in memory: the national file has 70,000.
"""

import contextlib
import csv
import gzip
import re
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import batched
from pathlib import Path
from typing import IO, Any, NamedTuple, cast

from schools.exceptions import DirectoryRefused
from schools.folding import fold

#: Field → folded headers, by preference: those of
#: fr-en-annuaire-education from 2016 to 2026 (with and without capitals), then those of
#: fr-en-adresse-et-geolocalisation-etablissements and of its ancestor, DEPP-etab-1D2D.
HEADERS: Mapping[str, tuple[str, ...]] = {
    "uai": ("identifiant de l etablissement", "numero uai", "code etablissement", "uai"),
    "name": ("nom etablissement", "appellation officielle"),
    "type": ("type etablissement",),
    "sector": ("statut public prive", "secteur public prive libe", "secteur public prive"),
    "address": ("adresse 1", "adresse uai", "adresse"),
    "address_2": ("adresse 2", "lieu dit uai", "lieu dit"),
    "address_3": ("adresse 3", "boite postale uai", "boite postale"),
    "postal_code": ("code postal", "code postal uai"),
    "commune": ("nom commune", "libelle commune", "commune", "localite acheminement uai"),
    "commune_code": ("code commune",),
    "departement": ("libelle departement", "departement"),
    "departement_code": ("code departement",),
    "academie": ("libelle academie", "academie"),
    "region": ("libelle region", "region"),
    "has_nursery": ("ecole maternelle",),
    "has_elementary": ("ecole elementaire",),
    "nature": ("libelle nature", "nature uai libe", "nature"),
    "nature_code": ("code nature", "nature uai"),
    "phone": ("telephone",),
    "email": ("mail",),
    "siret": ("siren siret",),
    "latitude": ("latitude",),
    "longitude": ("longitude",),
    "state": ("etat", "etat etablissement libe", "etat etablissement"),
}

#: Required fields; all others are optional.
REQUIRED_FIELDS = ("uai", "name", "postal_code", "commune")


def get_column_name(field: str) -> str:
    """Return the header that the national file has for a field."""
    return HEADERS[field][0].replace(" ", "_")


def locate(header: Sequence[str]) -> dict[str, int]:
    """Return the column index of each field that the file has.

    Raises `DirectoryRefused`, naming the missing columns, where a required one is missing.
    """
    index_by_header: dict[str, int] = {}
    for index, name in enumerate(header):
        index_by_header.setdefault(fold(name), index)
    indexes = {
        field: index_by_header[match]
        for field, names in HEADERS.items()
        if (match := next((name for name in names if name in index_by_header), None)) is not None
    }
    missing = [get_column_name(field) for field in REQUIRED_FIELDS if field not in indexes]
    if missing:
        raise DirectoryRefused(
            "Ce fichier n'est pas un annuaire des établissements : il y manque "
            + ("la colonne " if len(missing) == 1 else "les colonnes ")
            + ", ".join(f"« {name} »" for name in missing)
            + "."
        )
    return indexes


_GZIP = b"\x1f\x8b"
_BOM = b"\xef\xbb\xbf"
# Magic numbers of zip, Excel and UTF-16 files.
_FOREIGN_FORMATS = {b"PK\x03\x04": "un classeur ou une archive zip", b"\xd0\xcf\x11\xe0": "un ancien classeur Excel"}
_MARKUP = b"<"
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")
# A line of the directory has some 700 characters; the limit protects memory.
_MAX_LINE_LENGTH = 256 * 1024
# Decompressed; the national file has 45 MB.
_MAX_BYTES = 512 * 1024 * 1024
#: Lines of one message of the child: the caller makes schools of them while the next ones are read.
_BATCH_LINES = 2_000
# UTF-8 decoded as Windows-1252 and saved again: « Ã‰cole », « CollÃ¨ge ». No French word has these pairs.
_MOJIBAKE = re.compile(
    "\u00c3[\u0080-\u00bf\u2010-\u203a\u20ac\u2122\u0152\u0153\u0160\u0161\u0178\u017d\u017e\u0192\u02c6\u02dc]"
)
_LOST_CHARACTER = "\ufffd"
# Above this share of damaged lines, the file is refused; below, only those lines are.
_DAMAGED_ONE_IN = 20

_AGAIN = "Téléchargez-le de nouveau."
_NOT_UTF_8 = "Ce fichier n'est pas en UTF-8. Prenez-le tel que le site le donne, sans l'enregistrer dans un tableur."


class DirectoryLine(NamedTuple):
    """The cells of a line, in the order of the fields found, or the reason for refusing it."""

    number: int
    cells: tuple[str, ...]
    reason: str = ""


def child_read(send: Callable[[Any], None], path: str) -> str:
    """Send the lines in batches, with the names of the fields found; return why the file is refused, or nothing."""
    reader = _FileReader(Path(path))
    try:
        for batch in batched(reader.read(), _BATCH_LINES, strict=False):
            send((reader.fields, [tuple(line) for line in batch]))
    except DirectoryRefused as refusal:
        return str(refusal)
    return ""


class _FileReader:
    def __init__(self, path: Path) -> None:
        self._path = path
        self._ends_properly = True
        #: Names of the fields found, in the order of the cells.
        self.fields: list[str] = []

    def read(self) -> Iterator[DirectoryLine]:
        """Yield the lines, without header and blank lines. Raises `DirectoryRefused` at any line, even the last."""
        with contextlib.ExitStack() as stack:
            try:
                yield from self._rows(self._open(stack))
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

    def _open(self, stack: contextlib.ExitStack) -> IO[bytes]:
        raw = stack.enter_context(self._path.open("rb"))
        if raw.peek(2)[:2] == _GZIP:
            return cast("IO[bytes]", stack.enter_context(contextlib.closing(gzip.GzipFile(fileobj=raw))))
        return raw

    def _rows(self, stream: IO[bytes]) -> Iterator[DirectoryLine]:
        lines = self._lines(stream)
        first = next(lines, None)
        if first is None:
            raise DirectoryRefused("Ce fichier est vide.")
        header, delimiter = _header(first)
        indexes = locate(header)
        self.fields = list(indexes)
        width, last_is_read = len(header), len(header) - 1 in indexes.values()
        reader = csv.reader(lines, delimiter=delimiter, strict=True)
        damaged = total = 0
        for row in reader:
            line = reader.line_num + 1  # the header was read before
            if not any(row):
                continue
            total += 1
            text = "".join(row)
            if "\n" in text and _has_unclosed_quote(row, width, delimiter):
                raise DirectoryRefused(
                    f"Un guillemet ouvert avant la ligne {line} n'est jamais refermé : le fichier est abîmé. {_AGAIN}"
                )
            if not self._ends_properly and (len(row) < width or last_is_read):
                raise DirectoryRefused(f"Le fichier est coupé au milieu de sa dernière ligne ({line}). {_AGAIN}")
            if _LOST_CHARACTER in text or ("Ã" in text and _MOJIBAKE.search(text)):
                damaged += 1
                yield DirectoryLine(line, (), "Les accents de cette ligne sont abîmés.")
            elif len(row) < width or any(row[width:]):
                yield DirectoryLine(line, (), f"{len(row)} cellules au lieu de {width}.")
            else:
                yield DirectoryLine(line, tuple(row[index] for index in indexes.values()))
        if damaged * _DAMAGED_ONE_IN > total:
            raise DirectoryRefused(f"Les accents de ce fichier sont abîmés ({damaged} lignes). {_NOT_UTF_8}")

    def _lines(self, stream: IO[bytes]) -> Iterator[str]:
        """Yield the decoded lines; sets `_ends_properly` to whether the last one ends with a line break."""
        size = 0
        while raw := stream.readline(_MAX_LINE_LENGTH):
            if not size:
                _check_kind(raw)
            size += len(raw)
            if size > _MAX_BYTES:
                raise DirectoryRefused("Ce fichier est démesurément long : ce n'est pas un annuaire.")
            raw = raw.removeprefix(_BOM) if size == len(raw) else raw
            if b"\0" in raw:
                raise DirectoryRefused(f"Le fichier contient des octets nuls : il est abîmé ou mal encodé. {_AGAIN}")
            if len(raw) == _MAX_LINE_LENGTH:
                raise DirectoryRefused("Une ligne est démesurément longue : ce fichier n'est pas un annuaire.")
            self._ends_properly = raw.endswith(b"\n")
            yield raw.decode("utf-8")


def _check_kind(start: bytes) -> None:
    if start.removeprefix(_BOM).lstrip().startswith(_MARKUP):
        raise DirectoryRefused("Ce fichier est une page web ou du XML, non l'annuaire : le site a répondu autre chose.")
    for signature, kind in _FOREIGN_FORMATS.items():
        if start.startswith(signature):
            raise DirectoryRefused(f"Ce fichier est {kind} ; l'annuaire se lit en CSV, compressé en .gz ou non.")
    if start.startswith(_UTF_16):
        raise DirectoryRefused(_NOT_UTF_8)


def _header(line: str) -> tuple[list[str], str]:
    """Return the header cells and the delimiter, which is the most frequent candidate."""
    delimiter = max(";,\t", key=line.count)
    return next(csv.reader([line], delimiter=delimiter)), delimiter


def _has_unclosed_quote(row: list[str], width: int, delimiter: str) -> bool:
    """Return whether an unclosed quote has merged several lines into one row.

    A cell may contain a line break; it is unclosed where the number of cells is wrong, or where the cell also contains
    a line's number of delimiters.
    """
    return len(row) != width or any("\n" in cell and cell.count(delimiter) >= width - 1 for cell in row)
