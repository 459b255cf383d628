"""Questions for the member before rows can be parsed, and remarks about how they were parsed. Pure."""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import combinations
from typing import NamedTuple

from core import formatting
from imports.columns import NUMBER_COLUMNS, Meaning
from imports.enums import Purpose, Volume
from imports.layout import NO_COLUMN, AnswerOption, LayoutQuestion
from imports.parsing.column_mapping import ColumnMapping, column_index, join_names, name_column
from imports.parsing.column_questions import UAI_COLUMNS
from imports.parsing.ignored_rows import GROUP, NOTE, REPEATED_HEADER
from imports.parsing.joined_tables import JOINED_TABLES
from imports.parsing.repeated_schools import COUNT, describe_numbers, school_key
from imports.parsing.repeated_schools import QUESTION as REPEATED_SCHOOLS
from imports.parsing.rows import ParsedRow, leave_out_row, list_columns, parse_row
from imports.parsing.sheet_body import SheetBody
from imports.parsing.sheet_selection import DetectedSheet, SheetSelection, find_origin
from imports.parsing.stacked_tables import ReadTable
from imports.problems import TABLE_NOT_CHOSEN
from schools.folding import fold

#: Open questions of a file at a time.
MAX_QUESTIONS = 2
_ABOUT_TABLES = frozenset({JOINED_TABLES, "multiple_versions", "duplicate_tables", "unread_sheets"})
#: Sheets with fewer common schools are not versions of the same list.
MIN_COMMON_SCHOOLS = 2
#: Code of the question how many licences to give.
SOURCE_MISSING = "units_source_missing"
NO_NUMBER = "Aucune colonne ne dit combien de licences donner."


def is_relevant(column: str, purpose: Purpose, volume: Volume | None) -> bool:
    """Whether a question about a column matters for this purpose and volume."""
    if column == Meaning.UNITS:
        return purpose is Purpose.ALLOCATION and volume is Volume.COLUMN
    if column == Meaning.CLASSES:
        return purpose is Purpose.PORTFOLIO or volume is Volume.CLASSES
    return True


def ask_outdated_columns(
    forgotten: Sequence[Meaning], columns: Mapping[Meaning, int], titles: Sequence[str]
) -> list[LayoutQuestion]:
    """Return questions about meanings whose remembered column no longer has the expected content."""
    questions = []
    for meaning in forgotten:
        message = f"La dernière fois, une autre colonne donnait « {meaning.label} » ; elle n'en contient plus. "
        index = columns.get(meaning)
        if index is None:
            message += "Choisissez la bonne."
        else:
            now = name_column(titles[index], index)
            message += f"Cette fois {now} semble la bonne : confirmez-le ou choisissez-en une autre."
        questions.append(LayoutQuestion(meaning.value, "remembered_layout_mismatch", message))
    return questions


def describe_remembered(
    questions: Sequence[LayoutQuestion],
    columns: Mapping[Meaning, int | None],
    answers: Mapping[str, str],
    titles: Sequence[str],
) -> list[str]:
    """Return remarks about what is answered as the last time: columns of numbers, and other things than columns."""
    remarks = []
    for question in questions:
        is_number = question.names_columns and question.column in NUMBER_COLUMNS
        is_column = is_number and columns.get(Meaning(question.column)) is not None
        if not question.is_open and (is_column or (question.code in answers and not question.names_columns)):
            remarks += _describe_columns(question, titles) if is_column else [_describe_answer(question)]
    return remarks


