"""The page of questions: they come first with their button, and one that is left open is named on top."""

import html
import re

import pytest

from imports.columns import Meaning
from imports.enums import ImportState, Volume
from imports.layout import AnswerOption, Layout, LayoutQuestion, SheetRegion
from imports.models import SpreadsheetImport
from tests.conftest import TERM
from tests.imports.pages import import_url, page_text

COUNT = LayoutQuestion(
    "", "duplicate_tables", "Lequel faut-il lire ?", (AnswerOption("0-1", "A"), AnswerOption("0-9", "B"))
)
HOW_MANY = LayoutQuestion("units", "units_source_missing", "Aucune colonne ne dit combien de licences donner.")
WHICH_SCHOOL = LayoutQuestion("uai", "uai_column_missing", "Aucune colonne ne dit de quelles écoles il s’agit.")
WHICH_SHEET = LayoutQuestion("sheets", "multiple_versions", "Choisissez la feuille qu'il faut lire.")
LAST_TIME = LayoutQuestion("units", "remembered_layout_mismatch", "La dernière fois, une autre colonne…")
CATEGORIES = LayoutQuestion(
    "",
    "row_categories",
    "Lesquelles donner ?",
    (
        AnswerOption("F:valide", "Statut (F) : Validé – 6 lignes"),
        AnswerOption("F:attente", "Statut (F) : En attente – 2 lignes"),
        AnswerOption("H:", "Avis (A) : maire (H) : vide – 8 lignes"),
        AnswerOption("J:oui", "Colonne J : oui – 4 lignes"),
        AnswerOption("colour:red", "Lignes en rouge (« rouge : refus ») – 3 lignes"),
    ),
    likely="F:valide,H:/F:attente,J:oui,colour:red",
    multiple=True,
)
LIKELY = COUNT._replace(likely="0-9")
SUM = LayoutQuestion("classes", "ambiguous_column", "Que lire ?", (AnswerOption("B", "CP"),), "B")


@pytest.fixture
def ask(pool):
    """Store an import whose table has these questions."""

    def store(*questions, answered=(), **columns):
        layout = Layout(
            kind="xlsx", sheets=["A", "B"], regions=[SheetRegion(0, 1)], titles=["UAI", "X"], volume=Volume.COLUMN,
            columns={Meaning(meaning): index for meaning, index in columns.items()}, questions=questions,
            answered=answered,
        )  # fmt: skip
        return SpreadsheetImport.objects.create(
            pool=pool, filename="a.xlsx", size=1, created_at=TERM, layout=layout, state=ImportState.READ
        )

    return store


@pytest.mark.parametrize(
    ("question", "target", "named"),
    [
        (COUNT, "id_answer_duplicate_tables_0", COUNT.message),
        (HOW_MANY, "id_volume_0", "Combien de licences pour chaque école ?"),
        (WHICH_SCHOOL, "colonnes", WHICH_SCHOOL.message),
        (WHICH_SHEET, "id_sheets_0", "Feuilles à lire"),
        (LAST_TIME, "colonnes", LAST_TIME.message),
    ],
)
def test_an_open_question_is_named_on_top_with_a_link_to_it(ask, officer, question, target, named):
    one = ask(question, commune=1)
    response = officer.post(import_url("choose", one.pk), {"header_row": 1, "sheets": "A", "column_1": "commune"})
    assert response.status_code == 422
    page = page_text(response)
    alert = page.partition('role="alert"')[2].partition("</div>")[0]
    assert "autofocus" in alert
    assert re.findall(r'<a href="#([^"]+)">\s*(.*?)\s*</a>', alert) == [(target, named)]
    assert f'id="{target}"' in page


@pytest.mark.parametrize(
    ("question", "fields"),
    [
        (HOW_MANY, {"volume": "all", "units_for_all": "2"}),
        (HOW_MANY, {"volume": "portfolio"}),
        (HOW_MANY, {"column_1": "units"}),
        (HOW_MANY, {"volume": "classes", "column_1": "classes"}),
        (LAST_TIME, {"column_1": "units"}),
        (WHICH_SCHOOL, {"column_0": "", "column_1": "name"}),
        (WHICH_SHEET, {"sheets": "B"}),
        (COUNT, {"header_row": 3}),
    ],
)
def test_each_way_to_answer_is_taken(ask, officer, question, fields):
    one = ask(question, uai=0)
    sent = {"header_row": 1, "sheets": "A", "column_0": "uai", **fields}
    assert officer.post(import_url("choose", one.pk), sent).status_code == 302


def test_a_licence_a_class_without_a_column_of_classes_is_refused_at_once(ask, officer):
    one = ask(HOW_MANY, uai=0)
    response = officer.post(
        import_url("choose", one.pk), {"header_row": 1, "sheets": "A", "column_0": "uai", "volume": "classes"}
    )
    assert "Choisissez la colonne du nombre de classes, ou une autre réponse." in page_text(response)


def read_order(page, *texts):
    return [page.index(text) for text in texts]


