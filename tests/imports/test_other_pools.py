"""Schools that hold licences of another pool of the year: asked about once, never given a second key in silence."""

import contextlib
import datetime
import io
import json
import re
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils.html import strip_tags

from imports import queries, tasks
from imports.enums import ImportState, Verdict, Volume
from imports.models import ImportRow
from imports.operations import apply_rows, intake, row_edits
from imports.operations.recheck import recheck_import
from imports.queries import count_remarks
from licensing.entitlements.models import Entitlement
from licensing.pools.models import Allocation
from licensing.pools.operations import allocate
from tests.conftest import TERM
from tests.factories.licensing import PoolFactory, ProductFactory
from tests.factories.schools import SchoolFactory, next_uai
from tests.imports.actions import confirm_and_apply, upload_and_parse
from tests.imports.pages import import_url, page_text
from tests.imports.sample_files import build_csv, build_xlsx, schools_csv

pytestmark = pytest.mark.slow

NOW: dict[str, Any] = {"by": None, "at": TERM}
ADDED = "added_to_other_pool"


@pytest.fixture
def grant(nimes):
    return PoolFactory(capacity=100, name="Dotation 2026")


def give(pool, school, units):
    return allocate(pool_id=pool.pk, uai=school.uai, units=units, recipient="a@b.fr", **NOW)


def row(spreadsheet_import, number=2):
    return ImportRow.objects.get(import_id=spreadsheet_import.pk, number=number)


def test_a_school_with_licences_of_another_pool_is_asked_about(pool, grant):
    school, other = SchoolFactory.create_batch(2)
    give(grant, school, 3)
    spreadsheet_import = upload_and_parse(pool, schools_csv((school, 12), (other, 12)))
    asked = row(spreadsheet_import)
    assert (asked.verdict, asked.codes, asked.ticked) == (Verdict.NEW, ["other_pool"], False)
    assert asked.problems[0]["message"].replace("\u00a0", " ") == (
        "Cette école a déjà 3 licences du lot « Dotation 2026 » : compléter jusqu'à 12, ou lui en donner 12 de plus ?"
    )
    assert (row(spreadsheet_import, 3).codes, row(spreadsheet_import, 3).ticked) == ([], True)


@pytest.mark.parametrize(
    "changes",
    [
        {"last_day": datetime.date(2027, 12, 31)},
        {"cancelled_at": TERM, "suspended_at": TERM},
        {"product": "autre"},
    ],
    ids=["another year", "a cancelled order", "another product"],
)
def test_what_is_no_licence_of_this_year_is_not_counted(pool, grant, changes):
    school = SchoolFactory()
    give(grant, school, 3)
    if "product" in changes:
        changes = {"product": ProductFactory(code=changes["product"])}
    Entitlement.objects.filter(pk=grant.entitlement_id).update(**changes)
    assert row(upload_and_parse(pool, schools_csv((school, 12)))).codes == []


@pytest.mark.small
def test_a_revoked_allocation_is_not_counted(pool, grant):
    school = SchoolFactory()
    allocation = give(grant, school, 3)
    Allocation.objects.filter(pk=allocation.pk).update(revoked_at=TERM)
    assert row(upload_and_parse(pool, schools_csv((school, 12)))).codes == []


def test_what_the_school_has_already_of_this_pool_asks_nothing(pool, grant):
    school = SchoolFactory()
    give(grant, school, 3)
    give(pool, school, 12)
    asked = row(upload_and_parse(pool, schools_csv((school, 12))))
    assert (asked.verdict, asked.codes) == (Verdict.UNCHANGED, [])


