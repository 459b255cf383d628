"""Lists that combine what lists do, by a seeded program: shapes, titles, refusals, numbers, totals, ways of saving.

What is meant is known by construction. Titles and values are those of the probes.
"""

import datetime
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from bench.damaged import formats
from bench.damaged.directory import ListedSchool, SchoolDirectory
from bench.damaged.sheet_builder import SheetBuilder
from bench.drawn_up import probe_columns, probe_titles
from bench.drawn_up.drafts import ListDraft, sheet
from bench.drawn_up.expectations import DrawnUpList, Want
from bench.drawn_up.probe_columns import split_cells, split_columns

#: Lists that are made.
LISTS = 150
#: Schools of a list, at least and at most.
_FEWEST, _MOST = 8, 14
_SECTORS = ("Nord", "Centre", "Sud")
_LEVELS = ("CP", "CE1", "CE2", "CM1", "CM2")
_FIRST_DAY = datetime.date(2026, 9, 14)


class Shape(StrEnum):
    """How the rows stand on the sheets."""

    PLAIN = "plain"
    BANNER = "banner"
    SECTOR_SHEETS = "sheets by sector"
    NOTICE = "with a notice"
    RECAP = "with a recapitulation"
    HEADINGS = "headings between rows"
    STACKED = "stacked tables"
    SIDE_BY_SIDE = "tables side by side"
    PAIRS = "two schools a row"
    NURSERY_PAIRS = "nursery and elementary school a row"
    FORM = "answers to a form"


class RefusalKind(StrEnum):
    """How some rows are not meant."""

    NONE = "no refusal"
    COLUMN = "a column refuses"
    REMARK = "a remark refuses"


class Number(StrEnum):
    """How the number stands."""

    PLAIN = "one number"
    CLASSES = "classes beside pupils"
    CONTRARY_BESIDE = "beside a contrary number"
    CONTRARY_ALONE = "a contrary number alone"
    GRANTED = "asked and granted"
    DECIMAL = "decimals"
    WORDS = "with its unit"
    TEXT = "as text"


class Total(StrEnum):
    """What sums stand among the rows."""

    NONE = "no total"
    LAST = "a total"
    BY_COMMUNE = "subtotals by commune"


#: How a single sheet is saved as text: separator and encoding.
_TEXTS = ((";", "cp1252"), (";", "utf-8-sig"), (",", "utf-8"), ("\t", "utf-16"), (";", "utf-8"), ("|", "cp1252"))
_WORKBOOKS: dict[str, Callable[..., bytes]] = {
    "xlsx": formats.xlsx, "xls": formats.xls, "ods": formats.ods, "xlsm": formats.xlsm,
}  # fmt: skip
#: What needs neither a question nor a word.
_PLAIN_SHAPES = (
    Shape.PLAIN, Shape.BANNER, Shape.SECTOR_SHEETS, Shape.NOTICE, Shape.RECAP, Shape.HEADINGS, Shape.STACKED,
)  # fmt: skip
_PLAIN_NUMBERS = (Number.PLAIN, Number.CLASSES, Number.DECIMAL, Number.WORDS, Number.TEXT)
#: Titles of two schools in one row.
_PAIRS = (
    ("UAI", "École", "Licences", "UAI 2", "École 2", "Licences 2"),
    ("UAI 1", "École 1", "Licences 1", "UAI 2", "École 2", "Licences 2"),
    ("RNE école A", "École A", "Nb licences A", "RNE école B", "École B", "Nb licences B"),
)
_NURSERY_PAIRS = (
    ("Groupe scolaire", "UAI mat.", "Classes mat.", "UAI élém.", "Classes élém."),
    ("Groupe scolaire", "UAI maternelle", "Nb classes maternelle", "UAI élémentaire", "Nb classes élémentaire"),
)
#: Shapes with titles of their own.
_OWN_TITLES = (Shape.PAIRS, Shape.NURSERY_PAIRS, Shape.FORM)


@dataclass
class _Table:
    """One table in the making: titles, and a row a school."""

    titles: list[str]
    rows: list[list[Any]]
    schools: list[ListedSchool]
    #: Index of the column whose sums stand among the rows.
    number: int = 0
    truth: dict[str, int] = field(default_factory=dict)

    def add(self, title: str, cells: Sequence[Any]) -> None:
        """Add a column on the right."""
        self.titles.append(title)
        for row, cell in zip(self.rows, cells, strict=True):
            row.append(cell)


