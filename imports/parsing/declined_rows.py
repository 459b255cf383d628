"""Rows that the file sets apart: hidden, struck through, in a sheet of refusals, or left by a category. Pure.

They stay in the table, unticked, each with its reason: a filter may have been left on, and a cross forgotten.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import NamedTuple

from core import formatting
from imports.answers import AGAINST, read_answer, refuses_below
from imports.columns import Meaning
from imports.formats.sheet_types import WorkbookSheet
from imports.layout import LayoutQuestion
from imports.parsing.ignored_rows import GROUP, NOTE
from imports.parsing.row_categories import (
    NOTE_NAME,
    UnreadColumn,
    ask_row_categories,
    group_by_category,
    list_unread_columns,
    read_remarks,
)
from imports.parsing.row_colours import Place, find_row_colours
from imports.parsing.rows import ParsedRow
from imports.parsing.stacked_tables import ReadTable
from imports.problems import RowNote

#: Codes of the notes of such rows, and of remarks that are shown and untick no row.
DECLINED, SHOWN = "declined", "file_remark"
#: Longer texts are no headings of a group.
MAX_HEADING_LENGTH = 60
MARKED_DIGITS = (
    "Des chiffres y sont barrés ou en exposant, et lus comme les autres (« 5 » suivi d'un petit « 1 » est lu 51) : "
    "vérifiez ses nombres avant de la cocher."
)
_HEADINGS = frozenset({GROUP.reason, NOTE.reason})


class DeclinedRows(NamedTuple):
    """What the file sets apart."""

    #: The notes of the rows, by sheet and by row number.
    notes: dict[Place, list[RowNote]]
    #: The rows that are a legend of colours.
    legends: frozenset[Place]
    #: The question which rows to take, None where nothing parts them.
    question: LayoutQuestion | None
    #: French sentences about legends of colours that are not applied.
    remarks: list[str]


def list_declined_rows(
    tables: Sequence[ReadTable], sheets: Sequence[WorkbookSheet], communes: frozenset[str], answers: Mapping[str, str]
) -> DeclinedRows:
    """Return the rows that mean no. `sheets`: those that are not read. `communes`: folded names of known communes."""
    coloured = find_row_colours(tables, sheets)
    unread = list_unread_columns(tables, communes, coloured.legend_cells)
    groups = {id(column): group_by_category(column, communes) for column in unread}
    every = [*chain.from_iterable(groups.values()), *coloured.colours]
    question = ask_row_categories(every, answers)
    left: dict[Place, str] = {}
    if question is not None and not question.is_open:
        for group in every:
            left = left if group.value in question.taken else dict.fromkeys(group.rows, group.reason) | left
    others = [column for column in unread if not groups[id(column)]]
    remarks = read_remarks([*others, *_list_notes(tables)], communes)
    headings = dict(_list_rows_below_headings(tables))
    reasons: dict[Place, str] = {}
    for each in (_find_rows_of_refused_sheets(tables), _find_struck_rows(tables), left, remarks.against):
        reasons = each | reasons
    refused = {place: f"elle est sous le titre « {text} »" for place, text in headings.items() if _is_refusal(text)}
    reasons = _find_hidden_rows(tables) | refused | reasons
    notes = {
        place: [
            RowNote("", DECLINED, f"{_name_source(reason, left.get(place), remarks.against.get(place))} : {reason}.")
        ]
        for place, reason in reasons.items()
    }
    shown = {
        place: [f"au-dessus, le fichier dit « {text} »"] for place, text in headings.items() if place not in refused
    }
    for table in tables:
        for number, _ in table.detected.sheet.marked_digits:
            notes.setdefault((table.detected.index, number), []).append(RowNote("", DECLINED, MARKED_DIGITS))
    for place, sentences in [*shown.items(), *remarks.shown.items()]:
        lines = [f"{sentence[:1].upper()}{sentence[1:]}." for sentence in sentences]
        notes.setdefault(place, []).extend(RowNote("", SHOWN, sentence) for sentence in lines)
    return DeclinedRows(notes, coloured.legend_rows, question, coloured.remarks)


def _name_source(reason: str, answered: str | None, remarked: str | None) -> str:
    """Return who sets a row apart: the member, a remark that may say anything, or the file by what it hides."""
    if reason == answered:
        return "Vos réponses écartent cette ligne"
    return "Remarque du fichier" if reason == remarked else "Le fichier semble écarter cette ligne"


def _list_schools(table: ReadTable) -> Iterator[Place]:
    return ((row.sheet, row.number) for row in table.body.rows if not row.ignored)


def _find_rows_of_refused_sheets(tables: Sequence[ReadTable]) -> dict[Place, str]:
    """Return the rows of sheets whose names say no, where other sheets are read as well."""
    names = {table.detected.index: table.detected.sheet.name for table in tables}
    refused = {index for index, name in names.items() if refuses_below(name)}
    return {
        place: f"elle est dans la feuille « {names[place[0]]} »"
        for table in tables
        if table.detected.index in refused and refused != names.keys()
        for place in _list_schools(table)
    }


def _find_struck_rows(tables: Sequence[ReadTable]) -> dict[Place, str]:
    """Return the rows whose school or number is struck through."""
    found = set()
    for table in tables:
        telling = {table.columns.get(meaning) for meaning in (Meaning.UAI, Meaning.NAME, Meaning.UNITS)}
        found |= {(table.detected.index, row) for row, index in table.detected.sheet.struck if index in telling}
    return dict.fromkeys(found, "elle est barrée dans le fichier")


def _find_hidden_rows(tables: Sequence[ReadTable]) -> dict[Place, str]:
    found = {(table.detected.index, number) for table in tables for number in table.detected.sheet.hidden_rows}
    return dict.fromkeys(found, "elle est masquée dans le fichier, par un filtre sans doute")


def _list_rows_below_headings(tables: Sequence[ReadTable]) -> Iterator[tuple[Place, str]]:
    """Iterate over the rows below a heading that speaks against them, each with the text of the heading."""
    for table in tables:
        heading = ""
        for row in table.body.rows:
            if row.ignored in _HEADINGS:
                text = next(iter(row.cells.values()), "")
                is_against = len(row.cells) == 1 and len(text) <= MAX_HEADING_LENGTH and read_answer(text) in AGAINST
                heading = text if is_against or _is_refusal(text) else ""
            elif heading and not row.ignored:
                yield (row.sheet, row.number), heading


def _is_refusal(heading: str) -> bool:
    """Whether a heading is that of a group of refused schools; one without a capital is a comment on a school."""
    return heading[:1].isupper() and refuses_below(heading)


def _list_notes(tables: Sequence[ReadTable]) -> list[UnreadColumn]:
    """Return the notes on the cells of schools, as a column of remarks."""
    if not any(table.detected.sheet.notes for table in tables):
        return []
    places = [place for table in tables for place in _list_schools(table)]
    schools, texts = set(places), dict[str, list[Place]]()
    for table in tables:
        for (number, _), text in table.detected.sheet.notes.items():
            if (table.detected.index, number) in schools:
                texts.setdefault(text, []).append((table.detected.index, number))
    return [UnreadColumn("", "", NOTE_NAME, texts, places)]


def describe_declined(rows: Iterable[ParsedRow]) -> str:
    """Return the French remark about the declined rows of a table, "" where there are none.

    It stays true when a member ticks them.
    """
    sentences = Counter(note.message for row in rows for note in row.notes if note.code == DECLINED)
    count = sentences.total()
    reasons = summarize_reasons(sentences.most_common())
    if count > 1:
        return f"{count} lignes ne sont pas cochées d'office ({reasons})."
    return f"Une ligne n'est pas cochée d'office ({reasons})." if count else ""


#: What the notes of rows say, and how they are counted: « 3 barrées », « 2 par la colonne « Avis » ».
_COUNTED_REASONS = (
    (re.compile(r": (la colonne .+?|une note) (?:dit|est vide)"), "par {}"),
    (re.compile(r": elle est (dans la feuille « .+ »|sous le titre « .+ »)"), "{}"),
    (re.compile(r": elle est ((?:écrite )?en [a-z]+) dans le fichier"), "{}"),
    (re.compile(r": elle est (barrée|masquée) dans le fichier"), "{}"),
    (re.compile(r"Des (chiffres)"), "aux {} barrés ou en exposant"),
)


def summarize_reasons(sentences: Iterable[tuple[str, int]]) -> str:
    """Return « 3 barrées, 2 masquées » from the number of rows by the sentence of their note."""
    counts: Counter[str] = Counter()
    for sentence, rows in sentences:
        for pattern, form in _COUNTED_REASONS:
            if found := pattern.search(sentence):
                counts[form.format(found[1])] += rows
                break
    return ", ".join(
        formatting.pluralize(rows, words, f"{words}s" if words in {"barrée", "masquée"} else words)
        for words, rows in counts.items()
    )
