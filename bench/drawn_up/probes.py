"""Short lists that differ in one column, or in one title: which of their rows, and which numbers, are to be given.

The titles and values were written down without a look at the code that reads lists: they are what people write.
"""

import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from openpyxl import Workbook
from openpyxl.comments import Comment

from bench.damaged import formats
from bench.damaged.directory import ListedSchool
from bench.drawn_up import probe_columns, probe_titles
from bench.drawn_up.drafts import restyle, sheet, xlsx
from bench.drawn_up.probe_columns import split_cells, split_columns

#: Rows of a probe, and of those the ones that a column refuses, at most.
ROWS, REFUSED = 12, 4
_PLACE = ("UAI", "Nom de l'école", "Commune")
#: Index of the column of numbers.
NUMBERS = len(_PLACE)


class ProbeKind(StrEnum):
    """What a probe tries."""

    #: A column of few values by which some rows are not to be given.
    REFUSING_COLUMN = "refusing column"
    #: A free remark that sets its row apart.
    REMARK = "remark"
    #: A title whose numbers are not what is to be given.
    CONTRARY_TITLE = "contrary title"
    #: A title whose numbers are to be added to what a school has.
    ADDING_TITLE = "adding title"
    #: A title whose numbers are to be given, without a question.
    GIVING_TITLE = "giving title"
    #: A column that is to be left unread, without a question.
    HARMLESS_COLUMN = "harmless column"

    @property
    def may_ask(self) -> bool:
        """Whether a question is due where the list is not read as meant."""
        return self not in (ProbeKind.GIVING_TITLE, ProbeKind.HARMLESS_COLUMN)


@dataclass(frozen=True)
class Probe:
    """A list, and the number that each of its rows is to be given; rows that are not to be given are missing."""

    kind: ProbeKind
    #: The title of the column, or the remark.
    title: str
    #: What distinguishes it from others of its title.
    values: str
    content: bytes
    #: By row number, from 1.
    truth: Mapping[int, int]

    @property
    def label(self) -> str:
        """The title with its values."""
        return f"« {self.title} »{f' : {self.values}' if self.values else ''}"


def list_probes(schools: list[ListedSchool], *, seed: int = 2026) -> Iterator[Probe]:
    """Make every probe, the same ones from the same schools and seed."""
    for title, values in split_columns(f"{probe_columns.REFUSING.strip()}\n{probe_columns.REFUSING_FURTHER.strip()}"):
        yield _refuse_by_column(title, values, _ProbeDraft(schools, f"{seed} {title} {values}"))
    for title, remark in split_columns(probe_columns.SETTING_APART):
        draft = _ProbeDraft(schools, f"{seed} {title} {remark}")
        column = draft.scatter(remark, draft.rng.randint(1, 2))
        yield draft.with_column(ProbeKind.REMARK, title, column, given=lambda cell: not cell, values=remark)
    for remark in _lines(probe_columns.CELL_NOTES):
        yield _annotate(remark, _ProbeDraft(schools, f"{seed} {remark}"))
    for kind, titles in (
        (ProbeKind.CONTRARY_TITLE, probe_titles.CONTRARY),
        (ProbeKind.ADDING_TITLE, probe_titles.ADDING),
        (ProbeKind.GIVING_TITLE, probe_titles.GIVING),
    ):
        for title in _lines(titles):
            yield _ProbeDraft(schools, f"{seed} {title}").with_title(kind, title)
    for title, values in split_columns(probe_columns.HARMLESS):
        draft = _ProbeDraft(schools, f"{seed} {title} {values}")
        column = draft.spread(split_cells(values), ROWS)
        yield draft.with_column(ProbeKind.HARMLESS_COLUMN, title, column, given=lambda _: True, values=values)
    for title, bounds in split_columns(probe_columns.HARMLESS_NUMBERS):
        draft = _ProbeDraft(schools, f"{seed} {title} {bounds}")
        low, high = map(int, bounds.split(" à "))
        column = [str(draft.rng.randint(low, high)) for _ in range(ROWS)]
        yield draft.with_column(ProbeKind.HARMLESS_COLUMN, title, column, given=lambda _: True, values=bounds)


class _ProbeDraft:
    """One probe in the making: its schools and numbers, drawn by its own random generator."""

    def __init__(self, schools: list[ListedSchool], seed: str) -> None:
        self.rng = random.Random(seed)  # noqa: S311 - invention, not secrecy
        self.schools = self.rng.sample(schools, ROWS)
        self.numbers = [self.rng.randint(2, 9) for _ in self.schools]

    def spread(self, values: list[str], size: int) -> list[str]:
        """Return so many cells in any order, each of the values among them while there is room."""
        cells = [*values, *self.rng.choices(values, k=max(0, size - len(values)))][:size]
        self.rng.shuffle(cells)
        return cells

    def scatter(self, value: str, count: int) -> list[str]:
        """Return a column with a value in so many cells; the others are empty."""
        return self.spread([value] * count + [""] * (ROWS - count), ROWS)

    def rows(self, *columns: list[str]) -> list[list[object]]:
        """Return the rows, with the given columns after the number."""
        return [
            [school.uai, school.name, school.commune, number, *extra]
            for school, number, *extra in zip(self.schools, self.numbers, *columns, strict=True)
        ]

    def list_numbers(self, given: Callable[[int], bool] = lambda _: True) -> dict[int, int]:
        """Return the number of each row that is given, by row number; `given` takes the row's index."""
        return {index + 2: number for index, number in enumerate(self.numbers) if given(index)}

    def with_column(
        self, kind: ProbeKind, title: str, column: list[str], *, given: Callable[[str], bool], values: str
    ) -> Probe:
        """Return the list with a column beside the numbers; `given` says it of a row by its cell."""
        content = _save((*_PLACE, "Licences", title), self.rows(column))
        return Probe(kind, title, values, content, self.list_numbers(lambda index: given(column[index])))

    def with_title(self, kind: ProbeKind, title: str) -> Probe:
        """Return the list with this title of its numbers."""
        truth = {} if kind is ProbeKind.CONTRARY_TITLE else self.list_numbers()
        return Probe(kind, title, "", _save((*_PLACE, title), self.rows()), truth)


def _refuse_by_column(title: str, values: str, draft: _ProbeDraft) -> Probe:
    meant, refused = (split_cells(part) for part in values.split(" / "))
    # Marks are rarer than empty cells, whatever they mean.
    count = ROWS // 2 if "" in refused else max(len(refused), draft.rng.randint(2, REFUSED))
    column = draft.spread(draft.spread(meant, ROWS - count) + draft.spread(refused, count), ROWS)
    return draft.with_column(
        ProbeKind.REFUSING_COLUMN, title, column, given=lambda cell: cell not in refused, values=values
    )


def _annotate(remark: str, draft: _ProbeDraft) -> Probe:
    at = draft.rng.randrange(1, ROWS)

    def style(book: Workbook) -> None:
        book.worksheets[0].cell(at + 2, draft.rng.choice((2, 4))).comment = Comment(remark, "Mairie")

    content = restyle(xlsx("Écoles", (*_PLACE, "Licences"), *draft.rows()), style)
    truth = draft.list_numbers(lambda index: index != at)
    return Probe(ProbeKind.REMARK, "note on a cell", remark, content, truth)


def _save(titles: tuple[str, ...], rows: list[list[object]]) -> bytes:
    return formats.delimited(sheet("", titles, *rows), encoding="utf-8-sig")


def _lines(text: str) -> list[str]:
    return text.strip().splitlines()
