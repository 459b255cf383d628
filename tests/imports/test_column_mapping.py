"""Column mapping: by titles, by contents, and without false matches."""

import pytest

from imports.columns import Meaning
from imports.enums import Purpose, Volume
from imports.parsing.column_titles import Title, join_titles, match_meanings
from imports.parsing.spreadsheet import ParsingContext, ParsingOptions, parse_spreadsheet
from tests.imports.sample_files import UNUSED_UAIS, build_csv, build_xlsx

ONE_EACH = ParsingOptions(units_for_all=1)


def mapped_titles(parsed_sheet):
    return {meaning.value: parsed_sheet.titles[index] for meaning, index in parsed_sheet.columns.items()}


def question_codes(parsed_sheet):
    return [question.code for question in parsed_sheet.questions]


def parse_rows(titles, *rows, choices=ONE_EACH, **known):
    return parse_spreadsheet(build_csv([titles, *rows]), choices, known=ParsingContext(**known))


@pytest.mark.parametrize(
    ("title", "meaning"),
    [
        ("N° RNE de l'étab.", "uai"), ("Code\nétablissement", "uai"), ("N°ETAB.", "uai"), ("CodeUAI", "uai"),
        ("U.A.I.", "uai"), ("UAI (si connu)", "uai"), ("Etblt", "name"), ("NOM ETAB", "name"), ("Ecole(s)", "name"),
        ("Groupe scolaire / école", "name"), ("Nom d'usage", "name"),
        ("Structure", "name"), ("Dénomination principale", "name"), ("Ecole (commune)", "name"),
        ("Nb cl.", "classes"), ("Nb. classes élém.", "classes"), ("Classe", "classes"), ("qté", "units"),
        ("licenses", "units"), ("Licences 2025-2026", "units"), ("Nbre de licences souhaitées", "units"),
        ("Abonnements", "units"), ("comune", "commune"), ("Commune\nd'implantation", "commune"),
        ("nom de la ville", "commune"), ("Localité", "commune"), ("cod postal", "postal_code"), ("C.P.", "postal_code"),
        ("zipcode", "postal_code"), ("Dépt", "departement"), ("courriél", "email"), ("Mél. dir.", "email"),
        ("Adresse e-mail", "email"), ("Adresse internet de messagerie", "email"), ("tél. école", "phone"),
        ("Telephonne", "phone"), ("Téléphone / Fax", "phone"), ("Directeur / Directrice", "contact_name"),
        ("Directeur(trice)", "contact_name"), ("Chef d'établissement", "contact_name"), ("Adresse 1", "address"),
        ("Type_etablissement", "kind"),
    ],
)  # fmt: skip
def test_titles_as_people_write_them(title, meaning):
    message = match_meanings(Title(title))
    assert min(message, key=message.get) == meaning


@pytest.mark.parametrize(
    "title",
    ["SIRET", "N° SIREN", "Code INSEE", "Code commune", "Nombre d'élèves", "Effectif", "Effectifs classes",
     "Nb d'élèves par classe", "Année", "Année scolaire", "N°", "Code", "Circonscription", "IEN", "Fax", "Télécopie",
     "Mail mairie", "Mél de la circonscription", "Site internet", "Prix licence", "Montant", "Clé d'activation",
     "Classes maternelles", "Remarque", "Latitude"],
)  # fmt: skip
def test_titles_of_other_things_say_nothing(title):
    assert match_meanings(Title(title)) == {}


@pytest.mark.parametrize(
    ("parent", "child", "meaning"),
    [
        ("Contact", "Mél", "email"), ("Directeur", "Nom", "contact_name"), ("École", "Nom", "name"),
        ("École", "Code", "uai"), ("Nombre de classes", "Élém.", "classes"), ("Licences", "2025", "units"),
        ("Effectifs", "Classes", "classes"), ("Circonscription", "Licences", "units"),
        ("Localisation", "Ville", "commune"),
    ],
)  # fmt: skip
def test_of_two_title_rows_the_lower_one_wins_unless_it_means_nothing_alone(parent, child, meaning):
    message = match_meanings(join_titles(parent, child))
    assert min(message, key=message.get) == meaning