def _describe_answer(question: LayoutQuestion) -> str:
    """Return « Comme la dernière fois : Lesquelles prendre ? Statut (F) : oui à Validé ; non à Abandon. »."""
    asked = question.message.partition("?")[0].rpartition(". ")[2].rstrip()
    if not question.multiple:
        return f"Comme la dernière fois : {asked} ? {dict(question.options)[question.answer]}."
    parts: dict[str, dict[str, list[str]]] = {}
    for option in question.options:
        # Without the count of this file: « Validé – 6 lignes ».
        label = option.label.rpartition(" – ")[0] or option.label
        column, is_value, value = label.partition(") : ")
        answered = parts.setdefault(f"{column}) : " if is_value else "", {})
        answered.setdefault("oui" if option.value in question.taken else "non", []).append(value or label)
    described = (
        column + " ; ".join(f"{word} à {', '.join(answered[word])}" for word in ("oui", "non") if word in answered)
        for column, answered in parts.items()
    )
    return f"Comme la dernière fois : {asked} ? {'. '.join(map(formatting.start_sentence, described))}."


def _describe_columns(question: LayoutQuestion, titles: Sequence[str]) -> list[str]:
    """Return which columns of numbers are read, and which others are not, none where there are no others."""
    read = question.answer.split("+")
    options = [letters for option in question.options for letters in option.value.split("+")]
    others = [letters for letters in dict.fromkeys(options) if letters not in (*read, NO_COLUMN)]
    if not others:
        return []
    named = [
        join_names([name_column(titles[column_index(letters)], column_index(letters)) for letters in columns])
        for columns in (read, others)
    ]
    is_read = "est lue" if len(read) == 1 else "sont additionnées"
    is_left = ("ne l'est pas" if len(read) == 1 else "n'est pas lue") if len(others) == 1 else "ne sont pas lues"
    return [f"Comme la dernière fois, {named[0]} {is_read} ; {named[1]} {is_left}."]


def ask_volume(
    purpose: Purpose,
    volume: Volume | None,
    column: Meaning | None,
    columns: Mapping[Meaning, int],
    questions: Sequence[LayoutQuestion],
) -> list[LayoutQuestion]:
    """Return a question where no column gives the number of licences, or the chosen one is absent.

    `column`: the column of the volume; None where no column gives it.
    """
    missing = volume is None or (column is not None and column not in columns)
    if purpose is not Purpose.ALLOCATION or not missing:
        return []
    if any(question.is_open and question.column == (column or Meaning.UNITS) for question in questions):
        return []
    what = "de classes" if volume is Volume.CLASSES else "de licences"
    sentence = NO_NUMBER if volume is None else f"Aucune colonne ne donne le nombre {what}."
    ways = " Indiquez un même nombre pour toutes les écoles, ou choisissez la colonne."
    return [LayoutQuestion(column or Meaning.UNITS, SOURCE_MISSING, sentence + ways)]


def find_missing_source(questions: Sequence[LayoutQuestion]) -> str:
    """Return the sentence that no column gives the number of licences, "" where one does or is in question."""
    return next((one.message.partition(".")[0] + "." for one in questions if one.code == SOURCE_MISSING), "")


def add_joined_tables(questions: Sequence[LayoutQuestion], joined: Sequence[LayoutQuestion]) -> list[LayoutQuestion]:
    """Return all questions, those about tables first; without those that an answer about the tables settles."""
    settled = {UAI_COLUMNS, "ambiguous_column"} if any(question.is_open for question in joined) else set()
    return [*joined, *(one for one in questions if one.code not in settled)]


def limit_questions(questions: Sequence[LayoutQuestion]) -> list[LayoutQuestion]:
    """Return the first open questions, those about which tables are read before others, which these may settle."""
    still_open = [question for question in questions if question.is_open]
    return sorted(still_open, key=lambda one: one.code not in _ABOUT_TABLES)[:MAX_QUESTIONS]


def add_row_questions(
    questions: Sequence[LayoutQuestion], about_rows: Sequence[LayoutQuestion]
) -> list[LayoutQuestion]:
    """Return all questions; not the one how many licences, until it is known whether rows are counted for them."""
    counted = any(one.code == REPEATED_SCHOOLS and one.answer in ("", COUNT) for one in about_rows)
    return [*(one for one in questions if not (counted and one.code == SOURCE_MISSING)), *about_rows]


