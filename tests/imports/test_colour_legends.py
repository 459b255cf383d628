"""Legends of colours: what a text says of a colour, and which rows it refuses."""

import io
from types import SimpleNamespace

import openpyxl
import pytest
from openpyxl.styles import PatternFill
from openpyxl.styles.colors import Color

from bench.damaged.xlsb_writer import write_xlsb
from imports.formats import limits
from imports.formats.xlsx import SEVERE_COLOUR
from imports.parsing.colour_legends import MAX_FIRST_ROWS, MAX_LAST_ROWS, LegendFinder, is_refusing_label, read_legend
from imports.parsing.coloured_rows import name_colour
from imports.parsing.column_titles import Title
from imports.parsing.declined_rows import DECLINED
from imports.parsing.sheet_selection import DetectedSheet
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


def parse(content):
    return parse_spreadsheet(content, ParsingOptions())


def declined(parsed):
    """Return the messages of the declined rows, by number."""
    return {row.number: p.message for row in parsed.rows for p in row.problems if p.code == DECLINED}


def unapplied(parsed):
    """Return the remarks about legends that are not applied."""
    return [remark for remark in parsed.remarks if "n'est pas appliquée" in remark]


# What a text says


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("En rouge : ne participe pas", "rouge refused"),
        ("lignes en orange : refusées", "orange refused"),
        ("En vert : accordé", "vert accepted"),
        ("Vert : accordé, rouge : refusé", "vert accepted, rouge refused"),
        ("Rouge (refusé) - Vert (accordé)", "rouge refused, vert accepted"),
        ("Les écoles refusées sont en rouge", "rouge refused"),
        ("refusées en rouge, accordées en vert", "rouge refused, vert accepted"),
        ("En rouge ou en orange : refusé", "rouge refused, orange refused"),
        ("En rouge : désistements. En vert : nouvelles écoles.", "rouge refused, vert neutral"),
        ("Surligné en jaune = ne souhaite pas participer", "jaune refused"),
        ("Légende : rouge = non ; vert = oui", "rouge refused, vert accepted"),
        ("En jaune : en attente de réponse", "jaune unclear"),
        ("En rouge : refusé en 2024, accordé depuis", "rouge unclear"),
        ("En rouge : classes supprimées ou refusées", "rouge unclear"),
        ("Les écoles barrées ou en rouge n'ont pas souhaité participer", "rouge refused"),
        ("cellules vertes = OK / cellules rouges = KO", "vert accepted, rouge refused"),
        ("Fond orange → liste d'attente", "orange unclear"),
        ("En bleu, les écoles déjà équipées", "bleu unclear"),
        ("Surlignées en jaune : écoles fermées à la rentrée", "jaune refused"),
        ("* les lignes roses correspondent aux écoles qui ne veulent pas", "rose refused"),
        ("Liste des écoles 2026 (en jaune : écoles ne souhaitant pas participer)", "jaune refused"),
        ("Vert : OK / Rouge : pas OK / Orange : à voir", "vert accepted, rouge refused, orange unclear"),
        ("Les lignes surlignées sont refusées", " refused"),
        ("Cases grisées : ne pas remplir", "gris neutral"),
        ("Les champs en rouge sont obligatoires", "rouge neutral"),
        # Names and streets are no colours.
        ("École du Château Rouge", ""),
        ("École du Château Rouge : ne participe pas", ""),
        ("École Paul Bert, Rose Bonheur : refusées", ""),
        ("Rue du Vert, refusé", ""),
        (f"En rouge : refusé {'x' * 300}", ""),
    ],
)
def test_a_text_says_what_a_colour_means(text, expected):
    assert ", ".join(f"{one.colour} {one.verdict.value}" for one in read_legend(text)) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Ne participe pas", True),
        ("Refusé", True),
        ("Accordé", False),
        ("Total refusé", False),
        ("Refusées : 12", False),
    ],
)
def test_a_label_refuses_by_its_words_alone(text, expected):
    assert is_refusing_label(text) is expected


@pytest.mark.parametrize(
    ("rgb", "names"),
    [
        ("FF0000", ("rouge",)), ("C00000", ("rouge",)), ("FFC7CE", ("rose", "rouge")), ("ED7D31", ("orange",)),
        ("F8CBAD", ("orange",)), ("FFC000", ("orange", "jaune")), ("FFEB9C", ("jaune", "orange")),
        ("FFFF00", ("jaune",)), ("92D050", ("vert",)), ("00B050", ("vert",)), ("5B9BD5", ("bleu",)),
        ("7030A0", ("violet",)), ("FF99CC", ("rose",)), ("D9D9D9", ("gris",)), ("FFFFFF", ()),
        ("000000", ()), ("FDFDFD", ()),
    ],
)  # fmt: skip
def test_a_colour_has_the_names_that_people_give_it(rgb, names):
    assert name_colour(rgb) == names


