"""Colours of rows: which are asked about, with the words of their legend, and which are decoration."""

import io

import openpyxl
import pytest
from openpyxl.styles import PatternFill
from openpyxl.styles.colors import Color

from bench.damaged.xlsb_writer import write_xlsb
from imports.formats import limits
from imports.formats.xlsx import SEVERE_COLOUR
from imports.parsing.declined_rows import DECLINED
from imports.parsing.row_colours import name_colour, read_legend
from imports.parsing.spreadsheet import ParsingOptions, parse_spreadsheet
from imports.workbooks.cell_marks import build_fill
from tests.imports.coloured_files import (
    GREEN,
    LEGEND,
    RED,
    ROWS,
    TITLES,
    build_coloured_fods,
    build_coloured_ods,
    build_coloured_xls,
    build_coloured_xlsx,
    colour_xlsx,
    list_in_colour,
)
from tests.imports.sample_files import build_csv, save_workbook

ORANGE, YELLOW, GREY, BLUE = "FFC000", "FFFF00", "D9D9D9", "DDEBF7"


def parse(content, **answers):
    return parse_spreadsheet(content, ParsingOptions(answers=answers))


def ask(content):
    """Return the open question which rows to take, None where there is none."""
    return next((question for question in parse(content).questions if question.code == "row_categories"), None)


def labels(content):
    """Return the labels of the colours in question by their value."""
    question = ask(content)
    return {o.value: o.label.replace("\u00a0", " ") for o in question.options} if question else {}


def left(content):
    """Return the rows that the likely answer leaves, with their messages."""
    question = ask(content)
    parsed = parse(content, row_categories=question.likely) if question else parse(content)
    return {row.number: p.message for row in parsed.rows for p in row.problems if p.code == DECLINED}


# What a text says


@pytest.mark.parametrize(
    ("text", "colours"),
    [
        ("En rouge : ne participe pas", ["rouge"]),
        ("Vert : accordé, rouge : refusé", ["vert", "rouge"]),
        ("Rouge (refusé) - Vert (accordé)", ["rouge", "vert"]),
        ("Les écoles refusées sont en rouge", ["rouge"]),
        ("En rouge ou en orange : refusé", ["rouge", "orange"]),
        ("Surligné en jaune = ne souhaite pas participer", ["jaune"]),
        ("* les lignes roses correspondent aux écoles qui ne veulent pas", ["rose"]),
        ("Liste des écoles 2026 (en jaune : écoles ne souhaitant pas participer)", ["jaune"]),
        ("Les lignes surlignées sont refusées", [""]),
        # Names and streets are no colours.
        ("École du Château Rouge", []),
        ("École Paul Bert, Rose Bonheur : refusées", []),
        ("Rue du Vert, refusé", []),
        (f"En rouge : refusé {'x' * 300}", []),
    ],
)
def test_a_text_names_the_colours_that_it_is_about(text, colours):
    assert [part.colour for part in read_legend(text)] == colours


@pytest.mark.parametrize(
    ("rgb", "name"),
    [
        ("FF0000", "rouge"), ("C00000", "rouge"), ("FFC7CE", "rose"), ("ED7D31", "orange"), ("F8CBAD", "orange"),
        ("FFC000", "orange"), ("FFEB9C", "jaune"), ("FFFF00", "jaune"), ("92D050", "vert"), ("00B050", "vert"),
        ("5B9BD5", "bleu"), ("7030A0", "violet"), ("FF99CC", "rose"), ("D9D9D9", "gris"), ("FFFFFF", ""),
        ("000000", ""), ("FDFDFD", ""),
    ],
)  # fmt: skip
def test_a_colour_has_the_name_that_people_give_it(rgb, name):
    assert name_colour(rgb) == name


# Which rows are asked about


@pytest.mark.parametrize("build", [build_coloured_xlsx, build_coloured_xls, build_coloured_ods, build_coloured_fods])
def test_rows_in_a_colour_are_asked_about_in_each_format(build):
    assert labels(build()) == {"colour:red": f"Lignes en rouge (« {LEGEND} ») – 2 lignes"}
    found = left(build())
    assert list(found) == [3, 5]
    assert found[3] == (f"Vos réponses écartent cette ligne : elle est en rouge dans le fichier (« {LEGEND} »).")
    taken = parse(build(), row_categories="colour:red/")
    assert not taken.questions
    assert not any(row.notes for row in taken.rows)


