"""Ask which rows to take, by the columns that nobody reads: « Statut : Validé 6 · En attente 2 · Abandon 1 ». Pure.

A column is passed over only where its title or its cells are known to describe a school. What has too many texts for
categories is a column of remarks: each is shown in its row, and unticks it where it refuses, or few rows have one.
"""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from textwrap import shorten
from typing import NamedTuple

from core import formatting
from imports.answers import (
    AGAINST,
    AGREEING,
    CONTRARY_PREFIXES,
    DATE,
    TICKS,
    CellAnswer,
    get_category,
    is_refusal,
    is_title_of_remarks,
    read_answer,
    speaks_against,
    speaks_of_giving,
)
from imports.cells import cell_to_text
from imports.columns import RETURNED_TITLES, Meaning, is_added_title
from imports.layout import AnswerOption, LayoutQuestion
from imports.parsing.cell_classification import MAX_SAMPLED_COLUMNS
from imports.parsing.column_mapping import column_letters
from imports.parsing.descriptions import (
    DIRECTORY_STATES,
    counts_something,
    find_stray_remarks,
    is_descriptive,
    is_harmless_title,
    is_year,
    speaks_for,
)
from imports.parsing.row_colours import Place, RowGroup
from imports.parsing.stacked_tables import ReadTable
from schools.folding import fold

QUESTION = "row_categories"
#: A column of more texts, or of longer ones, is one of remarks.
MAX_CATEGORIES, MAX_CATEGORY_LENGTH = 12, 60
#: Larger numbers under an unknown title count something, in the singular and in the plural.
MAX_NUMBER, MAX_COUNT = 9, 3
#: A list of more years is an archive.
MAX_YEARS = 3
#: So few texts are categories although none comes again.
MAX_UNREPEATED = 3
#: Share of the cells that repeat another one.
MIN_REPEATED_SHARE = 1 / 3
#: Share of the rows with a cross, below which it may as well mean the contrary of taking part.
MIN_TICKED_SHARE = 0.2
#: Where this share of the rows has an answer that gives, the column says who takes part.
MIN_AGREED_SHARE = 1 / 3
#: Of the rows, above which texts describe them: then those that refuse alone untick theirs.
MAX_REMARKS_SHARE = 0.8
#: Letters shown of a remark.
MAX_REMARK_LENGTH = 120
#: The name of the notes on cells, in sentences.
NOTE_NAME = "une note"
#: The level that says whom a list of schools is not for, rather than which school is meant.
_SECONDARY = "secondaire"


@dataclass(eq=False)
class UnreadColumn:
    """A column of one or more tables that no meaning takes.

    `key`: its letters, in the values of options. `name`: in sentences. `texts`: the rows of each.
    """

    key: str
    title: str
    name: str
    texts: dict[str, list[Place]]
    #: All rows of schools of these tables.
    places: list[Place]


def list_unread_columns(
    tables: Sequence[ReadTable], communes: frozenset[str], legends: Collection[tuple[int, int, int]]
) -> list[UnreadColumn]:
    """Return the columns that may say something of taking part, with the texts of the rows of schools.

    `communes`: folded names of known communes. `legends`: cells that say nothing of their row, by sheet, row, column.
    """
    found: dict[tuple[str, str], UnreadColumn] = {}
    for table in tables:
        schools = {row.number for row in table.body.rows if not row.ignored}
        columns: dict[int, UnreadColumn] = {}
        for index, title in _list_candidates(table, communes):
            letters = column_letters(index)
            name = f"la colonne « {title} »" if title else f"la colonne {letters}"
            columns[index] = found.setdefault((letters, fold(title)), UnreadColumn(letters, title, name, {}, []))
            columns[index].places.extend((table.detected.index, number) for number in sorted(schools))
        if columns:
            _collect_texts(table, columns, schools, legends)
    counts = Counter[str]()
    for column in found.values():
        counts[column.key] += 1
        if counts[column.key] > 1:
            # Another title in the same place, in another table.
            column.key = f"{column.key}{counts[column.key]}"
    return list(found.values())


