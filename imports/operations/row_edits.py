"""Edit, set aside, await, resolve and tick rows, one or all of a filter, and check them again."""

import datetime
import itertools
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from pathlib import PurePath
from typing import NamedTuple, Unpack

from django.db import transaction
from django.db.models import Count, Exists, F, FloatField, OuterRef, Q, QuerySet
from django.db.models.fields.json import KT
from django.db.models.functions import Cast, Coalesce

from accounts.models import User
from collectivities import audit_log
from collectivities.models import PortfolioSchool
from collectivities.operations.portfolio import add_to_portfolio as add_schools
from core import formatting
from core.calendar import date_in_paris
from core.exceptions import Refusal
from core.spreadsheets import WorksheetContent, build_workbook
from imports import queries
from imports.cells import cell_to_text, find_addresses
from imports.checks.problem_codes import OTHER_POOL_CODES, RESOLUTIONS_BY_CODE
from imports.checks.unit_checks import get_complement
from imports.columns import TEMPLATE_COLUMNS, Meaning
from imports.enums import APPLICABLE, ImportState, Purpose, RowMatchMethod, Verdict, Volume
from imports.layout import LayoutChoices
from imports.models import ImportRow, SpreadsheetImport
from imports.operations.import_lock import lock_import
from imports.operations.recheck import change_rows, is_tickable
from imports.operations.upload import store_upload
from imports.problems import ADDED_UP, RowNote
from imports.queries import ADDRESS_CODES, BaseRowQuery, RowQuery
from imports.rows import parse_file_units
from licensing.pools.models import Pool
from licensing.pools.queries import list_holdings, list_sibling_pools
from schools import uai
from schools.models import School, SchoolState


class PoolAnswers(NamedTuple):
    """The licences that a school then holds from the pool of the import, by answer."""

    #: With the licences of the other pools, the school has the number of the file.
    completed: int
    #: The number of the file, besides them.
    besides: int
    #: Licences held from the other pools.
    elsewhere: int


def list_pool_answers(spreadsheet_import: SpreadsheetImport, rows: Iterable[ImportRow]) -> dict[int, PoolAnswers]:
    """Return the answers for the rows that are or were asked about, by primary key. Three queries at most."""
    asked = [row for row in rows if row.verdict in APPLICABLE and not OTHER_POOL_CODES.isdisjoint(row.codes)]
    if not asked or spreadsheet_import.pool is None:
        return {}
    held = list_holdings(list_sibling_pools(spreadsheet_import.pool), [row.uai for row in asked])
    stated = _list_file_units(spreadsheet_import, asked)
    return {
        row.pk: PoolAnswers(
            get_complement(stated[row.pk], row.units_before, held.get(row.uai, ())),
            stated[row.pk],
            sum(holding.units for holding in held.get(row.uai, ())),
        )
        for row in asked
    }


def _list_file_units(spreadsheet_import: SpreadsheetImport, rows: Sequence[ImportRow]) -> dict[int, int]:
    """Return the number of the file for each row, without what a member typed; that where the file has none."""
    typed = [row for row in rows if Meaning.UNITS in row.edits]
    numbers = {row.pk: row.units or 0 for row in rows}
    numbers |= {row.pk: units for row in typed if (units := parse_file_units(row, spreadsheet_import)) is not None}
    if typed and spreadsheet_import.layout.volume is Volume.PORTFOLIO:
        known = PortfolioSchool.objects.filter(school_id__in=[row.uai for row in typed]).exclude(classes=None)
        classes = dict(known.values_list("school_id", "classes"))
        numbers |= {row.pk: count for row in typed if (count := classes.get(row.uai)) is not None}
    return numbers


class AnsweredRows(NamedTuple):
    """How many rows the answer ticked, and how many it set aside: their schools have the number of the file already."""

    given: int
    served: int


@transaction.atomic
def answer_all_pool_questions(
    *,
    import_id: int,
    besides: bool,
    by: User | None,  # noqa: ARG001 - only the application is audited
    at: datetime.datetime,  # noqa: ARG001
    **filters: Unpack[RowQuery],
) -> AnsweredRows:
    """Give the schools that hold licences of other pools what they lack of the file's number, or all of it `besides`.

    What was answered before is answered anew; a number that a member typed stays. Raises `Refusal`.
    """
    spreadsheet_import = lock_import(import_id, ImportState.CHECKED)
    found = queries.filter_rows(spreadsheet_import, **filters)
    asked = found.filter(codes__overlap=list(OTHER_POOL_CODES), verdict__in=APPLICABLE)
    return _answer(spreadsheet_import, list(asked), besides=besides)