def test_the_whole_table_is_answered_at_once(officer, pool, grant):
    schools = SchoolFactory.create_batch(3)
    for school, units in zip(schools, (3, 12, 5), strict=True):
        give(grant, school, units)
    spreadsheet_import = upload_and_parse(pool, schools_csv(*((school, 12) for school in schools)))
    page = page_text(officer.get(import_url("detail", spreadsheet_import.pk)))
    assert "3 écoles ont déjà des licences d’un autre lot : que faut-il leur donner ?" in page
    assert "leur donner le nombre du tableau en plus" in page
    form = {"action": "complement", "onglet": "toutes", "remarque": "other_pool", "etat": "to_resolve"}
    form["retour"] = import_url("detail", spreadsheet_import.pk)
    page = page_text(officer.post(import_url("bulk", spreadsheet_import.pk), form, follow=True))
    assert "2 écoles complétées jusqu’au nombre du tableau. 1 école est mise de côté : elle a déjà ce nombre" in page
    found = ImportRow.objects.order_by("number").values_list("units", "codes", "ticked", "set_aside")
    # The second has its twelve already.
    assert list(found) == [(9, [ADDED], True, False), (None, ["set_aside"], False, True), (7, [ADDED], True, False)]


def test_a_school_that_waits_for_an_answer_is_to_be_settled_and_counted(manager, officer, pool, grant):
    schools = SchoolFactory.create_batch(4)
    for school in schools[:3]:
        give(grant, school, 3)
    spreadsheet_import = upload_and_parse(pool, schools_csv(*((school, 12) for school in schools), (next_uai(), 1)))
    answer = officer.get(import_url("detail", spreadsheet_import.pk))
    page = " ".join(strip_tags(page_text(answer)).split())
    tabs = {tab["label"]: tab["count"] for tab in answer.context["tabs"]}
    assert tabs["À régler"] == queries.filter_rows(spreadsheet_import, to_resolve=True).count() == 4
    assert "4 lignes à régler, dont 1 erreur" in page
    assert (tabs["Nouvelles"], "Nouvelles 4 · 1 cochée" in page) == (4, True)
    waiting = "3 écoles attendent une réponse (licences d’un autre lot) : elles ne recevront rien."
    assert waiting in page
    confirmation = " ".join(strip_tags(page_text(manager.get(import_url("confirm", spreadsheet_import.pk)))).split())
    assert waiting in confirmation
    assert "conflit" not in confirmation
    form = {"action": "ignore", "remarque": "other_pool", "etat": "to_resolve"}
    officer.post(import_url("bulk", spreadsheet_import.pk), form)
    assert "attendent" not in page_text(officer.get(import_url("detail", spreadsheet_import.pk)))
    officer.post(
        import_url("bulk", spreadsheet_import.pk), {"action": "restore", "remarque": "set_aside", "etat": "ignored"}
    )
    assert "3 écoles attendent" in page_text(officer.get(import_url("detail", spreadsheet_import.pk)))


def test_as_many_again_are_given_to_all_on_one_click(officer, pool, grant):
    school = SchoolFactory()
    give(grant, school, 3)
    spreadsheet_import = upload_and_parse(pool, schools_csv((school, 12)))
    form = {"action": "besides", "onglet": "toutes", "remarque": "other_pool", "etat": "to_resolve"}
    officer.post(import_url("bulk", spreadsheet_import.pk), form)
    confirm_and_apply(spreadsheet_import)
    assert sorted(Allocation.objects.values_list("units", flat=True)) == [3, 12]


@pytest.mark.parametrize("opened", [{}, {"remarque": "other_pool", "etat": "to_resolve"}], ids=["all", "its remark"])
def test_ticking_all_rows_answers_for_no_school(officer, pool, grant, opened):
    asked, plain = SchoolFactory.create_batch(2)
    give(grant, asked, 3)
    spreadsheet_import = upload_and_parse(pool, schools_csv((asked, 12), (plain, 12)))
    form = {"action": "tick", "onglet": "toutes", "retour": import_url("detail", spreadsheet_import.pk), **opened}
    page = page_text(officer.post(import_url("bulk", spreadsheet_import.pk), form, follow=True))
    assert "1 ligne reste décochée : 1 école qui a déjà des licences d’un autre lot" in page
    assert (row(spreadsheet_import).ticked, row(spreadsheet_import, 3).ticked) == (False, True)


