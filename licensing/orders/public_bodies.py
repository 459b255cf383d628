"""The public bodies of Chorus Pro's directory, loaded from a file: what an invoice to each must name.

Columns are found by their names: the short ones below, and those of Chorus Pro's own interface. A row that cannot be
read is told and left out. A body that the file does not hold stays as it was, and so does what it has no column for:
the operator may have typed it.
"""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from django.db import transaction

from licensing.orders.exceptions import UnreadableList
from licensing.orders.models import PublicBody
from licensing.orders.preflight import digits, fault_of
from schools.folding import fold

if TYPE_CHECKING:
    import datetime
    from _csv import Reader
    from collections.abc import Iterator, Mapping

#: Field → the headers that hold it, folded and without punctuation.
_HEADERS = {
    "siret": ("siret", "identifiantstructure", "identifiant"),
    "name": ("nom", "raisonsociale", "designationstructure", "designation"),
    "service_required": ("servicerequis", "codeservicedoitetrerenseigne", "codeserviceobligatoire"),
    "engagement_required": ("engagementrequis", "numeroejdoitetrerenseigne", "numeroengagementobligatoire"),
    "service_or_engagement_required": ("serviceouengagement", "gestionnumeroejoucodeservice"),
    "service_code": ("codeservice",),
    "service_name": ("nomservice", "libelleservice"),
}
_YES = {"oui", "o", "1", "true", "vrai", "x"}
_NO = {"non", "n", "0", "false", "faux", ""}
_FLAGS = ("service_required", "engagement_required", "service_or_engagement_required")
_LONGEST_NAME = 200
_BATCH = 2000


@dataclass(slots=True)
class Loaded:
    """What became of the file."""

    bodies: int = 0
    #: (line of the file, why it was left out).
    refused: list[tuple[int, str]] = field(default_factory=list)


@transaction.atomic
def load(*, content: bytes, at: datetime.datetime) -> Loaded:
    """Write the bodies of a CSV file, one row a body or a row for each of its services; loading twice is once.

    Raises `UnreadableList`, having changed nothing, where the file is no such list.
    """
    report = Loaded()
    bodies: dict[str, PublicBody] = {}
    reader, places = _opened(content)
    for cells in _rows(reader):
        if not any(cell.strip() for cell in cells):
            continue
        row = {name: cells[place].strip() if place < len(cells) else "" for name, place in places.items()}
        fault = _add(bodies, row, at)
        if fault:
            report.refused.append((reader.line_num, fault))
    told = [name for name in _FLAGS if name in places] + (["services"] if "service_code" in places else [])
    PublicBody.objects.bulk_create(
        bodies.values(),
        batch_size=_BATCH,
        update_conflicts=True,
        unique_fields=["siret"],
        update_fields=["name", *told, "changed_at"],
    )
    report.bodies = len(bodies)
    return report


def _opened(content: bytes) -> tuple[Reader, dict[str, int]]:
    """Return the rows under the header, and where each of our columns is; those that are absent are left out."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = content.decode("cp1252", errors="replace")
    first = text.partition("\n")[0]
    # Strict: a quotation mark that is never closed would swallow the rest of the file.
    reader = csv.reader(io.StringIO(text), delimiter=max(";,\t", key=first.count), strict=True)
    header = ["".join(filter(str.isalnum, fold(cell))) for cell in next(_rows(reader), [])]
    found = {name: _place(header, known) for name, known in _HEADERS.items()}
    places = {name: place for name, place in found.items() if place is not None}
    if not {"siret", "name"} <= places.keys():
        raise UnreadableList("Ce fichier n'a pas de colonne « siret » et « nom » : rien n'a été changé.")
    return reader, places


def _rows(reader: Reader) -> Iterator[list[str]]:
    try:
        yield from reader
    except csv.Error:
        raise UnreadableList(
            f"La ligne {reader.line_num} ne se lit pas, sans doute pour un guillemet jamais fermé : rien n'a été "
            "changé."
        ) from None


def _place(header: list[str], known: tuple[str, ...]) -> int | None:
    return next((header.index(name) for name in known if name in header), None)


def _add(bodies: dict[str, PublicBody], row: Mapping[str, str], at: datetime.datetime) -> str:
    """Add what the row says to the bodies; return why it cannot be read, or nothing."""
    siret = digits(row["siret"])
    fault = fault_of(siret)
    if fault or not row["name"]:
        return fault or "L'organisme n'a pas de nom."
    flags = {name: _flag(row.get(name, "")) for name in _FLAGS}
    if None in flags.values():
        return "Une obligation se dit « oui » ou « non »."
    body = bodies.setdefault(siret, PublicBody(siret=siret, name=row["name"][:_LONGEST_NAME], services=[]))
    for name, value in flags.items():
        # A row of one of its services may leave them empty.
        setattr(body, name, bool(value) or getattr(body, name))
    if row.get("service_code"):
        body.services.append({"code": row["service_code"], "name": row.get("service_name", "")})
    body.changed_at = at
    return ""


def _flag(cell: str) -> bool | None:
    word = fold(cell)
    return True if word in _YES else False if word in _NO else None