@transaction.atomic
def answer_pool_question(
    *,
    import_id: int,
    number: int,
    sheet: int = 0,
    besides: bool,
    by: User | None,  # noqa: ARG001 - only the application is audited
    at: datetime.datetime,  # noqa: ARG001
) -> ImportRow:
    """Answer for one row, whatever was typed in it; return it. Raises `Refusal` where it is not asked about."""
    spreadsheet_import = lock_import(import_id, ImportState.CHECKED)
    row = ImportRow.objects.filter(import_id=import_id, sheet=sheet, number=number).first()
    answered = _answer(spreadsheet_import, [row] if row else [], besides=besides, overrides=True)
    if row is None or not any(answered):
        raise Refusal(
            "unknown_row",
            f"L'école de la ligne {number} n'a pas de licences d'un autre lot : il n'y a rien à répondre.",
        )
    row.refresh_from_db()
    return row


def _answer(
    spreadsheet_import: SpreadsheetImport, rows: Sequence[ImportRow], *, besides: bool, overrides: bool = False
) -> AnsweredRows:
    """Answer for these rows and tick them. `overrides`: also where a member typed another number."""
    answers = list_pool_answers(spreadsheet_import, rows)
    changed = [
        row
        for row in rows
        if row.pk in answers and (overrides or row.units in (answers[row.pk].completed, answers[row.pk].besides))
    ]

    def alter(row: ImportRow) -> None:
        completed, stated, _ = answers[row.pk]
        if not besides and completed == row.units_before:
            row.set_aside = True
        elif not besides:
            row.edits = row.edits | {Meaning.UNITS.value: str(completed)}
        elif row.units != stated:
            row.edits = {meaning: text for meaning, text in row.edits.items() if meaning != Meaning.UNITS}

    change_rows(spreadsheet_import, changed, alter)
    given = ImportRow.objects.filter(queries.is_tickable_q(), pk__in=[row.pk for row in changed]).update(ticked=True)
    return AnsweredRows(given, sum(row.set_aside for row in changed))


#: States of imports with awaited rows: not those of a cancelled or undone import.
_STATES = (ImportState.CHECKED, ImportState.APPLIED)
#: The width of each column of the blank workbooks.
_COLUMN_WIDTHS = {
    meaning: column.width
    for meaning in itertools.chain(*TEMPLATE_COLUMNS.values())
    if (column := meaning.column.workbook) is not None
}
_SHEET = "Écoles"


class Arrival(NamedTuple):
    """An import, and the number of its awaited schools that are now in the directory."""

    spreadsheet_import: SpreadsheetImport
    schools: int


def _arrived_rows() -> QuerySet[ImportRow]:
    known = School.objects.filter(pk=OuterRef("uai")).exclude(state=SchoolState.CLOSED)
    return ImportRow.objects.filter(Exists(known), awaited=True)


def count_arrived() -> QuerySet[ImportRow, tuple[int, int]]:
    """Return (import id, number of its awaited schools that are now in the directory and open), lazily."""
    imports = SpreadsheetImport.objects.filter(state__in=_STATES)
    rows = _arrived_rows().filter(import_id__in=imports.values("pk")).order_by()
    return rows.values_list("import_id").annotate(n=Count("pk"))


def list_arrivals() -> list[Arrival]:
    """Return imports with awaited schools that are now in the directory and open, the latest first."""
    counts = dict(_arrived_rows().values_list("import_id").annotate(n=Count("pk")).order_by())
    if not counts:
        return []
    spreadsheet_imports = (
        SpreadsheetImport.objects.filter(pk__in=list(counts), state__in=_STATES).select_related("pool").order_by("-pk")
    )
    return [Arrival(spreadsheet_import, counts[spreadsheet_import.pk]) for spreadsheet_import in spreadsheet_imports]