def test_licences_of_another_pool_given_meanwhile_stop_the_application(pool, grant):
    school = SchoolFactory()
    spreadsheet_import = upload_and_parse(pool, schools_csv((school, 12)))
    apply_rows.confirm(
        import_id=spreadsheet_import.pk,
        digest=queries.compute_digest(spreadsheet_import),
        send_on=None,
        **NOW,
    )
    give(grant, school, 3)
    tasks.apply(import_id=spreadsheet_import.pk)
    spreadsheet_import.refresh_from_db()
    assert (spreadsheet_import.state, Allocation.objects.count()) == (ImportState.CHECKED, 1)
    assert row(spreadsheet_import).codes == ["other_pool"]


def test_the_command_gives_no_second_key(pool, grant, tmp_path):
    asked, plain = SchoolFactory.create_batch(2)
    give(grant, asked, 3)
    path = tmp_path / "a.csv"
    path.write_bytes(schools_csv((asked, 12), (plain, 12)))
    out = io.StringIO()
    call_command(
        "import_spreadsheet", str(path), "--collectivity=nimes", f"--pool={pool.pk}", "--apply", "--json", stdout=out
    )
    assert json.loads(out.getvalue())["applied"] == 1
    assert [one.school_id for one in Allocation.objects.filter(pool=pool)] == [plain.uai]


def test_other_pools_take_as_many_queries_for_many_schools_as_for_few(officer, pool, grant):
    def statements(count):
        schools = SchoolFactory.create_batch(count)
        for school in schools:
            give(grant, school, 1)
        with CaptureQueriesContext(connection) as captured:
            spreadsheet_import = upload_and_parse(pool, schools_csv(*((school, 2) for school in schools)))
            officer.get(import_url("detail", spreadsheet_import.pk), {"onglet": "toutes", "une_a_une": "1"})
            row_edits.answer_all_pool_questions(import_id=spreadsheet_import.pk, besides=False, **NOW)
        return len(captured)

    assert statements(2) == statements(12)


def test_a_school_with_a_key_of_another_pool_is_new_in_this_pool(officer, pool, grant):
    school, plain = SchoolFactory.create_batch(2)
    give(grant, school, 3)
    spreadsheet_import = upload_and_parse(pool, schools_csv((school, 12), (plain, 12)))
    detail = import_url("detail", spreadsheet_import.pk)
    page = page_text(officer.get(detail, {"onglet": "new"}))
    badges = [" ".join(badge.split()) for badge in re.findall(r'bg-green-lt">([^<]*)<', page)]
    assert badges == ["Nouvelle dans ce lot", "Nouvelle"]
    row_edits.tick_all(import_id=spreadsheet_import.pk, ticked=True)
    assert "cochée" not in page_text(officer.get(detail)).partition('id="onglets"')[2].partition("</nav>")[0]


def test_the_confirmation_speaks_of_second_keys(manager, pool, grant):
    first, second, plain = SchoolFactory.create_batch(3)
    give(grant, first, 3)
    give(grant, second, 5)
    spreadsheet_import = upload_and_parse(pool, schools_csv((first, 12), (second, 9), (plain, 4)))
    confirmation = import_url("confirm", spreadsheet_import.pk)
    assert "une seconde" not in page_text(manager.get(confirmation))
    row_edits.amend_row(import_id=spreadsheet_import.pk, number=2, ticked=True, **NOW)
    row_edits.amend_row(import_id=spreadsheet_import.pk, number=3, edits={"units": "4"}, **NOW)
    text = " ".join(strip_tags(page_text(manager.get(confirmation))).split())
    assert (
        "3 écoles reçoivent une clé, par e-mail, dont 2 écoles qui ont déjà une clé d’un autre lot : elles en auront "
        "une seconde, pour 16 licences en plus des 8 qu’elles ont."
    ) in text


# Numbers that do not stand in the cell of their row: the file states them, and no member typed them

#: The question and its answer, the rows as (school, level, number), and the area of merged cells.
NOTED = {
    "sum": ("repeated_schools", "sum", [(0, "CP", 6), (0, "CE1", 6), (1, "CP", 6), (1, "CE1", 6)], []),
    "count": ("repeated_schools", "count", [(0, "CP", 2)] * 12 + [(1, "CP", 2)] * 12, []),
    "shared to each": ("shared_numbers", "each", [(0, "élémentaire", 12), (1, "élémentaire", None)], ["C2:C3"]),
    "shared to one": ("shared_numbers", "elementary", [(1, "maternelle", 12), (0, "élémentaire", None)], ["C2:C3"]),
    "shared by the rows of one": ("", "", [(0, "CP", 12), (0, "CE1", None), (1, "CP", 12)], ["C2:C3"]),
}
noted = pytest.mark.parametrize("way", NOTED)


