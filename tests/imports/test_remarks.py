"""Remarks: rows that share one are a line of the page, counted and acted on as it says."""

import re

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from imports import queries
from imports.enums import RemarkState, Verdict
from imports.models import ImportRow
from imports.problems import RowNote
from imports.queries import REMARK_CODES, RemarkCount, count_remarks
from imports.web.remarks import MIN_GATHERED, build_lines
from tests.factories.collectivities import PortfolioSchoolFactory
from tests.factories.schools import SchoolFactory, next_uai
from tests.imports.actions import upload_and_parse
from tests.imports.pages import import_url, page_text
from tests.imports.sample_files import schools_csv

pytestmark = pytest.mark.slow


@pytest.fixture
def mixed(pool):
    """Return an import: two schools to give to, three nursery schools, three unknown schools and one without number."""
    given = SchoolFactory.create_batch(2)
    nurseries = SchoolFactory.create_batch(3, has_elementary=False)
    unknown = [next_uai() for _ in range(3)]
    rows = [*((school, 1) for school in (*given, *nurseries, *unknown)), (SchoolFactory(), "x")]
    return upload_and_parse(pool, schools_csv(*rows))


def counts(spreadsheet_import):
    return {(one.code, one.state.value): one.rows for one in count_remarks(spreadsheet_import)}


def shown(page):
    return {int(part.split('"')[0]) for part in page.split('id="ligne-0-')[1:]}


def test_rows_with_one_remark_are_a_line_that_opens(officer, mixed):
    address = import_url("detail", mixed.pk)
    page = page_text(officer.get(address, {"onglet": "toutes"}))
    assert "3 écoles sans classe du CP au CM2, laissées de côté" in page
    assert "3 écoles inconnues de l’annuaire" in page
    assert "6 lignes sont réunies" in page
    assert shown(page) == {2, 3, 10}
    opened = {"onglet": "toutes", "remarque": "no_elementary", "etat": "unticked"}
    assert shown(page_text(officer.get(address, opened))) == {4, 5, 6}
    assert shown(page_text(officer.get(address, {"onglet": "toutes", "une_a_une": "1"}))) == set(range(2, 11))


def test_a_sentence_that_all_rows_share_stands_once_above_them(officer, mixed):
    address, sentence = import_url("detail", mixed.pk), "Cette école n’a pas de classe du CP au CM2 ; cochez"
    opened = {"onglet": "toutes", "remarque": "no_elementary", "etat": "unticked"}
    page = page_text(officer.get(address, opened))
    assert page.count("n’a pas de classe du CP au CM2") == page.count(sentence) == 1
    assert "La compter quand même" not in page  # the box to tick says it
    here, form = import_url("row", mixed.pk, 0, 4), opened | {"au_dessus": "no_elementary"}
    part = page_text(officer.post(here, form | {"action": "tick", "ticked": "1"}, headers={"HX-Request": "true"}))
    assert "n’a pas de classe" not in part.split("<template>")[0]
    assert "n’a pas de classe" in page_text(officer.get(here, form))  # a page of its own, without scripts
    opened = {"onglet": "toutes", "remarque": "unknown_school", "etat": "to_resolve"}
    assert page_text(officer.get(address, opened)).count("l’annuaire ne le connaît pas") == 3  # each its own UAI


@pytest.mark.parametrize("plain", [0, 1])
def test_a_table_that_is_ready_shows_its_ticked_rows_below_their_remarks(officer, pool, plain):
    """Whether all of them have a remark, so that lines gather them all, or all but one."""
    rows = [(school, 1, f"a{school.pk}@b.example") for school in SchoolFactory.create_batch(3)]
    others = [(school, 1) for school in SchoolFactory.create_batch(3, has_elementary=False)]
    others += [(SchoolFactory(), 1)] * plain
    spreadsheet_import = upload_and_parse(pool, schools_csv(*rows, *others, titles=("UAI", "Licences", "E-mail")))
    page = page_text(officer.get(import_url("detail", spreadsheet_import.pk)))
    assert "3 adresses inconnues de l’annuaire, cochées" in page
    assert shown(page) == ({2, 3, 4, 8} if plain else {2, 3, 4})
    assert "Cette adresse n’est pas celle" not in page
    one_by_one = {"onglet": "toutes", "une_a_une": "1"}
    page = page_text(officer.get(import_url("detail", spreadsheet_import.pk), one_by_one))
    assert page.count("Cette adresse n’est pas celle") == 3


