"""How the pages of imports word rows and numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import template

from imports import wording
from imports.enums import Settlement
from imports.meanings import Meaning
from imports.verdicts.codes import remedies_of
from schools import wording as schools
from web import typography

if TYPE_CHECKING:
    from imports.models import ImportRow
    from imports.queries import Tally

register = template.Library()


@register.filter
def how_found(row: ImportRow) -> str:
    """Return how the school was found and how surely."""
    return wording.how_found(row)


@register.filter
def changes(row: ImportRow) -> list[wording.Change]:
    """Return what the row changes in the remit."""
    return wording.changes(row)


@register.filter
def french(value: int | None) -> str:
    """Return a number as French readers expect it; nothing counts as none."""
    return typography.number(value or 0)


@register.filter
def counted(value: int | None, forms: str) -> str:
    """Return « 3 écoles » from 3 and « école,écoles »; the plural may be left out where it only takes an s."""
    singular, _, plural = forms.partition(",")
    return typography.plural(value or 0, singular, plural)


@register.filter
def time_left(seconds: int | None) -> str:
    """Return « encore 20 secondes environ »; "" while that cannot be said."""
    return "" if seconds is None else wording.time_left(seconds)


@register.filter
def settlement_name(value: str) -> str:
    """Return the words of a settled conflict."""
    return Settlement(value).label


@register.filter
def anchor(row: ImportRow) -> str:
    """Return the row's name within a page: its sheet and its number."""
    return f"{row.sheet}-{row.number}"


@register.filter
def units_typed(row: ImportRow) -> str:
    """Return what stands where the number of licences should, for a row that has none that can be read."""
    cells = row.cells | row.edits
    text: str = cells.get(Meaning.UNITS, "") or cells.get(Meaning.CLASSES, "")
    return text


@register.filter
def as_in_file(row: ImportRow) -> str:
    """Return what the file calls the school, where that is not what it was found by."""
    return wording.as_in_file(row)


@register.filter
def problems_told(row: ImportRow) -> list[dict[str, Any]]:
    """Return the row's problems but those that are told elsewhere in it: what changes, how the school was found."""
    return [problem for problem in row.problems if problem["code"] not in wording.TOLD_APART]


@register.filter
def remedies(row: ImportRow) -> list[str]:
    """Return the ways out of the row's problems, the likeliest first."""
    return [remedy.value for remedy in remedies_of(row.codes)]


@register.filter
def beyond(row: ImportRow, tally: Tally) -> bool:
    """Tell whether the lot is used up before this row. What takes licences back is done first."""
    return bool(
        row.ticked and not row.settlement and tally.beyond is not None and (row.sheet, row.number) >= tally.beyond
    )


@register.filter
def school_name(value: str) -> str:
    """Return a school's name with its accent."""
    return schools.school_name(value)
