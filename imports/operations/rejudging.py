"""Check changed rows again, and all rows of the file that the change affects."""

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

#: Columns used to resolve the school: it is resolved again only if one of these was edited.
_SCHOOL_COLUMNS = (
    Meaning.UAI,
    Meaning.NAME,
    Meaning.COMMUNE,
    Meaning.POSTAL_CODE,
    Meaning.DEPARTEMENT,
    Meaning.ADDRESS,
    Meaning.KIND,
)


class _RowSnapshot(NamedTuple):
    """Relevant values of a row before it was changed."""

    uai: str
    email: str
    naming: tuple[str | None, ...]
    passed_over: str


def change(
    spreadsheet_import: Import,
    rows: Sequence[ImportRow],
    alter: Callable[[ImportRow], None] | None = None,
    *,
    look_up: bool = False,
) -> bool:
    """Alter these rows, check them and all affected rows again, and store the differences.

    Without `alter`, the data of their schools changed. Affected are rows of the same schools or addresses, and rows
    that became or ceased to be a sum or an outlier. A tick set or removed by a member is kept unless the default tick
    changes.

    `look_up`: resolve the schools again in any case. Return whether other rows changed.
    """
    before = [_snapshot(row) for row in rows]
    default_ticks = {row.pk: ticked_by_itself(row) for row in rows}
    if alter is not None:
        for row in rows:
            alter(row)
    requests = _build_requests(spreadsheet_import, rows, before, look_up=look_up)
    context = facts.situation_of(spreadsheet_import, uais_of(one.school for one in requests))
    stored = storing.lines(spreadsheet_import)
    altered = {row.pk: line_of(one, context) for row, one in zip(rows, requests, strict=True)}
    findings = gather([altered.get(line.pk, line.line) for line in stored])
    uais = {was.uai for was in before} | {one.school.uai for one in requests}
    emails = {was.email for was in before} | {line.email for line in altered.values()}
    # The message about an address of many schools does not depend on their number.
    emails -= {email for email in emails if _count_schools(email, findings) - len(rows) > addresses.MANY}
    affected = list(
        ImportRow.objects.filter(
            arrays.number_in("pk", _affected_ids(stored, findings, uais - {""}, emails - {""}) - set(altered))
        )
    )
    default_ticks |= {row.pk: ticked_by_itself(row) for row in affected}
    _apply_outcomes(rows, requests, default_ticks, context, findings, always=True)
    others: list[ImportRow] = []
    if affected:
        requests = [
            storing.asked(row, storing.checked(row, spreadsheet_import), storing.found_before(row)) for row in affected
        ]
        context = facts.situation_of(spreadsheet_import, uais_of(one.school for one in requests))
        others = _apply_outcomes(affected, requests, default_ticks, context, findings)
    storing.replace([*rows, *others])
    return bool(others)


def check_all(spreadsheet_import: Import) -> None:
    """Check every row of an import again, keeping edits and decisions."""
    rows = list(ImportRow.objects.filter(import_id=spreadsheet_import.pk).order_by("sheet", "number"))
    default_ticks = {row.pk: ticked_by_itself(row) for row in rows}
    checked = [storing.checked(row, spreadsheet_import) for row in rows]
    schools = resolve_all((one, row.edits) for one, row in zip(checked, rows, strict=True))
    requests = [storing.asked(row, one, school) for row, one, school in zip(rows, checked, schools, strict=True)]
    context = facts.situation_of(spreadsheet_import, uais_of(schools))
    findings = gather([line_of(one, context) for one in requests])
    storing.replace(_apply_outcomes(rows, requests, default_ticks, context, findings))


def can_be_ticked(verdict: str, settlement: str) -> bool:
    """Return whether a row with this verdict can be applied: a conflict only once resolved."""
    return verdict in APPLICABLE or (verdict == Verdict.CONFLICT and settlement != "")


def ticked_by_itself(row: ImportRow) -> bool:
    """Return whether a row is ticked by default, without a decision of a member."""
    return can_be_ticked(row.verdict, row.settlement) and (
        row.settlement != "" or not UNTICKING.intersection(row.codes)
    )


def _snapshot(row: ImportRow) -> _RowSnapshot:
    return _RowSnapshot(
        row.uai, row.email.lower(), tuple(row.edits.get(meaning) for meaning in _SCHOOL_COLUMNS), row.passed_over
    )


def _build_requests(
    spreadsheet_import: Import, rows: Sequence[ImportRow], before: Iterable[_RowSnapshot], *, look_up: bool
) -> list[Asked]:
    """Return the check requests of changed rows; resolve the schools that may have changed."""
    checked = [storing.checked(row, spreadsheet_import) for row in rows]
    schools = [storing.found_before(row) for row in rows]
    to_resolve = [
        index
        for index, (row, was) in enumerate(zip(rows, before, strict=True))
        if look_up or (was.naming, was.passed_over) != (_snapshot(row).naming, row.passed_over)
    ]
    if to_resolve:
        for index, school in zip(to_resolve, resolve_all((checked[i], rows[i].edits) for i in to_resolve), strict=True):
            schools[index] = school
    return [storing.asked(row, one, school) for row, one, school in zip(rows, checked, schools, strict=True)]


def _count_schools(email: str, findings: Together) -> int:
    return len(findings.shared[email].schools) if email in findings.shared else 0


def _affected_ids(
    stored: Iterable[StoredLine], findings: Together, uais: Collection[str], emails: Collection[str]
) -> set[int]:
    return {
        pk
        for pk, line, summed, huge in stored
        if line.uai in uais
        or line.email in emails
        or (line.place in findings.sums) != summed
        or (bool(line.units) and line.counted and not summed and findings.is_huge(line.units or 0) != huge)
    }


def _apply_outcomes(
    rows: Iterable[ImportRow],
    requests: Iterable[Asked],
    default_ticks: dict[int, bool],
    context: Situation,
    findings: Together,
    *,
    always: bool = False,
) -> list[ImportRow]:
    """Copy new outcomes into the rows; return those that differ, or all if `always`."""
    differing = []
    for row, one in zip(rows, requests, strict=True):
        outcome = judge(one, context, findings)
        if always or _differs(row, outcome):
            ticked = row.ticked if outcome.ticked == default_ticks[row.pk] else outcome.ticked
            storing.rewrite(row, outcome, ticked=ticked and can_be_ticked(outcome.verdict, outcome.asked.settlement))
            differing.append(row)
    return differing


def _differs(row: ImportRow, outcome: JudgedRow) -> bool:
    return (
        row.uai, row.how, row.verdict, row.settlement, row.units, row.units_before, row.recipient, row.label,
        row.before, row.problems,
    ) != (
        outcome.asked.school.uai, outcome.asked.school.how, outcome.verdict, outcome.asked.settlement, outcome.units,
        outcome.units_before, outcome.recipient, outcome.label, outcome.before,
        [problem.as_json() for problem in outcome.problems],
    )  # fmt: skip
