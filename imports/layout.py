"""Layout of a spreadsheet: as detected (`DetectedLayout`), and as chosen by a member (`LayoutChoices`).

Both are stored as JSON with the import, the first as its `Layout`. Keys that this version does not know are ignored on
purpose: during a deployment, two versions read the same rows. Missing keys take their defaults.
"""

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, NamedTuple, Self

from imports.columns import Meaning
from imports.enums import Volume

#: The answer by which none of several columns is read.
NO_COLUMN = "none"
#: Code of the question whether the numbers of a column are those to give.
DOUBTFUL_NUMBERS = "doubtful_numbers"
#: How its answer begins by which the numbers are added to what the schools have.
ADD = "add-"
#: In the answer to a question of several options: between options, and between those taken and those left.
_BETWEEN_OPTIONS, _BEFORE_LEFT = ",", "/"
_COLUMNS = re.compile(r"[A-Z]+(\+[A-Z]+)*")


class AnswerOption(NamedTuple):
    """A possible answer: its stable value for programs, and its French text."""

    value: str
    label: str


class LayoutQuestion(NamedTuple):
    """A question about the table. Without options it is answered by choosing sheets, columns or the volume.

    One whose answer is certain may come with it: the member sees it and may choose another.

    `column`: the meaning whose column is in question, « sheets », or "" for the whole table.
    """

    column: str
    code: str
    message: str
    options: tuple[AnswerOption, ...] = ()
    #: Value of the chosen option; "" while the question is open. Of several: as `join_options` returns it.
    answer: str = ""
    #: The answer that is filled in for the member while the question is open, "" where none is likely.
    likely: str = ""
    #: Whether each option is taken or left, and not one of them chosen.
    multiple: bool = False

    @property
    def is_open(self) -> bool:
        """Whether the question waits for its answer."""
        return not self.answer

    @property
    def names_columns(self) -> bool:
        """Whether each answer is a column of the meaning in question, « D », a sum of several, « C+D », or none."""
        values = [option.value for option in self.options]
        return bool(values) and all(value == NO_COLUMN or _COLUMNS.fullmatch(value) for value in values)

    @property
    def taken(self) -> frozenset[str]:
        """The values of the options that the answer takes, or the likely one while the question is open."""
        taken, _ = _split_answer(self.answer or self.likely)
        return taken

    def join_options(self, taken: Collection[str]) -> str:
        """Return the answer that takes some options, by their values, and leaves the others.

        Both are named: an option that comes up with another file was neither taken nor left.
        """
        values = [option.value for option in self.options]
        parts = [[value for value in values if (value in taken) is given] for given in (True, False)]
        return _BEFORE_LEFT.join(map(_BETWEEN_OPTIONS.join, parts))

    def answered_by(self, answers: Mapping[str, str]) -> Self:
        """Return the question with the member's answer; as it is, where there is none or it is no option any more.

        One of several options is answered where each option is taken or left; else what was answered becomes likely.
        """
        answer = answers.get(self.code, "")
        values = {option.value for option in self.options}
        if not self.multiple:
            return self._replace(answer=answer) if answer in values else self
        taken, left = _split_answer(answer)
        joined = self.join_options((self.taken - left) | taken)
        return self._replace(answer=joined) if values <= taken | left else self._replace(likely=joined)

    def add_earlier(self, answer: str, earlier: str) -> str:
        """Return an answer with what an earlier one said of options that are none now, and may come up again."""
        if not self.multiple:
            return answer
        taken, left = _split_answer(answer)
        taken_before, left_before = _split_answer(earlier)
        parts = (taken | (taken_before - left), left | (left_before - taken))
        return _BEFORE_LEFT.join(_BETWEEN_OPTIONS.join(sorted(part)) for part in parts)

    def as_json(self) -> dict[str, Any]:
        """Return the JSON object to store."""
        # A meaning becomes a text.
        column, options = str(self.column), [option._asdict() for option in self.options]
        return {**self._asdict(), "column": column, "options": options}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Self:
        """Return the question stored by `as_json`."""
        known = {name: stored[name] for name in cls._fields if name in stored}
        return cls(**known | {"options": tuple(AnswerOption(**option) for option in stored.get("options", ()))})


