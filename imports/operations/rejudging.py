"""Rows judged again: those that were changed, and all others of their file that this touches."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from imports import facts, storing
from imports.enums import APPLICABLE, Verdict
from imports.meanings import Meaning
from imports.models import ImportRow
from imports.resolving import resolve_all, uais_of
from imports.verdicts import Asked, JudgedRow, addresses, gather, judge, line_of
from imports.verdicts.codes import UNTICKING
from web import arrays

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Sequence

    from imports.models import Import
    from imports.storing import StoredLine
    from imports.verdicts import Situation, Together

#: What a school is found by: a row is looked up anew only where one of these was corrected.
_NAMING = (
    Meaning.UAI,
    Meaning.NAME,
    Meaning.COMMUNE,
    Meaning.POSTAL_CODE,
    Meaning.DEPARTEMENT,
    Meaning.ADDRESS,
    Meaning.KIND,
)


class _Before(NamedTuple):
    """What a row was before it was changed."""

    uai: str
    email: str
    naming: tuple[str | None, ...]
    passed_over: str


def change(
    table: Import, rows: Sequence[ImportRow], alter: Callable[[ImportRow], None] | None = None, *, look_up: bool = False
) -> bool:
    """Alter these rows, judge them and all rows that this touches anew, and store what differs.

    Without `alter`, it is what is known of their schools that has changed. Touched are the rows of the same schools, of
    the same addresses, and those whose number is a sum, or far beyond the others, or no longer. A row keeps the tick
    that a member gave or took away, as long as nothing else about it says otherwise than before.

    `look_up`: seek their schools anew; else only where what names a school was corrected. Returns whether others than
    these rows changed.
    """
    before = [_of(row) for row in rows]
    usual = {row.pk: ticked_by_itself(row) for row in rows}
    if alter is not None:
        for row in rows:
            alter(row)
    asked = _asked(table, rows, before, look_up=look_up)
    situation = facts.situation_of(table, uais_of(one.school for one in asked))
    stored = storing.lines(table)
    altered = {row.pk: line_of(one, situation) for row, one in zip(rows, asked, strict=True)}
    together = gather([altered.get(line.pk, line.line) for line in stored])
    uais = {was.uai for was in before} | {one.school.uai for one in asked}
    emails = {was.email for was in before} | {line.email for line in altered.values()}
    # What is said of an address of many schools stays as it is, as long as they were many before and are now.
    emails -= {email for email in emails if _schools_of(email, together) - len(rows) > addresses.MANY}
    touched = list(
        ImportRow.objects.filter(
            arrays.number_in("pk", _touched(stored, together, uais - {""}, emails - {""}) - set(altered))
        )
    )
    usual |= {row.pk: ticked_by_itself(row) for row in touched}
    _rejudge(rows, asked, usual, situation, together, always=True)
    others: list[ImportRow] = []
    if touched:
        asked = [storing.asked(row, storing.checked(row, table), storing.found_before(row)) for row in touched]
        situation = facts.situation_of(table, uais_of(one.school for one in asked))
        others = _rejudge(touched, asked, usual, situation, together)
    storing.replace([*rows, *others])
    return bool(others)


def check_all(table: Import) -> None:
    """Judge every row of an import anew, as the first time; what was corrected and decided is kept."""
    rows = list(ImportRow.objects.filter(import_id=table.pk).order_by("sheet", "number"))
    usual = {row.pk: ticked_by_itself(row) for row in rows}
    checked = [storing.checked(row, table) for row in rows]
    schools = resolve_all((one, row.edits) for one, row in zip(checked, rows, strict=True))
    asked = [storing.asked(row, one, school) for row, one, school in zip(rows, checked, schools, strict=True)]
    situation = facts.situation_of(table, uais_of(schools))
    together = gather([line_of(one, situation) for one in asked])
    storing.replace(_rejudge(rows, asked, usual, situation, together))


def can_be_ticked(verdict: str, settlement: str) -> bool:
    """Whether a row of this verdict can be applied: a conflict once a member settled it."""
    return verdict in APPLICABLE or (verdict == Verdict.CONFLICT and settlement != "")


def ticked_by_itself(row: ImportRow) -> bool:
    """Whether the judge ticked a row: where the member did otherwise, the tick is the member's."""
    return can_be_ticked(row.verdict, row.settlement) and (
        row.settlement != "" or not UNTICKING.intersection(row.codes)
    )


def _of(row: ImportRow) -> _Before:
    return _Before(row.uai, row.email.lower(), tuple(row.edits.get(meaning) for meaning in _NAMING), row.passed_over)


def _asked(table: Import, rows: Sequence[ImportRow], before: Iterable[_Before], *, look_up: bool) -> list[Asked]:
    """Return the changed rows as they are to be judged; those whose school may be another now are looked up."""
    checked = [storing.checked(row, table) for row in rows]
    schools = [storing.found_before(row) for row in rows]
    anew = [
        index
        for index, (row, was) in enumerate(zip(rows, before, strict=True))
        if look_up or (was.naming, was.passed_over) != (_of(row).naming, row.passed_over)
    ]
    if anew:
        for index, school in zip(anew, resolve_all((checked[i], rows[i].edits) for i in anew), strict=True):
            schools[index] = school
    return [storing.asked(row, one, school) for row, one, school in zip(rows, checked, schools, strict=True)]


def _schools_of(email: str, together: Together) -> int:
    return len(together.shared[email].schools) if email in together.shared else 0


def _touched(
    stored: Iterable[StoredLine], together: Together, uais: Collection[str], emails: Collection[str]
) -> set[int]:
    return {
        pk
        for pk, line, summed, huge in stored
        if line.uai in uais
        or line.email in emails
        or (line.place in together.sums) != summed
        or (bool(line.units) and line.counted and not summed and together.is_huge(line.units or 0) != huge)
    }


def _rejudge(
    rows: Iterable[ImportRow],
    asked: Iterable[Asked],
    usual: dict[int, bool],
    situation: Situation,
    together: Together,
    *,
    always: bool = False,
) -> list[ImportRow]:
    """Write the new verdicts into the rows and return those that differ, or all of them."""
    differing = []
    for row, one in zip(rows, asked, strict=True):
        done = judge(one, situation, together)
        if always or _differs(row, done):
            ticked = row.ticked if done.ticked == usual[row.pk] else done.ticked
            storing.rewrite(row, done, ticked=ticked and can_be_ticked(done.verdict, done.asked.settlement))
            differing.append(row)
    return differing


def _differs(row: ImportRow, done: JudgedRow) -> bool:
    return (
        row.uai, row.how, row.verdict, row.settlement, row.units, row.units_before, row.recipient, row.label,
        row.before, row.problems,
    ) != (
        done.asked.school.uai, done.asked.school.how, done.verdict, done.asked.settlement, done.units,
        done.units_before, done.recipient, done.label, done.before, [problem.as_json() for problem in done.problems],
    )  # fmt: skip
