"""Answers to a form, one line a person: who answered, and whose the addresses are. Pure."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence

from core import formatting
from imports.cells import CellType, cell_to_text
from imports.columns import DOMINANT_SHARE, Meaning
from imports.formats.sheet_types import CellRow, CellValue
from imports.parsing.cell_classification import classify_cell
from imports.parsing.column_titles import Title, match_meanings, title_words
from imports.parsing.rows import ParsedRow
from imports.parsing.stacked_tables import ReadTable
from imports.title_patterns import split_words
from schools.folding import fold

#: The moment of an answer, as forms record it: a day and an hour.
_MOMENT = re.compile(r"[0-9]{1,4}[-/.][0-9]{1,2}[-/.][0-9]{1,4}[ T]+(a |à )?[0-9]{1,2}[:h][0-9]{2}.*", re.IGNORECASE)
_TEACHER_WORDS = split_words(
    "enseignant enseignante professeur prof maitre maitresse instituteur institutrice demandeur repondant"
)
_NAME_WORDS = split_words("nom prenom patronyme")
#: Beside the word « nom »: what is named is no person.
_NAMED_THINGS = split_words("ecole etablissement college classe commune ville groupe circonscription")
#: How the address of a school begins: « ce.0301234x@… », « ecole-zola@… », « direction.zola@… ».
_SCHOOL_ADDRESS = re.compile(r"(ce\W|ec\W|eco|dir|prim|mat|elem|coll|clg|lyc|0[0-9]{6}[a-z]).*", re.IGNORECASE)
#: The last tier of titles that speak of addresses of the school or its head, and of nobody else.
_LAST_SCHOOL_TIER = 1
#: Of the schools, those with several addresses; fewer are slips.
MIN_SEVERAL_SHARE = 0.1


def is_form(titles: Sequence[Title], sample: Sequence[CellRow]) -> bool:
    """Whether each row is the answer of a person: it has the moment of it, or a teacher's name."""
    return any(
        not _TEACHER_WORDS.isdisjoint(title_words(title.text))
        or _holds(sample, index, lambda cell: bool(_MOMENT.fullmatch(cell_to_text(cell))))
        for index, title in enumerate(titles)
        if title.text
    )


def holds_several_addresses(index: int, columns: Mapping[Meaning, int], sample: Sequence[CellRow]) -> bool:
    """Whether schools that stand on several rows have another address on each of them."""
    naming = [columns[meaning] for meaning in (Meaning.UAI, Meaning.NAME, Meaning.COMMUNE) if meaning in columns]
    addresses: dict[tuple[str, ...], list[str]] = {}
    for row in sample:
        key = tuple(fold(_text_at(row, column)) for column in naming)
        if any(key) and (address := _text_at(row, index).lower()):
            addresses.setdefault(key, []).append(address)
    repeated = [found for found in addresses.values() if len(found) > 1]
    several = [found for found in repeated if len(set(found)) > 1]
    return len(several) * 2 > len(repeated) and len(several) >= MIN_SEVERAL_SHARE * len(addresses)


def may_be_personal(index: int, titles: Sequence[Title], sample: Sequence[CellRow]) -> bool:
    """Whether an address may be another's than the school's: of who answered a form, or of whom its title names."""
    if _holds(sample, index, lambda cell: bool(_SCHOOL_ADDRESS.match(cell_to_text(cell)))):
        return False
    tier = match_meanings(titles[index]).get(Meaning.EMAIL, 0)
    return tier > _LAST_SCHOOL_TIER or "votre" in fold(titles[index].text).split() or is_form(titles, sample)


def list_respondents(tables: Iterable[ReadTable]) -> dict[tuple[int, int], str]:
    """Return who each row is of, by its sheet and number: names and addresses; none where no column says it."""
    found: dict[tuple[int, int], str] = {}
    for table in tables:
        sheet, titles = table.detected.sheet, table.detected.titles
        taken = {table.columns.get(meaning) for meaning in (Meaning.NAME, Meaning.COMMUNE, Meaning.UAI)}
        columns = [
            index
            for index, title in enumerate(titles)
            if index not in taken and (_names_person(title) or _is_address(index, table))
        ]
        numbers = {row.number for row in table.body.rows}
        for number, row in enumerate(sheet.rows(), start=1) if columns else ():
            person = " ".join(filter(None, (fold(_text_at(row, index)) for index in columns)))
            if person and number in numbers:
                found[table.detected.index, number] = person
    return found


def describe_repeated_answers(
    rows: Sequence[ParsedRow], groups: Mapping[str, Sequence[int]], respondents: Mapping[tuple[int, int], str]
) -> list[str]:
    """Return a remark about persons who answered several times for one school, and are counted once; none without."""
    again = 0
    for indexes in groups.values() if respondents else ():
        people = [respondents.get((rows[index].sheet, rows[index].number), index) for index in indexes]
        again += len(people) - len(set(people))
    if not again:
        return []
    lines = "Une ligne répète" if again == 1 else f"{formatting.number(again)} lignes répètent"
    return [f"{lines} la réponse d'une même personne pour une même école : elle est comptée une fois."]


def _names_person(title: Title) -> bool:
    words = frozenset(title_words(title.text))
    return not words.isdisjoint(_TEACHER_WORDS) or bool(words & _NAME_WORDS and not words & _NAMED_THINGS)


def _is_address(index: int, table: ReadTable) -> bool:
    return _holds(table.detected.sample, index, lambda cell: bool(classify_cell(cell) & CellType.EMAIL))


def _holds(sample: Sequence[CellRow], index: int, is_one: Callable[[CellValue], bool]) -> bool:
    cells = [row[index] for row in sample if index < len(row) and row[index] != ""]
    return bool(cells) and sum(map(is_one, cells)) >= DOMINANT_SHARE * len(cells)


def _text_at(row: CellRow, index: int) -> str:
    return cell_to_text(row[index]) if index < len(row) else ""
