"""What a manager looks at before confirming: rows put aside, ticked rows that may be mistaken, changes."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from django.db.models import Count, Q

from core import formatting
from imports.enums import RowMatchMethod, Verdict
from imports.models import ImportRow, SpreadsheetImport
from imports.wording import SURE
from schools.wording import format_school_name

#: Schools that a line names; the others are counted.
MAX_NAMED = 5


class Concern(StrEnum):
    """The value is that of the pages' addresses."""

    SET_ASIDE = "mises-de-cote"
    UNKNOWN_ADDRESS = "adresses-inconnues"
    UNCERTAIN_MATCH = "reconnues-probablement"
    MORE_THAN_CLASSES = "plus-que-de-classes"


_CONDITIONS = {
    Concern.SET_ASIDE: Q(set_aside=True, verdict=Verdict.IGNORED),
    Concern.UNKNOWN_ADDRESS: Q(ticked=True, codes__contains=["email_not_in_directory"]),
    Concern.UNCERTAIN_MATCH: Q(ticked=True, match_method__in=[RowMatchMethod.NAME, RowMatchMethod.REPAIRED])
    & (Q(confidence__lt=SURE) | Q(confidence=None)),
    Concern.MORE_THAN_CLASSES: Q(ticked=True, codes__contains=["units_exceed_classes"]),
}
_NOUNS = {
    Concern.SET_ASIDE: ("ligne mise de côté", "lignes mises de côté"),
    Concern.UNKNOWN_ADDRESS: (
        "école à une adresse que l'annuaire ne connaît pas",
        "écoles à une adresse que l'annuaire ne connaît pas",
    ),
    Concern.UNCERTAIN_MATCH: (
        "école reconnue seulement « probablement » ou « presque sûrement »",
        "écoles reconnues seulement « probablement » ou « presque sûrement »",
    ),
    Concern.MORE_THAN_CLASSES: (
        "école avec plus de licences que de classes",
        "écoles avec plus de licences que de classes",
    ),
}
_NAMED = (Concern.UNCERTAIN_MATCH, Concern.MORE_THAN_CLASSES)


class ConcernLine(NamedTuple):
    """The rows of a concern: how many they are, in words, and the first of them in words, "" if none is named."""

    concern: Concern
    rows: int
    text: str
    named: str


def get_condition(concern: Concern) -> Q:
    """Return the condition on the rows of a concern."""
    return _CONDITIONS[concern]


def describe_concern(concern: Concern, rows: int) -> str:
    """Return how many rows have a concern, in French."""
    return formatting.pluralize(rows, *_NOUNS[concern])


def list_concerns(spreadsheet_import: SpreadsheetImport) -> list[ConcernLine]:
    """Return a line for each concern that has rows. Three queries at most."""
    rows = ImportRow.objects.filter(import_id=spreadsheet_import.pk)
    counts = rows.aggregate(**{each.name: Count("pk", filter=_CONDITIONS[each]) for each in Concern})
    return [
        ConcernLine(
            each,
            count,
            describe_concern(each, count),
            _name_first(list(rows.filter(_CONDITIONS[each]).order_by("sheet", "number")[:MAX_NAMED]), each, count)
            if each in _NAMED
            else "",
        )
        for each in Concern
        if (count := counts[each.name])
    ]


def _name_first(rows: list[ImportRow], concern: Concern, count: int) -> str:
    names = [format_school_name(row.label) for row in rows]
    if concern is Concern.MORE_THAN_CLASSES:
        names = [f"{name} ({_describe_excess(row)})" for name, row in zip(names, rows, strict=True)]
    return formatting.join_first(names, MAX_NAMED, count=count)


def _describe_excess(row: ImportRow) -> str:
    message: str = next(each["message"] for each in row.problems if each["code"] == "units_exceed_classes")
    return message.removesuffix(".")
