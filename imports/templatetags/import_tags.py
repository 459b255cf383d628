"""Template filters for the import pages."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from django import template
from django.forms.boundfield import BoundField, BoundWidget

from core import formatting
from imports import wording
from imports.checks.problem_codes import OTHER_POOL_CODES, Fix, list_fixes
from imports.columns import Meaning
from imports.enums import RemarkState, RowEffect, Verdict
from imports.models import ImportRow
from imports.queries import Tally
from schools.wording import format_school_name
from web.templatetags.french import counted

#: Badge colour of a verdict, redundant with its label; grey where nothing is to be done.
VERDICT_COLOURS: dict[str, str] = {
    Verdict.ERROR: "red",
    Verdict.CONFLICT: "red",
    Verdict.NEW: "green",
    Verdict.CHANGED: "green",
}

_BOX = frozenset({Fix.TICK, Fix.SET_ASIDE})
#: Fixes that rows of an opened remark need not offer, by its state.
_DOUBLED_FIXES: dict[str, frozenset[Fix]] = {RemarkState.UNTICKED: _BOX, RemarkState.TICKED: _BOX}

register = template.Library()
register.filter("match_text", wording.describe_match)
register.filter("changes", wording.list_changes)
register.filter("original_school", wording.describe_original)
register.filter("replaced_number", wording.describe_replaced_number)
register.filter("unstored_columns", wording.describe_unstored_columns)
register.filter("time_left", wording.describe_time_left)
register.filter("school_name", format_school_name)
register.filter("counted", counted)


@register.filter
def french_number(value: int | None) -> str:
    """Return a number in French format; None counts as 0."""
    return formatting.number(value or 0)


@register.filter
def effect_label(value: str) -> str:
    """Return the label of what applying a row did."""
    return RowEffect(value).label


@register.filter
def verdict_colour(verdict: str) -> str:
    """Return the badge colour of a verdict."""
    return VERDICT_COLOURS.get(verdict, "secondary")


@register.filter
def verdict_text(row: ImportRow) -> str:
    """Return the label of the row's verdict: a school with a key of another pool is new to this one alone."""
    if row.verdict == Verdict.NEW and not OTHER_POOL_CODES.isdisjoint(row.codes):
        return "Nouvelle dans ce lot"
    return Verdict(row.verdict).label


@register.filter
def anchor(row: ImportRow) -> str:
    """Return the HTML id suffix of the row: sheet and number."""
    return f"{row.sheet}-{row.number}"


@register.filter
def original_units(row: ImportRow) -> str:
    """Return the text of the cell whose number cannot be parsed, "" where it is empty.

    A number of classes beside a missing number of licences is not what was asked for.
    """
    if "units_missing" in row.codes:
        return ""
    cells = row.cells | row.edits
    text: str = cells.get(Meaning.UNITS, "") or cells.get(Meaning.CLASSES, "")
    return text


@register.filter
def visible_problems(row: ImportRow, codes_above: frozenset[str]) -> list[dict[str, Any]]:
    """Return the problems that are not shown elsewhere in the row. `codes_above`: told above the rows."""
    return [problem for problem in row.problems if problem["code"] not in wording.SHOWN_SEPARATELY | codes_above]


@register.filter
def fixes(row: ImportRow, state: str) -> list[str]:
    """Return the fixes for the row's problems, the likeliest first. `state`: of the opened remark, "" for none.

    Where a remark is open, its line and the row's box do what two buttons a row would double.
    """
    doubled = _DOUBLED_FIXES.get(state, frozenset())
    return [remedy.value for remedy in list_fixes(row.codes) if remedy not in doubled]


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


class OptionGroup(NamedTuple):
    """The boxes of the values of one column, each with its label; the heading is "" where they are of none."""

    heading: str
    boxes: list[tuple[BoundWidget, str]]


@register.filter
def option_groups(field: BoundField) -> list[OptionGroup]:
    """Return the boxes of a question by column, in the order of its options."""
    groups: dict[str, OptionGroup] = {}
    for box in field:
        heading, label = _split_label(str(box.data["value"]), str(box.choice_label))
        groups.setdefault(heading, OptionGroup(heading, [])).boxes.append((box, label))
    return list(groups.values())


def _split_label(value: str, label: str) -> tuple[str, str]:
    """Return « Statut (F) » and « En attente – 2 lignes » of « F:en-attente »; "" and the label of another option."""
    letters = re.escape(value.partition(":")[0])
    found = re.fullmatch(rf"(.*?\({letters}\)|Colonne {letters})\s:\s(.+)", label, re.DOTALL)
    return (found[1], found[2]) if found else ("", label)