def test_questions_come_first_with_their_button_and_the_rest_is_folded(ask, officer):
    page = html.unescape(officer.get(import_url("detail", ask(COUNT, uai=0).pk)).content.decode())
    order = read_order(
        page, COUNT.message, "Continuer", "import-reading", "Que contiennent", "Combien de", "Où est le tableau"
    )
    assert order == sorted(order)
    assert not re.search(r"<details[^>]*import-reading[^>]*\bopen\b", page)


@pytest.mark.parametrize("question", [HOW_MANY, WHICH_SCHOOL, WHICH_SHEET])
def test_the_rest_is_open_where_the_question_is_about_it(ask, officer, question):
    page = officer.get(import_url("detail", ask(question, uai=0).pk)).content.decode()
    assert re.search(r"<details[^>]*import-reading[^>]*\bopen\b", page)


def test_how_many_licences_is_asked_with_the_questions(ask, officer):
    page = page_text(officer.get(import_url("detail", ask(HOW_MANY, uai=0).pk)))
    order = read_order(page, HOW_MANY.message, 'name="volume"', "Continuer", "Que contiennent")
    assert (order, page.count('id="id_volume_0"')) == (sorted(order), 1)


def test_an_answer_that_the_table_came_with_is_folded_with_the_columns(ask, officer):
    page = page_text(officer.get(import_url("detail", ask(COUNT, answered=[SUM], uai=0).pk)))
    order = read_order(page, COUNT.message, "Continuer", SUM.message, "Que contiennent")
    assert order == sorted(order)


def read_ticked(page, code):
    """Return the values of the radio buttons or boxes of a question that are ticked."""
    inputs = re.findall(r"<input[^>]*>", page)
    ticked = [one for one in inputs if f'name="answer_{code}"' in one and re.search(r"\bchecked\b", one)]
    return {re.search(r'value="([^"]*)"', one)[1] for one in ticked}


def test_each_value_of_a_column_is_a_box_below_its_column(ask, officer):
    page = page_text(officer.get(import_url("detail", ask(CATEGORIES, uai=0).pk)))
    headings = re.findall(r"<legend[^>]*>([^<]*)</legend>", page.partition("import-questions")[2].partition("Conti")[0])
    assert headings == [CATEGORIES.message, "Statut (F)", "Avis (A) : maire (H)", "Colonne J"]
    assert re.findall(r'for="id_answer_row_categories_\d">([^<]*)</label>', page) == [
        "Validé – 6 lignes", "En attente – 2 lignes", "vide – 8 lignes", "oui – 4 lignes",
        "Lignes en rouge (« rouge : refus ») – 3 lignes",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("question", "ticked"),
    [
        (CATEGORIES, {"F:valide", "H:"}),
        (CATEGORIES._replace(answer="F:attente/F:valide,H:,J:oui,colour:red"), {"F:attente"}),
        (CATEGORIES._replace(answer="/F:attente,F:valide,H:,J:oui,colour:red"), set()),
        (LIKELY, {"0-9"}),
        (LIKELY._replace(answer="0-1"), {"0-1"}),
        (COUNT, set()),
    ],
)
def test_a_question_is_filled_in_with_its_answer_or_with_the_likely_one(ask, officer, question, ticked):
    one = ask(question, uai=0) if question.is_open else ask(answered=[question], uai=0)
    assert read_ticked(page_text(officer.get(import_url("choose", one.pk))), question.code) == ticked


@pytest.mark.parametrize(
    ("sent", "answer"),
    [
        (["", "F:attente"], "F:attente/F:valide,H:,J:oui,colour:red"),
        (["", "F:valide", "F:attente", "H:"], "F:valide,F:attente,H:/J:oui,colour:red"),
        ([""], "/F:valide,F:attente,H:,J:oui,colour:red"),
    ],
)
def test_boxes_that_are_not_ticked_are_left(ask, officer, sent, answer):
    one = ask(CATEGORIES, uai=0)
    fields = {"header_row": 1, "sheets": "A", "column_0": "uai", "answer_row_categories": sent}
    assert officer.post(import_url("choose", one.pk), fields).status_code == 302
    assert SpreadsheetImport.objects.get(pk=one.pk).choices.answers == {"row_categories": answer}


@pytest.mark.parametrize(
    ("sent", "error"), [([], "Choisissez une réponse."), (["", "F:valide", "G:x"], "G:x n’en fait pas partie")]
)
def test_boxes_that_were_not_shown_or_are_none_are_refused_beside_what_was_ticked(ask, officer, sent, error):
    one = ask(CATEGORIES, COUNT, uai=0)
    fields = {"header_row": 1, "sheets": "A", "column_0": "uai", "answer_row_categories": sent}
    response = officer.post(import_url("choose", one.pk), fields)
    page = page_text(response)
    assert response.status_code == 422
    assert error in page.partition('id="answer_row_categories_faults"')[2].partition("</fieldset>")[0]
    assert read_ticked(page, "row_categories") == {value for value in sent if value == "F:valide"}
