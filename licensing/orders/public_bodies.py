"""The public bodies of Chorus Pro's directory, loaded from a file: what an invoice to each must name.

Columns are found by their names: the short ones below, and those of Chorus Pro's own interface. A row that cannot be
read is told and left out; a body that the file does not hold stays as it was.
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
    for line, row in _rows(content):
        fault = _add(bodies, row, at)
        if fault:
            report.refused.append((line, fault))
    PublicBody.objects.bulk_create(
        bodies.values(),
        batch_size=_BATCH,
        update_conflicts=True,
        unique_fields=["siret"],
        update_fields=["name", *_FLAGS, "services", "changed_at"],
    )
    report.bodies = len(bodies)
    return report


def _rows(content: bytes) -> Iterator[tuple[int, Mapping[str, str]]]:
    """Yield the line and the cells of each row, by our names."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = content.decode("cp1252", errors="replace")
    first = text.partition("\n")[0]
    reader = csv.reader(io.StringIO(text), delimiter=max(";,\t", key=first.count))
    header = ["".join(filter(str.isalnum, fold(cell))) for cell in next(reader, [])]
    places = {name: _place(header, known) for name, known in _HEADERS.items()}
    absent = [name for name in ("siret", "name") if places[name] is None]
    if absent:
        raise UnreadableList("Ce fichier n'a pas de colonne « siret » et « nom » : rien n'a été changé.")
    for cells in reader:
        if any(cell.strip() for cell in cells):
            yield (
                reader.line_num,
                {
                    name: cells[place].strip() if place is not None and place < len(cells) else ""
                    for name, place in places.items()
                },
            )


def _place(header: list[str], known: tuple[str, ...]) -> int | None:
    return next((header.index(name) for name in known if name in header), None)


def _add(bodies: dict[str, PublicBody], row: Mapping[str, str], at: datetime.datetime) -> str:
    """Add what the row says to the bodies; return why it cannot be read, or nothing."""
    siret = digits(row["siret"])
    fault = fault_of(siret)
    if fault or not row["name"]:
        return fault or "L'organisme n'a pas de nom."
    flags = {name: _flag(row[name]) for name in _FLAGS}
    if None in flags.values():
        return "Une obligation se dit « oui » ou « non »."
    body = bodies.setdefault(siret, PublicBody(siret=siret, name=row["name"][:_LONGEST_NAME], services=[]))
    for name, value in flags.items():
        # A row of one of its services may leave them empty.
        setattr(body, name, bool(value) or getattr(body, name))
    if row["service_code"]:
        body.services.append({"code": row["service_code"], "name": row["service_name"]})
    body.changed_at = at
    return ""


def _flag(cell: str) -> bool | None:
    word = fold(cell)
    return True if word in _YES else False if word in _NO else None