def test_what_is_left_aside_is_not_to_be_resolved(officer, mixed):
    to_resolve = queries.filter_rows(mixed, to_resolve=True)
    assert set(to_resolve.values_list("number", flat=True)) == {7, 8, 9, 10}
    page = page_text(officer.get(import_url("detail", mixed.pk)))
    assert "4 lignes à régler" in page
    assert "dont 4 erreurs" not in page


def test_list_tabs_and_confirmation_count_alike(manager, mixed):
    assert counts(mixed) == {
        ("", "ticked"): 2, ("no_elementary", "unticked"): 3, ("unknown_school", "to_resolve"): 3,
        ("units_invalid", "to_resolve"): 1,
    }  # fmt: skip
    assert "2 lignes à appliquer" in page_text(manager.get(import_url("list")))
    page = manager.get(import_url("detail", mixed.pk))
    tabs = {tab["label"]: tab["count"] for tab in page.context["tabs"]}
    assert (tabs["À régler"], tabs["Nouvelles"], tabs["Toutes"]) == (4, 5, 9)
    page = page_text(manager.get(import_url("confirm", mixed.pk)))
    assert "2 écoles</strong> reçoivent une clé" in page
    assert "3 écoles sans classe du CP au CM2, laissées de côté : rien n’y est fait." in page
    assert "4 lignes sont en erreur" in page


def test_the_button_of_a_line_acts_on_its_rows_and_no_other(officer, mixed):
    ImportRow.objects.filter(import_id=mixed.pk, number=4).update(ticked=True)
    before = dict(ImportRow.objects.filter(import_id=mixed.pk).values_list("number", "ticked"))
    form = {"action": "tick", "onglet": "toutes", "remarque": "no_elementary", "etat": "unticked"}
    officer.post(import_url("bulk", mixed.pk), form)
    after = dict(ImportRow.objects.filter(import_id=mixed.pk).values_list("number", "ticked"))
    assert {number for number in after if after[number] != before[number]} == {5, 6}
    assert counts(mixed)["no_elementary", "ticked"] == 3
    officer.post(import_url("bulk", mixed.pk), form | {"action": "ignore", "etat": "ticked"})
    assert counts(mixed)["set_aside", "ignored"] == 3
    officer.post(import_url("bulk", mixed.pk), form | {"action": "restore", "remarque": "set_aside", "etat": "ignored"})
    assert counts(mixed)["no_elementary", "unticked"] == 3


def test_ticking_all_leaves_what_has_a_line_of_its_own_and_says_so(officer, mixed):
    ImportRow.objects.filter(import_id=mixed.pk, number=2).update(ticked=False)
    form = {"action": "tick", "onglet": "toutes", "retour": import_url("detail", mixed.pk)}
    page = page_text(officer.post(import_url("bulk", mixed.pk), form, follow=True))
    assert "1 ligne cochée. 3 lignes restent décochées : 3 écoles sans classe du CP au CM2." in page
    assert counts(mixed)["", "ticked"] == 2
    assert counts(mixed)["no_elementary", "unticked"] == 3
    page = page_text(officer.post(import_url("bulk", mixed.pk), form, follow=True))
    assert "C’est fait" not in page


@pytest.mark.small
def test_a_row_counts_for_its_weightiest_remark(pool):
    PortfolioSchoolFactory()
    nurseries = SchoolFactory.create_batch(2, has_elementary=False)
    spreadsheet_import = upload_and_parse(pool, schools_csv((nurseries[0], 1), (nurseries[1], "x")))
    assert list(ImportRow.objects.order_by("number").values_list("codes", flat=True)) == [
        ["no_elementary", "not_in_portfolio"],
        ["units_invalid", "no_elementary", "not_in_portfolio"],
    ]
    assert counts(spreadsheet_import) == {("no_elementary", "unticked"): 1, ("units_invalid", "to_resolve"): 1}


def test_rows_changed_with_htmx_change_the_lines(officer, mixed):
    here = import_url("row", mixed.pk, 0, 4)
    part = page_text(officer.post(here, {"action": "tick", "ticked": "1"}, headers={"HX-Request": "true"}))
    assert "2 écoles sans classe du CP au CM2, laissées de côté" in part
    assert "1 école sans classe du CP au CM2, cochée" in part


