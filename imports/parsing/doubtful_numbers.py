"""Ask whether a column holds the numbers of licences or classes to give, where its title or its numbers leave a doubt.

A title of other words than those known as plain is asked about: « Licences rendues » are not to be given, nor
« Licences supplémentaires » in place of those that the school has. Pure.
"""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence

from imports.cells import cell_to_text, parse_quantity
from imports.columns import NAMING_COLUMNS, NUMBER_COLUMNS, Meaning
from imports.formats.sheet_types import CellRow
from imports.layout import ADD, DOUBTFUL_NUMBERS, AnswerOption, LayoutQuestion
from imports.parsing.column_mapping import MAX_UNTITLED_UNITS, ColumnMapping, SampledTable, column_letters
from imports.parsing.column_titles import (
    Part,
    Title,
    is_about_pupils,
    is_generic,
    list_doubtful_words,
)
from imports.parsing.number_columns import (
    NumberColumn,
    add_numbers,
    get_median,
    is_sum,
    list_number_columns,
    show_numbers,
)
from schools.folding import fold

#: Of fewer numbers, each from 1 on may stand once by chance.
MIN_RANKS = 8
#: Hardly any school has more classes; a small school has as many pupils.
MAX_MEDIAN = 30
#: Of fewer numbers below a title that names licences or classes, a large one is believed.
MIN_NUMBERS = 3
#: Share of numbers above the bound that are no longer a few slips.
MAX_LARGE_SHARE = 0.1
#: Of the classes of one level, and in most schools: more are pupils.
MAX_PER_LEVEL, USUAL_PER_LEVEL = 5, 2
_WHAT = {Meaning.UNITS: "licences", Meaning.CLASSES: "classes"}
_NURSERY_PART = re.compile(r"dont .*\b(maternelles?|mat|preelementaires?|petites?|tps|ps|ms|gs|cycle (1|i))\b")
_NUMBER_FOR_EACH = re.compile(
    r"\b([0-9]{1,3}) (?:licence|abonnement|cle)s? (?:(?:pour|a) )?(?:par|chaque|chacune?)\b"
    r"(?! (?:classe|enseignant|eleve))"
)
#: Words of a title by which one of the answers is likely.
_ADDED = re.compile(r"\+|plus\b|supple|complement|ajout|addition|rallonge|renfort|nouve")
_NOT_GIVEN = re.compile(
    r"rend|annul|refus|rest|retir|retrait|repr|suppr|perd|ferm|trop|exced|solde|ecart|hors|deja|ancien|expir|utilis|"
    r"consomm|non\b|sans|n\b|resili|moins"
)


def ask_doubtful_numbers(
    mapping: ColumnMapping, table: SampledTable, banner: Sequence[CellRow], by_hand: Mapping[Meaning, int | None]
) -> None:
    """Ask about numbers in doubt, and take those that are not to be read out of the mapping.

    While the question is open, the column stays in the mapping, so that its numbers are shown. `banner`: the rows above
    the titles. `by_hand`: the columns that the member chose, of which only the numbers are doubted.
    """
    titles, answers, recalled = table.titles, table.answers, table.recalled
    numbers = list_number_columns(titles, table.sample)
    # A title above the names of the schools as well is that of the table.
    banners = {titles[index].parent for meaning, index in mapping.columns.items() if meaning in NAMING_COLUMNS}
    own_titles = [Title(title.child) if title.parent in banners - {""} else title for title in titles]
    for meaning in NUMBER_COLUMNS:
        indexes = mapping.sums.get(meaning, (mapping.columns[meaning],)) if meaning in mapping.columns else ()
        parts = [numbers[index] for index in indexes if index in numbers]
        words = [
            word for index in indexes for word in list_doubtful_words(meaning, own_titles[index], table.school_year)
        ]
        if not indexes or not (parts or words):
            continue
        is_answered = any(
            one.column == meaning and one.answer == answers.get(one.code) and one.code not in recalled
            for one in mapping.questions
        )
        is_chosen = is_answered or by_hand.get(meaning) in indexes
        letters = "+".join(map(column_letters, indexes))
        reason = _find_reason(meaning, parts, numbers, table.hidden) if parts and not is_answered else ""
        if not reason and parts and not is_chosen and not words:
            reason = _find_doubt(meaning, parts, list(numbers.values()), banner)
        if reason or words:
            title = titles[indexes[0]]
            name = f"« {' '.join((title.text or title.parent).split())} » ({letters})"
            question = _build_question(meaning, name, letters, add_numbers(parts), words, reason=reason)
            if answers.get(DOUBTFUL_NUMBERS) == letters:
                # Of the column that a program names.
                answers = {**answers, DOUBTFUL_NUMBERS: f"give-{letters}"}
            question = question.answered_by(answers if reason else {**recalled, **answers})
            if reason or not (is_chosen and question.is_open):
                mapping.questions.append(question)
            if question.answer.startswith("not-"):
                del mapping.columns[meaning]
                mapping.sums.pop(meaning, None)