def _split_answer(answer: str) -> tuple[frozenset[str], frozenset[str]]:
    """Return the options that an answer takes and those that it leaves."""
    taken, _, left = answer.partition(_BEFORE_LEFT)
    return frozenset(filter(None, taken.split(_BETWEEN_OPTIONS))), frozenset(filter(None, left.split(_BETWEEN_OPTIONS)))


#: Number of columns that can be given a meaning by hand, beside those that have one.
MAX_COLUMNS = 100
#: Number of sample cells shown per column.
MAX_EXAMPLES = 3


class SheetRegion(NamedTuple):
    """One parsed sheet: its index in the workbook, and its header row (the last of two), from 1."""

    sheet: int
    header_row: int | None


class FurtherTable(NamedTuple):
    """A table with columns of its own: a further one below another, or one of a sheet whose titles differ."""

    #: Index of its sheet, and its header row, from 1.
    sheet: int
    header_row: int | None
    #: Index of the column by meaning.
    columns: Mapping[Meaning, int]


class PreviewRow(NamedTuple):
    """One of the first rows of a sheet: its number, from 1, and its cells as text."""

    number: int
    cells: list[str]


@dataclass(frozen=True, kw_only=True)
class DetectedLayout:
    """What was detected in a file."""

    #: Format of the file.
    kind: str = ""
    #: Names of all sheets of the workbook.
    sheets: Sequence[str] = ()
    #: The parsed sheets; the titles, the preview and the columns are those of the first.
    regions: Sequence[SheetRegion] = ()
    #: Those with columns of their own, in the order of the file.
    further_tables: Sequence[FurtherTable] = ()
    titles: Sequence[str] = ()
    preview: Sequence[PreviewRow] = ()
    #: Index of the column by meaning.
    columns: Mapping[Meaning, int] = field(default_factory=dict)
    #: Indexes of the columns whose sum a number is, by meaning; the first of them is in `columns`.
    sums: Mapping[Meaning, Sequence[int]] = field(default_factory=dict)
    volume: Volume | None = None
    #: Digest of the titles, and whether their meanings are those remembered from an earlier import.
    header_digest: str = ""
    remembered: bool = False
    #: Those that are open, and those that were answered.
    questions: Sequence[LayoutQuestion] = ()
    answered: Sequence[LayoutQuestion] = ()
    remarks: Sequence[str] = ()

    @property
    def adds_units(self) -> bool:
        """Whether the numbers are added to the licences that a school holds, and not those that it must have."""
        return any(one.code == DOUBTFUL_NUMBERS and one.answer.startswith(ADD) for one in self.answered)

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Self:
        """Return the layout that `to_json` wrote."""
        return cls(
            **_read_known(
                cls,
                stored,
                {
                    "regions": lambda regions: [SheetRegion(**region) for region in regions],
                    "further_tables": lambda tables: [
                        FurtherTable(one["sheet"], one["header_row"], _read_columns(one["columns"])) for one in tables
                    ],
                    "preview": lambda rows: [PreviewRow(**row) for row in rows],
                    "columns": _read_columns,
                    "sums": _read_columns,
                    "volume": lambda volume: Volume(volume) if volume else None,
                    "questions": _read_questions,
                    "answered": _read_questions,
                },
            )
        )

    def to_json(self) -> dict[str, Any]:
        """Return plain data."""
        return {one.name: getattr(self, one.name) for one in fields(self)} | {
            "regions": [region._asdict() for region in self.regions],
            "further_tables": [
                {**table._asdict(), "columns": _write_columns(table.columns)} for table in self.further_tables
            ],
            "preview": [row._asdict() for row in self.preview],
            "columns": _write_columns(self.columns),
            "sums": {str(meaning): list(indexes) for meaning, indexes in self.sums.items()},
            "volume": self.volume.value if self.volume else None,
            "questions": [question.as_json() for question in self.questions],
            "answered": [question.as_json() for question in self.answered],
        }


