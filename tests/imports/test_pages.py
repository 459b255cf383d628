"""The pages up to « Vérification »: upload, progress, questions, list; who may open what."""

from __future__ import annotations

import datetime

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from django_tenants.utils import tenant_context
from procrastinate.contrib.django.models import ProcrastinateJob

from collectivities.models import Role
from imports import operations, tasks
from imports.enums import ImportState, Purpose, Volume
from imports.layout_form import GROUPS
from imports.meanings import Meaning
from imports.models import Import, ImportProgress, ImportRow
from imports.readers import limits
from tests.conftest import TERM
from tests.factories.licensing import PoolFactory
from tests.factories.schools import SchoolFactory, next_uai
from tests.imports.conftest import listing, shown, uploaded, url
from tests.imports.files import xlsx


def test_a_spreadsheet_is_uploaded_and_read_while_the_page_waits(manager, pool):
    one, two = SchoolFactory.create_batch(2)
    file = SimpleUploadedFile("écoles.csv", listing((one, 3), (two, "x"), ("Total", 3)))
    answer = manager.post(url("upload"), {"purpose": "attribution", "pool": pool.pk, "file": file, "volume": ""})
    spreadsheet_import = Import.objects.get()
    assert answer["Location"] == url("detail", spreadsheet_import.pk)
    assert ProcrastinateJob.objects.filter(task_name="imports.read", args__import_id=spreadsheet_import.pk).count() == 1
    waiting = shown(manager.get(url("detail", spreadsheet_import.pk)))
    assert "Lecture du fichier" in waiting
    assert f'hx-get="{url("progress", spreadsheet_import.pk)}"' in waiting
    tasks.read(import_id=spreadsheet_import.pk)
    assert manager.get(url("progress", spreadsheet_import.pk))["HX-Refresh"] == "true"
    page = shown(manager.get(url("detail", spreadsheet_import.pk), {"onglet": "toutes"}))
    assert one.name in page
    assert "Ligne de total." in page


def test_the_page_shows_step_percentage_and_time_left(officer, pool):
    spreadsheet_import = operations.upload(
        pool_id=pool.pk, filename="a.csv", content=b"UAI", units_for_all=None, by=None, at=timezone.now()
    )
    begun = timezone.now() - datetime.timedelta(seconds=20)
    ImportProgress.objects.create(import_id=spreadsheet_import.pk, step="reading", done=50, total=100, started_at=begun)
    part = shown(officer.get(url("progress", spreadsheet_import.pk)))
    assert "Lecture du fichier" in part
    assert 'value="50"' in part
    assert "50 % · encore 20 secondes environ" in part
    assert "Annuler cet import" in shown(officer.get(url("detail", spreadsheet_import.pk)))


def test_a_file_that_is_too_big_and_no_file_are_refused_on_the_spot(manager, pool, monkeypatch):
    monkeypatch.setattr(limits, "MAX_BYTES", 10)
    fields = {"purpose": "attribution", "pool": pool.pk}
    answer = manager.post(url("upload"), fields | {"file": SimpleUploadedFile("a.csv", b"x" * 11)})
    assert "dépasse 20 Mo" in shown(answer)
    assert "Il faudra choisir de nouveau le fichier." in shown(answer)
    assert "Choisissez un fichier." in shown(manager.post(url("upload"), fields))
    assert "Dites d'abord à quoi sert ce tableau." in shown(manager.post(url("upload"), {"pool": pool.pk}))
    assert not Import.objects.exists()


def test_the_volume_is_asked_where_one_number_is_for_all_and_only_there(manager, pool):
    fields = {"purpose": "attribution", "pool": pool.pk, "volume": "all", "units_for_all": ""}
    content = listing((SchoolFactory(), 1))
    answer = manager.post(url("upload"), fields | {"file": SimpleUploadedFile("a.csv", content)})
    assert "Indiquez combien de licences chaque école doit avoir." in shown(answer)
    manager.post(url("upload"), fields | {"units_for_all": "4", "file": SimpleUploadedFile("a.csv", content)})
    manager.post(
        url("upload"), fields | {"volume": "", "units_for_all": "x", "file": SimpleUploadedFile("b.csv", content)}
    )
    assert list(Import.objects.order_by("pk").values_list("volume", "units_for_all")) == [(Volume.ALL, 4), ("", None)]


