"""Check changed rows again, and all rows of the file that the change affects."""

from collections.abc import Callable, Collection, Iterable, Sequence
from typing import NamedTuple

from imports import rows as import_rows
from imports.checks import context_queries, row_checks
from imports.checks.context import CheckContext, CheckRequest, CrossRowFindings
from imports.checks.cross_row_checks import build_comparable_row, compare_rows
from imports.checks.problem_codes import UNTICKING
from imports.checks.row_checks import check_row
from imports.checks.school_resolution import collect_uais, resolve_schools
from imports.columns import Meaning
from imports.enums import APPLICABLE, Verdict
from imports.models import ImportRow, SpreadsheetImport
from imports.rows import StoredRow


class _RowSnapshot(NamedTuple):
    """Relevant values of a row before it was changed.

    `edited_uai`: the only edit that names a school, which is resolved again only if it differs.
    """

    uai: str
    email: str
    edited_uai: str | None
    ignored_reason: str


def change_rows(
    spreadsheet_import: SpreadsheetImport,
    rows: Sequence[ImportRow],
    alter: Callable[[ImportRow], None] | None = None,
    *,
    look_up: bool = False,
) -> bool:
    """Alter these rows, check them and all affected rows again, and store the differences.

    Does nothing without rows. Without `alter`, the data of their schools changed. Affected are rows of the same schools
    or addresses, and rows that became or ceased to be a sum or an outlier. A tick set or removed by a member is kept
    unless the default tick changes.

    `look_up`: resolve the schools again in any case. Return whether other rows changed.
    """
    if not rows:
        return False
    before = [_snapshot(row) for row in rows]
    default_ticks = {row.pk: is_ticked_by_default(row) for row in rows}
    if alter is not None:
        for row in rows:
            alter(row)
    requests = _build_requests(spreadsheet_import, rows, before, look_up=look_up)
    context = context_queries.load_context(spreadsheet_import, collect_uais(one.school for one in requests))
    stored = import_rows.list_comparable_rows(spreadsheet_import)
    altered = {row.pk: build_comparable_row(one, context) for row, one in zip(rows, requests, strict=True)}
    findings = compare_rows([altered.get(line.pk, line.line) for line in stored])
    uais = {was.uai for was in before} | {one.school.uai for one in requests}
    emails = {was.email for was in before} | {line.email for line in altered.values()}
    # The message about an address of many schools does not depend on their number.
    emails -= {email for email in emails if _count_schools(email, findings) - len(rows) > row_checks.MAX_LISTED_SCHOOLS}
    found = _affected_ids(stored, findings, uais - {""}, emails - {""})
    # All rows of a repeated school: what each of them adds is not stored.
    repeated = {line.uai for pk, line, _, _ in stored if pk in found and line.uai in findings.same_school}
    found |= {pk for pk, line, _, _ in stored if line.uai in repeated} if repeated else set()
    affected = list(ImportRow.objects.filter(pk__in_array=found - set(altered)))
    default_ticks |= {row.pk: is_ticked_by_default(row) for row in affected}
    others: list[ImportRow] = []
    if affected:
        asked = [
            import_rows.build_check_request(
                row, import_rows.parse_stored_row(row, spreadsheet_import), import_rows.get_stored_resolution(row)
            )
            for row in affected
        ]
        around = context_queries.load_context(spreadsheet_import, collect_uais(one.school for one in asked))
        if repeated:
            altered |= {row.pk: build_comparable_row(one, around) for row, one in zip(affected, asked, strict=True)}
            findings = compare_rows([altered.get(line.pk, line.line) for line in stored])
        others = _apply_outcomes(affected, asked, default_ticks, around, findings)
    _apply_outcomes(rows, requests, default_ticks, context, findings, always=True)
    import_rows.replace_rows([*rows, *others])
    return bool(others)