@transaction.atomic
def resume_arrived(
    *, import_id: int, pool_id: int | None = None, by: User | None, at: datetime.datetime
) -> SpreadsheetImport:
    """Resume the arrived schools, in the import itself or, once applied, in a follow-up; return it.

    `pool_id`: another pool, if the original one has ended. Raises `Refusal`.
    """
    spreadsheet_import = lock_import(import_id, *_STATES)
    rows = list(_arrived_rows().filter(import_id=spreadsheet_import.pk).order_by("sheet", "number"))
    if not rows:
        raise Refusal(
            "no_awaited_school_found",
            "Aucune école attendue par ce tableau n'est à reprendre : un autre membre l'a déjà fait.",
        )
    if spreadsheet_import.state == ImportState.CHECKED:
        change_rows(spreadsheet_import, rows, _resume, look_up=True)
        follow_up = spreadsheet_import
    else:
        follow_up = store_upload(
            purpose=Purpose(spreadsheet_import.purpose),
            pool_id=_open_pool_id(spreadsheet_import, pool_id, at),
            filename=f"Écoles arrivées – {PurePath(spreadsheet_import.filename).stem[:200]}.xlsx",
            content=_build_workbook(rows, spreadsheet_import),
            units_for_all=None,
            volume=Volume.COLUMN if spreadsheet_import.purpose == Purpose.ALLOCATION else "",
            choices=LayoutChoices(
                sheets=[_SHEET],
                header_row=1,
                columns={meaning: index for index, meaning in enumerate(_COLUMN_WIDTHS)},
            ),
            by=by,
            at=at,
        )
        ImportRow.objects.filter(pk__in=[row.pk for row in rows]).update(awaited=False)
    audit_log.record(
        action="import.resumed",
        by=by,
        at=at,
        summary=(
            f"Tableau « {spreadsheet_import.filename} » : {formatting.pluralize(len(rows), 'école')} maintenant dans "
            "l'annuaire, "
            f"{'reprise' if len(rows) == 1 else 'reprises'} pour vérification."
        ),
        object_type="import",
        object_id=follow_up.pk,
    )
    return follow_up


def _resume(row: ImportRow) -> None:
    row.awaited = row.set_aside = False


def is_pool_open(pool: Pool | None, at: datetime.datetime) -> bool:
    """Return whether licences can still be allocated from a pool."""
    return pool is not None and pool.entitlement.available_on(date_in_paris(at))


def _open_pool_id(spreadsheet_import: SpreadsheetImport, chosen: int | None, at: datetime.datetime) -> int | None:
    if spreadsheet_import.purpose != Purpose.ALLOCATION:
        return None
    pool = Pool.objects.prefetch_related("entitlement").filter(pk=chosen or spreadsheet_import.pool_id or 0).first()
    if pool is None or not is_pool_open(pool, at):
        name = f"« {pool.name} » " if pool else ""
        raise Refusal("pool_ended", f"Le lot {name}ne donne plus de licences : choisissez-en un autre pour ces écoles.")
    return pool.pk


def _build_workbook(rows: list[ImportRow], spreadsheet_import: SpreadsheetImport) -> bytes:
    """Return a workbook of these rows with their edits, and a sheet that names the original import."""
    rows_of_cells = []
    for row in rows:
        values = {
            **row.cells,
            **row.edits,
            Meaning.UAI: row.uai,
            Meaning.UNITS: row.units,
            Meaning.EMAIL: row.email,
            Meaning.CLASSES: row.classes,
        }
        rows_of_cells.append([values.get(meaning, "") for meaning in _COLUMN_WIDTHS])
    day = formatting.long_date(date_in_paris(spreadsheet_import.created_at))
    provenance_note = (
        f"Tableau « {spreadsheet_import.filename} » du {day} : ces écoles n'étaient pas encore dans l'annuaire."
    )
    return build_workbook(
        WorksheetContent(
            _SHEET,
            [meaning.label for meaning in _COLUMN_WIDTHS],
            list(_COLUMN_WIDTHS.values()),
            rows_of_cells,
        ),
        WorksheetContent("Origine", [provenance_note], (100,), ()),
    )


#: Thresholds for accepting the first proposal in bulk: minimum score, and minimum lead over the second.
MIN_SCORE = 0.8
MIN_LEAD = 0.1


