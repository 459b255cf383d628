"""The pages: upload, verification, confirmation, result; with htmx and without scripts; who may do what."""

from __future__ import annotations

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django_tenants.utils import tenant_context
from procrastinate.contrib.django.models import ProcrastinateJob

from collectivities.models import Role
from imports import operations, queries, tasks
from imports.enums import ImportState
from imports.models import Import, ImportRow
from imports.readers import limits
from licensing.pools.models import Allocation
from tests.conftest import TERM
from tests.factories.licensing import PoolFactory
from tests.factories.schools import SchoolFactory
from tests.imports.conftest import listing, uploaded


def url(name, *args):
    return reverse(f"imports:{name}", urlconf="config.urls_tenant", args=args)


@pytest.fixture
def manager(office, member):
    return office("nimes", member(Role.MANAGER))


@pytest.fixture
def officer(office, member):
    return office("nimes", member(Role.DATA_OFFICER))


def test_a_spreadsheet_is_uploaded_checked_and_applied(manager, pool):
    one, two = SchoolFactory.create_batch(2)
    file = SimpleUploadedFile("écoles.csv", listing((one, 3), (two, "x"), ("Total", 3)))
    answer = manager.post(url("upload"), {"pool": pool.pk, "file": file, "units_for_all": ""})
    table = Import.objects.get()
    assert answer["Location"] == url("detail", table.pk)
    assert ProcrastinateJob.objects.filter(task_name="imports.read", args__import_id=table.pk).count() == 1
    waiting = manager.get(url("detail", table.pk)).content.decode()
    assert "Lecture du fichier" in waiting
    assert f'hx-get="{url("progress", table.pk)}"' in waiting
    assert "Lecture du fichier" in manager.get(url("progress", table.pk)).content.decode()
    tasks.read(import_id=table.pk)
    assert manager.get(url("progress", table.pk))["HX-Refresh"] == "true"
    page = manager.get(url("detail", table.pk)).content.decode()
    assert one.name in page
    assert "Indiquez un nombre entier de licences." in page
    assert "Ligne de total." in page
    assert not Allocation.objects.exists()
    confirm = manager.get(url("confirm", table.pk))
    digest = confirm.context["form"].initial["digest"]
    manager.post(url("confirm", table.pk), {"digest": digest, "when": "now"})
    manager.post(url("confirm", table.pk), {"digest": digest, "when": "now"})
    assert ProcrastinateJob.objects.filter(task_name="imports.apply", args__import_id=table.pk).count() == 1
    assert "Attribution en cours" in manager.get(url("detail", table.pk)).content.decode()
    tasks.apply(import_id=table.pk)
    assert "C’est fait" in manager.get(url("detail", table.pk)).content.decode()
    assert Allocation.objects.get().units == 3
    assert "écoles.csv" in manager.get(url("list")).content.decode()


def test_a_file_that_is_too_big_and_no_file_are_refused_on_the_spot(manager, pool, monkeypatch):
    monkeypatch.setattr(limits, "MAX_BYTES", 10)
    file = SimpleUploadedFile("a.csv", b"x" * 11)
    assert "dépasse 20 Mo" in manager.post(url("upload"), {"pool": pool.pk, "file": file}).content.decode()
    assert "Choisissez un fichier." in manager.post(url("upload"), {"pool": pool.pk}).content.decode()
    assert not Import.objects.exists()


def test_without_a_lot_the_page_says_so(manager, nimes):
    assert "Aucun lot" in manager.get(url("upload")).content.decode()


def test_the_lot_of_another_collectivity_cannot_be_chosen(manager, pool, gard):
    with tenant_context(gard):
        theirs = PoolFactory(pk=pool.pk + 1000)
    file = SimpleUploadedFile("a.csv", listing((SchoolFactory(), 1)))
    manager.post(url("upload"), {"pool": theirs.pk, "file": file})
    assert not Import.objects.exists()