# Which rows it refuses


@pytest.mark.parametrize("build", [build_coloured_xlsx, build_coloured_xls, build_coloured_ods, build_coloured_fods])
def test_rows_in_the_colour_of_the_legend_are_declined_in_each_format(build):
    parsed = parse(build())
    found = declined(parsed)
    assert list(found) == [3, 5]
    assert found[3] == (
        f"Le fichier semble écarter cette ligne : elle est en rouge, et le fichier dit : « {LEGEND} ». "
        "Cochez-la si elle compte."
    )
    assert parsed.remarks == [
        "Le fichier semble écarter 2 lignes (2\u00a0en rouge). Elles ne sont pas cochées d'office."
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
    parsed = parse(contents[where])
    assert list(declined(parsed)) == [6 if where == "above" else 4]
    assert [row.cells["uai"] for row in parsed.rows if not row.ignored] == [row[0] for row in ROWS]


def test_a_legend_holds_for_all_sheets_that_are_read():
    book = openpyxl.load_workbook(io.BytesIO(colour_xlsx(TITLES, *ROWS[:2], (), (LEGEND,))))
    second = book.create_sheet("Secteur 2")
    for row in [TITLES, *ROWS[2:]]:
        second.append(list(row))
    second["C3"].fill = PatternFill("solid", fgColor=RED)
    parsed = parse(save_workbook(book))
    assert [(row.sheet, row.number) for row in parsed.rows if row.notes] == [(1, 3)]
    assert not unapplied(parsed)


def test_a_legend_in_a_list_by_names_is_no_school():
    rows = [(f"École Jean Jaurès {n}", "Nîmes", 3) for n in range(5)]
    parsed = parse(colour_xlsx(("École", "Commune", "Licences"), *rows, (LEGEND,), fills={3: RED}))
    assert list(declined(parsed)) == [3]
    assert [row.number for row in parsed.rows if row.ignored] == [7]


@pytest.mark.parametrize("swatch", ["A8", "B8", "C8"])
def test_a_coloured_cell_with_or_beside_a_refusal_is_a_legend(swatch):
    parsed = parse(colour_xlsx(TITLES, *ROWS, (), (None, "Ne participe pas"), fills={"C3": "F4B084", swatch: "F4B084"}))
    found = declined(parsed)
    assert list(found) == [3]
    assert "elle a la couleur de « Ne participe pas » dans le fichier" in found[3]
    assert not unapplied(parsed)


def test_a_label_beside_the_table_is_no_answer_of_the_row_in_which_it_stands():
    rows = [ROWS[0], [*ROWS[1], None, "Ne participe pas"], *ROWS[2:]]
    assert list(declined(parse(colour_xlsx(TITLES, *rows, fills={5: RED, "E3": RED})))) == [5]


def test_rows_written_in_a_colour_count_as_rows_filled_with_it():
    assert list(declined(parse(list_in_colour("En rouge : refusé", fonts={3: RED})))) == [3]
    assert list(declined(parse(list_in_colour("Texte en rouge : refusé", fonts={3: RED}, fills={4: RED})))) == [3]
    assert list(declined(parse(list_in_colour("Fond rouge : refusé", fonts={3: RED}, fills={4: RED})))) == [4]


def test_a_pale_red_is_red_only_where_no_row_is_redder():
    assert list(declined(parse(list_in_colour(LEGEND, fills={3: "FFC7CE"})))) == [3]
    assert list(declined(parse(list_in_colour(LEGEND, fills={3: "FFC7CE", 4: RED})))) == [4]


def test_a_theme_colour_with_a_tint_is_resolved():
    # The sixth accent of the theme that openpyxl writes is orange; its white is a grey with a tint.
    content = list_in_colour("En orange : refusé", fills={3: Color(theme=9, tint=0.4)})
    assert list(declined(parse(content))) == [3]
    grey = Color(theme=0, tint=-0.25)
    assert list(declined(parse(list_in_colour("En gris : refusé", fills={3: grey})))) == [3]
    assert list(declined(parse(list_in_colour(LEGEND, fills={3: Color(indexed=10)})))) == [3]


def test_the_colours_of_an_annotated_workbook_are_those_that_its_cells_had():
    marked, plain = build_fill(SEVERE_COLOUR, before=PatternFill("solid", fgColor=RED)), build_fill(SEVERE_COLOUR)
    assert list(declined(parse(list_in_colour(LEGEND, fills={"A3": marked, "A4": plain})))) == [3]
    assert list(declined(parse(list_in_colour("En rose : refusé", fills={"A3": plain})))) == []


# False positives


@pytest.mark.parametrize(
    "content",
    [
        # No legend at all: most fills are decoration.
        colour_xlsx(TITLES, *ROWS, fills={3: RED, 5: RED}),
        colour_xlsx(TITLES, *[[uai, "École du Château Rouge", n] for uai, _, n in ROWS], fills={1: RED, 3: RED}),
        # The colour of the titles, of every other row, of a whole column, of a cell that names no school.
        list_in_colour(LEGEND, fills={1: RED}),
        list_in_colour(LEGEND, fills={3: BLUE, 5: BLUE}),
        list_in_colour(LEGEND, fills={f"C{n}": RED for n in range(2, 7)}),
        colour_xlsx([*TITLES, "Remarque"], *[[*row, "vu"] for row in ROWS], (), (LEGEND,), fills={"D3": RED}),
        list_in_colour("En vert : accordé", fills={3: GREEN, 5: GREEN}),
        list_in_colour("En jaune : en attente de réponse", fills={3: YELLOW}),
        list_in_colour("Les lignes surlignées sont refusées", fills={3: YELLOW}),
        list_in_colour("En rouge : champs obligatoires", fills={3: RED}),
        # A title, the heading of a group, and two pale reds of which either may be meant.
        colour_xlsx([*TITLES, "Refusé"], *[[*row, ""] for row in ROWS], fills={"D1": RED, 3: RED}),
        colour_xlsx(TITLES, *ROWS[:3], [*ROWS[3], "Non"], ROWS[4], fills={"D5": RED, "C3": RED}),
        colour_xlsx(TITLES, *ROWS[:2], ("Écoles refusées",), *ROWS[2:], fills={"A4": GREY, 2: GREY}),
        list_in_colour(LEGEND, fills={3: "FFC7CE", 4: "FFCCCC"}),
    ],
)  # fmt: skip
def test_no_row_is_refused_on_a_guess(content):
    parsed = parse(content)
    assert declined(parsed) == {}
    assert [row.units for row in parsed.rows if not row.ignored] == [row[2] for row in ROWS]


def test_of_two_colours_the_one_that_refuses_is_applied():
    legend = "En vert : accordé ; en rouge : refusé"
    parsed = parse(list_in_colour(legend, fills={2: GREEN, 3: RED, 4: GREEN}))
    assert list(declined(parsed)) == [3]
    assert not unapplied(parsed)


def test_an_answer_in_colour_is_about_its_own_school():
    # Of the colour of its row, several of them, of no other row, and in a list of two columns.
    titles, answer = (*TITLES,), [None, "Refusé"]
    own = colour_xlsx(titles, ROWS[0], [*ROWS[1], *answer], *ROWS[2:], fills={3: RED, 5: RED})
    several = [ROWS[0], [*ROWS[1], *answer], ROWS[2], [*ROWS[3], *answer], ROWS[4]]
    red = dict.fromkeys(("E3", "E5", "C4"), RED)
    alone = colour_xlsx(titles, ROWS[0], [*ROWS[1], *answer], *ROWS[2:], fills={"E3": RED})
    remarks = [
        [uai, "Refusé" if n == 4 else "En rouge : refusé" if n == 2 else "vu"] for n, (uai, *_) in enumerate(ROWS)
    ]
    two = colour_xlsx(("UAI", "Observations"), *remarks, fills={"B6": RED, "A3": RED})
    contents = {(3,): own, (3, 5): colour_xlsx(titles, *several, fills=red)}
    for numbers, content in [*contents.items(), ((3,), alone), ((6,), two)]:
        parsed = parse(content)
        assert tuple(declined(parsed)) == numbers
        assert not unapplied(parsed)
        assert not any(row.ignored for row in parsed.rows)


@pytest.mark.parametrize(
    ("other", "options"),
    [
        ([("UAI", "Élèves"), (ROWS[0][0], 180), (LEGEND,)], {"sheets": ["Sheet"]}),
        ([("École", "Commune"), ("École Jean Jaurès", "Nîmes"), (LEGEND,)], {}),
        ([(LEGEND,), *[(f"Article {n}",) for n in range(60)]], {}),
    ],
    ids=["list by UAI", "list by name", "long text"],
)
def test_the_legend_of_another_list_is_not_applied(other, options):
    content = colour_xlsx(TITLES, *ROWS, fills={3: RED}, more={"Autre": other})
    assert declined(parse_spreadsheet(content, ParsingOptions(**options))) == {}


def test_a_coloured_refusal_on_another_sheet_counts_only_where_rows_have_its_colour():
    for colour, numbers in ((RED, [3]), (ORANGE, [])):
        book = openpyxl.load_workbook(
            io.BytesIO(colour_xlsx(TITLES, *ROWS, fills={3: RED}, more={"Notes": [("Refusé",)]}))
        )
        book["Notes"]["A1"].fill = PatternFill("solid", fgColor=colour)
        parsed = parse(save_workbook(book))
        assert (list(declined(parsed)), unapplied(parsed)) == (numbers, [])


# Legends that are not applied


@pytest.mark.parametrize(
    "content",
    [
        build_csv([TITLES, *ROWS, [], [LEGEND]]),
        write_xlsb({"Feuil1": [list(TITLES), *ROWS, [], [LEGEND]]}),
        list_in_colour(LEGEND),
        list_in_colour("En orange : ne participe pas", fills={3: RED}),
        list_in_colour("En jaune : en attente de réponse", fills={3: YELLOW}),
        list_in_colour("Les lignes surlignées sont refusées", fills={3: YELLOW}),
        list_in_colour("En vert : accordé", fills={3: GREEN, 5: GREEN}),
        colour_xlsx(TITLES, *ROWS, (), (None, "Ne participe pas"), fills={"C3": ORANGE, "B8": RED}),
    ],
    ids=["csv", "xlsb", "no colour", "another colour", "unclear", "any colour", "yes", "label"],
)
def test_a_legend_that_is_not_applied_becomes_one_remark(content):
    parsed = parse(content)
    assert declined(parsed) == {}
    assert [remark.partition(" « ")[0] for remark in parsed.remarks] == ["La légende de couleurs"]
    assert unapplied(parsed) == parsed.remarks


@pytest.mark.parametrize(
    "content",
    [
        list_in_colour("En bleu : nouvelles écoles", fills={3: BLUE}),
        list_in_colour("En vert : accordé", fills=dict.fromkeys(range(2, 7), GREEN)),
        # Nobody desisted: the colours of all rows are explained.
        list_in_colour("En rouge : refusé ; en orange : désisté", fills={3: RED}),
    ],
)
def test_a_legend_that_leaves_no_doubt_needs_no_remark(content):
    assert not unapplied(parse(content))


def test_more_coloured_cells_than_are_recorded_become_a_remark(monkeypatch):
    monkeypatch.setattr(limits, "MAX_COLOURED_CELLS", 5)
    for build in (build_coloured_xlsx, build_coloured_xls, build_coloured_ods):
        parsed = parse(build())
        assert declined(parsed) == {}
        assert "ne peuvent pas être lues" in unapplied(parsed)[0]


@pytest.mark.parametrize("rows", [0, 300])
def test_a_legend_below_a_long_list_of_few_columns_is_found(rows):
    schools = [(f"École Jean Jaurès {n}", n) for n in range(2 + rows)]
    assert list(declined(parse(colour_xlsx(("École", "Licences"), *schools, (), (LEGEND,), fills={3: RED})))) == [3]


def test_of_the_rows_with_little_else_the_first_and_last_ones_are_read():
    found = LegendFinder(DetectedSheet(0, SimpleNamespace(), 1, [Title("École"), Title("Licences")], []))
    rows = [["École", "Licences"], *[[LEGEND, ""]] * 1_000]
    assert len(list(found.watch(rows))) == 1_001
    assert [cell.row for cell in found.found] == [*range(2, 2 + MAX_FIRST_ROWS), *range(1_002 - MAX_LAST_ROWS, 1_002)]


def test_colours_are_read_only_where_a_text_is_a_legend(monkeypatch):
    read = []
    monkeypatch.setattr("imports.formats.xlsx.read_cell_colours", lambda *_: read.append(1) or {})
    parse(colour_xlsx(TITLES, *ROWS, (), ("Écoles du Château Rouge",), fills={1: RED, 3: RED}))
    assert not read