def _collect_texts(
    table: ReadTable,
    columns: Mapping[int, UnreadColumn],
    schools: Collection[int],
    legends: Collection[tuple[int, int, int]],
) -> None:
    """Add the texts of the rows of schools to the columns."""
    sheet = table.detected.index
    for number, row in islice(enumerate(table.detected.sheet.rows(), start=1), max(schools, default=0)):
        for index, column in columns.items() if number in schools else ():
            text = cell_to_text(row[index]) if index < len(row) else ""
            if text and (sheet, number, index) not in legends:
                column.texts.setdefault(text, []).append((sheet, number))


def _list_candidates(table: ReadTable, communes: frozenset[str]) -> Iterator[tuple[int, str]]:
    """Iterate over the columns, with their titles, that the first rows do not show to be harmless."""
    meanings = {index: meaning for meaning, index in table.columns.items()}
    titles = [" ".join(title.text.split()) for title in table.detected.titles]
    ours = set(RETURNED_TITLES) if titles[-len(RETURNED_TITLES) :] == [*RETURNED_TITLES] else set()
    width = max([len(titles), *map(len, table.detected.sample)])
    for index in range(min(width, MAX_SAMPLED_COLUMNS)):
        title, meaning = titles[index] if index < len(titles) else "", meanings.get(index)
        if is_added_title(title) or title in ours or (meaning is not None and meaning.column.is_critical):
            continue
        texts = [text for row in table.detected.sample if index < len(row) and (text := cell_to_text(row[index]))]
        has_strays = bool(find_stray_remarks(texts, len(table.detected.sample), communes))
        if meaning is not None:
            # « Votre école participe-t-elle ? » is taken for a column of names.
            is_asked = not is_harmless_title(title) and _are_ticks(texts)
            is_asked = is_asked or any(map(is_refusal, texts)) or has_strays
            is_asked = is_asked or (
                meaning is Meaning.KIND
                and (_SECONDARY in map(fold, texts) or not any(is_descriptive(text, communes) for text in texts))
            )
        elif is_harmless_title(title, with_ticks=_are_ticks(texts)):
            is_asked = any(map(speaks_of_giving, texts)) or has_strays
        else:
            is_asked = len(set(map(get_category, texts))) <= MAX_CATEGORIES or not all(
                is_descriptive(text, communes) for text in texts
            )
        if is_asked:
            yield index, title


def _are_ticks(texts: Collection[str]) -> bool:
    ticks = sum(read_answer(text) in {*TICKS, CellAnswer.NO} for text in texts)
    return 0 < len(texts) <= 2 * ticks


def group_by_category(column: UnreadColumn, communes: frozenset[str]) -> list[RowGroup]:
    """Return the rows by the categories of a column, the most frequent first and empty cells last; none without any."""
    if not _has_categories(column, communes):
        return []
    texts: dict[str, str] = {}
    rows: dict[str, list[Place]] = {}
    for text, places in column.texts.items():
        category = get_category(text)
        texts.setdefault(category, "une date" if category == DATE else text)
        rows.setdefault(category, []).extend(places)
    if blank := set(column.places).difference(*rows.values()):
        texts[""], rows[""] = "", sorted(blank)
    taken = _list_likely_taken(column, texts)
    title = f"{column.title} ({column.key})" if column.title else f"Colonne {column.key}"
    return [
        RowGroup(
            f"{column.key}:{category}",
            f"{title} : {texts[category] or 'case vide'} – {formatting.pluralize(len(rows[category]), 'ligne')}",
            column.name,
            describe_cell(column.name, texts[category]),
            rows[category],
            category not in taken,
        )
        for category in sorted(texts, key=lambda category: (not category, -len(rows[category])))
    ]


