"""What applying a list of schools changes in the portfolio, and which of it was changed since the list before."""

from __future__ import annotations

from typing import NamedTuple

from django.db.models import Count, Exists, F, OuterRef, Q, QuerySet, TextField
from django.db.models.fields.json import KT
from django.db.models.functions import Cast

from core import formatting
from imports.enums import ImportState, Purpose, RowEffect
from imports.models import ImportRow, SpreadsheetImport
from schools.wording import format_school_name

#: Schools that a sentence names; the others are counted.
MAX_NAMED = 5
#: Columns of the contact, with the field of the portfolio that each replaces.
_CONTACT_COLUMNS = {"contact_name": "contact_name", "email": "contact_email", "phone": "contact_phone"}


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
