"""Template filters for the import pages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import template

from core import formatting
from imports import wording
from imports.checks.problem_codes import list_fixes
from imports.enums import ConflictResolution, Verdict
from imports.meanings import Meaning
from schools.wording import format_school_name

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from imports.models import ImportRow
    from imports.queries import Tally
    from imports.web.filters import RowFilter

#: Badge colour of a verdict, redundant with its label; grey where nothing is to be done.
VERDICT_COLOURS: dict[str, str] = {
    Verdict.ERROR: "red",
    Verdict.CONFLICT: "red",
    Verdict.NEW: "green",
    Verdict.CHANGED: "green",
}

register = template.Library()
register.filter("match_text", wording.describe_match)
register.filter("changes", wording.list_changes)
register.filter("original_school", wording.describe_original)
register.filter("school_name", format_school_name)


@register.filter
def french_number(value: int | None) -> str:
    """Return a number in French format; None counts as 0."""
    return formatting.number(value or 0)


@register.filter
def counted(value: int | None, forms: str) -> str:
    """Return « 3 écoles » from 3 and « école,écoles »; a regular plural may be omitted."""
    singular, _, plural = forms.partition(",")
    return formatting.pluralize(value or 0, singular, plural)


@register.filter
def time_left(seconds: int | None) -> str:
    """Return « encore 20 secondes environ », "" for None."""
    return "" if seconds is None else wording.describe_time_left(seconds)


@register.filter
def resolution_label(value: str) -> str:
    """Return the label of a conflict resolution."""
    return ConflictResolution(value).label


@register.filter
def verdict_colour(verdict: str) -> str:
    """Return the badge colour of a verdict."""
    return VERDICT_COLOURS.get(verdict, "secondary")


@register.filter
def anchor(row: ImportRow) -> str:
    """Return the HTML id suffix of the row: sheet and number."""
    return f"{row.sheet}-{row.number}"


@register.filter
def original_units(row: ImportRow) -> str:
    """Return the text of the units or classes cell, for a row whose number cannot be parsed."""
    cells = row.cells | row.edits
    text: str = cells.get(Meaning.UNITS, "") or cells.get(Meaning.CLASSES, "")
    return text


@register.filter
def visible_problems(row: ImportRow, shown: RowFilter) -> list[dict[str, Any]]:
    """Return the problems that are shown neither elsewhere in the row nor above the rows."""
    hidden = wording.SHOWN_SEPARATELY | ({shown.remark} if shown.told_above else set())
    return [problem for problem in row.problems if problem["code"] not in hidden]


@register.filter
def fixes(row: ImportRow) -> list[str]:
    """Return the fixes for the row's problems, the likeliest first."""
    return [remedy.value for remedy in list_fixes(row.codes)]


@register.filter
def exceeds_pool(row: ImportRow, tally: Tally) -> bool:
    """Return whether a row exceeds the pool. Conflict resolutions, applied first, never do."""
    return bool(
        row.ticked
        and not row.conflict_resolution
        and tally.beyond is not None
        and (row.sheet, row.number) >= tally.beyond
    )


@register.filter
def of_row(choices: Mapping[int, Sequence[object]], row: ImportRow) -> Sequence[object]:
    """Return the known answers to the problem of a row, none without `choices`."""
    return choices.get(row.pk, []) if choices else []


@register.filter
def added_parts(row: ImportRow) -> str:
    """Return « 2 + 3 + 1 » where the number of licences is the sum of several columns, "" elsewhere."""
    parts, _, total = original_units(row).partition(" = ")
    return parts if total == str(row.units) else ""
