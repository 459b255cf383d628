"""Unread columns of few texts: which are asked about, whatever their titles, and which describe the schools."""

import openpyxl
import pytest
from openpyxl.comments import Comment

from imports.answers import CellAnswer, get_category, read_answer
from imports.columns import RETURNED_TITLES
from imports.formats import limits
from imports.parsing.declined_rows import DECLINED
from imports.parsing.descriptions import is_harmless_title
from imports.parsing.spreadsheet import ParsingContext, ParsingOptions, parse_spreadsheet
from imports.workbooks.cell_marks import build_note
from tests.factories.schools import next_uai
from tests.imports.sample_files import UNUSED_UAIS, build_csv, build_xlsx, save_workbook

COMMUNES = frozenset({"nimes", "ales", "orange"})
UAIS = [next_uai() for _ in range(12)]


def build_list(title, *cells):
    """Return a list of 12 schools with these cells in a further column, again and again, or blank after the last."""
    values = [*cells, *[""] * 12] if "" in cells[-1:] else list(cells) * 12
    return build_xlsx(
        [["UAI", "Licences", title], *[[uai, 3, value] for uai, value in zip(UAIS, values, strict=False)]]
    )


def parse(content, **answers):
    return parse_spreadsheet(content, ParsingOptions(answers=answers), known=ParsingContext(communes=COMMUNES))


def ask(content):
    """Return the open question which rows to take, None where there is none."""
    return next((question for question in parse(content).questions if question.code == "row_categories"), None)


def notes(parsed, code):
    """Return the messages of the notes with a code, by row number."""
    return {row.number: note.message for row in parsed.rows for note in row.notes if note.code == code}


def test_the_question_lists_the_values_of_all_columns_with_their_rows():
    rows = [[uai, 3, status, "x" if n < 2 else ""] for n, (uai, status) in enumerate(
        zip(UNUSED_UAIS, ("Validé", "Validé", "En attente", "Abandon", "VALIDÉ"), strict=True)
    )]  # fmt: skip
    content = build_csv([["UAI", "Licences", "Statut", "Vu"], *rows])
    question = ask(content)
    assert question.message == (
        "D'après la colonne « Statut » et la colonne « Vu », des lignes sont peut-être à laisser. Lesquelles faut-il "
        "prendre ? Les autres restent dans la liste, décochées. Une ligne à qui plusieurs cases répondent n'est prise "
        "que si toutes sont cochées."
    )
    assert [(o.value, o.label.replace("\u00a0", " "), o.value in question.taken) for o in question.options] == [
        ("C:valide", "Statut (C) : Validé – 3 lignes", True),
        ("C:en-attente", "Statut (C) : En attente – 1 ligne", False),
        ("C:abandon", "Statut (C) : Abandon – 1 ligne", False),
        ("D:x", "Vu (D) : x – 2 lignes", True),
        ("D:", "Vu (D) : case vide – 3 lignes", False),
    ]
    answer = "C:valide,C:en-attente,D:x,D:/C:abandon"
    parsed = parse(content, row_categories=answer)
    assert parsed.questions == []
    assert list(notes(parsed, DECLINED)) == [5]
    assert not any(row.notes for row in parse(content).rows)


@pytest.mark.parametrize(
    ("title", "cells"),
    [
        ("Dossier", ("clos", "ouvert")),
        ("2026", ("✓", "–")),
        ("Suite", ("à revoir", "à revoir", "")),
        ("Convention", ("signée", "non signée")),
        ("Phase", ("2026", "2027")),
        ("Priorité", (1, 2, 3)),
        ("Ordre", ("1er", "2e", "3e")),
        ("Retenue", (1, 0)),
        ("Actif", (True, False)),
        ("Feu", ("vert", "orange")),
        ("Statut", ("Public", "Gelé")),
        ("Type", ("nouvelle", "annulation")),
        ("Mairie", ("d'accord", "contre")),
        ("Niveau", ("primaire", "secondaire")),
        ("Statut", ("En attente",)),
        ("Inscription", ("non (2027)", "non (2027)", "")),
        ("Résilié", ("x", "")),
    ],
)
def test_a_column_of_few_values_is_asked_about_whatever_its_title(title, cells):
    assert ask(build_list(title, *cells)) is not None