@pytest.mark.parametrize(
    ("parent", "child"), [("Mairie", "Mél"), ("Nombre de classes", "Mat."), ("Élèves", "Nombre"), ("Commune", "Code")]
)
def test_a_column_below_an_unrelated_title_is_unrelated(parent, child):
    assert not match_meanings(join_titles(parent, child))


def test_a_typo_between_two_words_matches_neither():
    assert set(match_meanings(Title("Vile"))) == {Meaning.COMMUNE}
    assert match_meanings(Title("Vaille")) == {}  # one edit from both « taille » and « ville »


# Contents of the cells


def test_a_column_of_uai_is_one_whatever_its_title_and_damage():
    assert mapped_titles(parse_rows(["Code", "Repère"], ["12", UNUSED_UAIS[0].lower()], ["13", UNUSED_UAIS[1]])) == {
        "uai": "Repère"
    }
    parsed_sheet = parse_rows(
        ["Réf", "Nom"], ["301234D", "École Zola"], ["0301235e", "École Hugo"], ["O301236F", "École Sand"]
    )
    assert mapped_titles(parsed_sheet) == {"uai": "Réf", "name": "Nom"}
    parsed_sheet = parse_rows(["Réf", "Nom"], ["0301234", "École Zola"], ["0301235", "École Hugo"])
    assert mapped_titles(parsed_sheet) == {"uai": "Réf", "name": "Nom"}


def test_an_address_that_holds_a_uai_is_an_address():
    parsed_sheet = parse_rows(
        ["A", "B"], [f"ce.{UNUSED_UAIS[0]}@ac.fr", UNUSED_UAIS[0]], [f"ce.{UNUSED_UAIS[1]}@ac.fr", UNUSED_UAIS[1]]
    )
    assert mapped_titles(parsed_sheet) == {"email": "A", "uai": "B"}


def test_an_unambiguous_title_wins_over_wrong_cells():
    parsed_sheet = parse_rows(["UAI", "École"], ["à venir", "Zola"], ["?", "Hugo"])
    assert mapped_titles(parsed_sheet) == {"uai": "UAI", "name": "École"}


def test_columns_without_titles_are_known_by_what_they_hold():
    rows = [
        [1, UNUSED_UAIS[0], "École Jean Zola", "Ecole élémentaire", "30000", "NÎMES CEDEX", "04 66 12 34 56", 3],
        [2, UNUSED_UAIS[1], "École Hugo", "Maternelle", "30100", "Alès", "466123457", 5],
        [3, UNUSED_UAIS[2], "EEPU Sand", "EEPU", "30900", "Nimes", "+33466123458", 2],
        [4, UNUSED_UAIS[3], "Collège Camus", "Collège", "30000", "Nîmes", "0466123459", 9],
    ]
    parsed_sheet = parse_spreadsheet(
        build_xlsx(rows), ParsingOptions(), known=ParsingContext(communes=frozenset({"nimes", "ales"}))
    )
    assert {m.value: i for m, i in parsed_sheet.columns.items()} == {
        "uai": 1, "name": 2, "kind": 3, "postal_code": 4, "commune": 5, "phone": 6, "units": 7,
    }  # fmt: skip
    assert [row.units for row in parsed_sheet.rows] == [3, 5, 2, 9]


@pytest.mark.parametrize(
    "column",
    [["1", "2", "3", "4"], ["2023", "2024", "2024", "2025"], ["120", "85", "230", "64"],
     ["30189", "30007", "30189", "30003"]],
    ids=["numbers of the rows", "years", "pupils", "INSEE"],
)  # fmt: skip
def test_numbers_without_a_title_are_not_assumed_to_be_licences(column):
    parsed_sheet = parse_spreadsheet(
        build_csv([[uai, number] for uai, number in zip(UNUSED_UAIS, column, strict=False)]), ParsingOptions()
    )
    assert (question_codes(parsed_sheet), set(parsed_sheet.columns)) == (["units_source_missing"], {Meaning.UAI})


