"""Rows corrected, put aside, ticked; and judged again with what changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import transaction

from imports import facts, queries, storing
from imports.enums import APPLICABLE, ImportState, Verdict
from imports.exceptions import RowCannotBeTicked, UnknownRow
from imports.meanings import Meaning
from imports.models import ImportRow
from imports.operations.locking import locked
from imports.resolving import resolve_all
from imports.verdicts import judge_all

if TYPE_CHECKING:
    import datetime
    from collections.abc import Collection, Mapping, Sequence

    from accounts.models import User
    from imports.models import Import
    from imports.verdicts import JudgedRow


@transaction.atomic
def amend(
    *,
    import_id: int,
    number: int,
    sheet: int = 0,
    edits: Mapping[str, str] | None = None,
    set_aside: bool | None = None,
    awaited: bool | None = None,
    settlement: str | None = None,
    ticked: bool | None = None,
    by: User | None,  # noqa: ARG001 - the application is what the journal tells
    at: datetime.datetime,  # noqa: ARG001
) -> ImportRow:
    """Correct a row in place, put it aside or take it back, tick or untick it; return it with its new verdict.

    `awaited`: keep it aside until the directory knows its school. `settlement`: how a conflict is settled.
    Other rows of the same school are judged again with it. Raises `RowCannotBeTicked` and the states' refusals.
    """
    table = locked(import_id, ImportState.CHECKED)
    row = ImportRow.objects.filter(import_id=import_id, sheet=sheet, number=number).first()
    if row is None:
        raise UnknownRow(f"La ligne {number} n'est pas dans ce tableau.")
    before = row.uai
    if edits:
        row.edits = _corrected(row, edits, table)
    if awaited is not None:
        row.awaited = row.set_aside = awaited
    if set_aside is not None:
        row.set_aside = set_aside
        row.awaited = row.awaited and set_aside
        row.passed_over = row.passed_over if set_aside else ""
    if settlement is not None:
        row.settlement = settlement
    row.save(update_fields=["edits", "set_aside", "awaited", "passed_over", "settlement"])
    if edits or set_aside is not None or awaited is not None or settlement is not None:
        judge_again(table, uais={before}, row_ids={row.pk})
        row.refresh_from_db()
    if ticked is not None and ticked != row.ticked:
        if ticked and not can_be_ticked(row.verdict, row.settlement):
            raise RowCannotBeTicked(f"La ligne {number} ne peut pas être appliquée telle quelle : corrigez-la d'abord.")
        row.ticked = ticked
        row.save(update_fields=["ticked"])
    return row


def _corrected(row: ImportRow, edits: Mapping[str, str], table: Import) -> dict[str, str]:
    """Return what differs from what the row says without any correction."""
    said = row.cells | ({Meaning.UNITS.value: str(table.units_for_all)} if table.units_for_all is not None else {})
    wanted = row.edits | {Meaning(meaning).value: text.strip() for meaning, text in edits.items()}
    return {meaning: text for meaning, text in wanted.items() if text != said.get(meaning, "")}


def can_be_ticked(verdict: str, settlement: str) -> bool:
    """Whether a row of this verdict can be applied: a conflict once a member settled it."""
    return verdict in APPLICABLE or (verdict == Verdict.CONFLICT and settlement != "")


@transaction.atomic
def tick_all(*, import_id: int, ticked: bool, verdict: str = "", text: str = "") -> int:
    """Tick or untick all rows of a tab and a search that can be; return how many changed."""
    table = locked(import_id, ImportState.CHECKED)
    found = queries.rows(table, verdict=verdict, text=text).filter(queries.tickable()).exclude(ticked=ticked)
    return ImportRow.objects.filter(pk__in=found.values("pk")).update(ticked=ticked)


def judge_again(table: Import, *, uais: Collection[str], row_ids: Collection[int]) -> None:
    """Judge these rows and those of these schools anew, and store what changed.

    A row keeps the tick that a member gave or took away, as long as it can be applied and its verdict stayed.
    """
    first = list(ImportRow.objects.filter(import_id=table.pk, pk__in=row_ids))
    named = resolve_all((storing.checked(row, table), row.edits) for row in first)
    after = {school.uai for school in named if school.uai}
    rows = storing.rows_of_schools(table, after | set(uais), row_ids)
    judged = _judged(rows, table)
    for row, done in zip(rows, judged, strict=True):
        settled = (done.verdict, done.asked.settlement) != (row.verdict, "")
        ticked = done.ticked if done.verdict != row.verdict or (settled and done.ticked) else row.ticked
        storing.rewrite(row, done, ticked=ticked and can_be_ticked(done.verdict, row.settlement))
    # Unticked ones first: of the rows of one school, the database lets one at most be ticked at any moment.
    for row in sorted(rows, key=lambda row: row.ticked):
        row.save(update_fields=storing.VERDICT_FIELDS)


def _judged(rows: Sequence[ImportRow], table: Import) -> list[JudgedRow]:
    checked = [storing.checked(row, table) for row in rows]
    schools = resolve_all((done, row.edits) for done, row in zip(checked, rows, strict=True))
    asked = [storing.asked(row, done, school) for row, done, school in zip(rows, checked, schools, strict=True)]
    return judge_all(asked, facts.situation_of(table, [school.uai for school in schools if school.uai]))


def check_again(table: Import) -> None:
    """Judge every row of an import anew, by the same statements as the first time; edits and ticks are kept."""
    rows = list(ImportRow.objects.filter(import_id=table.pk).order_by("sheet", "number"))
    changed = []
    for row, done in zip(rows, _judged(rows, table), strict=True):
        same = (row.uai, row.verdict, row.units, row.units_before, row.recipient, row.label, row.before) == (
            done.asked.school.uai,
            done.verdict,
            done.units,
            done.units_before,
            done.recipient,
            done.label,
            done.before,
        )
        if not same:
            storing.rewrite(row, done, ticked=row.ticked and can_be_ticked(done.verdict, row.settlement))
            changed.append(row)
    ImportRow.objects.bulk_update(changed, storing.VERDICT_FIELDS, batch_size=1_000)