@transaction.atomic
def add_all_to_portfolio(*, import_id: int, by: User | None, at: datetime.datetime, **filters: Unpack[RowQuery]) -> int:
    """Add the schools outside the portfolio to it; return how many were added."""
    spreadsheet_import = lock_import(import_id, ImportState.CHECKED)
    rows = list(queries.filter_rows(spreadsheet_import, **filters).filter(codes__contains=["not_in_portfolio"]))
    added = add_schools(uais=[row.uai for row in rows], by=by, at=at).added
    change_rows(spreadsheet_import, rows)
    return len(added)


def _build_bulk_edit(
    select: Callable[[QuerySet[ImportRow]], Iterable[ImportRow]], alter: Callable[[ImportRow], None]
) -> Callable[..., int]:
    """Return the edit of the rows that `select` takes, which returns how many. Only the application is audited."""

    @transaction.atomic
    def edit(*, import_id: int, by: User | None, at: datetime.datetime, **filters: Unpack[RowQuery]) -> int:  # noqa: ARG001
        spreadsheet_import = lock_import(import_id, ImportState.CHECKED)
        rows = list(select(queries.filter_rows(spreadsheet_import, **filters)))
        change_rows(spreadsheet_import, rows, alter)
        return len(rows)

    return edit


def _filter_likely_matches(rows: QuerySet[ImportRow]) -> QuerySet[ImportRow]:
    """Return the unmatched rows whose first proposal is likely, and leads the second."""
    scored = rows.filter(verdict=Verdict.ERROR, match_method="", uai="").annotate(
        first=Cast(KT("proposals__0__score"), FloatField()),
        second=Coalesce(Cast(KT("proposals__1__score"), FloatField()), 0.0),
    )
    return scored.filter(first__gte=MIN_SCORE, second__lte=F("first") - MIN_LEAD)


def _find_first_address(row: ImportRow) -> str:
    return next(iter(find_addresses((row.cells | row.edits).get(Meaning.EMAIL, ""))), "")


def _choose_first_address(row: ImportRow) -> None:
    row.edits = row.edits | {Meaning.EMAIL.value: _find_first_address(row)}


def _choose_first_proposal(row: ImportRow) -> None:
    row.edits = row.edits | {Meaning.UAI.value: row.proposals[0]["uai"]}


def _set_aside(row: ImportRow) -> None:
    row.set_aside = True


def _restore(row: ImportRow) -> None:
    row.set_aside = row.awaited = False
    row.ignored_reason = ""


def _await(row: ImportRow) -> None:
    row.set_aside = row.awaited = True


#: Choose the first proposal of the unmatched rows where it is likely, as choosing the school row by row does.
accept_proposals = _build_bulk_edit(_filter_likely_matches, _choose_first_proposal)
#: Choose the first address of the cells that have several.
write_to_first_addresses = _build_bulk_edit(
    lambda rows: filter(_find_first_address, rows.filter(codes__contains=["multiple_emails"])), _choose_first_address
)
set_all_aside = _build_bulk_edit(lambda rows: rows.filter(set_aside=False, ignored_reason=""), _set_aside)
#: Take up again the rows that were set aside or ignored.
restore_all = _build_bulk_edit(lambda rows: rows.filter(Q(set_aside=True) | ~Q(ignored_reason="")), _restore)
#: Set aside the rows with an unknown school until the directory knows it.
await_all = _build_bulk_edit(
    lambda rows: rows.filter(codes__contains=["unknown_school"], verdict=Verdict.ERROR).exclude(uai=""), _await
)


@transaction.atomic
def write_to_official_addresses(
    *,
    import_id: int,
    by: User | None,  # noqa: ARG001 - only the application is audited
    at: datetime.datetime,  # noqa: ARG001
    **filters: Unpack[RowQuery],
) -> int:
    """Choose the directory's address for the rows whose own cannot be used, where it has one; return how many."""
    spreadsheet_import = lock_import(import_id, ImportState.CHECKED)
    rows = list(queries.filter_rows(spreadsheet_import, **filters).filter(codes__overlap=list(ADDRESS_CODES)))
    schools = School.objects.filter(pk__in_array=[row.uai for row in rows]).exclude(email="")
    mailboxes = dict(schools.values_list("pk", "email"))
    written = [row for row in rows if row.uai in mailboxes]

    def correct(row: ImportRow) -> None:
        row.edits = row.edits | {Meaning.EMAIL.value: mailboxes[row.uai]}

    change_rows(spreadsheet_import, written, correct)
    return len(written)


