"""What is done with spreadsheets: uploaded, read, corrected, applied once, or cancelled.

Lock order: import → pool → what pools lock. The reading and the application run in a worker, each queued in the
transaction that asks for it; both may be run again without harm.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from django.db import connection, transaction

from collectivities import audit
from imports import facts, queries, storing
from imports.enums import APPLICABLE, ImportState
from imports.exceptions import (
    NothingToApply,
    Outdated,
    RowCannotBeTicked,
    TooMuch,
    UnknownImport,
    UnknownRow,
    WrongMoment,
)
from imports.meanings import Meaning
from imports.models import Import, ImportFile, ImportRow
from imports.table import Choices, Table
from imports.verdicts import judge, judge_all
from jobs.tasks import defer
from licensing.pools.models import Pool
from licensing.pools.operations import Demand, allocate_many
from web import typography

if TYPE_CHECKING:
    import datetime
    from collections.abc import Collection, Mapping

    from accounts.models import User

READ_TASK = "imports.read"
APPLY_TASK = "imports.apply"
#: States in which a member still prepares the import.
OPEN = (ImportState.UPLOADED, ImportState.READ, ImportState.CHECKED, ImportState.APPLYING)


@transaction.atomic
def upload(
    *,
    pool_id: int,
    filename: str,
    content: bytes,
    units_for_all: int | None,
    choices: Mapping[str, Any] | None = None,
    by: User | None,
    at: datetime.datetime,
) -> Import:
    """Store a file as it came and queue its reading. `choices`: what is known of its layout beforehand."""
    pool = Pool.objects.get(pk=pool_id)
    table = Import.objects.create(
        pool=pool,
        filename=filename[-255:],
        size=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
        units_for_all=units_for_all,
        choices=dict(choices or {}),
        created_at=at,
        created_by_id=by.pk if by else None,
    )
    ImportFile.objects.create(of=table, content=content)
    audit.record(
        action="import.uploaded",
        by=by,
        at=at,
        summary=f"Tableau « {table.filename} » déposé pour le lot « {pool.name} ».",
        object_type="import",
        object_id=table.pk,
    )
    _queue(READ_TASK, table)
    return table


@transaction.atomic
def choose(
    *,
    import_id: int,
    sheet: str | None,
    header_row: int | None,
    columns: Mapping[str, int | None],
    units_for_all: int | None,
    by: User | None,  # noqa: ARG001 - who decides changes nothing: all is shown again before anything is done
    at: datetime.datetime,  # noqa: ARG001
) -> Import:
    """Have the file read again, as the member says. What was corrected in its rows is lost."""
    table = _locked(import_id, ImportState.READ, ImportState.CHECKED)
    table.choices = {"sheet": sheet, "header_row": header_row, "columns": dict(columns)}
    table.units_for_all = units_for_all
    table.state = ImportState.UPLOADED
    table.refusal, table.done, table.total = "", 0, 0
    table.save(update_fields=["choices", "units_for_all", "state", "refusal", "done", "total"])
    _queue(READ_TASK, table)
    return table


def choices_of(table: Import) -> Choices:
    """Return what was decided about the reading of an import."""
    columns = {Meaning(meaning): index for meaning, index in table.choices.get("columns", {}).items()}
    return Choices(
        sheet=table.choices.get("sheet"),
        header_row=table.choices.get("header_row"),
        columns=columns,
        units_for_all=table.units_for_all,
    )


@transaction.atomic
def keep_reading(*, import_id: int, read: Table) -> Import:
    """Store what was read, each row with its verdict. Does nothing where the import was cancelled meanwhile."""
    table = Import.objects.locked().select_related("pool__source__product").get(pk=import_id)
    if table.state != ImportState.UPLOADED:
        return table
    table.layout = {
        "kind": read.kind,
        "sheets": read.sheets,
        "sheet": read.sheet,
        "header_row": read.header_row,
        "titles": read.titles,
        "columns": {meaning.value: index for meaning, index in read.columns.items()},
        "questions": [question.as_json() for question in read.questions],
        "remarks": read.remarks,
    }
    situation = facts.situation_of(table.pool, [row.uai for row in read.rows if row.uai])
    storing.store(table.pk, judge_all(((row, False) for row in read.rows), situation))
    table.state = ImportState.READ if read.questions else ImportState.CHECKED
    table.done = table.total = len(read.rows)
    table.save(update_fields=["layout", "state", "done", "total"])
    return table


@transaction.atomic
def reject(*, import_id: int, sentence: str) -> Import:
    """Refuse the file; the sentence stays with it."""
    table = Import.objects.locked().get(pk=import_id)
    if table.state == ImportState.UPLOADED:
        table.state, table.refusal = ImportState.REJECTED, sentence
        table.save(update_fields=["state", "refusal"])
    return table


@transaction.atomic
def amend(
    *,
    import_id: int,
    number: int,
    edits: Mapping[str, str] | None = None,
    set_aside: bool | None = None,
    ticked: bool | None = None,
    by: User | None,  # noqa: ARG001 - the application is what the journal tells
    at: datetime.datetime,  # noqa: ARG001
) -> ImportRow:
    """Correct a row in place, put it aside or take it back, tick or untick it; return it with its new verdict.

    Other rows of the same school are judged again with it. Raises `RowCannotBeTicked` and the states' refusals.
    """
    table = _locked(import_id, ImportState.CHECKED)
    row = ImportRow.objects.filter(import_id=import_id, number=number).first()
    if row is None:
        raise UnknownRow(f"La ligne {number} n'est pas dans ce tableau.")
    before = row.uai
    if edits:
        row.edits = _corrected(row, edits, units_for_all=table.units_for_all)
    if set_aside is not None:
        row.set_aside = set_aside
        row.passed_over = row.passed_over if set_aside else ""
    row.save(update_fields=["edits", "set_aside", "passed_over"])
    after = storing.checked(row, units_for_all=table.units_for_all).uai
    if edits or set_aside is not None:
        _judge_again(table, uais={before, after}, numbers={number})
        row.refresh_from_db()
    if ticked is not None and ticked != row.ticked:
        if ticked and row.verdict not in APPLICABLE:
            raise RowCannotBeTicked(f"La ligne {number} ne peut pas être appliquée telle quelle : corrigez-la d'abord.")
        row.ticked = ticked
        row.save(update_fields=["ticked"])
    return row


def _corrected(row: ImportRow, edits: Mapping[str, str], *, units_for_all: int | None) -> dict[str, str]:
    """Return what differs from what the row says without any correction."""
    said = row.cells | ({Meaning.UNITS.value: str(units_for_all)} if units_for_all is not None else {})
    wanted = row.edits | {Meaning(meaning).value: text.strip() for meaning, text in edits.items()}
    return {meaning: text for meaning, text in wanted.items() if text != said.get(meaning, "")}


@transaction.atomic
def tick_all(*, import_id: int, ticked: bool, verdict: str = "", text: str = "") -> int:
    """Tick or untick all rows of a tab and a search that can be; return how many changed."""
    table = _locked(import_id, ImportState.CHECKED)
    found = queries.rows(table, verdict=verdict, text=text).filter(queries.tickable()).exclude(ticked=ticked)
    return ImportRow.objects.filter(pk__in=found.values("pk")).update(ticked=ticked)


def _judge_again(table: Import, *, uais: Collection[str], numbers: Collection[int]) -> None:
    """Judge these rows and those of these schools anew, and store what changed.

    A row keeps the tick that a member gave or took away, as long as it can be applied and its verdict stayed.
    """
    rows = storing.rows_of_schools(table, uais, numbers)
    again = [(storing.checked(row, units_for_all=table.units_for_all), row.set_aside) for row in rows]
    judged = judge_all(again, facts.situation_of(_pool_of(table), [row.uai for row, _ in again if row.uai]))
    wanted = [
        done.ticked if done.verdict != row.verdict else row.ticked for row, done in zip(rows, judged, strict=True)
    ]
    for row, done, ticked in zip(rows, judged, wanted, strict=True):
        storing.rewrite(row, done, ticked=ticked and done.verdict in APPLICABLE)
    # Unticked ones first: of the rows of one school, the database lets one at most be ticked at any moment.
    for row in sorted(rows, key=lambda row: row.ticked):
        row.save(update_fields=storing.VERDICT_FIELDS)


@transaction.atomic
def confirm(
    *,
    import_id: int,
    digest: str,
    send_on: datetime.date | None,
    by: User | None,
    at: datetime.datetime,
) -> Import:
    """Queue the application of what was shown. `digest` says what that was; confirming twice is the same as once.

    Raises `Outdated` where a row was changed since, `NothingToApply` where none is ticked.
    """
    table = Import.objects.locked().filter(pk=import_id).first()
    if table is not None and table.state in (ImportState.APPLYING, ImportState.APPLIED):
        if table.confirmed_digest == digest:
            return table
        raise WrongMoment("Ce tableau a déjà été confirmé par un autre membre : rien de plus n'a été attribué.")
    table = _locked(import_id, ImportState.CHECKED)
    count = ImportRow.objects.filter(import_id=import_id, ticked=True).count()
    if not count:
        raise NothingToApply("Aucune ligne n'est cochée : il n'y a rien à attribuer.")
    if queries.digest(table) != digest:
        raise Outdated("Ce tableau a été modifié pendant que vous le confirmiez. Vérifiez-le de nouveau.")
    if missing := queries.tally(table).missing:
        raise TooMuch(
            f"Il manque {typography.plural(missing, 'licence')} au lot : décochez des lignes, ou réduisez des nombres."
        )
    table.state, table.confirmed_digest, table.send_on, table.refusal = ImportState.APPLYING, digest, send_on, ""
    table.applied_by_id = by.pk if by else None
    table.done, table.total = 0, count
    table.save(update_fields=["state", "confirmed_digest", "send_on", "refusal", "applied_by_id", "done", "total"])
    _queue(APPLY_TASK, table, confirmed_at=at.isoformat())
    return table


@transaction.atomic
def apply(*, import_id: int, by: User | None, at: datetime.datetime) -> Import:
    """Carry out a confirmed import: allocations, keys and e-mails, all or nothing, once.

    The verdicts are made again under the pool's lock. Raises `Outdated` where one differs from what was shown, and
    what `allocate_many` raises; `hand_back` then returns the import to its members.
    """
    table = Import.objects.locked().get(pk=import_id)
    if table.state != ImportState.APPLYING:
        return table  # applied by a run before, or cancelled
    Pool.objects.locked().get(pk=table.pool_id)
    rows = storing.ticked_rows(import_id)
    situation = facts.situation_of(_pool_of(table), [shown.row.uai for shown in rows])
    if queries.digest(table) != table.confirmed_digest or any(
        (now.verdict, now.units_before, now.recipient) != (shown.verdict, shown.units_before, shown.recipient)
        for shown in rows
        for now in (judge(shown.row, situation),)
    ):
        raise Outdated(
            "La situation a changé depuis la vérification (des licences ont été attribuées ou reprises, ou l'annuaire "
            "a été mis à jour). Rien n'a été attribué : vérifiez le tableau de nouveau, puis confirmez."
        )
    outcome = allocate_many(
        pool_id=table.pool_id,
        demands=[Demand(shown.row.uai, shown.row.units or 0, shown.recipient, total=True) for shown in rows],
        by=by,
        at=at,
        send_on=table.send_on,
        import_id=table.pk,
    )
    table.state, table.applied_at, table.done = ImportState.APPLIED, at, len(rows)
    table.outcome = {
        "allocations": outcome.created,
        "grown": outcome.grown,
        "units": outcome.units,
        "messages": outcome.created + outcome.grown,
    }
    table.save(update_fields=["state", "applied_at", "done", "outcome"])
    audit.record(
        action="import.applied",
        by=by,
        at=at,
        summary=(
            f"Tableau « {table.filename} » appliqué : {typography.plural(outcome.units, 'licence')} à "
            f"{typography.plural(len(rows), 'école')}."
        ),
        object_type="import",
        object_id=table.pk,
    )
    return table


@transaction.atomic
def hand_back(*, import_id: int, sentence: str) -> Import:
    """Return an import whose application was refused to its members, with the reason and with fresh verdicts."""
    table = Import.objects.locked().get(pk=import_id)
    if table.state != ImportState.APPLYING:
        return table
    table.state, table.refusal, table.confirmed_digest = ImportState.CHECKED, sentence, ""
    table.applied_by_id = None
    table.save(update_fields=["state", "refusal", "confirmed_digest", "applied_by_id"])
    check_again(table)
    return table


def check_again(table: Import) -> None:
    """Judge every row of an import anew, by the same statements as the first time; edits and ticks are kept."""
    rows = list(ImportRow.objects.filter(import_id=table.pk).order_by("number"))
    again = [(storing.checked(row, units_for_all=table.units_for_all), row.set_aside) for row in rows]
    judged = judge_all(again, facts.situation_of(_pool_of(table), [row.uai for row, _ in again if row.uai]))
    changed = []
    for row, done in zip(rows, judged, strict=True):
        same = (row.verdict, row.units_before, row.recipient, row.label) == (
            done.verdict,
            done.units_before,
            done.recipient,
            done.label,
        )
        if not same:
            storing.rewrite(row, done, ticked=row.ticked and done.verdict in APPLICABLE)
            changed.append(row)
    ImportRow.objects.bulk_update(changed, storing.VERDICT_FIELDS, batch_size=1_000)


@transaction.atomic
def cancel(*, import_id: int, by: User | None, at: datetime.datetime) -> Import:
    """Give an import up, at any moment before its application commits. Cancelling twice is the same as once."""
    table = Import.objects.locked().filter(pk=import_id).first()
    if table is not None and table.state == ImportState.CANCELLED:
        return table
    table = _locked(import_id, *OPEN)
    table.state, table.confirmed_digest, table.applied_by_id = ImportState.CANCELLED, "", None
    table.save(update_fields=["state", "confirmed_digest", "applied_by_id"])
    audit.record(
        action="import.cancelled",
        by=by,
        at=at,
        summary=f"Tableau « {table.filename} » annulé : rien n'en a été attribué.",
        object_type="import",
        object_id=table.pk,
    )
    return table


def _locked(import_id: int, *states: ImportState) -> Import:
    """Lock an import and return it. Raises `UnknownImport`, or `WrongMoment` where it is in none of `states`."""
    table = Import.objects.locked().filter(pk=import_id).first()
    if table is None:
        raise UnknownImport("Ce tableau n'existe pas dans votre collectivité.")
    if table.state not in states:
        now = ImportState(table.state).label.lower()
        raise WrongMoment(f"Ce tableau est maintenant dans l'état « {now} » : cette action n'est plus possible.")
    return table


def _pool_of(table: Import) -> Pool:
    return Pool.objects.select_related("source__product").get(pk=table.pool_id)


def _queue(task: str, table: Import, **arguments: Any) -> None:
    schema = connection.schema_name  # type: ignore[attr-defined]
    # One lock an import: its reading and its application never run beside each other.
    defer(task, schema=schema, lock=f"import:{schema}:{table.pk}", import_id=table.pk, **arguments)