def test_a_portfolio_import_asks_neither_for_a_pool_nor_a_volume(officer, pool):
    school = SchoolFactory()
    file = SimpleUploadedFile("p.csv", listing((school, "Mme Roux"), titles=("UAI", "Directeur")))
    fields = {"purpose": "perimetre", "pool": pool.pk, "volume": "all", "units_for_all": "7", "file": file}
    assert officer.post(url("upload"), fields).status_code == 302
    spreadsheet_import = Import.objects.get()
    assert (
        spreadsheet_import.purpose,
        spreadsheet_import.pool,
        spreadsheet_import.volume,
        spreadsheet_import.units_for_all,
    ) == (Purpose.REMIT, None, "", None)
    tasks.read(import_id=spreadsheet_import.pk)
    page = shown(officer.get(url("detail", spreadsheet_import.pk)))
    assert "Mise à jour du périmètre" in page
    assert "Contact : <strong>Mme Roux</strong>" in page
    assert "Licences" not in page.split("<table")[1]


def test_without_a_pool_only_the_portfolio_can_be_updated(manager, nimes):
    page = shown(manager.get(url("upload")))
    assert "Aucun lot n’a de licence libre" in page
    file = SimpleUploadedFile("a.csv", listing((SchoolFactory(), 1)))
    answer = manager.post(url("upload"), {"purpose": "attribution", "file": file})
    assert "vous pouvez seulement mettre à jour votre périmètre" in shown(answer)
    assert not Import.objects.exists()


def test_the_lot_of_another_collectivity_cannot_be_chosen(manager, pool, gard):
    with tenant_context(gard):
        theirs = PoolFactory(pk=pool.pk + 1000)
    file = SimpleUploadedFile("a.csv", listing((SchoolFactory(), 1)))
    manager.post(url("upload"), {"purpose": "attribution", "pool": theirs.pk, "file": file})
    assert not Import.objects.exists()


def test_a_question_is_answered_column_by_column(officer, pool):
    one, two = SchoolFactory.create_batch(2)
    spreadsheet_import = uploaded(pool, listing((one, two.uai), titles=("UAI", "RNE")))
    page = shown(officer.get(url("detail", spreadsheet_import.pk)))
    assert "Choisissez la bonne" in page
    assert "<td>UAI</td>" in page  # the rows as in the file
    fields = {"header_row": 1, "volume": "all", "units_for_all": "2"}
    both = officer.post(url("choose", spreadsheet_import.pk), fields | {"column_0": "uai", "column_1": "uai"})
    assert "Les colonnes A et B sont toutes deux « UAI de l'école »" in shown(both)
    officer.post(url("choose", spreadsheet_import.pk), fields | {"column_0": "", "column_1": "uai"})
    tasks.read(import_id=spreadsheet_import.pk)
    assert ImportRow.objects.get().uai == two.uai
    page = shown(officer.get(url("detail", spreadsheet_import.pk)))
    assert "titres en ligne 1" in page
    assert "2 licences pour chacune" in page
    assert officer.post(url("choose", spreadsheet_import.pk), fields | {"header_row": "-1"}).status_code == 422
    assert Import.objects.get().state == ImportState.CHECKED