def describe_sheets(layout: SheetSelection, questions: Sequence[LayoutQuestion]) -> list[str]:
    """Return remarks about the sheets read together, and others that list schools, while no question is about them."""
    read_names = [f"« {detected.sheet.name} »" for detected in layout.detected_sheets]
    remarks = []
    # Those side by side in one sheet have their own remark.
    if len({id(find_origin(detected.sheet)) for detected in layout.detected_sheets}) > 1:
        same = "de mêmes colonnes " if len({one.header_digest for one in layout.detected_sheets}) == 1 else ""
        remarks.append(f"{len(read_names)} feuilles {same}sont lues ensemble : {', '.join(read_names)}.")
    asked = [one.message for one in questions if one.code == UNREAD_SHEETS and one.is_open]
    unread = [one.sheet for one in layout.unread if not any(f"« {one.sheet.name} »" in message for message in asked)]
    others, hidden = (
        ", ".join(f"« {sheet.name} »" for sheet in unread if sheet.hidden is is_hidden) for is_hidden in (False, True)
    )
    if others and len(read_names) == 1:
        remarks.append(f"Seule la feuille {read_names[0]} est lue ; contiennent aussi des écoles : {others}.")
    elif others:
        remarks.append(f"D'autres colonnes que celles-ci, ne sont pas lues : {others}.")
    if hidden:
        remarks.append(f"Des feuilles masquées contiennent des écoles et ne sont pas lues : {hidden}.")
    return remarks


UNREAD_SHEETS = "unread_sheets"
#: Of the name of a sheet that adds to the others.
_ADDED = re.compile(r"\b(ajout|complement|supplement|suite|nouve)")


class UnreadSheet(NamedTuple):
    """A sheet that is not read, though its columns are understood, with the first of its rows."""

    detected: DetectedSheet
    mapping: ColumnMapping
    rows: list[ParsedRow]

    @property
    def option(self) -> str:
        """The value of the option that reads it: its name, so that the answer holds for the next file."""
        return fold(self.detected.sheet.name).replace(" ", "-") or str(self.detected.index)


def find_unread_sheets(
    unread: Sequence[DetectedSheet], map_sheet: Callable[[DetectedSheet], ColumnMapping]
) -> list[UnreadSheet]:
    """Return the sheets that list schools and are not read."""
    found = []
    for detected in unread:
        mapping = map_sheet(detected)
        columns = list_columns(mapping.columns)
        rows = [parse_row(detected.index, number, row, columns) for number, row in enumerate(detected.sample)]
        if list_schools(rows):
            found.append(UnreadSheet(detected, mapping, rows))
    return found


def select_further_sheets(
    sheets: Sequence[UnreadSheet], volume: Meaning, rows: Sequence[ParsedRow]
) -> list[UnreadSheet]:
    """Return the sheets with a column of the volume that list other schools than the rows that are read."""
    numbered = [sheet for sheet in sheets if volume in sheet.mapping.columns]
    # Without any, as in most workbooks, 60,000 rows are not identified, which takes 0.4 s.
    read = _identify_schools(rows) if numbered else ()
    return [sheet for sheet in numbered if not any(map(overlap, _identify_schools(sheet.rows), read))]


def describe_cited_schools(sheets: Sequence[UnreadSheet], rows: Sequence[ParsedRow]) -> list[str]:
    """Return a remark about each unread sheet that lists a few of the schools read, as one of refusals does."""
    remarks = []
    for sheet in sheets:
        schools = list_schools(sheet.rows)
        cited = [row.number for row in rows if not row.ignored and school_key(row) in schools]
        if 0 < 2 * len(cited) <= len(rows):
            name = sheet.detected.sheet.name
            remarks.append(f"« {name} » n'est pas lue et cite des écoles de la liste ({describe_numbers(cited)}).")
    return remarks


def _identify_schools(rows: Sequence[ParsedRow]) -> tuple[set[str], set[str]]:
    """Return the UAI and the names of schools."""
    cells = [row.cells for row in rows if not row.ignored]
    return (
        {text.upper() for each in cells if (text := each.get(Meaning.UAI, ""))},
        {fold(text) for each in cells if (text := each.get(Meaning.NAME, ""))},
    )


