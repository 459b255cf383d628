"""Questions with options: asked on the page, by the API and by the command, and kept with their answer."""

import html
from dataclasses import replace

import pytest

from collectivities.capabilities import Role
from imports.columns import Meaning
from imports.enums import ImportState, Volume
from imports.layout import AnswerOption, Layout, LayoutQuestion, SheetRegion
from imports.models import SpreadsheetImport
from imports.operations.intake import get_parsing_options
from tests.conftest import TERM
from tests.factories.collectivities import MemberFactory

QUESTION = LayoutQuestion(
    "",
    "repeated_schools",
    "La plupart des écoles reviennent plusieurs fois : que faire de leurs lignes ?",
    (AnswerOption("sum", "Additionner leurs nombres"), AnswerOption("count", "Compter les lignes")),
)


@pytest.fixture
def asked(nimes):
    """An import whose table has a question with options."""
    layout = Layout(kind="xlsx", sheets=["A"], regions=[SheetRegion(0, 1)], titles=["UAI"], questions=[QUESTION])
    return SpreadsheetImport.objects.create(
        purpose="portfolio", filename="a.xlsx", size=1, created_at=TERM, layout=layout, state=ImportState.READ
    )


@pytest.fixture
def manager(office, nimes):
    return office("nimes", MemberFactory(roles=[Role.MANAGER]).user)


def test_an_answer_closes_its_question_unless_it_is_no_option():
    assert QUESTION.is_open
    assert not QUESTION.answered_by({"repeated_schools": "sum"}).is_open
    assert QUESTION.answered_by({"repeated_schools": "keep"}).is_open
    assert QUESTION.answered_by({"another": "sum"}).is_open


CATEGORIES = LayoutQuestion(
    "",
    "row_categories",
    "Lesquelles donner ?",
    (AnswerOption("F:valide", "Validé"), AnswerOption("F:attente", "En attente"), AnswerOption("F:", "vide")),
    likely="F:valide/F:attente,F:",
    multiple=True,
)


def test_of_several_options_an_answer_says_which_are_taken_and_which_are_left():
    answered = CATEGORIES.answered_by({"row_categories": CATEGORIES.join_options({"F:attente", "F:"})})
    assert (answered.is_open, answered.taken) == (False, {"F:attente", "F:"})
    assert CATEGORIES.answered_by({"row_categories": CATEGORIES.join_options(())}).taken == set()


def test_an_option_that_was_neither_taken_nor_left_opens_the_question_again():
    question = CATEGORIES.answered_by({"row_categories": "F:attente,F:gone/F:valide"})
    assert (question.is_open, question.taken, question.likely) == (True, {"F:attente"}, "F:attente/F:valide,F:")
    assert CATEGORIES.answered_by({}).taken == {"F:valide"}


def test_the_page_asks_once_with_its_options(asked, manager):
    page = manager.get(f"/imports/{asked.pk}/").content.decode()
    assert page.count(QUESTION.message) == 1
    for option in QUESTION.options:
        assert option.label in page


def test_a_question_without_an_answer_has_its_error_beside_it(asked, manager):
    answer = manager.post(f"/imports/{asked.pk}/lecture/", {"header_row": 1})
    assert answer.status_code == 422
    assert "Choisissez une réponse." in answer.content.decode()
    asked.refresh_from_db()
    assert asked.state == ImportState.READ


def test_the_answer_goes_to_the_parser(asked, manager):
    manager.post(f"/imports/{asked.pk}/lecture/", {"header_row": 1, "answer_repeated_schools": "count"})
    asked.refresh_from_db()
    assert (asked.state, asked.choices.answers) == (ImportState.UPLOADED, {"repeated_schools": "count"})
    assert get_parsing_options(asked).answers == {"repeated_schools": "count"}


def test_another_header_row_asks_anew(asked, manager):
    manager.post(f"/imports/{asked.pk}/lecture/", {"header_row": 2, "answer_repeated_schools": "count"})
    asked.refresh_from_db()
    assert (asked.state, asked.choices.answers) == (ImportState.UPLOADED, {})


UAI_QUESTION = LayoutQuestion(
    "uai",
    "uai_columns",
    "Plusieurs colonnes…",
    (AnswerOption("A", "« UAI » (A)"), AnswerOption("B", "« RNE » (B)")),
    "A",
)