def test_a_row_is_corrected_with_htmx_and_without(officer, pool):
    school = SchoolFactory()
    table = uploaded(pool, listing((school, "x"), (SchoolFactory(), 1)))
    back = url("detail", table.pk) + "?onglet=error"
    form = {"uai": school.uai, "units": "2", "email": "", "action": "fix", "retour": back}
    assert officer.post(url("row", table.pk, 2), form)["Location"] == back
    assert ImportRow.objects.get(import_id=table.pk, number=2).units == 2
    part = officer.post(url("row", table.pk, 2), form | {"units": "3"}, HTTP_HX_REQUEST="true").content.decode()
    assert 'id="ligne-2"' in part
    assert "<html" not in part
    assert "<strong>4 licences</strong>" in part
    officer.post(url("row", table.pk, 2), {"action": "tick"}, HTTP_HX_REQUEST="true")
    assert not ImportRow.objects.get(import_id=table.pk, number=2).ticked
    officer.post(url("row", table.pk, 2), {"action": "tick", "ticked": "1"})
    assert ImportRow.objects.get(import_id=table.pk, number=2).ticked
    officer.post(url("row", table.pk, 2), {"action": "ignore"})
    assert ImportRow.objects.get(import_id=table.pk, number=2).set_aside
    officer.post(url("row", table.pk, 2), {"action": "restore", "retour": "https://ailleurs.example/"})
    assert not ImportRow.objects.get(import_id=table.pk, number=2).set_aside


def test_nobody_is_sent_elsewhere_afterwards(officer, pool):
    table = uploaded(pool, listing((SchoolFactory(), 1)))
    for elsewhere in ("https://ailleurs.example/", "//ailleurs.example/imports/", "/autre/"):
        answer = officer.post(url("row", table.pk, 2), {"action": "ignore", "retour": elsewhere})
        assert answer["Location"] == url("detail", table.pk)


def test_rows_are_found_by_tab_and_words_and_ticked_together(officer, pool):
    nimes = SchoolFactory(name="École Jean-Jaurès")
    table = uploaded(pool, listing((nimes, 1), (SchoolFactory(name="École Zola"), 1), ("0000000A", 1)))
    page = officer.get(url("detail", table.pk), {"onglet": "new", "q": "JAURES"}).content.decode()
    assert "Jean-Jaurès" in page
    assert "Zola" not in page
    officer.post(url("tick", table.pk), {"onglet": "new", "q": "jaures", "ticked": "0"})
    assert list(ImportRow.objects.filter(ticked=True).values_list("number", flat=True)) == [3]


def test_a_question_is_answered_on_the_page(officer, pool):
    one, two = SchoolFactory.create_batch(2)
    table = uploaded(pool, listing((one, two.uai), titles=("UAI", "RNE")))
    page = officer.get(url("detail", table.pk)).content.decode()
    assert "Choisissez la bonne" in page
    fields = {"header_row": 1, "column_uai": "1", "units_for_all": "2"}
    officer.post(url("choose", table.pk), fields)
    tasks.read(import_id=table.pk)
    assert ImportRow.objects.get().uai == two.uai
    assert "titres en ligne 1" in officer.get(url("detail", table.pk)).content.decode()
    assert officer.post(url("choose", table.pk), {"header_row": "-1"}).status_code == 302
    assert Import.objects.get().state == ImportState.CHECKED


def test_the_file_comes_back_as_it_came_and_only_as_a_download(officer, pool):
    content = listing((SchoolFactory(), 1))
    table = uploaded(pool, content, filename='éco"les.csv')
    answer = officer.get(url("file", table.pk))
    assert answer.content == content
    assert answer["Content-Disposition"].startswith("attachment")
    assert answer["X-Content-Type-Options"] == "nosniff"


def test_the_same_file_is_announced(officer, pool):
    content = listing((SchoolFactory(), 1))
    uploaded(pool, content)
    second = uploaded(pool, content, filename="autre.csv")
    assert "Ce même fichier a déjà été déposé" in officer.get(url("detail", second.pk)).content.decode()


