"""What a manager looks at before confirming: rows put aside, ticked rows that may be mistaken, changes."""

from enum import StrEnum
from typing import NamedTuple

from django.db.models import Count, Exists, F, OuterRef, Q, QuerySet, TextField
from django.db.models.fields.json import KT
from django.db.models.functions import Cast

from core import formatting
from imports.columns import PORTFOLIO_FIELDS, Meaning
from imports.enums import ImportState, Purpose, RowEffect, RowMatchMethod, Verdict
from imports.models import ImportRow, SpreadsheetImport
from schools.recognition import SURE
from schools.wording import format_school_name

#: Columns of the contact, with the field of the portfolio that each replaces.
_CONTACT_COLUMNS = {
    meaning.value: field.name for meaning, field in PORTFOLIO_FIELDS.items() if meaning is not Meaning.CLASSES
}


class ChangedBack(NamedTuple):
    """Schools whose entries were changed since an earlier list, and that a list would change back to what that said."""

    schools: int
    #: « Mas Neuf – Alès, Tamaris – Alès et 3 autres ».
    names: str
    earlier_filename: str


def describe_changed_fields(spreadsheet_import: SpreadsheetImport) -> str:
    """Return in French what the ticked rows change of schools in the portfolio: « de nombre de classes ». One query."""
    contact = Q()
    for column in _CONTACT_COLUMNS:
        contact |= _is_changed(column)
    counts = _list_updates(spreadsheet_import).aggregate(
        contacts=Count("pk", filter=contact), classes=Count("pk", filter=_is_changed("classes"))
    )
    if not counts["contacts"]:
        return "de nombre de classes"
    return "de contact ou de nombre de classes" if counts["classes"] else "de contact"


def find_changed_back(spreadsheet_import: SpreadsheetImport) -> ChangedBack | None:
    """Return what a list would change back to the latest applied list, None if nothing. Two queries at most."""
    if spreadsheet_import.purpose != Purpose.PORTFOLIO:
        return None
    lists = SpreadsheetImport.objects.filter(purpose=Purpose.PORTFOLIO, state=ImportState.APPLIED)
    earlier = lists.exclude(pk=spreadsheet_import.pk).order_by("-applied_at", "-pk").first()
    if earlier is None:
        return None
    changed_back = Q()
    for column in (*_CONTACT_COLUMNS, "classes"):
        same_before = ImportRow.objects.filter(
            import_id=earlier.pk, ticked=True, uai=OuterRef("uai"), **{column: OuterRef(column)}
        )
        changed_back |= _is_changed(column) & Q(Exists(same_before))
    rows = _list_updates(spreadsheet_import).filter(changed_back).order_by("sheet", "number")
    labels = [format_school_name(label) for label in rows.values_list("label", flat=True)]
    if not labels:
        return None
    return ChangedBack(len(labels), formatting.join_first(labels, MAX_NAMED), earlier.filename)


def _list_updates(spreadsheet_import: SpreadsheetImport) -> QuerySet[ImportRow]:
    """Return the ticked rows of schools in the portfolio, each with its columns and what the portfolio has as text."""
    rows = ImportRow.objects.filter(import_id=spreadsheet_import.pk, done=RowEffect.UPDATED)
    stored = {f"stored_{column}": KT(f"before__{field}") for column, field in _CONTACT_COLUMNS.items()}
    return rows.annotate(
        **stored, stored_classes=KT("before__classes"), classes_text=Cast("classes", output_field=TextField())
    )


def _is_changed(column: str) -> Q:
    """Return the condition on rows of `_list_updates` that a cell replaces what the portfolio has."""
    written = "classes_text" if column == "classes" else column
    # Nothing stored equals nothing written, and SQL knows no such equality.
    is_stored = Q(**{f"stored_{column}__isnull": False}) & Q(**{f"stored_{column}": F(written)})
    is_empty = Q(classes=None) if column == "classes" else Q(**{column: ""})
    return ~is_empty & ~is_stored


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
        "école reconnue seulement « probablement »",
        "écoles reconnues seulement « probablement »",
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