def combined_lists(directory: SchoolDirectory, *, seed: int = 2026, count: int = LISTS) -> Iterator[DrawnUpList]:
    """Make the lists, the same ones from the same directory and seed; each shape, refusal and number in turn."""
    for at in range(count):
        yield combine_list(directory, at, seed=seed)


def combine_list(directory: SchoolDirectory, at: int, *, seed: int = 2026) -> DrawnUpList:
    """Return one of the lists, by its place among them."""
    turn, shape = divmod(at, len(shapes := list(Shape)))
    # Half of the lists refuse nothing: in most of those nothing is to be asked.
    refusals = (RefusalKind.NONE, RefusalKind.COLUMN, RefusalKind.NONE, RefusalKind.REMARK)
    numbers = (Number.PLAIN, *Number)
    return _combine(
        ListDraft(directory, f"combined_{at:03d}", seed),
        shapes[shape],
        refusals[(turn + shape) % len(refusals)],
        numbers[(2 * turn + 5 * shape) % len(numbers)],
    )


def _combine(m: ListDraft, shape: Shape, refusal: RefusalKind, number: Number) -> DrawnUpList:
    total, refused = Total.NONE, frozenset[str]()
    if shape is Shape.FORM:
        truth, pages = _answer_form(m)
        parts: list[str] = [shape]
    elif shape in _OWN_TITLES:
        truth, pages = _pair_schools(m, with_nursery=shape is Shape.NURSERY_PAIRS)
        parts = [shape]
    else:
        total = m.rng.choice(list(Total)) if shape in (Shape.PLAIN, Shape.BANNER, Shape.NOTICE) else Total.NONE
        table, what = _draw_table(m, refusal, number)
        truth, pages = table.truth, _arrange(m, table, shape, total)
        refused = frozenset(school.uai for school in table.schools if school.uai not in truth)
        parts = [shape, number, refusal, total, what]
    filename, content = _save(m, pages)
    plain = (
        shape in _PLAIN_SHAPES
        and number in _PLAIN_NUMBERS
        and refusal is RefusalKind.NONE
        and total is not Total.BY_COMMUNE
    )
    want, expects = Want.READ if plain else Want.ASK, f"{', '.join(filter(None, parts))} [{filename}]"
    return DrawnUpList(m.name, filename, content, want, truth, expects, refused=refused)


def _draw_table(m: ListDraft, refusal: RefusalKind, number: Number) -> tuple[_Table, str]:
    """Return a table, and the title and values of what refuses or is contrary in it."""
    schools = m.schools(m.rng.randint(_FEWEST, _MOST))
    identified = [school for school in schools if m.is_identified(school)]
    by_name = len(identified) >= _FEWEST and m.rng.random() < 1 / 2
    schools = identified if by_name else schools
    titles = ["École", "Commune"] if by_name else ["UAI", "Nom de l'école", "Commune"]
    rows = [[*(() if by_name else (school.uai,)), school.name, school.commune] for school in schools]
    table = _Table(titles, rows, schools)
    if m.rng.random() < 1 / 2:
        _add_harmless(m, table)
    contrary = _add_numbers(m, table, number)
    refuses = ""
    refused: set[str] = set()
    if refusal is RefusalKind.COLUMN:
        refuses, refused = _refuse_by_column(m, table)
    elif refusal is RefusalKind.REMARK:
        refuses, refused = _refuse_by_remark(m, table)
    elif m.rng.random() < 1 / 2:
        _add_contact(m, table)
    table.truth = {uai: count for uai, count in table.truth.items() if uai not in refused}
    return table, ", ".join(filter(None, (contrary, refuses)))


def _add_harmless(m: ListDraft, table: _Table) -> None:
    title, values = m.rng.choice(split_columns(probe_columns.HARMLESS))
    choices = split_cells(values)
    # Each value stands several times, as it does in a list of a whole town.
    table.add(title, [m.rng.choice(choices) for _ in table.rows])


def _add_contact(m: ListDraft, table: _Table) -> None:
    kind = m.rng.choice(("mail", "phone", "person", "date"))
    if kind == "mail":
        table.add("Courriel", [f"ce.{school.uai.lower()}@ac-exemple.example" for school in table.schools])
    elif kind == "phone":
        table.add("Téléphone", [f"04 66 {m.rng.randint(10, 99)} {m.rng.randint(10, 99)} 00" for _ in table.rows])
    elif kind == "person":
        table.add("Directeur ou directrice", [m.person() for _ in table.rows])
    else:
        days = [_FIRST_DAY + datetime.timedelta(days=m.rng.randint(0, 40)) for _ in table.rows]
        table.add("Date de la demande", days)


