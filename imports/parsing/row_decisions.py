"""What other rows and the look of a sheet say about its rows: one number of several rows, rows that mean no. Pure."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from core import formatting
from imports.columns import Meaning
from imports.layout import AnswerOption, LayoutQuestion
from imports.parsing.declined_rows import DECLINED, DeclinedRows, describe_declined
from imports.parsing.form_answers import describe_repeated_answers, is_form, list_respondents
from imports.parsing.repeated_schools import (
    COUNT,
    NumberSource,
    ask_repeated_schools,
    combine_rows,
    describe_numbers,
    school_key,
)
from imports.parsing.rows import ParsedRow, add_notes, ignore_row, leave_out_row
from imports.parsing.stacked_tables import ReadTable
from imports.problems import ANOTHER_ROW_COUNTS, NUMBER_GIVEN_ELSEWHERE, RowNote
from schools.folding import fold

QUESTION = "shared_numbers"
ELEMENTARY, EACH, BY_ROW = "elementary", "each", "by_row"
_NURSERY_WORDS = frozenset({"maternelle", "maternelles", "mat", "em", "empu"})
_ELEMENTARY_WORDS = frozenset(
    {"elementaire", "elementaires", "elem", "primaire", "primaires", "ee", "eepu", "ep", "eppu"}
)


class SharedNumber(NamedTuple):
    """A number merged over rows: their indexes, and the index of the only one with classes from CP to CM2, if any."""

    indexes: list[int]
    units: int
    elementary: int | None


def find_shared_numbers(
    rows: Sequence[ParsedRow], source: NumberSource, tables: Sequence[ReadTable]
) -> list[SharedNumber]:
    """Return the numbers merged over several data rows, in the column of the number of licences."""
    areas = [area for table in tables for area in _list_areas(table, source)]
    if not areas:
        return []
    places = {(row.sheet, row.number): index for index, row in enumerate(rows) if not row.ignored}
    found = []
    for sheet, top, bottom in sorted(areas):
        indexes = [places[sheet, number] for number in range(top, bottom + 1) if (sheet, number) in places]
        units = next((units for index in indexes if (units := rows[index].units) is not None), None)
        if len(indexes) > 1 and units is not None:
            elementary = [index for index in indexes if not _is_nursery(rows[index])]
            found.append(SharedNumber(indexes, units, elementary[0] if len(elementary) == 1 else None))
    return found


def _list_areas(table: ReadTable, source: NumberSource) -> list[tuple[int, int, int]]:
    """Return the sheet, the first row and the last row of each number merged over several rows of a table."""
    column = table.columns.get(source.column) if source.column is not None else None
    areas = [area for area in table.detected.sheet.merged if area.left == column and area.bottom > area.top]
    if not areas:
        return []
    numbers = {row.number for row in table.body.rows}
    return [(table.detected.index, area.top, area.bottom) for area in areas if area.top in numbers]


def ask_shared_numbers(rows: Sequence[ParsedRow], shared: Sequence[SharedNumber]) -> LayoutQuestion | None:
    """Return the question whose the shared numbers are, None where each is of one school."""
    between_schools = [one for one in shared if not _is_one_school(rows, one)]
    if not between_schools:
        return None
    written = sum(one.units for one in between_schools)
    multiplied = sum(one.units * len(one.indexes) for one in between_schools)
    options = [
        AnswerOption(
            EACH,
            f"À chacune de ces écoles, en entier : {formatting.pluralize(multiplied, 'licence')} en tout, au lieu de "
            f"{formatting.number(written)}",
        ),
        AnswerOption(BY_ROW, "Je l'indiquerai ligne par ligne"),
    ]
    with_elementary = [one.units for one in between_schools if one.elementary is not None]
    if with_elementary:
        licences = f"{formatting.pluralize(sum(with_elementary), 'licence')} en tout"
        label = (
            f"À l'école élémentaire ou primaire : {licences}"
            if len(with_elementary) == len(between_schools)
            else f"À l'école élémentaire ou primaire, quand il n'y en a qu'une : {licences} ; sinon, ligne par ligne"
        )
        options.insert(0, AnswerOption(ELEMENTARY, label))
    first = between_schools[0]
    count = len(between_schools)
    beginning = (
        "Un nombre de licences est écrit une fois pour plusieurs écoles"
        if count == 1
        else f"{formatting.number(count)} nombres de licences sont écrits chacun une fois pour plusieurs écoles"
    )
    example = f"Par exemple, {first.units}, {_where(rows, first)}."
    message = f"{beginning} (cellules fusionnées) : à qui {'le' if count == 1 else 'les'} donner ? {example}"
    return LayoutQuestion(Meaning.UNITS.value, QUESTION, message, tuple(options))


def divide_shared_numbers(
    rows: Sequence[ParsedRow], shared: Sequence[SharedNumber], answer: str, source: NumberSource
) -> list[ParsedRow]:
    """Return the rows with the numbers that the answer gives them; of one school's rows, the first has it."""
    divided = list(rows)
    for one in shared:
        receiver = one.indexes[0] if _is_one_school(rows, one) else one.elementary if answer == ELEMENTARY else None
        if receiver is None and not answer:
            continue
        where = _where(rows, one)
        for index in one.indexes:
            row = rows[index]
            if receiver is not None and index != receiver:
                reason = f"Nombre commun aux {where}, donné à la ligne {rows[receiver].number}."
                # Told once the row is restored: the number is not given a second time.
                message = (
                    f"Le nombre {one.units}, commun aux {where}, est déjà donné à la ligne {rows[receiver].number} : "
                    "indiquez celui de cette école, ou mettez la ligne de côté."
                )
                given = RowNote(Meaning.UNITS.value, "shared_number", message, blocking=True)
                noted = row._replace(notes=(*row.notes, given))
                divided[index] = leave_out_row(noted, NUMBER_GIVEN_ELSEWHERE, reason)
                continue
            if receiver is not None or answer == EACH:
                message = f"{formatting.pluralize(one.units, 'licence')}, nombre commun aux {where}."
                note = RowNote(Meaning.UNITS.value, "shared_number_given", message, units=one.units)
            else:
                message = f"Le nombre {one.units} est commun aux {where} : indiquez celui de cette école."
                note = RowNote(Meaning.UNITS.value, "shared_number", message, blocking=True)
            divided[index] = add_notes(row, [note], source.column)
    return divided