def _list_likely_taken(column: UnreadColumn, texts: Mapping[str, str]) -> set[str]:
    """Return the categories that are filled in as taken: only those that say yes, as a wrong tick is a wrong gift.

    `texts`: a text of each category.
    """
    answers = {category: read_answer(text) for category, text in texts.items()}
    found = set(answers.values())
    if is_harmless_title(column.title):
        return {
            category
            for category, text in texts.items()
            if not (answers[category] in AGAINST and speaks_of_giving(text))
        }
    if speaks_against(column.title):
        taken = {CellAnswer.NO, CellAnswer.BLANK}
    else:
        taken = {CellAnswer.AGREED}
        is_of_remarks = is_title_of_remarks(column.title)
        if is_of_remarks or found <= AGAINST | {CellAnswer.BLANK}:
            taken.add(CellAnswer.BLANK)
        if is_of_remarks or speaks_for(column.title):
            taken |= _list_taken_ticks(column, found)
    affirmed = {category for category in texts if CellAnswer.AGREED in taken and _is_affirmed(category, texts)}
    return {category for category, answer in answers.items() if answer in taken} | affirmed


def _list_taken_ticks(column: UnreadColumn, found: set[CellAnswer]) -> set[CellAnswer]:
    """Return the ticks and numbers that give, below a title that asks who takes part."""
    if CellAnswer.NUMBER in found:
        # « 1 » is no yes beside « 2 », but both are more than « 0 ».
        return {CellAnswer.YES, CellAnswer.NUMBER} if CellAnswer.NO in found else set()
    crosses = sum(len(places) for text, places in column.texts.items() if read_answer(text) is CellAnswer.CROSS)
    is_plain = found.isdisjoint({CellAnswer.CHECK, CellAnswer.OTHER}) and (
        CellAnswer.BLANK not in found or crosses > MIN_TICKED_SHARE * len(column.places)
    )
    return {CellAnswer.YES, CellAnswer.CHECK} | ({CellAnswer.CROSS} if is_plain else set())


def _is_affirmed(category: str, others: Collection[str]) -> bool:
    """Whether another category is the contrary of this one: « complet » beside « incomplet »."""
    return any(prefix + category in others for prefix in CONTRARY_PREFIXES if category)


def _has_categories(column: UnreadColumn, communes: frozenset[str]) -> bool:
    texts, rows = list(column.texts), len(column.places)
    filled = sum(map(len, column.texts.values()))
    categories = {get_category(text) for text in texts}
    if not texts or len(categories) > MAX_CATEGORIES or max(map(len, texts)) > MAX_CATEGORY_LENGTH:
        return False
    if all(map(is_year, texts)):
        is_asked = bool(column.title) and not is_harmless_title(column.title)
        return is_asked and 1 < len(categories) + (filled < rows) <= MAX_YEARS
    if _describe_schools(column, categories, communes):
        return False
    if len(categories) == 1 and filled == rows:
        # What all rows have parts none from the others, unless it refuses them all.
        answer = read_answer(texts[0])
        return answer is not CellAnswer.NO if speaks_against(column.title) else answer in AGAINST
    is_repeated = filled - len(categories) >= max(MIN_REPEATED_SHARE * filled, 1)
    if all(map(str.isdecimal, texts)):
        return is_repeated or column.texts.keys() <= {"0", "1"}
    has_ticks = _are_ticks(_list_cells(column))
    return is_repeated or has_ticks or (len(categories) <= MAX_UNREPEATED and filled * 2 >= rows)