def _add_numbers(m: ListDraft, table: _Table, number: Number) -> str:
    """Add the columns of numbers and what they mean; return the title of one that means the contrary."""
    counts = [m.rng.randint(3, 9) for _ in table.rows]
    table.number = len(table.titles)
    table.truth = {school.uai: count for school, count in zip(table.schools, counts, strict=True)}
    other = [max(1, count + m.rng.choice((-2, -1, 1, 2))) for count in counts]
    contrary = m.rng.choice(probe_titles.CONTRARY.strip().splitlines())
    giving = m.rng.choice(("Licences", "Nb licences", "Nombre de licences", "Licences à attribuer", "Quantité"))
    if number is Number.CLASSES:
        table.add("Nb de classes", counts)
        table.add("Élèves", [count * 23 + m.rng.randint(0, 9) for count in counts])
    elif number is Number.CONTRARY_BESIDE:
        for title, cells in [(giving, counts), (contrary, other)][:: m.rng.choice((1, -1))]:
            table.add(title, cells)
    elif number is Number.CONTRARY_ALONE:
        table.add(contrary, counts)
        table.truth = {}
    elif number is Number.GRANTED:
        table.add("Licences demandées", other)
        table.add("Licences accordées", counts)
    else:
        written: dict[Number, Callable[[int], Any]] = {
            Number.DECIMAL: float, Number.WORDS: lambda count: f"{count} licences", Number.TEXT: str,
        }  # fmt: skip
        table.add(giving, [written.get(number, int)(count) for count in counts])
    return f"« {contrary} »" if number in (Number.CONTRARY_ALONE, Number.CONTRARY_BESIDE) else ""


def _refuse_by_column(m: ListDraft, table: _Table) -> tuple[str, set[str]]:
    """Add a column that refuses some rows; return its title with its values, and the UAI of those."""
    title, values = m.rng.choice(split_columns(probe_columns.REFUSING))
    meant, refused = (split_cells(part) for part in values.split(" / "))
    count = len(table.rows) // 2 if "" in refused else max(2, len(refused))
    cells = [m.rng.choice(meant) for _ in range(len(table.rows) - count)]
    cells += [refused[at % len(refused)] for at in range(count)]
    m.rng.shuffle(cells)
    table.add(title, cells)
    out = {school.uai for school, cell in zip(table.schools, cells, strict=True) if cell in refused}
    return f"« {title} » : {values}", out


def _refuse_by_remark(m: ListDraft, table: _Table) -> tuple[str, set[str]]:
    """Add a column with one remark that sets its row apart; return it, and the UAI of the row."""
    title, remark = m.rng.choice(split_columns(probe_columns.SETTING_APART))
    at = m.rng.randrange(len(table.rows))
    table.add(title, [remark if row == at else "" for row in range(len(table.rows))])
    return f"« {title} » : {remark}", {table.schools[at].uai}