def _is_one_school(rows: Sequence[ParsedRow], shared: SharedNumber) -> bool:
    keys = {school_key(rows[index]) for index in shared.indexes}
    return len(keys) == 1 and "" not in keys


def _is_nursery(row: ParsedRow) -> bool:
    words = {*fold(row.cells.get(Meaning.KIND, "")).split(), *fold(row.cells.get(Meaning.NAME, "")).split()}
    return bool(words & _NURSERY_WORDS) and not words & _ELEMENTARY_WORDS


def _where(rows: Sequence[ParsedRow], shared: SharedNumber) -> str:
    return describe_numbers([rows[index].number for index in shared.indexes])


LEGEND_REASON = "Légende des couleurs : aucune école."


class RowDecisions(NamedTuple):
    """The rows after the decisions, the questions, answered or open, and remarks about what was done."""

    rows: list[ParsedRow]
    questions: list[LayoutQuestion]
    remarks: list[str]


def decide_rows(
    rows: Sequence[ParsedRow],
    source: NumberSource,
    answers: Mapping[str, str],
    sheets: Sequence[str],
    tables: Sequence[ReadTable],
    *,
    declined: DeclinedRows,
) -> RowDecisions:
    """Return what becomes of the rows of all tables. `sheets`: names of all sheets of the workbook."""
    kept = [
        ignore_row(row, LEGEND_REASON) if not row.ignored and (row.sheet, row.number) in declined.legends else row
        for row in rows
    ]
    decided = _decline_rows(kept, declined.notes, source)
    remarks = list(declined.remarks)
    questions = [declined.question] if declined.question is not None else []
    if source.is_known or source.missing:
        shared = find_shared_numbers(decided, source, tables)
        question = ask_shared_numbers(decided, shared)
        answer = ""
        if question is not None:
            questions.append(question.answered_by(answers))
            answer = questions[-1].answer
        decided = divide_shared_numbers(decided, shared, answer, source)
        is_answered = bool(source.missing) and any(is_form(one.detected.titles, one.detected.sample) for one in tables)
        question, groups = ask_repeated_schools(decided, source, sheets, is_form=is_answered)
        if question is not None:
            questions.append(question.answered_by(answers))
            respondents = list_respondents(tables) if questions[-1].answer == COUNT else {}
            decided = combine_rows(decided, groups, questions[-1].answer, source, sheets, respondents=respondents)
            remarks += describe_repeated_answers(decided, groups, respondents)
    # Rows that were added up are one.
    remark = describe_declined(row for row in decided if not row.ignored) if declined.notes else ""
    return RowDecisions(decided, questions, [remark, *remarks] if remark else remarks)


def _decline_rows(
    rows: Sequence[ParsedRow], declined: Mapping[tuple[int, int], Sequence[RowNote]], source: NumberSource
) -> list[ParsedRow]:
    """Return the rows with their notes; a declined row of a school that has another is ignored."""
    if not declined:
        return list(rows)
    notes = [() if row.ignored else declined.get((row.sheet, row.number), ()) for row in rows]
    is_declined = [any(note.code == DECLINED for note in of_row) for of_row in notes]
    kept = {school_key(row) for row, left in zip(rows, is_declined, strict=True) if not left and not row.ignored} - {""}
    decided = []
    for row, of_row, left in zip(rows, notes, is_declined, strict=True):
        if left and school_key(row) in kept:
            reason = "Ligne que le fichier écarte ; une autre de cette école compte."
            decided.append(leave_out_row(row, ANOTHER_ROW_COUNTS, reason))
        else:
            decided.append(add_notes(row, of_row, source.column) if of_row else row)
    return decided
