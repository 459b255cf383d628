"""Addresses of teachers, as pasted from a mail program or a spreadsheet. Pure.

« Léa Martin <lea.martin@…> », « "MARTIN, Léa" <…>; », « mailto:… », columns with tabs, one a line or many.
"""

import re
from typing import NamedTuple

from django.core.exceptions import ValidationError
from django.core.validators import validate_email

from core.contact_details import check_person_name, is_ordinary_address
from schools.folding import fold

#: Characters of a pasted text: more than any school's list has.
MAX_TEXT = 20_000

_BETWEEN = r"\s<>()\[\]\"“”«»,;:|"
_ADDRESS = re.compile(rf"[^{_BETWEEN}]*@[^{_BETWEEN}]*")
_MAILTO = re.compile(r"mailto:|(?<=[\w.-])\?(?:subject|cc|bcc|body)=\S*", re.IGNORECASE)
_QUOTES = "'’‘`\"“”«»"
# What stands around names and addresses.
_EDGES = f"{_QUOTES} \t<>()[]|,;:-–—•*·"
_COMMENT = re.compile(r"\s*\(([^()]*)\)")
_TITLE = re.compile(r"(?:m|mr|mme|mlle|monsieur|madame|mademoiselle)\.?\s+", re.IGNORECASE)
_INVISIBLE = dict.fromkeys(map(ord, "\u200b\u200c\u200d\u2060\ufeff\u00ad"))
_SHOWN = 60


class InvitedPerson(NamedTuple):
    """An address, and the person's name, first name first; empty where it was not given."""

    email: str
    name: str


class BadLine(NamedTuple):
    """A line without a valid address: its number from 1, its text, and why, in French, without a final period."""

    number: int
    text: str
    reason: str

    @property
    def quotes_address(self) -> bool:
        """Whether the reason names the address that could not be read."""
        return self.reason.startswith("«")


class AddressList(NamedTuple):
    """What a pasted text holds. `repeated`: how many addresses stood in it again."""

    people: list[InvitedPerson]
    bad_lines: list[BadLine]
    repeated: int


def parse_addresses(text: str) -> AddressList:
    """Return the people of a pasted text, each once, and the lines that could not be read."""
    people: dict[str, list[InvitedPerson]] = {}
    bad_lines: list[BadLine] = []
    repeated = 0
    for number, raw in enumerate(text[:MAX_TEXT].splitlines(), start=1):
        line = _MAILTO.sub("", raw.translate(_INVISIBLE)).strip()
        if not line.strip(_EDGES):
            continue
        found, reasons = _read_line(line)
        bad_lines += [BadLine(number, raw.strip(), reason) for reason in reasons]
        for person in found:
            repeated += not _add(people.setdefault(person.email.lower(), []), person)
    return AddressList([person for same in people.values() for person in same], bad_lines, repeated)


def _add(same_address: list[InvitedPerson], person: InvitedPerson) -> bool:
    """Add the person to those of the same address, unless they are one of them; return whether they were added."""
    for index, other in enumerate(same_address):
        if not person.name or fold(other.name) == fold(person.name):
            return False
        if not other.name:
            same_address[index] = person
            return False
    same_address.append(person)
    return True


def _read_line(line: str) -> tuple[list[InvitedPerson], list[str]]:
    """Return the people of a line, and why what is not one of them could not be read."""
    matches = list(_ADDRESS.finditer(line))
    if not matches:
        return [], ["il y manque l’adresse e-mail"]
    names = _find_names(line, matches)
    people, reasons = [], []
    for match, name in zip(matches, names, strict=True):
        address = match.group().strip(f"{_QUOTES}.")
        if _is_address(address):
            people.append(InvitedPerson(address, name))
        else:
            reasons.append(f"« {_shorten(address or match.group())} » n’est pas une adresse e-mail")
    return people, reasons


def _find_names(line: str, matches: list[re.Match[str]]) -> list[str]:
    """Return the name that stands before or after each address, or empty strings."""
    starts = [0, *(match.end() for match in matches)]
    ends = [*(match.start() for match in matches), len(line)]
    gaps = [line[start:end] for start, end in zip(starts, ends, strict=True)]
    names = gaps[:-1]
    for index in range(len(matches)):
        # « lea@… (Léa Martin) »: a comment belongs to the address before it.
        comment = _COMMENT.match(gaps[index + 1])
        if comment and not names[index].strip(_EDGES):
            names[index] = comment.group(1)
            rest = gaps[index + 1][comment.end() :]
            gaps[index + 1] = rest
            if index + 1 < len(names):
                names[index + 1] = rest
    if len(matches) == 1 and not names[0].strip(_EDGES):
        names[0] = gaps[1]
    return [clean_name(name) for name in names]


def clean_name(text: str) -> str:
    """Return a name as pasted, first name first; empty where it is none that an e-mail may repeat."""
    text = _TITLE.sub("", text.strip(_EDGES), count=1).strip(_EDGES)
    surname, comma, first_name = text.partition(",")
    if comma and "," not in first_name:
        # « Martin, Léa »: capitals tell the surname from here on.
        text = f"{first_name.strip(_EDGES)} {surname.strip(_EDGES).upper()}"
    name = " ".join(re.split(r"[\s,;|]+", text)).strip(_EDGES)
    if not name or any(letter.isdigit() for letter in name):
        return ""
    try:
        check_person_name(name)
    except ValidationError:
        return ""
    return name


def _is_address(text: str) -> bool:
    if is_ordinary_address(text):
        return True
    try:
        validate_email(text)
    except ValidationError:
        return False
    return True


def _shorten(text: str) -> str:
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"