@transaction.atomic
def amend_row(
    *,
    import_id: int,
    number: int,
    sheet: int = 0,
    edits: Mapping[str, str] | None = None,
    set_aside: bool | None = None,
    awaited: bool | None = None,
    conflict_resolution: str | None = None,
    ticked: bool | None = None,
    by: User | None,  # noqa: ARG001 - only the application is audited
    at: datetime.datetime,  # noqa: ARG001
) -> ImportRow:
    """Edit, set aside, resolve or tick a row; return it with its new verdict.

    `edits`: new cell texts by meaning; a UAI alone is a school chosen by the member, whatever the other cells say.
    `awaited`: set aside until the directory knows the school. `conflict_resolution`: how the conflict is resolved, ""
    to reopen it. All affected rows are checked again; `others_changed` of the row returned tells whether any changed.
    Raises `Refusal`, having changed nothing.
    """
    spreadsheet_import = lock_import(import_id, ImportState.CHECKED)
    row = ImportRow.objects.filter(import_id=import_id, sheet=sheet, number=number).first()
    if row is None:
        raise Refusal("unknown_row", f"La ligne {number} n'est pas dans ce tableau.")
    if awaited:
        _check_awaitable(row)
    if conflict_resolution:
        _check_resolution(row, conflict_resolution)

    def alter(row: ImportRow) -> None:
        row.edits = _merge_edits(row, edits, spreadsheet_import) if edits else row.edits
        row.conflict_resolution = row.conflict_resolution if conflict_resolution is None else conflict_resolution
        if awaited is not None:
            row.awaited = row.set_aside = awaited
        if set_aside is not None:
            row.set_aside = set_aside
            row.awaited = row.awaited and set_aside
            row.ignored_reason = row.ignored_reason if set_aside else ""

    if edits or any(decided is not None for decided in (set_aside, awaited, conflict_resolution)):
        row.others_changed = change_rows(spreadsheet_import, [row], alter)
    if ticked is not None and ticked != row.ticked:
        _tick(row, ticked=ticked)
    row.refresh_from_db()  # reads the generated column
    return row


@transaction.atomic
def keep_row(
    *,
    import_id: int,
    number: int,
    sheet: int = 0,
    units: int | None = None,
    by: User | None,  # noqa: ARG001 - only the application is audited
    at: datetime.datetime,  # noqa: ARG001
) -> int:
    """Settle a school that several rows cite: set aside those that contradict what is kept; return how many.

    `units`: the number to keep, whichever row states it; None to keep this row alone. Raises `Refusal`, having changed
    nothing.
    """
    spreadsheet_import = lock_import(import_id, ImportState.CHECKED)
    cited = _list_rows_of_school(import_id, sheet, number)
    kept = {
        one.pk for one in cited if ((one.sheet, one.number) == (sheet, number) if units is None else one.units == units)
    }
    if not kept:
        raise Refusal("unknown_row", f"Aucune ligne de cette école ne dit {units} : il n'y a rien à garder.")
    others = [one for one in cited if one.pk not in kept]
    change_rows(spreadsheet_import, others, _set_aside)
    return len(others)


@transaction.atomic
def add_up_rows(
    *,
    import_id: int,
    number: int,
    sheet: int = 0,
    by: User | None,  # noqa: ARG001 - only the application is audited
    at: datetime.datetime,  # noqa: ARG001
) -> int:
    """Let the numbers of all rows of a school count in the first of them; return the sum.

    Raises `Refusal`, having changed nothing, where no other row cites the school, or a number is missing.
    """
    spreadsheet_import = lock_import(import_id, ImportState.CHECKED)
    cited = _list_rows_of_school(import_id, sheet, number)
    numbers = [row.units for row in cited if row.units is not None]
    if len(numbers) < max(len(cited), 2):
        raise Refusal(
            "nothing_to_add_up",
            f"La ligne {number} ne s'additionne à aucune autre : son école n'est citée qu'une fois, ou l'une de ses "
            "lignes ne dit pas de nombre.",
        )

    def add_up(row: ImportRow) -> None:
        row.notes = [*row.notes, RowNote("", ADDED_UP, row.uai).as_json()]

    change_rows(spreadsheet_import, cited, add_up)
    return sum(numbers)


