"""Ask whether a column holds numbers of licences or classes, where they look like pupils, euros or years. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from imports.formats.sheet_types import CellRow
from imports.meanings import Meaning
from imports.parsing.column_mapping import MAX_UNTITLED_UNITS, ColumnMapping, column_letters
from imports.parsing.column_titles import Title
from imports.parsing.number_doubts import find_number_for_each, find_ranks, find_titled_doubt
from imports.parsing.number_table import MAX_SHOWN, NumberColumn, add_numbers, get_median, is_sum, list_number_columns
from imports.parsing.number_titles import Part, is_about_pupils, is_generic, is_ranked_wish
from imports.question import AnswerOption, LayoutQuestion

#: Hardly any school has more classes; a small school has as many pupils.
MAX_MEDIAN = 30
#: Of fewer numbers below a title that names licences or classes, a large one is believed.
MIN_NUMBERS = 3
#: Share of numbers above the bound that are no longer a few slips.
MAX_LARGE_SHARE = 0.1
#: Of the classes of one level, and in most schools: more are pupils.
MAX_PER_LEVEL, USUAL_PER_LEVEL = 5, 2
_WHAT = {Meaning.UNITS: "licences", Meaning.CLASSES: "classes"}


def ask_doubtful_numbers(
    mapping: ColumnMapping,
    titles: Sequence[Title],
    sample: Sequence[CellRow],
    answers: Mapping[str, str],
    banner: Sequence[CellRow] = (),
    *,
    hidden: Collection[int] = (),
) -> ColumnMapping:
    """Return the mapping with a question about numbers that are none of licences; without them once it is answered so.

    While the question is open, the column stays in the mapping, so that its numbers are shown. `banner`: the rows above
    the titles. `hidden`: the columns that the file hides.
    """
    numbers = list_number_columns(titles, sample)
    chosen = {question.column for question in mapping.questions if not question.is_open}
    for meaning, what in _WHAT.items():
        index = mapping.columns.get(meaning)
        if index is None or index not in numbers:
            continue
        parts = [numbers[part] for part in mapping.sums.get(meaning, (index,)) if part in numbers]
        reason = _find_reason(meaning, parts, list(numbers.values()))
        if not reason and any(part.position in hidden for part in parts):
            reason = "Cette colonne est masquée dans le fichier." if len(parts) == 1 else "Une part en est masquée."
        if not reason and meaning not in chosen:
            reason = _find_doubt(meaning, parts, list(numbers.values()), banner)
        if not reason:
            continue
        letters = "+".join(column_letters(part.position) for part in parts)
        question = LayoutQuestion(
            meaning,
            "doubtful_numbers",
            f"« {parts[0].title.text or parts[0].title.parent} » ({letters}) donne-t-elle bien le nombre de {what} ? "
            f"{reason}",
            (
                AnswerOption(letters, f"Oui, ce sont des {what}"),
                AnswerOption(f"not-{letters}", "Non : ne pas lire cette colonne"),
            ),
        ).answered_by(answers)
        mapping.questions.append(question)
        if question.answer.startswith("not-"):
            del mapping.columns[meaning]
            mapping.sums.pop(meaning, None)
    return mapping


def _find_reason(meaning: Meaning, parts: Sequence[NumberColumn], others: Sequence[NumberColumn]) -> str:
    """Return why these numbers may count another thing, "" where nothing says so."""
    first, counts = parts[0], add_numbers(parts)
    shown = ", ".join(map(str, counts[:MAX_SHOWN]))
    if get_median(counts) > MAX_UNTITLED_UNITS and len(counts) >= MIN_NUMBERS:
        return f"Ses nombres ({shown}) semblent être des élèves, des euros ou une année."
    if len(parts) > 1 or meaning is not Meaning.UNITS or not is_generic(first.title):
        return ""
    large = sum(number > MAX_UNTITLED_UNITS for number in counts)
    if get_median(counts) > MAX_MEDIAN or large >= max(MAX_LARGE_SHARE * len(counts), 1):
        return f"Ses nombres ({shown}) semblent être des élèves ou des euros, et son titre ne parle pas de licences."
    if is_ranked_wish(first.title):
        return "Son titre peut désigner un choix parmi plusieurs."
    added = _find_added_pupils(first, others)
    return f"Ses nombres sont la somme de {added}, qui comptent sans doute des élèves." if added else ""


def _find_doubt(
    meaning: Meaning, parts: Sequence[NumberColumn], others: Sequence[NumberColumn], banner: Sequence[CellRow]
) -> str:
    """Return why the numbers of a column that nobody chose may count another thing."""
    doubt = find_number_for_each(meaning, parts[0], banner)
    if doubt or len(parts) > 1:
        return doubt
    return find_titled_doubt(meaning, parts[0], others) or find_ranks(parts[0].counts)


def _find_added_pupils(total: NumberColumn, others: Sequence[NumberColumn]) -> str:
    """Return the columns of pupils whose sum a column is, "" where it is none."""
    pupils = [column for column in others if is_about_pupils(column.title) and column is not total]
    levels = [column for column in others if column.described.part is Part.LEVEL and column.described.counted is None]
    by_level = [number for level in levels for number in level.counts]
    if is_sum(total, levels) and max(by_level) <= MAX_PER_LEVEL and get_median(by_level) <= USUAL_PER_LEVEL:
        return ""
    found = next((columns for columns in (pupils, levels) if is_sum(total, columns)), [])
    return " et ".join(f"« {column.title.text} » ({column_letters(column.position)})" for column in found)