@pytest.mark.parametrize(
    ("title", "cells"),
    [
        ("Nature", ("ECOLE MATERNELLE", "ECOLE DE NIVEAU ELEMENTAIRE")),
        ("Statut", ("Public", "Privé sous contrat")),
        ("Ulis", ("oui", "non")),
        ("Voie_professionnelle", (0, 1)),
        ("etat", ("OUVERT", "A FERMER")),
        ("Secteur", ("Nord", "Sud")),
        ("Où", ("Nîmes", "Alès")),
        ("IEN", ("Mme Roux", "M. Petit")),
        ("Date de réponse", ("12/09/2026", "13/09/2026")),
        ("Retenu 2026", (12, 8)),
        ("Projet", ("Licences 2026",)),
        ("N°", range(1, 13)),
        ("Votre choix (UAI)", ("École fermée", "École fermée", "")),
    ],
)
def test_what_describes_the_schools_is_not_asked_about(title, cells):
    parsed = parse(build_list(title, *cells))
    assert (parsed.questions, [row.notes for row in parsed.rows if row.notes]) == ([], [])


@pytest.mark.parametrize(
    ("title", "cells", "left"),
    [
        ("Inscription", ("non (2027)", "non (2027)", ""), {"non-2027"}),
        ("Participe", ("oui", "oui", "oui", ""), {""}),
        ("À exclure", ("x", ""), {"x"}),
        # One cross in twelve rows: which of the two are meant is not known.
        ("Vu", ("x", ""), {"x", ""}),
        ("Vu", ("x", "x", "x", ""), {""}),
        ("Équipée", ("oui", "non"), {"oui", "non"}),
        ("Transmission bloquée", ("oui", "non"), {"oui", "non"}),
        ("Retour négatif", ("X", "X", "X", ""), {"x", ""}),
        ("Ne pas livrer", ("X", "X", "X", ""), {"x"}),
        ("Suspendu", ("Oui", "Non"), {"oui"}),
        ("Retenue (oui/non)", ("Oui", "Non"), {"non"}),
        ("Statut", ("Complet", "Incomplet"), {"incomplet"}),
        ("Livraison", ("Livré", "Non livré"), {"non-livre"}),
        ("Arbitrage", ("V", "X"), {"x"}),
        ("Vague", (1, 2), {"1", "2"}),
        ("Accordées", (1, 2, 0), {"0"}),
        ("Validation", ("Validé", "Validé", ""), {""}),
        ("Observations", ("voir M. Roux", "voir M. Roux", ""), {"voir-m-roux"}),
        ("Annulée", ("x", "x", "x", ""), {"x"}),
        ("Avis", ("Favorable", "sans suite"), {"sans-suite"}),
        ("Statut", ("Validé", "Gelé", "En discussion"), {"gele", "en-discussion"}),
        ("Dossier", ("clos", "ouvert"), {"clos", "ouvert"}),
    ],
)
def test_the_likely_answer_takes_only_what_says_yes(title, cells, left):
    question = ask(build_list(title, *cells))
    assert {o.value.partition(":")[2] for o in question.options if o.value not in question.taken} == left


def test_columns_of_one_letter_in_two_tables_are_two():
    rows = [["UAI", "École", "Commune", "Licences", "Statut"], [UAIS[0], "Zola", "Nîmes", 3, "oui"],
            [UAIS[1], "Hugo", "Nîmes", 3, "non"], [],
            ["UAI", "École", "Licences", "Nb classes", "Avis"], [UAIS[2], "Arago", 3, 5, "oui"],
            [UAIS[3], "Gide", 3, 5, "non"]]  # fmt: skip
    question = ask(build_xlsx(rows))
    assert [option.value for option in question.options] == ["E:oui", "E:non", "E2:oui", "E2:non"]
    parsed = parse(build_xlsx(rows), row_categories="E:oui,E:non,E2:oui/E2:non")
    assert list(notes(parsed, DECLINED)) == [7]