def _describe_schools(column: UnreadColumn, categories: set[str], communes: frozenset[str]) -> bool:
    """Whether a column of few texts describes the schools, or counts something in them."""
    if column.title.lower() in {"etat", "état"} and categories <= DIRECTORY_STATES:
        return True
    is_harmless = is_harmless_title(column.title, with_ticks=_are_ticks(column.texts))
    texts = column.texts.keys() - _find_strays(column, communes)
    if is_harmless and _SECONDARY not in map(fold, texts) and not any(map(speaks_of_giving, texts)):
        return True
    if all(map(str.isdecimal, column.texts)):
        # « Étape », and not « Tablettes ».
        limit = MAX_COUNT if column.title.partition(" ")[0].endswith(("s", "x")) else MAX_NUMBER
        return counts_something(column.title) or max(map(int, column.texts)) > limit
    if categories == {DATE}:
        return sum(map(len, column.texts.values())) == len(column.places)
    return not speaks_against(column.title) and all(is_descriptive(text, communes) for text in column.texts)


def ask_row_categories(groups: Sequence[RowGroup], answers: Mapping[str, str]) -> LayoutQuestion | None:
    """Return the question which rows to take, with its likely answer; None where nothing tells them apart."""
    if not groups:
        return None
    *others, last = dict.fromkeys(group.source for group in groups)
    where = f"{', '.join(others)} et {last}" if others else last
    others_too = " Une ligne à qui plusieurs cases répondent n'est prise que si toutes sont cochées." if others else ""
    question = LayoutQuestion(
        "",
        QUESTION,
        f"D'après {where}, des lignes sont peut-être à laisser. Lesquelles faut-il prendre ? Les autres restent dans "
        "la liste, décochées." + others_too,
        tuple(AnswerOption(group.value, group.label) for group in groups),
        multiple=True,
    )
    likely = question.join_options({group.value for group in groups if not group.is_likely_left})
    return question._replace(likely=likely).answered_by(answers)


def describe_cell(name: str, text: str) -> str:
    """Return what a cell says of its row. `name`: that of its column, in sentences."""
    shown = shorten(text, MAX_REMARK_LENGTH, placeholder="…")
    return f"{name} " + (f"dit « {shown} »" if text else "est vide")


class FreeRemarks(NamedTuple):
    """What remarks say, by row: those that untick it, and those that are only shown."""

    against: dict[Place, str]
    shown: dict[Place, list[str]]


def read_remarks(columns: Sequence[UnreadColumn], communes: frozenset[str]) -> FreeRemarks:
    """Return the remarks of unread columns that hold no categories, without what describes a school."""
    remarks = FreeRemarks({}, {})
    for column in columns:
        strays = _find_strays(column, communes)
        texts = {
            text: places
            for text, places in column.texts.items()
            if text in strays or _is_remark(column, text, communes)
        }
        # What nearly all rows have describes them, and refuses none.
        is_rare = sum(map(len, texts.values())) <= MAX_REMARKS_SHARE * len(column.places)
        is_shown = is_rare or not column.title or is_title_of_remarks(column.title)
        agreed = sum(len(places) for text, places in texts.items() if read_answer(text) in AGREEING)
        # Where others agree, what says another thing does not.
        unticks = is_rare or agreed >= MIN_AGREED_SHARE * len(column.places)
        for text, places in texts.items():
            answer, sentence = read_answer(text), describe_cell(column.name, text)
            for place in places:
                if answer in AGAINST or (unticks and answer not in AGREEING):
                    remarks.against.setdefault(place, sentence)
                elif is_shown:
                    remarks.shown.setdefault(place, []).append(sentence)
    return remarks


def _find_strays(column: UnreadColumn, communes: frozenset[str]) -> set[str]:
    if not is_harmless_title(column.title):
        return set()
    return find_stray_remarks(_list_cells(column), len(column.places), communes)


def _list_cells(column: UnreadColumn) -> list[str]:
    return [text for text, places in column.texts.items() for _ in places]


def _is_remark(column: UnreadColumn, text: str, communes: frozenset[str]) -> bool:
    if is_harmless_title(column.title):
        return is_refusal(text)
    is_number = any(map(str.isdecimal, text)) and not any(map(str.isalpha, text))
    # « Remplacée par », « Date de sortie ».
    return speaks_against(column.title) or not (is_number or is_descriptive(text, communes))