def test_a_row_changed_with_htmx_changes_every_count_of_the_opened_remark(officer, mixed):
    form = {"onglet": "toutes", "remarque": "no_elementary", "etat": "unticked", "action": "tick", "ticked": "1"}
    for number, opened, scope in (
        (4, "2 écoles sans classe du CP au CM2, laissées de côté", "ces 2 lignes"),
        (5, "1 école sans classe du CP au CM2, laissée de côté", "cette ligne"),
        (6, "Aucune ligne n’a plus cette remarque", "aucune ligne"),
    ):
        here = import_url("row", mixed.pk, 0, number)
        part = page_text(officer.post(here, form, headers={"HX-Request": "true"}))
        assert part.split('id="remarque-ouverte"')[1].split("</strong>")[0].endswith(f">{opened}")
        count = part.split('id="portee"')[1].split("</span>")[0]
        assert count.endswith(f">Agir sur {scope}…")
        # Without a row to act on, the style sheet hides it.
        assert ("data-empty" in count) == (scope == "aucune ligne")


@pytest.mark.small
@pytest.mark.parametrize("state", RemarkState)
def test_every_remark_has_words_in_every_state(state):
    for rows in (1, MIN_GATHERED):
        lines = build_lines([RemarkCount(code, state, rows) for code in REMARK_CODES])
        assert [line.code for line in lines] == list(REMARK_CODES)
        assert all(line.text.startswith(f"{rows}\u00a0") for line in lines)


def test_the_page_takes_as_many_queries_for_many_rows_as_for_few(officer, pool):
    def statements(number):
        rows = [(school, 1) for school in SchoolFactory.create_batch(number, has_elementary=False)]
        spreadsheet_import = upload_and_parse(pool, schools_csv(*rows, *[(next_uai(), 1)] * number))
        with CaptureQueriesContext(connection) as captured:
            officer.get(import_url("detail", spreadsheet_import.pk))
        return len(captured)

    assert statements(1) == statements(9)


@pytest.mark.small
def test_unchanged_schools_are_a_line_too(pool, mixed):
    ImportRow.objects.filter(import_id=mixed.pk, number__in=(2, 3)).update(verdict=Verdict.UNCHANGED, ticked=False)
    texts = [line.text.replace("\u00a0", " ") for line in build_lines(count_remarks(mixed))]
    assert "2 écoles qui ont déjà leur compte" in texts


def test_what_the_file_says_of_a_row_is_in_its_row_whatever_stands_above(officer, pool):
    spreadsheet_import = upload_and_parse(pool, schools_csv(*((SchoolFactory(), 1) for _ in range(3))))
    for row in ImportRow.objects.filter(import_id=spreadsheet_import.pk):
        row.problems = [
            {
                "column": "",
                "code": "declined",
                "message": f"La colonne « Avis » dit « {row.number} ».",
                "blocking": False,
            }
        ]
        row.codes, row.notes = ["declined"], [RowNote("", "declined", row.problems[0]["message"]).as_json()]
        row.save()
    page = page_text(officer.get(import_url("detail", spreadsheet_import.pk)))
    assert "3 lignes que le fichier écarte, cochées" in page
    assert re.findall(r"<li>La colonne « Avis » dit « (\d) »\.</li>", page.replace("\u00a0", " ")) == ["2", "3", "4"]


def test_each_reason_has_its_line_and_its_button(officer, pool):
    spreadsheet_import = upload_and_parse(pool, schools_csv(*((SchoolFactory(), 1) for _ in range(3))))
    sentences = ("Vos réponses écartent cette ligne : la colonne « Avis »", "Remarque du fichier : la colonne « Obs. »")
    for row, sentence in zip(ImportRow.objects.order_by("number"), (*sentences, sentences[1]), strict=True):
        row.notes = [RowNote("", "declined", f"{sentence} dit « {row.number} ».").as_json()]
        row.codes, row.ticked = ["declined"], False
        row.save()
    lines = build_lines(count_remarks(spreadsheet_import))
    assert [line.text.replace("\u00a0", " ") for line in lines] == [
        "2 lignes aux remarques à lire, laissées de côté (par la colonne « Obs. »)",
        "1 ligne que vos réponses écartent, laissée de côté (par la colonne « Avis »)",
    ]
    officer.post(
        import_url("bulk", spreadsheet_import.pk),
        {"action": "tick", "remarque": "declined", "etat": "unticked", "raison": lines[0].reason},
    )
    assert list(ImportRow.objects.order_by("number").values_list("ticked", flat=True)) == [False, True, True]