def describe_correction(table: ReadTable) -> list[str]:
    """Return a remark where below the last heading of a table all schools are listed above as well."""
    rows = table.body.rows
    headings = [index for index, row in enumerate(rows) if row.ignored in _HEADINGS]
    below = list_schools(rows[headings[-1] + 1 :]) if headings else set()
    if not below or not below <= list_schools(rows[: headings[-1]]):
        return []
    heading = rows[headings[-1]]
    text = next(iter(heading.cells.values()), "")[:MAX_HEADING_LENGTH]
    where = f"Sous « {text} » (ligne {heading.number})"
    return [f"{where}, les écoles sont toutes déjà citées plus haut : est-ce une correction ?"]


def ask_unread_sheets(sheets: Sequence[UnreadSheet]) -> LayoutQuestion:
    """Return the question which of some sheets to read as well; those that say so by their name are likely."""
    counts = [formatting.pluralize(len(list_schools(sheet.rows)), "école") for sheet in sheets]
    names = [f"« {sheet.detected.sheet.name} »" for sheet in sheets]
    message = (
        f"La feuille {names[0]}{', masquée,' if sheets[0].detected.sheet.hidden else ''} contient aussi {counts[0]} : "
        "la lire ?"
        if len(sheets) == 1
        else f"Les feuilles {join_names(names)} contiennent aussi des écoles : lesquelles lire ?"
    )
    options = tuple(
        AnswerOption(sheet.option, f"Lire aussi {name} – {count}")
        for sheet, name, count in zip(sheets, names, counts, strict=True)
    )
    question = LayoutQuestion("", UNREAD_SHEETS, message, options, multiple=True)
    likely = [sheet.option for sheet in sheets if _ADDED.search(sheet.option)]
    return question._replace(likely=question.join_options(likely))


def describe_filled_values(bodies: Sequence[SheetBody], communes: int) -> list[str]:
    """Return remarks about values written once per group and filled down; `communes`: those of whole sheets."""
    counts = Counter[str]()
    for body in bodies:
        counts.update({meaning.column.filled_down: count for meaning, count in body.filled_counts.items()})
    counts["La commune, d'après le nom de la feuille ou son titre, a été reportée"] = communes
    lines = {what: "une ligne" if count == 1 else f"{count} lignes" for what, count in counts.items() if count}
    return [f"{what} sur {count}." for what, count in lines.items()]


def ask_duplicate_sheets(tables: Sequence[ReadTable]) -> list[LayoutQuestion]:
    """Return a question where several sheets list the same schools, such as last year's and this year's."""
    names = {table.detected.index: table.detected.sheet.name for table in tables}
    if len(names) == 1:
        return []
    schools: dict[int, set[str]] = {index: set() for index in names}
    for table in tables:
        schools[table.detected.index] |= list_schools(table.body.rows)
    pairs = [pair for pair in combinations(names, 2) if overlap(*(schools[index] for index in pair))]
    if not pairs:
        return []
    listed = join_names([f"« {names[index]} »" for index in sorted(set().union(*pairs))])
    message = (
        f"Les feuilles {listed} listent en grande partie les mêmes écoles : elles ne sont pas additionnées. Choisissez "
        "celle qu'il faut lire."
    )
    return [LayoutQuestion("sheets", "multiple_versions", message)]


def list_schools(rows: Sequence[ParsedRow]) -> set[str]:
    """Return a key of each school in these rows: its UAI, else its name and place as written."""
    return {key for row in rows if not row.ignored and (key := school_key(row))}


def overlap(one: set[str], other: set[str]) -> bool:
    """Whether two tables list the same schools for the most part."""
    common = len(one & other)
    return common >= MIN_COMMON_SCHOOLS and common * 2 >= min(len(one), len(other))


