"""Columns of numbers whose title or numbers leave a doubt whether they are those to give."""

import pytest

from imports.columns import Meaning
from imports.enums import Purpose
from imports.parsing.spreadsheet import ParsingOptions, parse_spreadsheet
from tests.factories.schools import next_uai
from tests.imports.sample_files import UNUSED_UAIS, build_csv, build_xlsx

LEVELS = ["CP", "CE1", "CE2", "CM1", "CM2"]


def parse_rows(titles, *numbers, **choices):
    rows = [[uai, *line] for uai, line in zip(UNUSED_UAIS, numbers, strict=False)]
    return parse_spreadsheet(build_csv([["UAI", *titles], *rows]), ParsingOptions(**choices))


def read_codes(parsed):
    return [question.code for question in parsed.questions]


@pytest.mark.parametrize(
    ("titles", "numbers", "code"),
    [
        (["Total"], [(112,), (245,), (180,)], "doubtful_numbers"),
        (["Nombre"], [(45,), (38,), (52,)], "doubtful_numbers"),
        (["Nombre"], [(12,), (9,), (95,)], "doubtful_numbers"),
        (["Demande"], [(240,), (1250,), (620,)], "doubtful_numbers"),
        (["Nombre de licences"], [(180,), (240,), (176,)], "doubtful_numbers"),
        (["Licences"], [(2026,), (2026,), (2026,)], "doubtful_numbers"),
        (["Nombre de classes"], [(112,), (245,), (180,)], "doubtful_numbers"),
        (["Garçons", "Filles", "Total"], [(6, 8, 14), (10, 7, 17), (9, 12, 21)], "doubtful_numbers"),
        (["Effectif mat.", "Effectif élém.", "Total"], [(6, 8, 14), (10, 7, 17), (9, 12, 21)], "doubtful_numbers"),
        ([*LEVELS, "Total"], [(6, 5, 4, 7, 5, 27), (4, 3, 6, 5, 6, 24)], "doubtful_numbers"),
        ([*LEVELS, "Total"], [(3, 5, 4, 3, 5, 20), (4, 3, 2, 5, 4, 18)], "doubtful_numbers"),
        (["Souhait 1", "Souhait 2"], [(3, 5), (1, 2), (4, 3)], "ambiguous_column"),
        (["Souhait 1"], [(3,), (1,), (4,)], "doubtful_numbers"),
        (["Nb classes", "Licences N-1"], [(3, 5), (1, 2), (4, 3)], "doubtful_numbers"),
        (["Nb classes", "Licences par élève"], [(3, 5), (1, 2), (4, 3)], "doubtful_numbers"),
        (["Vœu n° 1"], [(3,), (1,), (4,)], "units_source_missing"),
    ],
)  # fmt: skip
def test_numbers_that_may_be_no_licences_are_asked_about(titles, numbers, code):
    parsed = parse_rows(titles, *numbers)
    assert read_codes(parsed) == [code]


@pytest.mark.parametrize(
    ("titles", "numbers"),
    [
        (["Total"], [(9,), (11,), (10,)]),
        (["Nombre"], [(3,), (30,), (12,)]),
        (["Licences"], [(3,), (30,), (130,)]),
        (["Licences"], [(180,)]),
        (["Garçons", "Filles", "Licences"], [(60, 80, 5), (100, 70, 6), (90, 120, 7)]),
        (["Garçons", "Filles", "Nombre"], [(60, 80, 5), (100, 70, 6), (90, 120, 7)]),
        ([*LEVELS, "Total"], [(1, 2, 3, 1, 2, 9), (2, 3, 1, 2, 3, 11)]),
        (["Effectif", "Nombre de classes"], [(140, 6), (170, 7), (210, 9)]),
        (["Licences N-1", "Licences"], [(3, 5), (1, 2), (4, 3)]),
    ],
)  # fmt: skip
def test_numbers_of_licences_are_read_unaided(titles, numbers):
    parsed = parse_rows(titles, *numbers)
    assert parsed.questions == []
    assert [row.units for row in parsed.rows] == [line[-1] for line in numbers]


def test_the_question_shows_the_numbers_and_keeps_them():
    parsed = parse_rows(["Total"], (112,), (245,), (180,))
    assert "« Total » (B)" in parsed.questions[0].message
    assert "112, 245, 180" in parsed.questions[0].message
    assert [row.units for row in parsed.rows] == [112, 245, 180]


def test_numbers_that_are_confirmed_are_read():
    parsed = parse_rows(["Total"], (112,), (245,), (180,), answers={"doubtful_numbers": "B"})
    assert (parsed.questions, [row.units for row in parsed.rows]) == ([], [112, 245, 180])


def test_numbers_that_are_rejected_give_way_to_the_classes():
    titles, numbers = ["Nb classes", "Total"], [(5, 112), (9, 245), (7, 180)]
    assert read_codes(parse_rows(titles, *numbers)) == ["doubtful_numbers"]
    parsed = parse_rows(titles, *numbers, answers={"doubtful_numbers": "not-C"})
    assert (parsed.questions, [row.units for row in parsed.rows]) == ([], [5, 9, 7])