@pytest.mark.parametrize(
    ("before", "columns", "answers"),
    [
        (UAI_QUESTION, {"column_1": "uai"}, {}),
        (UAI_QUESTION, {"column_0": "uai"}, {"uai_columns": "A"}),
        (UAI_QUESTION._replace(answer=""), {"column_1": "uai"}, {}),
    ],
)
def test_a_column_chosen_below_replaces_the_answer_about_it(nimes, manager, before, columns, answers):
    layout = Layout(
        kind="xlsx", sheets=["A"], regions=[SheetRegion(0, 1)], titles=["UAI", "RNE"],
        columns={Meaning.UAI: 0} if before.answer else {}, answered=[before],
    )  # fmt: skip
    one = SpreadsheetImport.objects.create(
        purpose="portfolio", filename="a.xlsx", size=1, created_at=TERM, layout=layout, state=ImportState.READ
    )
    radio = {"answer_uai_columns": before.answer} if before.answer else {}
    assert manager.post(f"/imports/{one.pk}/lecture/", {"header_row": 1, **radio, **columns}).status_code == 302
    one.refresh_from_db()
    assert one.choices.answers == answers


@pytest.mark.slow
def test_the_page_names_the_columns_that_are_added_up(nimes, manager):
    layout = Layout(
        kind="xlsx", sheets=["A"], regions=[SheetRegion(0, 1)], titles=["UAI", "CP", "CE1"],
        columns={Meaning.UAI: 0, Meaning.CLASSES: 1}, sums={Meaning.CLASSES: [1, 2]},
    )  # fmt: skip
    one = SpreadsheetImport.objects.create(
        purpose="portfolio", filename="a.xlsx", size=1, created_at=TERM, layout=layout, state=ImportState.CHECKED
    )
    assert "(B + C)" in manager.get(f"/imports/{one.pk}/").content.decode()
    page = manager.get(f"/imports/{one.pk}/lecture/").content.decode()
    assert "additionnée à la colonne B" in page
    assert "qui ne sont pas lues" not in page


NUMBERS_QUESTION = LayoutQuestion(
    "units",
    "ambiguous_column",
    "Plusieurs colonnes…",
    (AnswerOption("C", "« accordées » (C)"), AnswerOption("B", "« demandées » (B)")),
)


@pytest.fixture
def granted(pool):
    """An allocation whose number of licences is in question."""
    layout = Layout(
        kind="xlsx", sheets=["A"], regions=[SheetRegion(0, 1)], titles=["UAI", "demandées", "accordées"],
        columns={Meaning.UAI: 0}, volume=Volume.COLUMN, questions=[NUMBERS_QUESTION],
    )  # fmt: skip
    return SpreadsheetImport.objects.create(
        pool=pool, filename="a.xlsx", size=1, created_at=TERM, layout=layout, state=ImportState.READ
    )


def send(manager, one, **fields):
    return manager.post(f"/imports/{one.pk}/lecture/", {"header_row": 1, "column_0": "uai", **fields})


@pytest.mark.slow
def test_an_answer_that_the_list_of_columns_contradicts_is_refused(granted, manager):
    response = send(manager, granted, answer_ambiguous_column="C", column_1="units")
    assert response.status_code == 422
    assert "vous répondez la colonne C" in html.unescape(response.content.decode())
    response = send(manager, granted, answer_ambiguous_column="C", column_2="email")
    assert "vous donnez « Adresse e-mail » à C" in html.unescape(response.content.decode())
    assert send(manager, granted, answer_ambiguous_column="C", column_2="units").status_code == 302


@pytest.mark.slow
def test_of_an_answer_and_the_list_the_one_that_was_changed_counts(granted, manager):
    granted.layout = replace(
        granted.layout,
        columns={Meaning.UAI: 0, Meaning.UNITS: 2},
        questions=[],
        answered=[NUMBERS_QUESTION._replace(answer="C")],
    )
    for fields, column, answers in (
        ({"answer_ambiguous_column": "B", "column_2": "units"}, 1, {"ambiguous_column": "B"}),
        ({"answer_ambiguous_column": "C", "column_1": "units"}, 1, {}),
        ({"answer_ambiguous_column": "C"}, None, {}),
    ):
        granted.state = ImportState.READ
        granted.save()
        assert send(manager, granted, **fields).status_code == 302
        stored = SpreadsheetImport.objects.get(pk=granted.pk).choices
        assert (stored.columns[Meaning.UNITS], stored.answers) == (column, answers)


@pytest.mark.slow
def test_a_question_about_a_column_of_numbers_matters_no_more_with_one_number_for_all(granted, manager):
    assert send(manager, granted).status_code == 422
    assert send(manager, granted, volume="all", units_for_all=4).status_code == 302
