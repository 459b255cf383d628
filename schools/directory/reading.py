"""Read a directory file into schools: its bytes in a child process of bounded memory and time, its cells here."""

import functools
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from stdnum import luhn

from core.bounded_process import BoundedProcessError, ProcessLimits, run_bounded
from schools import uai
from schools.directory.files import DirectoryLine, child_read
from schools.exceptions import DirectoryRefused
from schools.folding import fold
from schools.models import School

# Parse one cell of the directory; None where its value is lost.
#
# A file re-saved by a French Excel has lost leading zeros of codes and telephone numbers, and has SIRET as `2,12E+13`.
# Unambiguous damage is repaired; a lost value is None, so that the school keeps the value of an earlier file.

STATES = {
    "ouvert": "open",
    "1": "open",
    "a fermer": "closing",
    "2": "closing",
    "a ouvrir": "opening",
    "3": "opening",
    "ferme": "closed",
    "4": "closed",
}
_SECTORS = {"public": "Public", "secteur public": "Public", "prive": "Privé", "secteur prive": "Privé"}
_FLAGS = {"1": True, "1.0": True, "true": True, "oui": True, "0": False, "0.0": False, "false": False, "non": False}

_ADDRESS = re.compile(r"[^\s@;,<>]+@[^\s@;,<>]+\.[A-Za-z]{2,}")
_COMMUNE = re.compile(r"[0-9]{5}|2[AB][0-9]{3}")
_DEPARTEMENT = re.compile(r"[0-9]{1,3}|0?2[AB]")
_NUMBER = re.compile(r"[+-]?[0-9]+([.,][0-9]+)?")
_TOWN = re.compile(r"(?:^|\s+)[0-9]{5}(\s.*)?$")
_NOT_DIGITS = re.compile(r"[^0-9+]")

#: Number of digits.
_POSTAL, _SIRET, _PHONE = 5, 14, 10
#: Number of digits once Excel has removed the leading zero.
_POSTAL_SHORT, _SIRET_SHORT, _PHONE_SHORT = 4, 13, 9


def tidy(text: str) -> str:
    """Strip the text and collapse inner whitespace."""
    return " ".join(text.split())


def parse_sector(text: str) -> str:
    """Return « Public » or « Privé », or the text unchanged."""
    return _SECTORS.get(fold(text), text)


def parse_flag(text: str) -> bool | None:
    """Parse a boolean cell."""
    return _FLAGS.get(text.lower())


def parse_postal_code(text: str) -> str | None:
    """Return five digits; a leading zero is restored."""
    if len(text) == _POSTAL_SHORT and text.isdecimal():
        return "0" + text
    return text if len(text) == _POSTAL and text.isdecimal() else None


def parse_commune_code(text: str) -> str | None:
    """Return the INSEE code of five characters; a leading zero is restored."""
    code = "0" + text if len(text) == _POSTAL_SHORT and text.isdecimal() else text.upper()
    return code if _COMMUNE.fullmatch(code) else None


def parse_departement_code(text: str) -> str | None:
    """Return the directory's three characters: `021`, `02A`, `974`; Excel leaves `21` and `1`."""
    code = text.upper()
    return code.zfill(3) if _DEPARTEMENT.fullmatch(code) else None


def parse_phone(text: str) -> str | None:
    """Return a telephone number as « 04 66 00 00 00 »; overseas numbers unchanged."""
    digits = _NOT_DIGITS.sub("", text)
    if digits.startswith("+33"):
        digits = "0" + digits[3:].removeprefix("0")
    if len(digits) == _PHONE_SHORT and digits.isdecimal() and digits[0] != "0":
        digits = "0" + digits
    if len(digits) == _PHONE and digits.isdecimal() and digits[0] == "0":
        return " ".join(digits[at : at + 2] for at in range(0, _PHONE, 2))
    # Six digits in New Caledonia, eight in Polynesia. A number in scientific notation is lost.
    return text if digits.lstrip("+").isdecimal() and "E+" not in text.upper() and 6 <= len(digits) <= 15 else None  # noqa: PLR2004


def parse_siret(text: str) -> str | None:
    """Return fourteen digits; a leading zero is restored where the Luhn check confirms it."""
    digits = text.replace(" ", "")
    if not (digits.isascii() and digits.isdecimal()):
        return None
    if len(digits) == _SIRET_SHORT and luhn.is_valid("0" + digits):
        return "0" + digits
    return digits if len(digits) == _SIRET else None


def parse_email(text: str) -> str | None:
    """Return the first e-mail address in the cell."""
    match = _ADDRESS.search(text)
    return match[0] if match else None


def parse_degrees(text: str, limit: int) -> float | None:
    """Parse a latitude or a longitude, with a point or a comma; None beyond `limit`."""
    if not _NUMBER.fullmatch(text):
        return None
    value = float(text.replace(",", "."))
    return value if abs(value) <= limit else None