def test_an_answer_about_one_column_is_none_about_another():
    columns = {Meaning.UAI: 0, Meaning.UNITS: 2}
    titles, numbers = ["Garçons", "Total"], [(60, 112), (90, 245), (70, 180)]
    parsed = parse_rows(titles, *numbers, columns=columns, answers={"doubtful_numbers": "not-B"})
    assert read_codes(parsed) == ["doubtful_numbers"]


def test_numbers_that_do_not_matter_are_not_asked_about():
    numbers = [(112,), (245,), (180,)]
    assert parse_rows(["Total"], *numbers, units_for_all=1).questions == []
    assert parse_rows(["Total"], *numbers, purpose=Purpose.PORTFOLIO).questions == []


def test_prices_are_no_number_of_licences():
    assert Meaning.UNITS not in parse_rows(["Licences (€)"], (12,), (24,), (36,)).columns


def parse_below(banner, titles, *numbers, **choices):
    """Parse a table with a banner, and titles in two rows where they have two lines."""
    parents = [title.rpartition("/")[0] for title in titles]
    titles_above = (
        [["UAI", *parents], ["", *(title.rpartition("/")[2] for title in titles)]]
        if any(parents)
        else [["UAI", *titles]]
    )
    rows = [[next_uai(), *line] for line in numbers]
    return parse_spreadsheet(
        build_csv([*([[banner], []] if banner else []), *titles_above, *rows]), ParsingOptions(**choices)
    )


NUMBERS = [(6, 2), (9, 3), (7, 0), (5, 1)]
RANKS = [(3, 1), (7, 1), (1, 1), (8, 1), (2, 1), (6, 1), (4, 1), (5, 1)]


@pytest.mark.parametrize(
    ("banner", "titles", "numbers", "reason"),
    [
        ("", ["Nb classes", "dont maternelle"], NUMBERS, "« dont maternelle » (C)"),
        ("", ["Total", "Dont cycle 1"], NUMBERS, "« Dont cycle 1 » (C)"),
        ("", ["Nb", "Remarque"], RANKS, "de 1 à 8"),
        ("Dotation 2026 : 2 licences par école", ["Nombre de classes", "Remarque"], NUMBERS, "2 licences par école"),
        ("3 licences pour chaque établissement", ["Total", "Remarque"], NUMBERS, "3 licences pour chaque"),
    ],
)
def test_what_stands_beside_and_above_speaks_against_numbers(banner, titles, numbers, reason):
    parsed = parse_below(banner, titles, *numbers)
    assert read_codes(parsed) == ["doubtful_numbers"]
    assert reason in parsed.questions[0].message
    assert parse_below(banner, titles, *numbers, answers={"doubtful_numbers": "B"}).questions == []


@pytest.mark.parametrize(
    ("banner", "titles", "numbers"),
    [
        ("", ["Nb classes", "dont ULIS"], NUMBERS),
        ("", ["Nb classes", "dont maternelle"], [(6, 0), (9, 0), (7, 0)]),
        ("", ["Nb licences", "dont maternelle"], NUMBERS),
        ("", ["Licences (lot 2)", "Remarque"], NUMBERS),
        ("", ["Dotation/Nb", "Dotation/Remarque"], NUMBERS),
        ("", ["Licences", "Remarque"], RANKS[:7]),
        ("2 licences par classe", ["Nombre de classes", "Remarque"], NUMBERS),
        ("3 licences par école", ["Total", "Remarque"], [(3, 1), (3, 1), (3, 1)]),
        ("2 licences par école", ["Nb licences", "Remarque"], NUMBERS),
    ],
)
def test_what_stands_beside_and_above_may_agree(banner, titles, numbers):
    parsed = parse_below(banner, titles, *numbers)
    assert parsed.questions == []
    assert [row.units for row in parsed.rows] == [line[0] for line in numbers]


def test_a_column_that_was_chosen_among_several_is_not_doubted_for_its_title():
    titles, numbers = ["Licences utilisées", "Licences à attribuer"], NUMBERS
    assert read_codes(parse_rows(titles, *numbers)) == ["ambiguous_column"]
    assert parse_rows(titles, *numbers, answers={"ambiguous_column": "B"}).questions == []