def _build_question(
    meaning: Meaning, name: str, letters: str, counts: Sequence[int], words: Sequence[str], *, reason: str
) -> LayoutQuestion:
    """Return the question about columns. `words`: doubtful ones of their titles; `reason`: what else raises a doubt."""
    what = _WHAT[meaning]
    if reason:
        message = f"{name} donne-t-elle bien le nombre de {what} ? {reason}"
    else:
        shown = show_numbers(counts) or "aucun pour l'instant"
        wanted = "ce qu'il faut donner" if meaning is Meaning.UNITS else "les classes de chaque école"
        message = f"{name} : ces nombres ({shown}) sont-ils {wanted} ?"
    labels = {
        "give": "Oui : chaque école aura ce nombre en tout" if meaning is Meaning.UNITS else "Oui, ce sont des classes"
    }
    if words:
        labels["add"] = "Les ajouter à ce que l'école a déjà"
    labels["not"] = "Non : ne pas lire cette colonne"
    likely = {
        answer
        for answer, words_of in (("add", _ADDED), ("not", _NOT_GIVEN))
        if answer in labels and any(map(words_of.match, words))
    }
    return LayoutQuestion(
        meaning,
        DOUBTFUL_NUMBERS,
        message,
        tuple(AnswerOption(f"{answer}-{letters}", label) for answer, label in labels.items()),
        likely=f"{likely.pop()}-{letters}" if len(likely) == 1 else "",
    )


def leave_out_adding(question: LayoutQuestion) -> LayoutQuestion:
    """Return a question without the answer that the numbers are added."""
    options = tuple(option for option in question.options if not option.value.startswith(ADD))
    return question._replace(options=options, likely="" if question.likely.startswith(ADD) else question.likely)


def _find_reason(
    meaning: Meaning, parts: Sequence[NumberColumn], numbers: Mapping[int, NumberColumn], hidden: Collection[int]
) -> str:
    """Return why these numbers may count another thing, "" where nothing says so."""
    first, counts = parts[0], add_numbers(parts)
    shown = show_numbers(counts)
    if get_median(counts) > MAX_UNTITLED_UNITS and len(counts) >= MIN_NUMBERS:
        return f"Ses nombres ({shown}) semblent être des élèves, des euros ou une année."
    if len(parts) == 1 and meaning is Meaning.UNITS and is_generic(first.title):
        large = sum(number > MAX_UNTITLED_UNITS for number in counts)
        if get_median(counts) > MAX_MEDIAN or large >= max(MAX_LARGE_SHARE * len(counts), 1):
            return (
                f"Ses nombres ({shown}) semblent être des élèves ou des euros, et son titre ne parle pas de licences."
            )
        if added := _find_added_pupils(first, list(numbers.values())):
            return f"Ses nombres sont la somme de {added}, qui comptent sans doute des élèves."
    if any(part.position in hidden for part in parts):
        return "Cette colonne est masquée dans le fichier." if len(parts) == 1 else "Une part en est masquée."
    return ""


def _find_doubt(
    meaning: Meaning, parts: Sequence[NumberColumn], others: Sequence[NumberColumn], banner: Sequence[CellRow]
) -> str:
    """Return why the numbers of a column that nobody chose may count another thing."""
    column = parts[0]
    doubt = _find_number_for_each(meaning, column, banner)
    if doubt or len(parts) > 1:
        return doubt
    if meaning is Meaning.CLASSES or is_generic(column.title):
        nursery = next((other for other in others if _counts_nursery_part(other) and other is not column), None)
        if nursery is not None:
            return f"Elle compte aussi la maternelle : {_name(nursery)}."
    counts = column.counts
    if len(counts) >= MIN_RANKS and sorted(counts) == [*range(1, len(counts) + 1)]:
        return f"Ses nombres vont de 1 à {len(counts)}, chacun une seule fois : ils numérotent sans doute les lignes."
    return ""


def _find_number_for_each(meaning: Meaning, column: NumberColumn, banner: Iterable[CellRow]) -> str:
    """Return a sentence where the rows above a table grant a number that its column does not give."""
    if meaning is Meaning.UNITS and not is_generic(column.title):
        return ""
    for row in banner:
        for text in map(cell_to_text, row):
            found = _NUMBER_FOR_EACH.search(fold(text))
            if found is not None and set(column.counts) != {parse_quantity(found[1])}:
                return f"Au-dessus du tableau, le fichier dit « {' '.join(text.split())[:80]} »."
    return ""


def _counts_nursery_part(column: NumberColumn) -> bool:
    own = fold(column.title.child or column.title.text)
    return any(column.counts) and _NURSERY_PART.match(own) is not None


def _find_added_pupils(total: NumberColumn, others: Sequence[NumberColumn]) -> str:
    """Return the columns of pupils whose sum a column is, "" where it is none."""
    pupils = [column for column in others if is_about_pupils(column.title) and column is not total]
    levels = [column for column in others if column.described.part is Part.LEVEL and column.described.counted is None]
    by_level = [number for level in levels for number in level.counts]
    if is_sum(total, levels) and max(by_level) <= MAX_PER_LEVEL and get_median(by_level) <= USUAL_PER_LEVEL:
        return ""
    found = next((columns for columns in (pupils, levels) if is_sum(total, columns)), [])
    return " et ".join(map(_name, found))


def _name(column: NumberColumn) -> str:
    return f"« {column.title.text} » ({column_letters(column.position)})"