def _arrange(m: ListDraft, table: _Table, shape: Shape, total: Total) -> list[SheetBuilder]:
    """Return the sheets of a table of this shape, with its sums."""
    rows = _add_totals(table, total)
    third = -(-len(table.rows) // len(_SECTORS))
    parts = {name: table.rows[at * third : (at + 1) * third] for at, name in enumerate(_SECTORS)}
    if shape is Shape.BANNER:
        banner = [("Ville de Montfleury – Direction de l'éducation",), ("Licences numériques, rentrée 2026",), ()]
        pages = [sheet("Écoles", *banner, table.titles, *rows)]
    elif shape is Shape.SECTOR_SHEETS:
        pages = [sheet(f"Secteur {name}", table.titles, *part) for name, part in parts.items()]
    elif shape is Shape.NOTICE:
        notice = sheet("Lisez-moi", ("Ce fichier est à retourner au service.",), ("Une ligne par école.",))
        pages = [sheet("Liste", table.titles, *rows), notice][:: m.rng.choice((1, -1))]
    elif shape is Shape.RECAP:
        recap = [(f"Secteur {name}", len(part), _sum(table, part)) for name, part in parts.items()]
        titles = ("Secteur", "Écoles", table.titles[table.number])
        pages = [sheet("Détail", table.titles, *rows), sheet("Récapitulatif", titles, *recap)]
    elif shape is Shape.HEADINGS:
        headed = [row for name, part in parts.items() for row in [[f"Secteur {name}"], *part]]
        pages = [sheet("Écoles", table.titles, *headed)]
    elif shape is Shape.STACKED:
        stacked = [row for name, part in parts.items() for row in [[f"Secteur {name}"], table.titles, *part, []]]
        pages = [sheet("Écoles", *stacked)]
    elif shape is Shape.SIDE_BY_SIDE:
        half = -(-len(table.rows) // 2)
        right = [*table.rows[half:], *[[""] * len(table.titles)] * (2 * half - len(table.rows))]
        beside = [[*left, "", *row] for left, row in zip(table.rows[:half], right, strict=True)]
        pages = [sheet("Écoles", [*table.titles, "", *table.titles], *beside)]
    else:
        pages = [sheet("Feuil1", table.titles, *rows)]
    return pages


def _sum(table: _Table, rows: list[list[Any]]) -> int:
    return sum(int(str(row[table.number]).split(".")[0].split()[0]) for row in rows)


def _add_totals(table: _Table, total: Total) -> list[list[Any]]:
    place = table.titles.index("Commune")

    def make_sum(label: str, rows: list[list[Any]]) -> list[Any]:
        cells: list[Any] = [""] * len(table.titles)
        cells[place - 1], cells[table.number] = label, _sum(table, rows)
        return cells

    if total is Total.LAST:
        return [*table.rows, make_sum("Total", table.rows)]
    if total is Total.BY_COMMUNE:
        rows = []
        for commune in sorted({row[place] for row in table.rows}):
            part = [row for row in table.rows if row[place] == commune]
            rows += [*part, make_sum(f"Sous-total {commune}", part)]
        return rows
    return table.rows


def _pair_schools(m: ListDraft, *, with_nursery: bool) -> tuple[dict[str, int], list[SheetBuilder]]:
    """Return rows of two schools each; a nursery school has its number, whether or not its levels untick it."""
    size = m.rng.randint(5, 7)
    schools = m.schools(2 * size)
    left, right = schools[:size], schools[size:]
    if with_nursery:
        left = m.schools(size, kind="maternelle")
    numbers = m.numbers([*left, *right])
    if with_nursery:
        rows = [
            (f"Groupe scolaire {at}", nursery.uai, numbers[nursery.uai], school.uai, numbers[school.uai])
            for at, (nursery, school) in enumerate(zip(left, right, strict=False), start=1)
        ]
    else:
        rows = [
            (one.uai, one.name, numbers[one.uai], other.uai, other.name, numbers[other.uai])
            for one, other in zip(left, right, strict=True)
        ]
    titles = m.rng.choice(_NURSERY_PAIRS if with_nursery else _PAIRS)
    return numbers, [sheet("Groupes", titles, *rows)]


def _answer_form(m: ListDraft) -> tuple[dict[str, int], list[SheetBuilder]]:
    """Return the answers of teachers, a row each: a school has as many licences as there are rows of it."""
    schools = m.schools(5)
    truth = {school.uai: m.rng.randint(2, 4) for school in schools}
    answers = [school for school in schools for _ in range(truth[school.uai])]
    m.rng.shuffle(answers)
    titles = ["Horodateur", "Adresse e-mail", "Nom", "UAI de votre école", "Votre école", "Niveau de classe"]
    rows = []
    for at, school in enumerate(answers):
        name = m.person()
        address = f"{name.split()[-1].lower()}{at}@ac-exemple.example"
        day = _FIRST_DAY + datetime.timedelta(days=at // 3)
        rows.append((day, address, name, school.uai, school.name, m.rng.choice(_LEVELS)))
    return truth, [sheet("Réponses au formulaire 1", titles, *rows)]


def _save(m: ListDraft, pages: list[SheetBuilder]) -> tuple[str, bytes]:
    """Return a file's name and content: a text where there is one sheet, or a workbook."""
    if len(pages) == 1 and m.rng.random() < 1 / 2:
        separator, encoding = m.rng.choice(_TEXTS)
        width = max(len(row) for row in pages[0].rows)
        if any("✓" in str(cell) for row in pages[0].rows for cell in row):
            # Windows' own characters have no tick.
            encoding = "utf-8-sig"
        content = formats.delimited(pages[0], separator=separator, encoding=encoding, width=width)
        return f"{m.name}.csv", content
    suffix = m.rng.choice(list(_WORKBOOKS))
    return f"{m.name}.{suffix}", _WORKBOOKS[suffix](*pages)
