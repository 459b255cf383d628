"""`manage.py load_public_bodies FILE.csv`: load public bodies from Chorus Pro's directory."""

import csv
import datetime
import io
from _csv import Reader
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction
from django.utils import timezone

from core import formatting
from core.exceptions import DomainError, Refusal
from licensing.orders import siret_numbers
from licensing.orders.models import PublicBody
from schools.folding import fold

# Loader of Chorus Pro's directory of public bodies: the references that invoices to each must carry.
#
# Columns are matched by header: the short names below, or those of Chorus Pro's interface. Invalid rows are reported
# and skipped. Bodies absent from the file, and fields without a column, keep their values: the operator may have set
# them.

#: Field → its headers, normalised and without punctuation.
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
_MAX_NAME_LENGTH = 200
_BATCH_SIZE = 2000


@dataclass(slots=True)
class LoadReport:
    """Result of loading a file."""

    bodies: int = 0
    #: (line number in the file, why it was skipped).
    refused: list[tuple[int, str]] = field(default_factory=list)


@transaction.atomic
def load(*, content: bytes, at: datetime.datetime) -> LoadReport:
    """Upsert the public bodies of a CSV file, with one row per body or per service. Idempotent.

    Raises `Refusal` if the columns are missing or the CSV is malformed; nothing is changed then.
    """
    report = LoadReport()
    bodies: dict[str, PublicBody] = {}
    reader, columns = _open_reader(content)
    for cells in _rows(reader):
        if not any(cell.strip() for cell in cells):
            continue
        row = {name: cells[column].strip() if column < len(cells) else "" for name, column in columns.items()}
        error = _merge_row(bodies, row, at)
        if error:
            report.refused.append((reader.line_num, error))
    loaded_fields = [name for name in _FLAGS if name in columns] + (["services"] if "service_code" in columns else [])
    PublicBody.objects.bulk_create(
        bodies.values(),
        batch_size=_BATCH_SIZE,
        update_conflicts=True,
        unique_fields=["siret"],
        update_fields=["name", *loaded_fields, "changed_at"],
    )
    report.bodies = len(bodies)
    return report


def _open_reader(content: bytes) -> tuple[Reader, dict[str, int]]:
    """Return the CSV reader, past the header row, and the index of each known column that is present."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = content.decode("cp1252", errors="replace")
    first_line = text.partition("\n")[0]
    # Strict: an unclosed quotation mark would swallow the rest of the file.
    reader = csv.reader(io.StringIO(text), delimiter=max(";,\t", key=first_line.count), strict=True)
    header = ["".join(filter(str.isalnum, fold(cell))) for cell in next(_rows(reader), [])]
    indexes = {name: _column_index(header, headers) for name, headers in _HEADERS.items()}
    columns = {name: column for name, column in indexes.items() if column is not None}
    if not {"siret", "name"} <= columns.keys():
        raise Refusal("unreadable_list", "Ce fichier n'a pas de colonne « siret » et « nom » : rien n'a été changé.")
    return reader, columns


def _rows(reader: Reader) -> Iterator[list[str]]:
    try:
        yield from reader
    except csv.Error:
        raise Refusal(
            "unreadable_list",
            f"La ligne {reader.line_num} ne se lit pas, sans doute pour un guillemet jamais fermé : rien n'a été "
            "changé.",
        ) from None


def _column_index(header: list[str], headers: tuple[str, ...]) -> int | None:
    return next((header.index(name) for name in headers if name in header), None)


def _merge_row(bodies: dict[str, PublicBody], row: Mapping[str, str], at: datetime.datetime) -> str:
    """Merge a row into `bodies`; return why it is invalid, or an empty string."""
    siret = siret_numbers.normalise(row["siret"])
    error = siret_numbers.get_error(siret)
    if error or not row["name"]:
        return error or "L'organisme n'a pas de nom."
    flags = {name: _parse_flag(row.get(name, "")) for name in _FLAGS}
    if None in flags.values():
        return "Une obligation se dit « oui » ou « non »."
    body = bodies.setdefault(siret, PublicBody(siret=siret, name=row["name"][:_MAX_NAME_LENGTH], services=[]))
    for name, value in flags.items():
        # May be empty on the rows of the body's other services.
        setattr(body, name, bool(value) or getattr(body, name))
    if row.get("service_code"):
        body.services.append({"code": row["service_code"], "name": row.get("service_name", "")})
    body.changed_at = at
    return ""


def _parse_flag(cell: str) -> bool | None:
    word = fold(cell)
    return True if word in _YES else False if word in _NO else None


_MAX_LINES = 20


class Command(BaseCommand):
    help = (
        "Charge les organismes publics de l'annuaire de Chorus Pro (CSV) : SIRET, nom, ce que chacun exige d'une "
        "facture, et ses services. Un organisme absent du fichier reste tel qu'il était."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path, metavar="FICHIER", help="le fichier, en CSV")

    def handle(self, *, file: Path, **options: Any) -> None:
        """Load the file and print a report; an invalid file changes nothing."""
        try:
            report = load(content=file.read_bytes(), at=timezone.now())
        except (OSError, DomainError) as error:
            raise CommandError(str(error)) from error
        self.stdout.write(
            f"{formatting.pluralize(report.bodies, 'organisme chargé', 'organismes chargés')}, "
            f"{formatting.pluralize(len(report.refused), 'ligne refusée', 'lignes refusées')}."
        )
        for line, reason in report.refused[:_MAX_LINES]:
            self.stdout.write(f"  ligne {line} : {reason}")
        if len(report.refused) > _MAX_LINES:
            self.stdout.write(f"  … et {len(report.refused) - _MAX_LINES} de plus.")
