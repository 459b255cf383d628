"""Ask whether a column holds numbers of licences or classes, where they look like pupils, euros or years. Pure."""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence

from imports.cells import cell_to_text, parse_quantity
from imports.columns import Meaning
from imports.formats.sheet_types import CellRow
from imports.layout import AnswerOption, LayoutQuestion
from imports.parsing.column_mapping import MAX_UNTITLED_UNITS, ColumnMapping, column_letters
from imports.parsing.column_titles import (
    KNOWN_WORDS,
    Part,
    Title,
    is_about_pupils,
    is_generic,
    is_ranked_wish,
    title_words,
)
from imports.parsing.number_columns import MAX_SHOWN, NumberColumn, add_numbers, get_median, is_sum, list_number_columns
from schools.folding import fold

# Reasons why a column of numbers under a fitting title may count another thing. Pure.
#
# Each function returns a French sentence, or "" where nothing speaks against the numbers.

#: Of fewer numbers, each from 1 on may stand once by chance.
MIN_RANKS = 8
_OPENED = re.compile(r"\bouver")
_CLOSED = re.compile(r"\bferme")
_NURSERY_PART = re.compile(r"dont .*\b(maternelles?|mat|preelementaires?|petites?|tps|ps|ms|gs|cycle (1|i))\b")
_PACKS = re.compile(r"\b(packs?|paquets?|carnets?|bouquets?|coffrets?|(lots?|kits?) de [0-9]+)\b")
_NUMBER_FOR_EACH = re.compile(
    r"\b([0-9]{1,3}) (?:licence|abonnement|cle)s? (?:(?:pour|a) )?(?:par|chaque|chacune?)\b"
    r"(?! (?:classe|enseignant|eleve))"
)


def find_titled_doubt(meaning: Meaning, column: NumberColumn, others: Sequence[NumberColumn]) -> str:
    """Return what the titles of a column and of those beside it say against its numbers."""
    title, generic = fold(column.title.text or column.title.parent), is_generic(column.title)
    if meaning is Meaning.UNITS and column.described.part is Part.PAST:
        return "Son titre parle de licences d'avant, et non de celles à donner."
    if meaning is Meaning.UNITS and _PACKS.search(title):
        return "Son titre compte des lots, dont chacun peut valoir plusieurs licences."
    if meaning is Meaning.UNITS and generic and _names_another_thing(column.title.parent):
        return "Son titre ne parle pas de licences."
    if meaning is Meaning.UNITS and not generic:
        return ""
    closed = next((other for other in others if _CLOSED.search(fold(other.title.text))), None)
    if closed is not None and _OPENED.search(title):
        return f"À côté de {_name(closed)}, elle compte sans doute les ouvertures de la rentrée."
    nursery = next((other for other in others if _counts_nursery_part(other) and other is not column), None)
    return f"Elle compte aussi la maternelle : {_name(nursery)}." if nursery is not None else ""


def find_ranks(counts: Sequence[int]) -> str:
    """Return a sentence where the numbers are those from 1 on, each of them once."""
    if len(counts) < MIN_RANKS or sorted(counts) != [*range(1, len(counts) + 1)]:
        return ""
    return f"Ses nombres vont de 1 à {len(counts)}, chacun une seule fois : ils numérotent sans doute les lignes."


def find_number_for_each(meaning: Meaning, column: NumberColumn, banner: Iterable[CellRow]) -> str:
    """Return a sentence where the rows above a table grant a number that its column does not give."""
    if meaning is Meaning.UNITS and not is_generic(column.title):
        return ""
    for row in banner:
        for text in map(cell_to_text, row):
            found = _NUMBER_FOR_EACH.search(fold(text))
            if found is not None and set(column.counts) != {parse_quantity(found[1])}:
                return f"Au-dessus du tableau, le fichier dit « {' '.join(text.split())[:80]} »."
    return ""


def _names_another_thing(parent: str) -> bool:
    """Whether no word of a title is one of those that titles of schools and licences have: « Tablettes »."""
    words = [word for word in title_words(parent) if not word.isdecimal()]
    return bool(words) and not any(word in KNOWN_WORDS["all"] for word in words)


def _counts_nursery_part(column: NumberColumn) -> bool:
    own = fold(column.title.child or column.title.text)
    return any(column.counts) and _NURSERY_PART.match(own) is not None


def _name(column: NumberColumn) -> str:
    return f"« {column.title.text} » ({column_letters(column.position)})"


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