# Remarks


def test_remarks_in_few_rows_untick_them_and_those_of_most_rows_are_shown():
    rare = ["", "", "école en travaux", "", "", "", "2 classes fermées", "", "", "", "ok par mail", ""]
    parsed = parse(build_list("Précisions", *rare))
    assert list(notes(parsed, DECLINED)) == [4, 8]
    assert notes(parsed, "file_remark") == {12: "La colonne « Précisions » dit « ok par mail »."}
    usual = [f"remarque {letter} sur l'école" for letter in "abcdefghij"]
    parsed = parse(build_list("Observations", *usual, "ne veut plus", "école supprimée"))
    assert list(notes(parsed, DECLINED)) == [12, 13]
    assert len(notes(parsed, "file_remark")) == 10


def test_a_long_remark_is_cut():
    remark = "sera revue avec la mairie " * 20
    message = notes(parse(build_list("Suite", *[""] * 11, remark)), DECLINED)[13]
    assert message.startswith("Remarque du fichier : la colonne « Suite » dit « sera revue")
    assert len(message) < 250


def test_texts_of_most_rows_under_an_unknown_title_are_not_repeated():
    parsed = parse(build_list("Salle", *[f"bâtiment {letter} du site" for letter in "abcdefghijkl"]))
    assert not any(row.notes for row in parsed.rows)


@pytest.mark.parametrize(
    ("cells", "options"),
    [
        (["12/05/2026", "", "03/06/2026"] * 4, ["F:date", "F:"]),
        (["12/05/2026", "–", "03/06/2026"] * 4, ["F:date", "F:u2013"]),
        (["12/05/2026", "13/05/2026", "03/06/2026"] * 4, []),
    ],
)
def test_dates_beside_empty_cells_say_whether_a_thing_was_done(cells, options):
    questions = parse(build_list("Convention signée le", *cells)).questions
    values = [option.value.partition(":")[2] for question in questions for option in question.options]
    assert values == [option.partition(":")[2] for option in options]


@pytest.mark.parametrize(("dropped", "is_asked"), [(0, False), (1, True)])
def test_our_own_list_for_the_next_year_comes_back_without_a_question(dropped, is_asked):
    titles = ["UAI", "Licences", *RETURNED_TITLES[dropped:]]
    cells = [["Refusé", 1, 2, 3, 4], ["", 2, 1, 4, 3]]
    rows = [[uai, 3, *cells[place % 2][dropped:]] for place, uai in enumerate(UAIS)]
    parsed = parse(build_xlsx([titles, *rows]))
    assert bool(parsed.questions) is is_asked
    assert not notes(parsed, DECLINED)


def build_noted(*texts, author="Mme Roux"):
    book = openpyxl.Workbook()
    book.active.append(["UAI", "Licences"])
    for uai in UAIS:
        book.active.append([uai, 3])
    for number, text in enumerate(texts, start=2):
        if text:
            book.active.cell(number, 2).comment = text if isinstance(text, Comment) else Comment(text, author)
    return save_workbook(book)


def test_a_note_on_a_cell_of_a_school_unticks_its_row():
    parsed = parse(build_noted("", "c'est 1\net non 3"))
    assert notes(parsed, DECLINED) == {3: "Remarque du fichier : une note dit « c'est 1 et non 3 »."}
    assert [remark.replace("\u00a0", " ") for remark in parsed.remarks] == [
        "Une ligne n'est pas cochée d'office (1 par une note)."
    ]


def test_the_notes_of_an_annotated_workbook_say_nothing_of_their_own():
    ours = build_note(["Cette école est fermée."])
    parsed = parse(build_noted(ours, build_note(["Doublon."], before=Comment("c'est 1", "Mme Roux"))))
    assert list(notes(parsed, DECLINED)) == [3]
    assert "« c'est 1 »" in notes(parsed, DECLINED)[3]