def test_the_rows_left_are_counted_by_their_colour():
    question = ask(build_coloured_xlsx())
    assert parse(build_coloured_xlsx()).remarks == []
    assert parse(build_coloured_xlsx(), row_categories=question.likely).remarks == [
        "2 lignes ne sont pas cochées d'office (2\u00a0en rouge)."
    ]


@pytest.mark.parametrize("where", ["below", "above", "beside", "in the title", "another sheet", "two cells"])
def test_a_legend_is_found_wherever_it_stands(where):
    table = [TITLES, *ROWS]
    red = {4: RED}
    contents = {
        "below": list_in_colour(LEGEND, fills=red),
        "above": list_in_colour(LEGEND, below=False, fills={6: RED}),
        "beside": colour_xlsx(TITLES, ROWS[0], [*ROWS[1], None, LEGEND], *ROWS[2:], fills=dict.fromkeys(["B4"], RED)),
        "in the title": colour_xlsx([*TITLES[:2], "Licences (en rouge : refusé)"], *ROWS, fills=red),
        "another sheet": colour_xlsx(*table, fills=red, more={"Légende": [("Vert", "Accordé"), ("Rouge", "Refusé")]}),
        "two cells": colour_xlsx(*table, (), (None, "Rouge", "Ne participe pas"), fills=red),
    }
    content = contents[where]
    assert "«" in labels(content)["colour:red"]
    assert list(left(content)) == [6 if where == "above" else 4]
    assert [row.cells["uai"] for row in parse(content).rows if not row.ignored] == [row[0] for row in ROWS]


def test_a_legend_holds_for_all_sheets_that_are_read():
    book = openpyxl.load_workbook(io.BytesIO(colour_xlsx(TITLES, *ROWS[:2], (), (LEGEND,))))
    second = book.create_sheet("Secteur 2")
    for row in [TITLES, *ROWS[2:]]:
        second.append(list(row))
    second["C3"].fill = PatternFill("solid", fgColor=RED)
    parsed = parse(save_workbook(book), row_categories="/colour:red")
    assert [(row.sheet, row.number) for row in parsed.rows if row.notes] == [(1, 3)]


def test_a_legend_in_a_list_by_names_is_no_school():
    rows = [(f"École Jean Jaurès {n}", "Nîmes", 3) for n in range(5)]
    content = colour_xlsx(("École", "Commune", "Licences"), *rows, (LEGEND,), fills={3: RED})
    assert list(left(content)) == [3]
    assert [row.number for row in parse(content).rows if row.ignored] == [7]


@pytest.mark.parametrize("swatch", ["A8", "B8", "C8"])
def test_a_text_of_the_colour_or_beside_it_is_its_legend(swatch):
    content = colour_xlsx(TITLES, *ROWS, (), (None, "Ne participe pas"), fills={"C3": "F4B084", swatch: "F4B084"})
    assert labels(content) == {"colour:orange": "Lignes en orange (« Ne participe pas ») – 1 ligne"}
    assert list(left(content)) == [3]


def test_a_label_beside_the_table_says_nothing_of_the_row_in_which_it_stands():
    rows = [ROWS[0], [*ROWS[1], None, "Ne participe pas"], *ROWS[2:]]
    assert list(left(colour_xlsx(TITLES, *rows, fills={5: RED, "E3": RED}))) == [5]


def test_rows_written_in_a_colour_are_asked_about_as_well():
    content = list_in_colour("En rouge : refusé", fonts={3: RED}, fills={4: GREEN})
    assert labels(content) == {
        "font:red": "Lignes écrites en rouge (« En rouge : refusé ») – 1 ligne",
        "colour:green": "Lignes en vert – 1 ligne",
    }
    assert list(left(content)) == [3, 4]


def test_a_pale_red_is_red_only_where_no_row_is_redder():
    pale, red = "Lignes en rose", "Lignes en rouge"
    assert labels(list_in_colour(LEGEND, fills={3: "FFC7CE"})) == {"colour:pink": f"{pale} (« {LEGEND} ») – 1 ligne"}
    assert labels(list_in_colour(LEGEND, fills={3: "FFC7CE", 4: RED})) == {
        "colour:pink": f"{pale} – 1 ligne",
        "colour:red": f"{red} (« {LEGEND} ») – 1 ligne",
    }


def test_a_theme_colour_with_a_tint_is_resolved():
    # The sixth accent of the theme that openpyxl writes is orange; its white is a grey with a tint.
    content = list_in_colour("En orange : refusé", fills={3: Color(theme=9, tint=0.4)})
    assert list(left(content)) == [3]
    grey = Color(theme=0, tint=-0.25)
    assert list(left(list_in_colour("En gris : refusé", fills={3: grey}))) == [3]
    assert list(left(list_in_colour(LEGEND, fills={3: Color(indexed=10)}))) == [3]