def test_no_choice_is_made_between_two_untitled_number_columns():
    parsed_sheet = parse_spreadsheet(build_csv([[UNUSED_UAIS[0], 3, 5], [UNUSED_UAIS[1], 2, 8]]), ParsingOptions())
    assert question_codes(parsed_sheet) == ["units_source_missing"]


def test_a_class_called_cp_is_no_postal_code():
    parsed_sheet = parse_rows(["UAI", "CP", "CE1"], [UNUSED_UAIS[0], "24", "22"], [UNUSED_UAIS[1], "18", "25"])
    assert set(parsed_sheet.columns) == {Meaning.UAI}


def test_postal_codes_that_lost_a_zero_are_postal_codes():
    assert mapped_titles(parse_rows(["École", "CP"], ["Zola", "6000"], ["Hugo", "1500"])) == {
        "name": "École",
        "postal_code": "CP",
    }


def test_a_kind_under_the_title_of_the_name_leaves_the_name_to_another():
    parsed_sheet = parse_rows(
        ["École", "Nom"], ["élémentaire", "Zola"], ["maternelle", "Hugo"], ["élémentaire", "Sand"]
    )
    assert mapped_titles(parsed_sheet)["name"] == "Nom"


@pytest.mark.parametrize("title", ["École", "Type d'établissement", "Enseignement", "Libellé", "Filière"])
def test_a_column_of_types_is_not_the_name_where_a_list_has_none(title):
    kinds = ["Collège", "Lycée professionnel", "École élémentaire"]
    parsed_sheet = parse_rows(["UAI", title], *zip(UNUSED_UAIS, kinds, strict=False))
    assert mapped_titles(parsed_sheet) == {"uai": "UAI", "kind": title}


def test_a_type_without_uai_nor_name_is_asked_about():
    parsed_sheet = parse_rows(["Type d'établissement", "Ville"], ["Collège", "Nîmes"], ["Lycée", "Alès"])
    assert mapped_titles(parsed_sheet) == {"kind": "Type d'établissement", "commune": "Ville"}
    assert question_codes(parsed_sheet) == ["uai_column_missing"]


def test_the_postal_code_and_the_town_in_one_cell_are_parted():
    for title in ("Code postal Ville", "Ville"):
        parsed_sheet = parse_rows(["École", title], ["Zola", "30000 Nîmes"], ["Hugo", "Alès (30100)"])
        assert [(row.cells["commune"], row.cells["postal_code"]) for row in parsed_sheet.rows] == [
            ("Nîmes", "30000"),
            ("Alès", "30100"),
        ]


# Ambiguities are asked about


def test_the_columns_of_several_years_are_asked_about():
    parsed_sheet = parse_rows(
        ["UAI", "Licences 2025", "Licences 2026"],
        [UNUSED_UAIS[0], 3, 4],
        [UNUSED_UAIS[1], 1, 2],
        choices=ParsingOptions(),
    )
    assert question_codes(parsed_sheet) == ["ambiguous_column"]
    assert "« Licences 2025 » (B) et « Licences 2026 » (C)" in parsed_sheet.questions[0].message


def test_two_columns_of_classes_are_asked_about_where_classes_count():
    rows = (["UAI", "Nb classes", "Total classes"], [UNUSED_UAIS[0], 3, 4], [UNUSED_UAIS[1], 5, 9])
    for choices in (ParsingOptions(), ParsingOptions(purpose=Purpose.PORTFOLIO)):
        assert question_codes(parse_rows(*rows, choices=choices)) == ["ambiguous_column"]
    assert question_codes(parse_rows(*rows)) == []  # one number for all: the classes do not matter


def test_the_school_s_own_address_needs_no_question():
    parsed_sheet = parse_rows(
        ["UAI", "Mail mairie", "Mail école"], [UNUSED_UAIS[0], "m@b.fr", "e@b.fr"], [UNUSED_UAIS[1], "n@b.fr", "f@b.fr"]
    )
    assert (question_codes(parsed_sheet), mapped_titles(parsed_sheet)["email"]) == ([], "Mail école")


