"""Lists with several rows for most schools, one a class or a teacher: what becomes of their numbers. Pure."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from core import formatting
from imports.columns import Meaning
from imports.layout import AnswerOption, LayoutQuestion
from imports.parsing.rows import ParsedRow, add_notes, leave_out_row
from imports.problems import COUNTED_WITH_ANOTHER, RowNote
from schools.folding import fold

_PLACE = (Meaning.COMMUNE, Meaning.POSTAL_CODE, Meaning.DEPARTEMENT, Meaning.ADDRESS)


def school_key(row: ParsedRow) -> str:
    """Return the UAI of a row as written, else its name with its kind and place, folded; "" where it has neither."""
    cells = row.cells
    code = cells.get(Meaning.UAI, "")
    if code:
        return code.upper().replace(" ", "")
    name = cells.get(Meaning.NAME, "")
    if not name:
        return ""
    parts = [name, *(cells.get(meaning, "") for meaning in _PLACE)]
    return f"{fold(' '.join(parts))} / {fold(cells.get(Meaning.KIND, ''))}"


QUESTION = "repeated_schools"
SUM, COUNT, KEEP = "sum", "count", "keep"
#: With fewer rows, or fewer such schools among others, these are duplicates to look at one by one.
MIN_ROWS = 4
MIN_REPEATED_SCHOOLS = 3
#: Where no column gives a number: the share of the rows whose school stands above, from which they may be counted.
MIN_FURTHER_SHARE = 0.1
#: Terms of a sum and row numbers that a sentence names.
MAX_NAMED = 12


class NumberSource(NamedTuple):
    """Where the number of licences comes from: the meaning of its column, or the same number for all rows."""

    column: Meaning | None
    units_for_all: int | None
    #: The sentence that says so, where no column gives the number and it is asked for; else "".
    missing: str = ""

    @property
    def is_known(self) -> bool:
        """Whether rows have numbers: not in a portfolio, nor while their column is in question."""
        return self.column is not None or self.units_for_all is not None


def group_rows(rows: Sequence[ParsedRow]) -> dict[str, list[int]]:
    """Return the indexes of the rows of each school, by its key, without ignored rows."""
    groups: dict[str, list[int]] = {}
    for index, row in enumerate(rows):
        if not row.ignored and (key := school_key(row)):
            groups.setdefault(key, []).append(index)
    return groups


def ask_repeated_schools(
    rows: Sequence[ParsedRow], source: NumberSource, sheets: Sequence[str], *, is_form: bool = False
) -> tuple[LayoutQuestion | None, dict[str, list[int]]]:
    """Return the question where most schools stand on several rows, None elsewhere; and the rows of each school.

    Without numbers, some such schools are enough, and none where each row is a person's answer. `sheets`: names of all
    sheets of the workbook.
    """
    if not source.missing and not _may_repeat(rows):
        return None, {}
    groups = group_rows(rows)
    repeated = [indexes for indexes in groups.values() if len(indexes) > 1]
    further = sum(map(len, repeated)) - len(repeated)
    enough = MIN_REPEATED_SCHOOLS if len(repeated) < len(groups) else 1
    is_most = len(repeated) >= enough and len(repeated) * 2 > len(groups) and further + len(repeated) >= MIN_ROWS
    counted = is_form or further >= MIN_FURTHER_SHARE * (len(groups) + further)
    if not groups or not (is_most or (source.missing and counted)):
        return None, groups
    example = [rows[index] for index in max(groups.values(), key=len)]
    named = example[0].cells.get(Meaning.NAME, "") or example[0].cells.get(Meaning.UAI, "")
    terms = [units for row in example if (units := _units(row, source)) is not None]
    licences = formatting.pluralize(len(example), "licence")
    total = formatting.pluralize(sum(terms), "licence")
    rows_of_each = "les lignes de chaque école" if source.missing else "leurs lignes"
    kept = " : vous direz combien de licences" if source.missing else _describe_kept(terms)
    options = [
        AnswerOption(SUM, f"Additionner leurs nombres : {total} dans l'exemple"),
        AnswerOption(COUNT, f"Compter {rows_of_each}, une licence par ligne : {licences} dans l'exemple"),
        AnswerOption(KEEP, f"Garder une seule ligne par école{kept}"),
    ]
    # With one licence a row, the sum is the number of rows.
    if source.missing or source.units_for_all == 1:
        del options[0]
    who = (
        f"{formatting.number(len(repeated))} écoles sur {formatting.number(len(groups))} figurent sur plusieurs lignes"
        if len(repeated) > 1
        else "Une seule école figure sur plusieurs lignes"
        if repeated
        else "Chaque ligne semble être celle d'un enseignant"
    )
    where = f"« {named[:80]} » : {_describe_rows(example, sheets)}"
    ask = "faut-il les compter ?" if source.missing else "que faire de leurs nombres ?"
    message = f"{source.missing} {who} : {ask} Par exemple, {where}.".strip()
    return LayoutQuestion("", QUESTION, message, tuple(options), likely=COUNT if is_form else ""), groups


def replaces_number(question: LayoutQuestion) -> bool:
    """Whether rows were asked about because no column gives a number: then none is added up."""
    return question.code == QUESTION and bool(question.options) and SUM not in {one.value for one in question.options}


def combine_rows(
    rows: Sequence[ParsedRow],
    groups: dict[str, list[int]],
    answer: str,
    source: NumberSource,
    sheets: Sequence[str],
    *,
    respondents: Mapping[tuple[int, int], str],
) -> list[ParsedRow]:
    """Return the rows where the first of each school has the number of all, and the others are ignored.

    `answer`: `SUM`, `COUNT`, or `KEEP`, which leaves the rows as they are. `respondents`: who a row is of, by its sheet
    and number; rows of one person are counted once.
    """
    combined = list(rows)
    if answer not in (SUM, COUNT):
        return combined
    for indexes in groups.values():
        lines = [rows[index] for index in indexes]
        if answer == SUM and len(lines) == 1:
            continue
        first = lines[0]
        note = _count(lines, sheets, respondents) if answer == COUNT else _add_up(lines, source, sheets)
        combined[indexes[0]] = add_notes(first, [note], source.column)
        for index, row in zip(indexes[1:], lines[1:], strict=True):
            elsewhere = f" de la feuille « {sheets[first.sheet]} »" if row.sheet != first.sheet else ""
            reason = f"Même école que la ligne {first.number}{elsewhere}, qui en porte le nombre."
            combined[index] = leave_out_row(row, COUNTED_WITH_ANOTHER, reason)
    return combined


def _may_repeat(rows: Sequence[ParsedRow]) -> bool:
    """Whether so few texts name so many rows: a fast test, false of most lists."""
    shown = [row.cells for row in rows if not row.ignored]
    named = [cells.get("uai") or (cells.get("name"), cells.get("commune")) for cells in shown]
    # Where most schools have two rows or more, there are three rows for two schools.
    return len(set(named)) * 3 <= len(named) * 2


def _units(row: ParsedRow, source: NumberSource) -> int | None:
    return row.units if source.column is not None else source.units_for_all


def _count(lines: Sequence[ParsedRow], sheets: Sequence[str], respondents: Mapping[tuple[int, int], str]) -> RowNote:
    counted = {respondents.get(place, place): row for row in reversed(lines) for place in [(row.sheet, row.number)]}
    kept = list(reversed(counted.values()))
    rows = "une licence pour cette ligne" if len(kept) == 1 else f"une pour chacune : {_describe_rows(kept, sheets)}"
    again = _describe_rows([row for row in lines if row not in kept], sheets)
    message = f"{formatting.pluralize(len(kept), 'licence')}, {rows}"
    message += f" ; la même personne est comptée une fois ({again})." if again else "."
    return RowNote(Meaning.UNITS.value, "rows_combined", message, units=len(kept))


def _add_up(lines: Sequence[ParsedRow], source: NumberSource, sheets: Sequence[str]) -> RowNote:
    """Return the sum of the rows; a number that cannot be read is left to the member, an empty cell adds nothing."""
    where = _describe_rows(lines, sheets)
    unread = [
        row for row in lines if any(one.column == Meaning.UNITS and one.code != "units_missing" for one in row.problems)
    ]
    terms = [units for row in lines if (units := _units(row, source)) is not None]
    if unread or not terms:
        fault = f"le nombre de la ligne {unread[0].number} ne se lit pas" if unread else "aucune n'en dit le nombre"
        message = f"Les licences de cette école sont à additionner ({where}), mais {fault} : indiquez-en le total ici."
        return RowNote(Meaning.UNITS.value, "rows_not_combined", message, blocking=True)
    shown = " + ".join(map(str, terms[:MAX_NAMED])) + (" + …" if len(terms) > MAX_NAMED else "")
    message = f"{formatting.pluralize(sum(terms), 'licence')}, somme de plusieurs lignes ({where}) : {shown}."
    return RowNote(Meaning.UNITS.value, "rows_combined", message, units=sum(terms))


def _describe_kept(terms: Sequence[int]) -> str:
    """Return what a school has by one of its rows."""
    if len(set(terms)) == 1:
        return f" : {formatting.pluralize(terms[0], 'licence')} dans l'exemple"
    return " ; où leurs nombres diffèrent, vous choisirez" if terms else ""


def _describe_rows(lines: Sequence[ParsedRow], sheets: Sequence[str]) -> str:
    """Return « lignes 2 à 6 », « ligne 2, et ligne 7 de la feuille « Alès » »."""
    by_sheet: dict[int, list[int]] = {}
    for row in lines:
        by_sheet.setdefault(row.sheet, []).append(row.number)
    texts = [
        describe_numbers(numbers) + (f" de la feuille « {sheets[sheet]} »" if len(by_sheet) > 1 else "")
        for sheet, numbers in by_sheet.items()
    ]
    return ", et ".join(texts)


def describe_numbers(numbers: Sequence[int]) -> str:
    """Return « ligne 2 », « lignes 2 à 6 », « lignes 2, 5 et 9 »."""
    if len(numbers) == 1:
        return f"ligne {numbers[0]}"
    if list(numbers) == list(range(numbers[0], numbers[-1] + 1)):
        return f"lignes {numbers[0]} {'à' if len(numbers) > 2 else 'et'} {numbers[-1]}"  # noqa: PLR2004
    shown, left = list(map(str, numbers[:MAX_NAMED])), len(numbers) - MAX_NAMED
    last = f"{left} autres" if left > 0 else shown.pop()
    return f"lignes {', '.join(shown)} et {last}"
