"""Template filters for the import pages."""

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
    """Return the match method and confidence in words."""
    return wording.how_found(row)


@register.filter
def changes(row: ImportRow) -> list[wording.Change]:
    """Return the portfolio fields that the row changes."""
    return wording.changes(row)


@register.filter
def french(value: int | None) -> str:
    """Return a number in French format; None counts as 0."""
    return typography.number(value or 0)


@register.filter
def counted(value: int | None, forms: str) -> str:
    """Return « 3 écoles » from 3 and « école,écoles »; a regular plural may be omitted."""
    singular, _, plural = forms.partition(",")
    return typography.plural(value or 0, singular, plural)


@register.filter
def time_left(seconds: int | None) -> str:
    """Return « encore 20 secondes environ », "" for None."""
    return "" if seconds is None else wording.time_left(seconds)


@register.filter
def settlement_name(value: str) -> str:
    """Return the label of a conflict resolution."""
    return Settlement(value).label


@register.filter
def anchor(row: ImportRow) -> str:
    """Return the HTML id suffix of the row: sheet and number."""
    return f"{row.sheet}-{row.number}"


@register.filter
def units_typed(row: ImportRow) -> str:
    """Return the text of the units or classes cell, for a row whose number cannot be parsed."""
    cells = row.cells | row.edits
    text: str = cells.get(Meaning.UNITS, "") or cells.get(Meaning.CLASSES, "")
    return text


@register.filter
def as_in_file(row: ImportRow) -> str:
    """Return the school as written in the file, "" if it was matched by its UAI."""
    return wording.as_in_file(row)


@register.filter
def problems_told(row: ImportRow) -> list[dict[str, Any]]:
    """Return the problems that are not shown elsewhere in the row."""
    return [problem for problem in row.problems if problem["code"] not in wording.TOLD_APART]


@register.filter
def remedies(row: ImportRow) -> list[str]:
    """Return the fixes for the row's problems, the likeliest first."""
    return [remedy.value for remedy in remedies_of(row.codes)]


@register.filter
def beyond(row: ImportRow, tally: Tally) -> bool:
    """Return whether a row exceeds the pool. Conflict resolutions, applied first, never do."""
    return bool(
        row.ticked and not row.settlement and tally.beyond is not None and (row.sheet, row.number) >= tally.beyond
    )


@register.filter
def school_name(value: str) -> str:
    """Return a school's name with accents."""
    return schools.school_name(value)