def _list_rows_of_school(import_id: int, sheet: int, number: int) -> list[ImportRow]:
    """Return the rows that cite the school of a row, in the order of the file, without those set aside or ignored."""
    rows = ImportRow.objects.filter(import_id=import_id)
    uais = rows.filter(sheet=sheet, number=number).exclude(uai="").values("uai")
    return list(rows.filter(uai__in=uais, set_aside=False, ignored_reason="").order_by("sheet", "number"))


def _tick(row: ImportRow, *, ticked: bool) -> None:
    if ticked and not is_tickable(row.verdict, row.conflict_resolution):
        raise Refusal(
            "row_cannot_be_ticked",
            f"La ligne {row.number} ne peut pas être appliquée telle quelle : corrigez-la d'abord.",
        )
    row.ticked = ticked
    row.save(update_fields=["ticked"])


def _check_awaitable(row: ImportRow) -> None:
    if row.match_method or not row.uai:
        raise Refusal(
            "cannot_await",
            f"La ligne {row.number} n'a pas d'UAI que l'annuaire ignore : il n'y a rien à attendre. Mettez-la de côté.",
        )


def _check_resolution(row: ImportRow, conflict_resolution: str) -> None:
    if "below_redeemed_units" in row.codes:
        raise Refusal(
            "cannot_resolve",
            f"La clé de la ligne {row.number} est déjà activée : rien ne peut en être repris. Mettez-la de côté.",
        )
    allowed = [resolution for code in row.codes for resolution in RESOLUTIONS_BY_CODE.get(code, ())]
    if row.verdict != Verdict.CONFLICT or not allowed:
        raise Refusal("cannot_resolve", f"La ligne {row.number} n'est pas en conflit : il n'y a rien à régler.")
    if conflict_resolution not in allowed:
        raise Refusal(
            "cannot_resolve", f"La ligne {row.number} demande 0 licence : la clé se reprend, elle ne se réduit pas."
        )


def _merge_edits(row: ImportRow, edits: Mapping[str, str], spreadsheet_import: SpreadsheetImport) -> dict[str, str]:
    """Return the edits that differ from the original cells."""
    written = list_written_values(row, spreadsheet_import)
    wanted = row.edits | {Meaning(meaning).value: cell_to_text(text) for meaning, text in edits.items()}
    corrected = {meaning: text for meaning, text in wanted.items() if text != written.get(meaning, "")}
    chosen = uai.normalise(wanted.get(Meaning.UAI, ""))
    if list(edits) == [Meaning.UAI] and uai.is_valid(chosen) and row.match_method != RowMatchMethod.UAI:
        # The unconfirmed UAI of the row was confirmed by a member.
        corrected[Meaning.UAI.value] = chosen
    return corrected


def list_written_values(row: ImportRow, spreadsheet_import: SpreadsheetImport) -> dict[str, str]:
    """Return what a row says without corrections, by meaning: sent as an edit, it takes the correction away."""
    written: dict[str, str] = row.cells | (
        {Meaning.UNITS.value: str(spreadsheet_import.units_for_all)}
        if spreadsheet_import.units_for_all is not None
        else {}
    )
    combined = next((note for note in row.notes if note["column"] == Meaning.UNITS), None)
    if combined is not None:
        # The page shows the number of the note, not the one of the cell.
        written |= {Meaning.UNITS.value: "" if combined["units"] is None else str(combined["units"])}
    if any("added" in problem for problem in row.problems):
        units = parse_file_units(row, spreadsheet_import)
        written |= {Meaning.UNITS.value: "" if units is None else str(units)}
    return written


@transaction.atomic
def tick_all(
    *, import_id: int, ticked: bool, except_codes: Collection[str] = (), **filters: Unpack[BaseRowQuery]
) -> int:
    """Tick or untick all tickable rows of a filter; return how many changed. `except_codes`: of rows to leave."""
    spreadsheet_import = lock_import(import_id, ImportState.CHECKED)
    found = queries.filter_rows(spreadsheet_import, **filters).filter(queries.is_tickable_q()).exclude(ticked=ticked)
    if except_codes:
        found = found.exclude(codes__overlap=list(except_codes))
    return ImportRow.objects.filter(pk__in=found.values("pk")).update(ticked=ticked)