def test_an_optional_meaning_takes_the_surer_column_without_asking():
    parsed_sheet = parse_rows(
        ["UAI", "Nom", "Nom de l'école"],
        [UNUSED_UAIS[0], "Durand", "École Zola"],
        [UNUSED_UAIS[1], "Petit", "École Hugo"],
    )
    assert (question_codes(parsed_sheet), mapped_titles(parsed_sheet)["name"]) == ([], "Nom de l'école")


def test_rows_are_parsed_while_only_a_volume_or_an_email_column_is_in_question():
    rows = (["UAI", "Licences 2025", "Licences 2026"], [UNUSED_UAIS[0], 3, 4], [UNUSED_UAIS[1], 1, 2])
    parsed_sheet = parse_rows(*rows, choices=ParsingOptions())
    assert [(row.cells["uai"], row.units, row.problems) for row in parsed_sheet.rows] == [
        (UNUSED_UAIS[0], None, []),
        (UNUSED_UAIS[1], None, []),
    ]
    assert parse_rows(["UAI", "RNE"], [UNUSED_UAIS[0], UNUSED_UAIS[1]]).rows == []


def test_a_sector_is_no_name():
    parsed_sheet = parse_rows(
        ["Secteur", "UAI", "Nom d'usage"], ["Public", UNUSED_UAIS[0], "Zola"], ["Privé", UNUSED_UAIS[1], "Hugo"]
    )
    assert mapped_titles(parsed_sheet) == {"uai": "UAI", "name": "Nom d'usage"}


def test_a_name_beside_a_first_name_is_a_person_s():
    parsed_sheet = parse_rows(
        ["UAI", "Nom", "Prénom", "Mél"],
        [UNUSED_UAIS[0], "Durand", "Anne", "a@b.fr"],
        [UNUSED_UAIS[1], "Petit", "Luc", "c@d.fr"],
    )
    assert mapped_titles(parsed_sheet) == {"uai": "UAI", "email": "Mél", "contact_name": "Nom"}


def test_two_columns_that_both_name_licences_are_asked_about():
    parsed_sheet = parse_rows(
        ["UAI", "Licences déjà attribuées", "Licences à attribuer"], [UNUSED_UAIS[0], 3, 4], choices=ParsingOptions()
    )
    assert question_codes(parsed_sheet) == ["ambiguous_column"]


# Volume


def test_the_volume_is_a_column_or_the_classes_or_one_number():
    rows = (["UAI", "Nb classes", "Licences"], [UNUSED_UAIS[0], 5, 3], [UNUSED_UAIS[1], 6, 4])
    assert [row.units for row in parse_rows(*rows, choices=ParsingOptions()).rows] == [3, 4]
    assert [row.units for row in parse_rows(*rows, choices=ParsingOptions(volume=Volume.CLASSES)).rows] == [5, 6]
    assert [row.units for row in parse_rows(*rows).rows] == [None, None]
    assert [row.units for row in parse_rows(*rows, choices=ParsingOptions(volume=Volume.PORTFOLIO)).rows] == [
        None,
        None,
    ]


def test_a_portfolio_import_needs_no_volume():
    parsed_sheet = parse_rows(
        ["UAI", "Nom"], [UNUSED_UAIS[0], "Zola"], choices=ParsingOptions(purpose=Purpose.PORTFOLIO)
    )
    assert (parsed_sheet.volume, question_codes(parsed_sheet)) == (None, [])


def test_a_volume_that_no_column_gives_is_asked_for():
    parsed_sheet = parse_rows(["UAI", "Nom"], [UNUSED_UAIS[0], "Zola"], choices=ParsingOptions(volume=Volume.CLASSES))
    assert question_codes(parsed_sheet) == ["units_source_missing"]
    assert "le nombre de classes" in parsed_sheet.questions[0].message


def test_small_numbers_that_go_up_and_begin_anew_are_no_numbering():
    rows = [[f"École Jean {n}", "Nîmes", str(1 + n % 12)] for n in range(40)]
    parsed_sheet = parse_spreadsheet(
        build_csv([["École", "Ville", "Nb de classes"], *rows]), ParsingOptions(purpose=Purpose.PORTFOLIO)
    )
    assert parsed_sheet.columns[Meaning.CLASSES] == 2
