"""Questions for the member before rows can be parsed, and remarks about how they were parsed. Pure."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from typing import NamedTuple

from imports.columns import NUMBER_COLUMNS, Meaning
from imports.enums import Purpose, Volume
from imports.layout import NO_COLUMN, AnswerOption, LayoutQuestion
from imports.parsing import sheet_body
from imports.parsing.column_mapping import column_index, column_letters
from imports.parsing.ignored_rows import GROUP, NOTE, REPEATED_HEADER
from imports.parsing.repeated_schools import COUNT, school_key
from imports.parsing.repeated_schools import QUESTION as REPEATED_SCHOOLS
from imports.parsing.rows import ParsedRow, leave_out_row
from imports.parsing.sheet_body import SheetBody
from imports.parsing.sheet_selection import SheetSelection, find_origin
from imports.parsing.stacked_tables import ReadTable
from imports.problems import TABLE_NOT_CHOSEN

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
        index = columns.get(meaning)
        now = (
            f"« {titles[index] or column_letters(index)} » ({column_letters(index)}) semble la bonne"
            if index is not None
            else ""
        )
        questions.append(
            LayoutQuestion(
                meaning.value,
                "remembered_layout_mismatch",
                f"La dernière fois, une autre colonne donnait « {meaning.label} » ; elle n'en contient plus. "
                + (f"Cette fois {now} : confirmez-le ou choisissez-en une autre." if now else "Choisissez la bonne."),
            )
        )
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
        if question.is_open:
            continue
        if not question.names_columns:
            remarks += [_describe_answer(question)] if question.code in answers else []
        elif question.column in NUMBER_COLUMNS and columns.get(Meaning(question.column)) is not None:
            remarks += _describe_columns(question, titles)
    return remarks


def _describe_answer(question: LayoutQuestion) -> str:
    """Return « Comme la dernière fois : Lesquelles donner ? – oui : Validé ; non : Abandon. »."""
    asked = question.message.partition("?")[0].rstrip()
    if not question.multiple:
        chosen = next(option.label for option in question.options if option.value == question.answer)
        return f"Comme la dernière fois : {asked} ? {chosen}."
    # Without the count of this file: « Validé – 6 lignes ».
    names = {option.value: option.label.rpartition(" – ")[0] or option.label for option in question.options}
    taken = [name for value, name in names.items() if value in question.taken]
    left = [name for value, name in names.items() if value not in question.taken]
    parts = [f"{word} : {', '.join(part)}" for word, part in (("oui", taken), ("non", left)) if part]
    return f"Comme la dernière fois : {asked} ? – {' ; '.join(parts)}."


def _describe_columns(question: LayoutQuestion, titles: Sequence[str]) -> list[str]:
    """Return which columns of numbers are read, and which others are not, none where there are no others."""
    read = question.answer.split("+")
    options = [letters for option in question.options for letters in option.value.split("+")]
    others = [letters for letters in dict.fromkeys(options) if letters not in (*read, NO_COLUMN)]
    if not others:
        return []
    verbs = ("est lue", "ne l'est pas" if len(others) == 1 else "ne le sont pas")
    if len(read) > 1:
        verbs = ("sont additionnées", "n'est pas lue" if len(others) == 1 else "ne sont pas lues")
    parts = f"{_name_columns(read, titles)} {verbs[0]} ; {_name_columns(others, titles)} {verbs[1]}"
    return [f"Comme la dernière fois, {parts}."]


def _name_columns(columns: Sequence[str], titles: Sequence[str]) -> str:
    """Return « Licences demandées » (D) et « Licences accordées » (E), by the letters of columns."""
    *others, last = [f"« {' '.join(titles[column_index(letters)].split())} » ({letters})" for letters in columns]
    return f"{', '.join(others)} et {last}" if others else last


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


def add_row_questions(
    questions: Sequence[LayoutQuestion], about_rows: Sequence[LayoutQuestion]
) -> list[LayoutQuestion]:
    """Return all questions; not the one how many licences, until it is known whether rows are counted for them."""
    counted = any(one.code == REPEATED_SCHOOLS and one.answer in ("", COUNT) for one in about_rows)
    return [*(one for one in questions if not (counted and one.code == SOURCE_MISSING)), *about_rows]


def describe_sheets(layout: SheetSelection) -> list[str]:
    """Return remarks about the sheets read together, and the others that list schools."""
    read_names = [f"« {detected.sheet.name} »" for detected in layout.detected_sheets]
    remarks = []
    # Those side by side in one sheet have their own remark.
    if len({id(find_origin(detected.sheet)) for detected in layout.detected_sheets}) > 1:
        remarks.append(f"{len(read_names)} feuilles de mêmes colonnes sont lues ensemble : {', '.join(read_names)}.")
    others = ", ".join(f"« {name} »" for name in layout.others)
    if layout.others and len(read_names) == 1:
        remarks.append(f"Seule la feuille {read_names[0]} est lue ; contiennent aussi des écoles : {others}.")
    elif layout.others:
        remarks.append(f"D'autres colonnes que celles-ci, ne sont pas lues : {others}.")
    if layout.hidden:
        hidden = ", ".join(f"« {name} »" for name in layout.hidden)
        remarks.append(f"Des feuilles masquées contiennent des écoles et ne sont pas lues : {hidden}.")
    return remarks


def describe_filled_values(bodies: Sequence[SheetBody]) -> list[str]:
    """Return remarks about values written once per group and filled down."""
    counts = Counter[Meaning]()
    for body in bodies:
        counts.update(body.filled_counts)
    return [sheet_body.describe_filled(meaning, count) for meaning, count in counts.items()]


def ask_duplicate_sheets(tables: Sequence[ReadTable]) -> list[LayoutQuestion]:
    """Return a question where several sheets list the same schools, such as last year's and this year's."""
    names = {table.detected.index: table.detected.sheet.name for table in tables}
    if len(names) == 1:
        return []
    schools: dict[int, set[str]] = {index: set() for index in names}
    for table in tables:
        schools[table.detected.index] |= list_schools(table.body.rows)
    overlapping: set[int] = set()
    for one, other in combinations(names, 2):
        if overlap(schools[one], schools[other]):
            overlapping |= {one, other}
    if not overlapping:
        return []
    *others, last = [f"« {names[index]} »" for index in sorted(overlapping)]
    return [
        LayoutQuestion(
            "sheets",
            "multiple_versions",
            f"Les feuilles {', '.join(others)} et {last} listent en grande partie les mêmes écoles : elles ne "
            "sont pas additionnées. Choisissez celle qu'il faut lire.",
        )
    ]


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
    question = _build_question(found).answered_by(answers)
    for section in found if question.answer not in ("", ALL_TABLES) else ():
        if section.option != question.answer:
            section.table.body.rows[section.start : section.stop] = [
                row if row.ignored else leave_out_row(row, TABLE_NOT_CHOSEN, NOT_CHOSEN) for row in section.rows
            ]
    return [question]


def _build_question(found: Sequence[_Section]) -> LayoutQuestion:
    rows = [str(section.header_row or 1) for section in found]
    options = [
        AnswerOption(section.option, f"Seulement celui de la ligne {row}{section.heading} : {_count(section)}")
        for section, row in zip(found, rows, strict=True)
    ]
    return LayoutQuestion(
        "",
        DUPLICATE_TABLES,
        f"Les tableaux qui commencent aux lignes {', '.join(rows[:-1])} et {rows[-1]} listent en grande partie les "
        "mêmes écoles. Lequel faut-il lire ?",
        (*options, AnswerOption(ALL_TABLES, "Tous : la page dira que faire des écoles qui reviennent")),
    )


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
    licences = sum(row.units or 0 for row in rows)
    schools = f"{len(rows)}\xa0école{'s' if len(rows) > 1 else ''}"
    return f"{schools}, {licences}\xa0licence{'s' if licences > 1 else ''}" if licences else schools