DUPLICATE_TABLES = "duplicate_tables"
#: The answer that reads them all: schools that stand several times are then asked about, or reported row by row.
ALL_TABLES = "all"
#: Why the rows of the other tables are left out.
NOT_CHOSEN = "Ligne d'un tableau que vous n'avez pas choisi."
#: More sections are the pages of a printed list.
MAX_SECTIONS = 100
#: Enough of a heading to know the table by.
MAX_HEADING_LENGTH = 60
_HEADINGS = frozenset({GROUP.reason, NOTE.reason})


class _Section(NamedTuple):
    """The rows below a row of titles: a table, or a part of one whose titles stand again in the middle."""

    table: ReadTable
    header_row: int
    #: The text above its titles, "" without one.
    heading: str
    start: int
    stop: int

    @property
    def option(self) -> str:
        return f"{self.table.detected.index}-{self.header_row}"

    @property
    def rows(self) -> list[ParsedRow]:
        return self.table.body.rows[self.start : self.stop]


def resolve_duplicate_tables(tables: Sequence[ReadTable], answers: Mapping[str, str]) -> list[LayoutQuestion]:
    """Return a question where tables of one sheet list the same schools; ignore the rows that its answer leaves out."""
    found = _find_overlapping([section for table in tables for section in _list_sections(table)])
    if not found:
        return []
    rows = [str(section.header_row or 1) for section in found]
    options = [
        AnswerOption(section.option, f"Seulement celui de la ligne {row}{section.heading} : {_count(section)}")
        for section, row in zip(found, rows, strict=True)
    ]
    message = (
        f"Les tableaux qui commencent aux lignes {join_names(rows)} listent en grande partie les mêmes écoles. Lequel "
        "faut-il lire ?"
    )
    options.append(AnswerOption(ALL_TABLES, "Tous : la page dira que faire des écoles qui reviennent"))
    question = LayoutQuestion("", DUPLICATE_TABLES, message, tuple(options)).answered_by(answers)
    for section in found if question.answer not in ("", ALL_TABLES) else ():
        if section.option != question.answer:
            section.table.body.rows[section.start : section.stop] = [
                row if row.ignored else leave_out_row(row, TABLE_NOT_CHOSEN, NOT_CHOSEN) for row in section.rows
            ]
    return [question]


def _list_sections(table: ReadTable) -> Iterator[_Section]:
    rows = table.body.rows
    repeated = [index for index, row in enumerate(rows) if row.ignored == REPEATED_HEADER.reason]
    starts = [-1, *repeated]
    for start, stop in zip(starts, [*repeated, len(rows)], strict=True):
        header_row = rows[start].number if start >= 0 else table.detected.header_row or 0
        yield _Section(table, header_row, _read_heading(rows, start) if start > 0 else "", start + 1, stop)


def _read_heading(rows: Sequence[ParsedRow], header: int) -> str:
    """Return « , « Rappel 2025-2026 » » for the text in the row above repeated titles, "" without one."""
    above = rows[header - 1]
    text = next(iter(above.cells.values()), "") if above.ignored in _HEADINGS else ""
    return f", « {text[:MAX_HEADING_LENGTH]} »" if text else ""


def _find_overlapping(sections: Sequence[_Section]) -> list[_Section]:
    if not 1 < len(sections) <= MAX_SECTIONS:
        return []
    schools = [list_schools(section.rows) for section in sections]
    found: set[int] = set()
    for one, other in combinations(range(len(sections)), 2):
        same_sheet = sections[one].table.detected.index == sections[other].table.detected.index
        if same_sheet and overlap(schools[one], schools[other]):
            found |= {one, other}
    return [sections[position] for position in sorted(found)]


def _count(section: _Section) -> str:
    """Return what a table holds: « 3 écoles, 12 licences »."""
    rows = [row for row in section.rows if not row.ignored]
    licences, schools = sum(row.units or 0 for row in rows), formatting.pluralize(len(rows), "école")
    return f"{schools}, {formatting.pluralize(licences, 'licence')}" if licences else schools
