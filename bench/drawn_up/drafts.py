"""Draws the schools, numbers and people of one list, and saves it."""

import io
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import openpyxl
from faker import Faker
from openpyxl import Workbook

from bench.damaged import formats
from bench.damaged.directory import ListedSchool, SchoolDirectory
from bench.damaged.row_generator import RowGenerator
from bench.damaged.sheet_builder import SheetBuilder
from bench.drawn_up.expectations import DrawnUpList, Want

type ListMaker = Callable[["ListDraft"], DrawnUpList]


_makers: list[ListMaker] = []


def register_list(make: ListMaker) -> ListMaker:
    """Register the maker of one list."""
    _makers.append(make)
    return make


def list_makers() -> list[ListMaker]:
    """Return all makers, in the order of registration."""
    return list(_makers)


class ListDraft:
    """One list in the making, with its own random generator."""

    def __init__(self, directory: SchoolDirectory, name: str, seed: int = 2026) -> None:
        self.name = name
        self._generator = RowGenerator(directory, name, 10, seed)
        self.rng = self._generator.rng
        self._faker = Faker("fr_FR")
        self._faker.seed_instance(self.rng.random())

    def schools(self, size: int = 10, kind: str = "elementaire") -> list[ListedSchool]:
        """Return schools of one département, each with a name and a commune."""
        return self._generator.schools(size, where=lambda school: school.kind == kind)

    def is_identified(self, school: ListedSchool) -> bool:
        """Return whether the name of a school and its commune are no other school's."""
        return self._generator.directory.is_unique_match(school, place=school.place, has_kind=True)

    def numbers(self, schools: Iterable[ListedSchool], low: int = 3, high: int = 9) -> dict[str, int]:
        """Return a number of licences for each school, by UAI."""
        return {school.uai: self.rng.randint(low, high) for school in schools}

    def person(self) -> str:
        """Return the name of an invented person."""
        return self._faker.name()

    def sentence(self) -> str:
        """Return an invented sentence."""
        return self._faker.sentence()

    def ask(self, filename: str, content: bytes, truth: dict[str, int], expects: str, **options: Any) -> DrawnUpList:
        """Return a list that may become a question."""
        return DrawnUpList(self.name, filename, content, Want.ASK, truth, expects, **options)

    def read(self, filename: str, content: bytes, truth: dict[str, int], expects: str) -> DrawnUpList:
        """Return a list that needs no question."""
        return DrawnUpList(self.name, filename, content, Want.READ, truth, expects)


def sheet(name: str, *rows: Sequence[Any]) -> SheetBuilder:
    """Return a sheet of these rows."""
    built = SheetBuilder(name)
    for cells in rows:
        built.add_unscored(*cells)
    return built


def xlsx(name: str, *rows: Sequence[Any]) -> bytes:
    """Return an Excel workbook with one sheet."""
    return formats.xlsx(sheet(name, *rows))


def restyle(content: bytes, style: Callable[[Workbook], None]) -> bytes:
    """Return an Excel workbook after `style` has changed it."""
    book = openpyxl.load_workbook(io.BytesIO(content), rich_text=True)
    style(book)
    return formats.save_workbook(book)