def noted_list(way, schools):
    _, _, rows, merged = NOTED[way]
    lines = [[schools[place].uai, level, units] for place, level, units in rows]
    return build_xlsx([["UAI", "Niveau", "Licences"], *lines], merged=merged)


def read_noted(pool, way, schools):
    """Read a list and answer its question, as the page does."""
    spreadsheet_import = upload_and_parse(pool, noted_list(way, schools), filename="a.xlsx")
    question, answer, *_ = NOTED[way]
    if question:
        assert [one.code for one in spreadsheet_import.layout.questions] == [question]
        intake.choose_layout(
            import_id=spreadsheet_import.pk, sheets=None, header_row=1, columns=spreadsheet_import.layout.columns,
            answers={question: answer}, units_for_all=None, **NOW,
        )  # fmt: skip
        tasks.read(import_id=spreadsheet_import.pk)
        spreadsheet_import.refresh_from_db()
    assert spreadsheet_import.state == ImportState.CHECKED
    return spreadsheet_import


@noted
def test_a_number_that_the_file_notes_does_not_answer_for_the_member(pool, grant, way):
    schools = SchoolFactory.create_batch(2)
    give(grant, schools[0], 3)
    spreadsheet_import = read_noted(pool, way, schools)
    asked = ImportRow.objects.exclude(verdict=Verdict.IGNORED).get(uai=schools[0].uai)
    assert (asked.units, asked.ticked, "other_pool" in asked.codes) == (12, False, True)
    assert [one.rows for one in count_remarks(spreadsheet_import) if one.code == "other_pool"] == [1]
    recheck_import(spreadsheet_import)
    asked.refresh_from_db()
    assert (asked.units, asked.ticked, "other_pool" in asked.codes) == (12, False, True)
    row_edits.amend_row(import_id=spreadsheet_import.pk, number=asked.number, edits={"units": "9"}, **NOW)
    confirm_and_apply(spreadsheet_import)
    assert Allocation.objects.get(pool=pool, school=schools[0]).units == 9


@noted
def test_the_command_gives_no_second_key_for_a_number_that_the_file_notes(pool, grant, tmp_path, way):
    schools = SchoolFactory.create_batch(2)
    give(grant, schools[0], 3)
    path = tmp_path / "a.xlsx"
    path.write_bytes(noted_list(way, schools))
    question, answer, *_ = NOTED[way]
    answers = [f"--answer={question}={answer}"] if question else []
    arguments = ["import_spreadsheet", str(path), "--collectivity=nimes", f"--pool={pool.pk}", "--apply", "--json"]
    with contextlib.suppress(SystemExit):  # where no other school is left to give to
        call_command(*arguments, *answers, stdout=io.StringIO())
    assert not Allocation.objects.filter(pool=pool, school=schools[0]).exists()


def test_counted_rows_of_one_number_for_all_ask_as_well(pool, grant):
    school, *others = SchoolFactory.create_batch(3)
    give(grant, school, 1)
    content = build_csv([["UAI", "Classe"], *[[one.uai, "CP"] for one in (school, *others) for _ in range(3)]])
    spreadsheet_import = upload_and_parse(pool, content, units_for_all=1)
    intake.choose_layout(
        import_id=spreadsheet_import.pk, sheets=None, header_row=1, columns=spreadsheet_import.layout.columns,
        answers={"repeated_schools": "count"}, volume=Volume.ALL, units_for_all=1, **NOW,
    )  # fmt: skip
    tasks.read(import_id=spreadsheet_import.pk)
    assert (row(spreadsheet_import).units, row(spreadsheet_import).ticked) == (3, False)
    assert "other_pool" in row(spreadsheet_import).codes