@dataclass(frozen=True, kw_only=True)
class Layout(DetectedLayout):
    """The layout stored with an import. Everything has its default until the file is parsed."""

    #: Number of rows.
    rows: int = 0
    #: Code of the error for which the file was rejected, or its last application failed.
    error_code: str = ""

    @property
    def is_parsed(self) -> bool:
        """Whether the file was parsed."""
        return bool(self.regions)

    @property
    def sheet(self) -> str:
        """Name of the first parsed sheet, "" before the file is parsed."""
        return self.sheets[self.regions[0].sheet] if self.regions else ""

    @property
    def header_row(self) -> int | None:
        """Header row of the first parsed sheet, None if it has none."""
        return self.regions[0].header_row if self.regions else None

    @property
    def parsed_sheets(self) -> list[str]:
        """Names of the parsed sheets."""
        return [self.sheets[region.sheet] for region in self.regions]

    def columns_at(self, sheet: int, number: int) -> Mapping[Meaning, int]:
        """Return the columns of the table that holds a row, by the index of its sheet and its number."""
        above = [one.columns for one in self.further_tables if one.sheet == sheet and (one.header_row or 0) <= number]
        return above[-1] if above else self.columns

    def list_editable_columns(self) -> list[int]:
        """Return the indexes of the editable columns: the first `MAX_COLUMNS`, and those with a meaning."""
        return sorted({*range(min(len(self.titles), MAX_COLUMNS)), *self.columns.values()})

    def get_examples(self, index: int) -> list[str]:
        """Return the first non-empty cells of a column below the header row."""
        body_rows = [row.cells for row in self.preview if row.number > (self.header_row or 0)]
        return [cells[index] for cells in body_rows if index < len(cells) and cells[index]][:MAX_EXAMPLES]


@dataclass(frozen=True, kw_only=True)
class LayoutChoices:
    """What a member chose; what is absent is detected."""

    #: Names of the sheets to parse.
    sheets: Sequence[str] | None = None
    #: From 1; 0 for « no header row ».
    header_row: int | None = None
    #: None for a meaning without a column.
    columns: Mapping[Meaning, int | None] = field(default_factory=dict)
    #: Value of the chosen option by code of the question.
    answers: Mapping[str, str] = field(default_factory=dict)
    #: Whether they come from the import that this file corrects, and not from a member.
    carried: bool = False

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Self:
        """Return the choices stored by `to_json`."""
        return cls(**_read_known(cls, stored, {"columns": _read_columns}))

    def to_json(self) -> dict[str, Any]:
        """Return the JSON object to store."""
        return {
            "sheets": None if self.sheets is None else list(self.sheets),
            "header_row": self.header_row,
            "columns": _write_columns(self.columns),
            "answers": dict(self.answers),
            "carried": self.carried,
        }


def _read_columns(columns: Mapping[str, Any]) -> dict[Meaning, Any]:
    return {Meaning(meaning): index for meaning, index in columns.items()}


def _write_columns(columns: Mapping[Meaning, Any]) -> dict[str, Any]:
    return {str(meaning): index for meaning, index in columns.items()}


def _read_questions(questions: Sequence[Mapping[str, Any]]) -> list[LayoutQuestion]:
    return [LayoutQuestion.from_json(question) for question in questions]


def _read_known(
    cls: type[DetectedLayout | LayoutChoices], stored: Mapping[str, Any], readers: Mapping[str, Callable[[Any], Any]]
) -> dict[str, Any]:
    """Return the stored values of the fields of `cls`, converted by their readers."""
    names = [one.name for one in fields(cls) if one.name in stored]
    return {name: readers[name](stored[name]) if name in readers else stored[name] for name in names}