def test_another_sheet_or_row_of_titles_has_the_columns_found_anew(officer, pool):
    school = SchoolFactory()
    other = {"B": [["RNE", "Nb licences"], [school.uai, 5]]}
    content = xlsx([["UAI", "Licences"], [school.uai, 3]], sheet="A", more=other)
    spreadsheet_import = uploaded(pool, content, filename="a.xlsx")
    page = shown(officer.get(url("choose", spreadsheet_import.pk)))
    assert "Feuilles à lire" in page
    officer.post(url("choose", spreadsheet_import.pk), {"sheets": ["B"], "header_row": "1", "column_0": "uai"})
    tasks.read(import_id=spreadsheet_import.pk)
    assert ImportRow.objects.get().units == 5


def test_every_meaning_can_be_chosen_for_a_column():
    assert sorted(meaning for held in GROUPS.values() for meaning in held) == sorted(Meaning)


def test_the_file_comes_back_as_it_came_and_only_as_a_download(officer, pool):
    content = listing((SchoolFactory(), 1))
    spreadsheet_import = uploaded(pool, content, filename='éco"les.csv')
    answer = officer.get(url("file", spreadsheet_import.pk))
    assert answer.content == content
    assert answer["Content-Disposition"].startswith("attachment")
    assert answer["X-Content-Type-Options"] == "nosniff"


def test_a_duplicate_file_and_a_corrected_file_are_announced(officer, pool):
    content = listing((SchoolFactory(), 1))
    first = uploaded(pool, content)
    second = uploaded(pool, content, filename="autre.csv")
    assert "Ce même fichier a déjà été déposé" in shown(officer.get(url("detail", second.pk)))
    Import.objects.filter(pk=second.pk).update(corrects_id=first.pk)
    page = shown(officer.get(url("detail", second.pk)))
    assert "Ce tableau corrige" in page
    assert "déjà été déposé" not in page
    assert "Seulement les lignes modifiées" in page


def test_a_refused_file_says_why(officer, pool):
    spreadsheet_import = uploaded(pool, b"<html></html>")
    assert "Ce fichier est une page web" in shown(officer.get(url("detail", spreadsheet_import.pk)))
    assert "Ce fichier est une page web" in shown(officer.get(url("list")))


def test_an_import_is_cancelled(officer, pool):
    spreadsheet_import = uploaded(pool, listing((SchoolFactory(), 1)))
    officer.post(url("cancel", spreadsheet_import.pk))
    assert Import.objects.get().state == ImportState.CANCELLED
    assert "a été annulé" in shown(officer.get(url("detail", spreadsheet_import.pk)))


def test_the_annotated_workbook_is_asked_for_waited_for_and_downloaded(officer, pool):
    spreadsheet_import = uploaded(pool, listing((SchoolFactory(), "x")))
    part = shown(officer.post(url("annotate", spreadsheet_import.pk), headers={"HX-Request": "true"}))
    assert "se prépare" in part
    assert "<html" not in part
    assert (
        ProcrastinateJob.objects.filter(task_name="imports.annotate", args__import_id=spreadsheet_import.pk).count()
        == 1
    )
    assert officer.get(url("annotated", spreadsheet_import.pk)).status_code == 404
    tasks.annotate(import_id=spreadsheet_import.pk)
    assert "Télécharger le tableau annoté (.xlsx)" in shown(officer.get(url("detail", spreadsheet_import.pk)))
    answer = officer.get(url("annotated", spreadsheet_import.pk))
    assert answer.content[:2] == b"PK"
    assert "annot" in answer["Content-Disposition"]
    operations.amend(import_id=spreadsheet_import.pk, number=2, edits={"units": "3"}, by=None, at=TERM)
    assert "Refaire le tableau annoté" in shown(officer.get(url("detail", spreadsheet_import.pk)))


@pytest.mark.parametrize("role", [Role.VIEWER, Role.BUYER])
def test_viewers_and_buyers_see_the_list_alone(role, office, member, pool):
    spreadsheet_import = uploaded(pool, listing((SchoolFactory(), 1)))
    browser = office("nimes", member(role))
    page = shown(browser.get(url("list")))
    assert "écoles.csv" in page
    assert url("upload") not in page
    assert url("detail", spreadsheet_import.pk) not in page
    assert (
        browser.get(url("upload")).status_code == browser.get(url("detail", spreadsheet_import.pk)).status_code == 403
    )