@pytest.mark.parametrize(
    ("title", "likely"),
    [
        ("Licences rendues", "not-B"), ("Licences à retirer", "not-B"), ("Licences hors quota", "not-B"),
        ("Licences restantes", "not-B"), ("Quantité en trop", "not-B"), ("Abonnements à résilier", "not-B"),
        ("Licences max", ""), ("Nb de packs de 5 licences", ""), ("Licences par classe", ""),
        ("Licences 2025-2026", ""), ("Licences 25-26", ""), ("Licences livrées", ""),
        ("Licences supplémentaires", "add-B"), ("Licences en plus", "add-B"), ("+ licences", "add-B"),
        ("Complément de licences", "add-B"), ("Nouvelles licences", "add-B"),
        ("Classes supplémentaires", "add-B"), ("Nombre à ajouter", "add-B"), ("Classes ouvertes", ""),
        ("Rendues/Nb licences", "not-B"), ("Tablettes/Nb", ""),
    ],
)  # fmt: skip
def test_a_title_with_a_word_that_is_not_plain_is_asked_about(title, likely):
    titles = [title, f"{title.rpartition('/')[0]}/Contact" if title[-2:] == "Nb" else "Contact"]
    parsed = parse_below("", titles, *NUMBERS, school_year=2027)
    [question] = parsed.questions
    assert (question.code, question.likely) == ("doubtful_numbers", likely)
    assert [option.value for option in question.options] == ["give-B", "add-B", "not-B"]
    assert "(6, 9, 7)" in question.message


@pytest.mark.parametrize(
    "title",
    [
        "Licences", "Nb licences", "Nombre de licences souhaitées", "Licences à attribuer", "Licences attribuées",
        "Licences prévues", "Licences commandées", "Licences 2026-2027", "Licences 26-27", "Licences rentrée 2026",
        "Licences Pep's", "Qté demandée", "Combien de licences souhaitez-vous ?", "Nombre de lisences",
        "Nombre de licences (1 par classe, hors ULIS)", "Nb de licences par école", "Licences demandées par l'école",
        "Licences cycles 2 et 3", "Nombre de licences (à remplir)", "nb_licences", "Dotation 2026", "Nb cl.",
        "Nb de classes prévues", "Votre commande/Quantité",
    ],
)  # fmt: skip
def test_a_title_of_plain_words_is_read_unaided(title):
    parsed = parse_below("", [title, "Contact"], *NUMBERS, school_year=2027)
    assert (parsed.questions, [row.units for row in parsed.rows]) == ([], [6, 9, 7, 5])


def test_years_are_not_judged_without_a_school_year():
    assert parse_rows(["Licences 2020"], *NUMBERS_ALONE).questions == []


NUMBERS_ALONE = [(6,), (9,), (7,)]


@pytest.mark.parametrize(("answer", "units"), [("give-B", [6, 9, 7]), ("add-B", [6, 9, 7]), ("not-B", [None] * 3)])
def test_the_answer_says_whether_the_numbers_are_read_and_added(answer, units):
    parsed = parse_rows(["Licences rendues"], *NUMBERS_ALONE, answers={"doubtful_numbers": answer})
    assert [row.units for row in parsed.rows] == units
    assert parsed.adds_units is (answer == "add-B")


def test_a_column_chosen_by_hand_is_not_asked_about_for_its_title():
    columns = {Meaning.UAI: 0, Meaning.UNITS: 1}
    assert parse_rows(["Licences rendues"], *NUMBERS_ALONE, columns=columns).questions == []
    added = parse_rows(["Licences rendues"], *NUMBERS_ALONE, columns=columns, answers={"doubtful_numbers": "add-B"})
    assert added.adds_units


def test_the_levels_under_a_doubtful_title_are_asked_about_as_their_sum():
    titles = ["Licences rendues/Cycle 2", "Licences rendues/Cycle 3"]
    [question] = parse_below("", titles, *NUMBERS).questions
    assert [option.value for option in question.options] == ["give-B+C", "add-B+C", "not-B+C"]


@pytest.mark.parametrize("choices", [{"purpose": Purpose.PORTFOLIO}, {"units_for_all": 2}])
def test_a_doubtful_title_that_does_not_matter_is_neither_asked_about_nor_read(choices):
    parsed = parse_rows(["Licences rendues"], *NUMBERS_ALONE, **choices)
    assert (parsed.questions, Meaning.UNITS in parsed.columns) == ([], False)


def test_a_title_split_over_two_rows_is_asked_about_whole():
    rows = [["UAI", "École", "Licences"], ["", "", "à rendre"], *([next_uai(), "Zola", n] for n in (6, 9, 7))]
    [question] = parse_spreadsheet(build_csv(rows), ParsingOptions()).questions
    assert "« Licences / à rendre » (C)" in question.message


def test_a_banner_above_the_whole_table_is_not_asked_about():
    rows = [["Écoles du plateau", "", ""], ["UAI", "École", "Licences"], *([next_uai(), "Zola", n] for n in (6, 9, 7))]
    parsed = parse_spreadsheet(build_xlsx(rows, merged=["A1:C1"]), ParsingOptions())
    assert (parsed.questions, [row.units for row in parsed.rows]) == ([], [6, 9, 7])


def test_a_list_of_schools_has_no_licences_to_add_to():
    [question] = parse_rows(["Classes supplémentaires"], *NUMBERS_ALONE, purpose=Purpose.PORTFOLIO).questions
    assert ([option.value for option in question.options], question.likely) == (["give-B", "not-B"], "")