def test_the_colours_of_an_annotated_workbook_are_those_that_its_cells_had():
    marked, plain = build_fill(SEVERE_COLOUR, before=PatternFill("solid", fgColor=RED)), build_fill(SEVERE_COLOUR)
    assert list(labels(list_in_colour(LEGEND, fills={"A3": marked, "A4": plain}))) == ["colour:red"]
    assert labels(list_in_colour("En rose : refusé", fills={"A3": plain})) == {}


def test_a_colour_without_a_legend_is_asked_about():
    assert labels(colour_xlsx(TITLES, *ROWS, fills={3: GREEN, 4: GREEN})) == {
        "colour:green": "Lignes en vert – 2 lignes"
    }


@pytest.mark.parametrize(("legend", "expected"), [("", [3]), ("En vert : accordé", []), ("En vert : refusé", [3])])
def test_only_a_colour_whose_legend_says_yes_is_filled_in_as_taken(legend, expected):
    assert list(left(list_in_colour(legend, fills={3: GREEN}))) == expected


# Decoration


@pytest.mark.parametrize(
    "content",
    [
        # The colour of the titles, of every other row, of most rows, of a whole column, of a cell that names no school.
        colour_xlsx(TITLES, *ROWS, fills={1: RED}),
        colour_xlsx(TITLES, *ROWS, fills={3: BLUE, 5: BLUE}),
        colour_xlsx(TITLES, *ROWS, fills={3: GREEN, 4: GREEN, 6: GREEN}),
        list_in_colour(LEGEND, fills={f"C{n}": RED for n in range(2, 7)}),
        colour_xlsx([*TITLES, "Adresse"], *[[*row, "rue"] for row in ROWS], fills={"D3": RED}),
        # The heading of a group.
        colour_xlsx(TITLES, *ROWS[:2], ("Écoles de Nîmes",), *ROWS[2:], fills={4: GREY}),
        # One colour for each sector.
        colour_xlsx(TITLES, *ROWS, fills=dict(zip(range(2, 7), (RED, GREEN, "7030A0", "ED7D31", YELLOW), strict=True))),
    ],
)
def test_what_is_decoration_is_not_asked_about(content):
    assert labels(content) == {}
    assert [row.units for row in parse(content).rows if not row.ignored] == [row[2] for row in ROWS]


# Legends that are not applied


@pytest.mark.parametrize(
    "content",
    [
        build_csv([TITLES, *ROWS, [], [LEGEND]]),
        write_xlsb({"Feuil1": [list(TITLES), *ROWS, [], [LEGEND]]}),
        list_in_colour(LEGEND),
        list_in_colour("En orange : ne participe pas", fills={3: BLUE, 5: BLUE}),
    ],
    ids=["csv", "xlsb", "no colour", "another colour"],
)
def test_a_legend_that_is_not_applied_becomes_one_remark(content):
    parsed = parse(content)
    assert labels(content) == {}
    assert [remark.partition(" « ")[0] for remark in parsed.remarks] == ["La légende de couleurs"]


@pytest.mark.parametrize(
    "content",
    [
        list_in_colour("En bleu : nouvelles écoles"),
        list_in_colour("En vert : accordé", fills=dict.fromkeys(range(2, 7), GREEN)),
        # Nobody desisted: the colours of all rows are explained.
        list_in_colour("En rouge : refusé ; en orange : désisté", fills={3: RED}),
    ],
)
def test_a_legend_that_leaves_no_doubt_needs_no_remark(content):
    assert parse(content).remarks == []


def test_more_coloured_cells_than_are_recorded_become_a_remark(monkeypatch):
    monkeypatch.setattr(limits, "MAX_COLOURED_CELLS", 5)
    for build in (build_coloured_xlsx, build_coloured_xls, build_coloured_ods):
        (remark,) = parse(build()).remarks
        assert "ne peuvent pas être lues" in remark


@pytest.mark.parametrize("rows", [0, 300])
def test_a_legend_below_a_long_list_of_few_columns_is_found(rows):
    schools = [(f"École Jean Jaurès {n}", n) for n in range(3 + rows)]
    assert list(left(colour_xlsx(("École", "Licences"), *schools, (), (LEGEND,), fills={3: RED}))) == [3]