def test_a_refused_file_says_why(officer, pool):
    table = uploaded(pool, b"<html></html>")
    page = officer.get(url("detail", table.pk)).content.decode()
    assert "Ce fichier est une page web" in page
    assert "Ce fichier est une page web" in officer.get(url("list")).content.decode()


def test_an_import_is_cancelled(officer, pool):
    table = uploaded(pool, listing((SchoolFactory(), 1)))
    officer.post(url("cancel", table.pk))
    assert Import.objects.get().state == ImportState.CANCELLED
    assert "a été annulé" in officer.get(url("detail", table.pk)).content.decode()


def test_a_data_officer_prepares_and_does_not_apply(officer, pool):
    table = uploaded(pool, listing((SchoolFactory(), 1)))
    assert "un gestionnaire peut maintenant" in officer.get(url("detail", table.pk)).content.decode()
    answer = officer.post(url("confirm", table.pk), {"digest": queries.digest(table), "when": "now"})
    assert answer.status_code == 403
    assert Import.objects.get().state == ImportState.CHECKED


@pytest.mark.parametrize("role", [Role.VIEWER, Role.BUYER])
def test_viewers_and_buyers_see_the_list_alone(role, office, member, pool):
    table = uploaded(pool, listing((SchoolFactory(), 1)))
    browser = office("nimes", member(role))
    page = browser.get(url("list")).content.decode()
    assert "écoles.csv" in page
    assert url("upload") not in page
    assert url("detail", table.pk) not in page
    assert browser.get(url("upload")).status_code == browser.get(url("detail", table.pk)).status_code == 403


def test_a_date_in_the_past_and_one_after_the_year_are_refused(manager, pool):
    table = uploaded(pool, listing((SchoolFactory(), 1)))
    digest = queries.digest(table)
    for day, words in (("2020-01-01", "Cette date est passée."), ("2031-01-01", "31 août"), ("", "Choisissez la date")):
        page = manager.post(url("confirm", table.pk), {"digest": digest, "when": "later", "send_on": day})
        assert words in page.content.decode().replace("\u00a0", " ")
    assert Import.objects.get().state == ImportState.CHECKED


def test_more_than_the_lot_has_cannot_be_confirmed(manager, pool):
    table = uploaded(pool, listing((SchoolFactory(), 60), (SchoolFactory(), 60)))
    page = manager.get(url("detail", table.pk)).content.decode()
    assert "Il manque 20 licences" in page
    assert "Ne tient plus dans le lot" in page
    assert "Il manque 20" in manager.get(url("confirm", table.pk)).content.decode()
    manager.post(url("confirm", table.pk), {"digest": queries.digest(table), "when": "now"})
    assert Import.objects.get().state == ImportState.CHECKED


def test_pages_ask_as_much_of_the_database_for_many_rows_as_for_few(officer, pool):
    def asked(address):
        with CaptureQueriesContext(connection) as captured:
            assert officer.get(address).status_code == 200
        return len(captured)

    few = uploaded(pool, listing(*[(school, 1) for school in SchoolFactory.create_batch(2)]))
    asked(url("list"))
    first = (asked(url("detail", few.pk)), asked(url("list")))
    many = uploaded(pool, listing(*[(school, 1) for school in SchoolFactory.create_batch(60)]))
    assert (asked(url("detail", many.pk)), asked(url("list"))) == first


def test_a_list_without_imports_says_what_to_do(officer, nimes):
    assert "Aucun tableau n’a encore été déposé" in officer.get(url("list")).content.decode()


def test_an_application_that_was_refused_says_so(manager, pool):
    table = uploaded(pool, listing((SchoolFactory(), 1)))
    operations.confirm(import_id=table.pk, digest=queries.digest(table), send_on=None, by=None, at=TERM)
    operations.hand_back(import_id=table.pk, sentence="Le lot est suspendu.")
    page = manager.get(url("detail", table.pk)).content.decode()
    assert "Rien n’a été attribué." in page
    assert "Le lot est suspendu." in page