def recheck_import(spreadsheet_import: SpreadsheetImport) -> None:
    """Check every row of an import again, keeping edits and decisions."""
    rows = list(ImportRow.objects.filter(import_id=spreadsheet_import.pk).order_by("sheet", "number"))
    default_ticks = {row.pk: is_ticked_by_default(row) for row in rows}
    checked = [import_rows.parse_stored_row(row, spreadsheet_import) for row in rows]
    schools = resolve_schools(
        ((one, row.edits) for one, row in zip(checked, rows, strict=True)),
        for_elementary=context_queries.is_for_elementary(spreadsheet_import),
    )
    requests = [
        import_rows.build_check_request(row, one, school)
        for row, one, school in zip(rows, checked, schools, strict=True)
    ]
    context = context_queries.load_context(spreadsheet_import, collect_uais(schools))
    findings = compare_rows([build_comparable_row(one, context) for one in requests])
    import_rows.replace_rows(_apply_outcomes(rows, requests, default_ticks, context, findings))


def is_tickable(verdict: str, conflict_resolution: str) -> bool:
    """Return whether a row with this verdict can be applied: a conflict only once resolved."""
    return verdict in APPLICABLE or (verdict == Verdict.CONFLICT and conflict_resolution != "")


def is_ticked_by_default(row: ImportRow) -> bool:
    """Return whether a row is ticked by default, without a decision of a member."""
    return is_tickable(row.verdict, row.conflict_resolution) and (
        row.conflict_resolution != "" or not UNTICKING.intersection(row.codes)
    )


def _snapshot(row: ImportRow) -> _RowSnapshot:
    return _RowSnapshot(row.uai, row.email.lower(), row.edits.get(Meaning.UAI), row.ignored_reason)


def _build_requests(
    spreadsheet_import: SpreadsheetImport, rows: Sequence[ImportRow], before: Iterable[_RowSnapshot], *, look_up: bool
) -> list[CheckRequest]:
    """Return the check requests of changed rows; resolve the schools that may have changed."""
    checked = [import_rows.parse_stored_row(row, spreadsheet_import) for row in rows]
    schools = [import_rows.get_stored_resolution(row) for row in rows]
    to_resolve = [
        index
        for index, (row, was) in enumerate(zip(rows, before, strict=True))
        if look_up or (was.edited_uai, was.ignored_reason) != (row.edits.get(Meaning.UAI), row.ignored_reason)
    ]
    if to_resolve:
        resolved = resolve_schools(
            ((checked[i], rows[i].edits) for i in to_resolve),
            for_elementary=context_queries.is_for_elementary(spreadsheet_import),
        )
        for index, school in zip(to_resolve, resolved, strict=True):
            schools[index] = school
    return [
        import_rows.build_check_request(row, one, school)
        for row, one, school in zip(rows, checked, schools, strict=True)
    ]


def _count_schools(email: str, findings: CrossRowFindings) -> int:
    return len(findings.shared[email].schools) if email in findings.shared else 0


def _affected_ids(
    stored: Iterable[StoredRow], findings: CrossRowFindings, uais: Collection[str], emails: Collection[str]
) -> set[int]:
    return {
        pk
        for pk, line, summed, outlier in stored
        if line.uai in uais
        or line.email in emails
        or (line.place in findings.sums) != summed
        or (bool(line.units) and line.counted and not summed and findings.is_outlier(line.units or 0) != outlier)
    }


def _apply_outcomes(
    rows: Iterable[ImportRow],
    requests: Iterable[CheckRequest],
    default_ticks: dict[int, bool],
    context: CheckContext,
    findings: CrossRowFindings,
    *,
    always: bool = False,
) -> list[ImportRow]:
    """Copy new outcomes into the rows; return those that differ, or all if `always`."""
    differing = []
    for row, one in zip(rows, requests, strict=True):
        outcome = check_row(one, context, findings)
        if always or import_rows.is_outdated(row, outcome):
            ticked = row.ticked if outcome.ticked == default_ticks[row.pk] else outcome.ticked
            import_rows.apply_outcome(
                row, outcome, ticked=ticked and is_tickable(outcome.verdict, outcome.request.conflict_resolution)
            )
            differing.append(row)
    return differing