def test_a_note_that_others_may_answer_is_read_without_its_preamble():
    threaded = "[Threaded comment]\n\nYour version of Excel allows you to read this.\n\nComment:\n    pas cette année"
    assert "dit « pas cette année »" in notes(parse(build_noted("", threaded)), DECLINED)[3]


def test_no_more_notes_are_read_than_allowed(monkeypatch):
    monkeypatch.setattr(limits, "MAX_NOTES", 1)
    assert list(notes(parse(build_noted("annulé", "annulé")), DECLINED)) == [2]


def test_a_heading_that_refuses_unticks_the_rows_below_it():
    rows = [["UAI", "Licences"], [UAIS[0], 3], ["Écoles refusées"], [UAIS[1], 3], ["Écoles de Nîmes"], [UAIS[2], 3]]
    parsed = parse(build_xlsx(rows))
    assert notes(parsed, DECLINED) == {
        4: "Le fichier semble écarter cette ligne : elle est sous le titre « Écoles refusées »."
    }
    rows[2] = ["à partir d'ici : pas encore validé"]
    assert notes(parse(build_xlsx(rows)), "file_remark") == {
        4: "Au-dessus, le fichier dit « à partir d'ici : pas encore validé »."
    }


@pytest.mark.parametrize(
    ("title", "usual", "odd", "is_left"),
    [
        ("Téléphone", "04 66 11 22 {}", "refuse d'être appelé", True),
        ("Téléphone", "04 66 11 22 {}", "Ne plus joindre cette école", True),
        ("Téléphone", "04 66 11 22 {}", "idem", False),
        ("Adresse", "{} rue des Lilas", "école désaffectée", True),
        ("Adresse", "{} rue des Lilas", "12 rue de l'école", False),
        ("Directeur", "Mme Pons {}", "a mis son veto", True),
        ("Directeur", "Mme Pons {}", "poste vacant", False),
        ("Directeur", "mme pons {}", "mme roche durand", False),
    ],
)
def test_a_remark_in_a_column_of_another_form_unticks_its_row(title, usual, odd, is_left):
    cells = [usual.format(10 + at) for at in range(11)]
    parsed = parse(build_list(title, *cells, odd))
    assert (list(notes(parsed, DECLINED)) == [13], parsed.questions) == (is_left, [])


# Texts and titles


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("Oui", CellAnswer.YES), ("oui, sous réserve", CellAnswer.DOUBT), ("oui ?", CellAnswer.DOUBT),
        ("✓ reçu", CellAnswer.CHECK), ("✗", CellAnswer.CROSS), ("–", CellAnswer.NO), ("- voir", CellAnswer.OTHER),
        ("non (2027)", CellAnswer.NO), ("pas cette année", CellAnswer.NO), ("école fermée", CellAnswer.REFUSAL),
        ("ne pas livrer", CellAnswer.REFUSAL), ("Accordé", CellAnswer.AGREED), ("12", CellAnswer.NUMBER),
        ("à rappeler", CellAnswer.DOUBT), ("clos", CellAnswer.OTHER), ("", CellAnswer.BLANK),
    ],
)  # fmt: skip
def test_a_text_answers_by_its_words(text, answer):
    assert read_answer(text) is answer


@pytest.mark.parametrize(
    ("text", "category"),
    [("En  Attente", "en-attente"), ("oui ?", "oui-u3f"), ("✓", "u2713"), ("–", "u2013"), ("REP+", "rep-u2b")],
)
def test_a_category_has_a_plain_name(text, category):
    assert get_category(text) == category


@pytest.mark.parametrize(
    ("title", "expected"),
    [
        ("Statut_public_prive", True), ("Type d'établissement", True), ("Code postal", True), ("Accord RGPD", True),
        ("CE1", True), ("Type", False), ("Statut", False), ("Avis de l'académie", False), ("Zone retenue", False),
        ("", False),
    ],
)  # fmt: skip
def test_a_title_is_harmless_only_where_all_of_its_words_describe(title, expected):
    assert is_harmless_title(title) is expected