def join_address_lines(second: str, third: str) -> str:
    """Join the second and third address lines.

    The third mostly repeats postal code and town, « BP 508 01500 AMBERIEU EN BUGEY »: that part is removed.
    """
    return ", ".join(part for part in (second, _TOWN.sub("", third)) if part)


def infer_levels(
    nature_code: str, school_type: str, *, nursery: bool | None, elementary: bool | None
) -> tuple[bool | None, bool | None]:
    """Return whether there are nursery and elementary classes, inferred from nature and type where the flags are empty.

    The directory leaves both empty for collèges and lycées, which have neither. In files without the flags, the nature
    code distinguishes école maternelle (101 to 111) and école élémentaire (151 to 169), which may have nursery classes.
    """
    if school_type in ("Collège", "Lycée"):
        return (nursery or False, elementary or False)
    if nature_code[:2] in ("10", "11"):
        return (True if nursery is None else nursery, elementary or False)
    if nature_code[:2] in ("15", "16"):
        return (nursery, True if elementary is None else elementary)
    return (nursery, elementary)


class SchoolRow(NamedTuple):
    """The fields of one school; None where the file has no value. In COPY order."""

    line: int
    uai: str
    name: str
    type: str | None = None
    sector: str | None = None
    address: str | None = None
    address_extra: str | None = None
    postal_code: str | None = None
    commune: str | None = None
    commune_code: str | None = None
    departement: str | None = None
    departement_code: str | None = None
    academie: str | None = None
    region: str | None = None
    has_nursery: bool | None = None
    has_elementary: bool | None = None
    nature: str | None = None
    phone: str | None = None
    email: str | None = None
    siret: str | None = None
    latitude: float | None = None
    longitude: float | None = None
    state: str | None = None


#: Fields that are read from a column of the same name.
_FIELDS = frozenset(SchoolRow._fields) - {"line", "uai", "address_extra"}
#: What is not kept as it is written; the state is a known one.
_PARSERS: Mapping[str, Callable[[str], Any]] = {
    "sector": parse_sector,
    "postal_code": parse_postal_code,
    "commune_code": parse_commune_code,
    "departement_code": parse_departement_code,
    "has_nursery": parse_flag,
    "has_elementary": parse_flag,
    "phone": parse_phone,
    "email": parse_email,
    "siret": parse_siret,
    "latitude": functools.partial(parse_degrees, limit=90),
    "longitude": functools.partial(parse_degrees, limit=180),
    "state": lambda text: STATES.get(fold(text)),
}
#: Fields of which an empty cell says nothing; any other that is empty the school does not have.
_UNSAID = dict.fromkeys(("has_nursery", "has_elementary", "latitude", "longitude", "state"))


@dataclass(frozen=True, slots=True)
class RefusedRow:
    """A refused line. `uai` is empty where it is invalid."""

    line: int
    uai: str
    reason: str


MAX_LENGTHS = {
    name: length
    for name in SchoolRow._fields[1:]
    if (length := getattr(School._meta.get_field(name), "max_length", None)) is not None  # noqa: SLF001 - documented
}


class RowReader:
    """Parses the lines of a file with the columns at these indexes."""

    def __init__(self, indexes: Mapping[str, int]) -> None:
        self.indexes = indexes
        self.has_extra_address_lines = "address_2" in indexes or "address_3" in indexes

    def __call__(self, line: int, row: Sequence[str]) -> SchoolRow | RefusedRow:
        """Return the school of one line, or why it is refused. `row` has as many cells as the header."""
        values = {field: tidy(row[index]) for field, index in self.indexes.items()}
        code = uai.normalise(values["uai"])
        if not uai.is_valid(code):
            return RefusedRow(line, "", uai.describe_error(values["uai"]))
        if not values["name"]:
            return RefusedRow(line, code, "Le nom de l'établissement manque.")
        state = values.get("state")
        if state and fold(state) not in STATES:
            return RefusedRow(line, code, f"État inconnu : « {state} ».")
        school = self._school(line, code, values)
        too_long = next(
            (name for name, limit in MAX_LENGTHS.items() if len(getattr(school, name) or "") > limit),
            None,
        )
        if too_long is not None:
            return RefusedRow(line, code, f"Texte trop long ({too_long}) : {MAX_LENGTHS[too_long]} caractères au plus.")
        return school

    def _school(self, line: int, code: str, values: Mapping[str, str]) -> SchoolRow:
        fields: dict[str, Any] = {
            name: _PARSERS.get(name, str)(text) if text else _UNSAID.get(name, "")
            for name, text in values.items()
            if name in _FIELDS
        }
        fields["has_nursery"], fields["has_elementary"] = infer_levels(
            values.get("nature_code", ""),
            values.get("type", ""),
            nursery=fields.get("has_nursery"),
            elementary=fields.get("has_elementary"),
        )
        if self.has_extra_address_lines:
            fields["address_extra"] = join_address_lines(values.get("address_2", ""), values.get("address_3", ""))
        return SchoolRow(line, code, **fields)


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