def test_the_list_is_filtered_by_purpose_author_date_and_name(office, member, pool):
    user = member(Role.DATA_OFFICER)
    officer = office("nimes", user)
    uploaded(pool, listing((SchoolFactory(), 1)), filename="Élémentaires du Gard.csv", by=user)
    uploaded(pool, b"<html></html>", filename="page.xls")
    officer.post(
        url("upload"),
        {"purpose": "perimetre", "file": SimpleUploadedFile("contacts.csv", listing((SchoolFactory(), "M. Roux")))},
    )

    def found(**fields):
        page = shown(officer.get(url("list"), fields))
        return {name for name in ("Élémentaires", "page.xls", "contacts") if name in page.split("</form>")[-1]}

    assert found() == {"Élémentaires", "page.xls", "contacts"}
    assert found(q="elementaires GARD") == {"Élémentaires"}
    assert found(purpose="perimetre") == {"contacts"}
    assert found(state="rejected") == {"page.xls"}
    assert found(pool=pool.pk) == {"Élémentaires", "page.xls"}
    assert found(who=user.pk) == {"Élémentaires", "contacts"}
    today = timezone.localdate()
    assert found(since=today.isoformat()) == ({"contacts"} if today > TERM.date() else found())
    assert found(until="2020-01-01") == set()


def test_schools_that_the_directory_now_knows_are_taken_up_from_the_list(officer, pool):
    uai = next_uai()
    spreadsheet_import = uploaded(pool, listing((uai, 2)))
    operations.amend(import_id=spreadsheet_import.pk, number=2, awaited=True, by=None, at=TERM)
    assert "gardée de côté" not in shown(officer.get(url("list")))
    SchoolFactory(uai=uai)
    assert "1 école gardée de côté est maintenant dans l’annuaire" in shown(officer.get(url("list")))
    assert officer.post(url("take_up", spreadsheet_import.pk))["Location"] == url("detail", spreadsheet_import.pk)
    row = ImportRow.objects.get()
    assert (row.uai, row.verdict, row.set_aside) == (uai, "new", False)
    again = shown(officer.post(url("take_up", spreadsheet_import.pk), follow=True))
    assert "un autre membre l'a déjà fait" in again


def test_the_pages_link_templates_and_the_upload_of_a_corrected_file(officer, pool):
    page = shown(officer.get(url("upload")))
    assert f"{url('template', 'attribution')}?lot={pool.pk}" in page
    assert url("template", "perimetre") in page
    spreadsheet_import = uploaded(pool, listing((SchoolFactory(), "x")))
    operations.annotating.ask(import_id=spreadsheet_import.pk, at=TERM)
    tasks.annotate(import_id=spreadsheet_import.pk)
    page = shown(officer.get(url("detail", spreadsheet_import.pk)))
    assert f'action="{url("corrected", spreadsheet_import.pk)}"' in page
    assert url("report", spreadsheet_import.pk) in page


def test_a_list_without_imports_says_what_to_do(officer, nimes):
    assert "Aucun tableau n’a encore été déposé" in shown(officer.get(url("list")))


def test_pages_ask_as_much_of_the_database_for_many_rows_as_for_few(officer, pool):
    def count_queries(address):
        with CaptureQueriesContext(connection) as captured:
            assert officer.get(address).status_code == 200
        return len(captured)

    few = uploaded(pool, listing(*[(school, 1) for school in SchoolFactory.create_batch(2)]))
    count_queries(url("list"))
    first = (count_queries(url("detail", few.pk)), count_queries(url("list")))
    many = uploaded(pool, listing(*[(school, 1) for school in SchoolFactory.create_batch(60)]))
    assert (count_queries(url("detail", many.pk)), count_queries(url("list"))) == first
