"""The pages up to « Vérification »: upload, progress, questions, list; who may open what."""

import datetime
import re

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from django_tenants.utils import tenant_context
from procrastinate.contrib.django.models import ProcrastinateJob

from collectivities.capabilities import Role
from imports import tasks
from imports.columns import Meaning
from imports.enums import ImportState, Purpose, Volume
from imports.formats import limits
from imports.models import ImportProgress, ImportRow, SpreadsheetImport
from imports.operations import annotation, row_edits, upload
from tests.conftest import TERM
from tests.factories.licensing import PoolFactory
from tests.factories.schools import SchoolFactory, next_uai
from tests.imports.actions import confirm_and_apply, upload_and_parse
from tests.imports.pages import import_url, page_text
from tests.imports.sample_files import build_xlsx, schools_csv

pytestmark = pytest.mark.slow


def test_a_spreadsheet_is_uploaded_and_read_while_the_page_waits(manager, pool):
    one, two = SchoolFactory.create_batch(2)
    file = SimpleUploadedFile("écoles.csv", schools_csv((one, 3), (two, "x"), ("Total", 3)))
    answer = manager.post(import_url("upload"), {"purpose": "allocation", "pool": pool.pk, "file": file, "volume": ""})
    spreadsheet_import = SpreadsheetImport.objects.get()
    assert answer["Location"] == import_url("detail", spreadsheet_import.pk)
    assert ProcrastinateJob.objects.filter(task_name="imports.read", args__import_id=spreadsheet_import.pk).count() == 1
    waiting = page_text(manager.get(import_url("detail", spreadsheet_import.pk)))
    assert "Lecture du fichier" in waiting
    assert f'hx-get="{import_url("progress", spreadsheet_import.pk)}"' in waiting
    tasks.read(import_id=spreadsheet_import.pk)
    assert manager.get(import_url("progress", spreadsheet_import.pk))["HX-Refresh"] == "true"
    page = page_text(manager.get(import_url("detail", spreadsheet_import.pk), {"onglet": "toutes"}))
    assert one.name in page
    assert "Ligne de total." in page


def test_the_page_shows_step_percentage_and_time_left(officer, pool):
    spreadsheet_import = upload.store_upload(
        pool_id=pool.pk, filename="a.csv", content=b"UAI", units_for_all=None, by=None, at=timezone.now()
    )
    begun = timezone.now() - datetime.timedelta(seconds=20)
    ImportProgress.objects.create(import_id=spreadsheet_import.pk, step="reading", done=50, total=100, started_at=begun)
    part = page_text(officer.get(import_url("progress", spreadsheet_import.pk)))
    assert "Lecture du fichier" in part
    assert 'value="50"' in part
    assert "50 % · encore 20 secondes environ" in part
    assert "Annuler cet import" in page_text(officer.get(import_url("detail", spreadsheet_import.pk)))


def test_a_file_that_is_too_big_and_no_file_are_refused_on_the_spot(manager, pool, monkeypatch):
    monkeypatch.setattr(limits, "MAX_BYTES", 10)
    fields = {"purpose": "allocation", "pool": pool.pk}
    answer = manager.post(import_url("upload"), fields | {"file": SimpleUploadedFile("a.csv", b"x" * 11)})
    assert "dépasse 20 Mo" in page_text(answer)
    assert "Il faudra choisir de nouveau le fichier." in page_text(answer)
    assert "Choisissez un fichier." in page_text(manager.post(import_url("upload"), fields))
    assert "Dites d’abord à quoi sert ce tableau." in page_text(manager.post(import_url("upload"), {"pool": pool.pk}))
    assert not SpreadsheetImport.objects.exists()


def test_the_volume_is_asked_where_one_number_is_for_all_and_only_there(manager, pool):
    fields = {"purpose": "allocation", "pool": pool.pk, "volume": "all", "units_for_all": ""}
    content = schools_csv((SchoolFactory(), 1))
    answer = manager.post(import_url("upload"), fields | {"file": SimpleUploadedFile("a.csv", content)})
    assert "Indiquez combien de licences chaque école doit avoir." in page_text(answer)
    manager.post(import_url("upload"), fields | {"units_for_all": "4", "file": SimpleUploadedFile("a.csv", content)})
    manager.post(
        import_url("upload"),
        fields | {"volume": "", "units_for_all": "x", "file": SimpleUploadedFile("b.csv", content)},
    )
    assert list(SpreadsheetImport.objects.order_by("pk").values_list("volume", "units_for_all")) == [
        (Volume.ALL, 4),
        ("", None),
    ]


def test_a_portfolio_import_asks_neither_for_a_pool_nor_a_volume(officer, pool):
    school = SchoolFactory()
    file = SimpleUploadedFile("p.csv", schools_csv((school, "Mme Roux"), titles=("UAI", "Directeur")))
    fields = {"purpose": "portfolio", "pool": pool.pk, "volume": "all", "units_for_all": "7", "file": file}
    assert officer.post(import_url("upload"), fields).status_code == 302
    spreadsheet_import = SpreadsheetImport.objects.get()
    assert (
        spreadsheet_import.purpose,
        spreadsheet_import.pool,
        spreadsheet_import.volume,
        spreadsheet_import.units_for_all,
    ) == (Purpose.PORTFOLIO, None, "", None)
    tasks.read(import_id=spreadsheet_import.pk)
    page = page_text(officer.get(import_url("detail", spreadsheet_import.pk)))
    assert "Mise à jour du périmètre" in page
    assert "Contact : <strong>Mme Roux</strong>" in page
    assert "Licences" not in page.split("<table")[1]


def test_without_a_pool_only_the_portfolio_can_be_updated(manager, nimes):
    page = page_text(manager.get(import_url("upload")))
    assert "Aucune licence n’est libre pour l’instant" in page
    assert 'type="radio" name="purpose"' not in page
    file = SimpleUploadedFile("a.csv", schools_csv((SchoolFactory(), 1)))
    answer = manager.post(import_url("upload"), {"purpose": "allocation", "file": file})
    # In the summary, and at the place that its link leads to.
    assert page_text(answer).count("déposez d’abord ce tableau pour votre liste d’écoles") == 2
    assert 'href="#id_pool"' in page_text(answer)
    assert page_text(answer).count('id="id_pool"') == 1
    assert not SpreadsheetImport.objects.exists()


def test_the_lot_of_another_collectivity_cannot_be_chosen(manager, pool, gard):
    with tenant_context(gard):
        theirs = PoolFactory(pk=pool.pk + 1000)
    file = SimpleUploadedFile("a.csv", schools_csv((SchoolFactory(), 1)))
    manager.post(import_url("upload"), {"purpose": "allocation", "pool": theirs.pk, "file": file})
    assert not SpreadsheetImport.objects.exists()


def test_a_question_is_answered_column_by_column(officer, pool):
    one, two = SchoolFactory.create_batch(2)
    spreadsheet_import = upload_and_parse(pool, schools_csv((one, two.uai), titles=("UAI", "RNE")))
    page = page_text(officer.get(import_url("detail", spreadsheet_import.pk)))
    assert "Choisissez la bonne" in page
    assert "<td>UAI</td>" in page  # the rows as in the file
    fields = {"header_row": 1, "volume": "all", "units_for_all": "2"}
    both = officer.post(import_url("choose", spreadsheet_import.pk), fields | {"column_0": "uai", "column_1": "uai"})
    assert "Les colonnes A et B sont toutes deux « UAI de l’école »" in page_text(both)
    officer.post(import_url("choose", spreadsheet_import.pk), fields | {"column_0": "", "column_1": "uai"})
    tasks.read(import_id=spreadsheet_import.pk)
    assert ImportRow.objects.get().uai == two.uai
    page = page_text(officer.get(import_url("detail", spreadsheet_import.pk)))
    read = re.sub(r"<[^>]+>", "", page.partition('<div class="import-read">')[2].partition("</p>")[0])
    assert " ".join(read.split()) == (
        "Lu : titres en ligne 1 — UAI de l’école : « RNE » (B). 2 licences pour chacune. Changer la lecture…"
    )
    assert officer.post(import_url("choose", spreadsheet_import.pk), fields | {"header_row": "-1"}).status_code == 422
    assert SpreadsheetImport.objects.get().state == ImportState.CHECKED


def test_another_sheet_or_row_of_titles_has_the_columns_found_anew(officer, pool):
    school = SchoolFactory()
    other = {"B": [["RNE", "Nb licences"], [school.uai, 5]]}
    content = build_xlsx([["UAI", "Licences"], [school.uai, 3]], sheet="A", more=other)
    spreadsheet_import = upload_and_parse(pool, content, filename="a.xlsx")
    page = page_text(officer.get(import_url("choose", spreadsheet_import.pk)))
    assert "Feuilles à lire" in page
    officer.post(import_url("choose", spreadsheet_import.pk), {"sheets": ["B"], "header_row": "1", "column_0": "uai"})
    tasks.read(import_id=spreadsheet_import.pk)
    assert ImportRow.objects.get().units == 5


def test_the_file_comes_back_as_it_came_and_only_as_a_download(officer, pool):
    content = schools_csv((SchoolFactory(), 1))
    spreadsheet_import = upload_and_parse(pool, content, filename='éco"les.csv')
    answer = officer.get(import_url("file", spreadsheet_import.pk))
    assert answer.content == content
    assert answer["Content-Disposition"].startswith("attachment")
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["Cache-Control"] == "no-store"


def test_a_duplicate_file_and_a_corrected_file_are_announced(officer, pool):
    content = schools_csv((SchoolFactory(), 1))
    first = upload_and_parse(pool, content)
    second = upload_and_parse(pool, content, filename="autre.csv")
    assert "Ce même fichier a déjà été déposé" in page_text(officer.get(import_url("detail", second.pk)))
    SpreadsheetImport.objects.filter(pk=second.pk).update(corrects_id=first.pk)
    page = page_text(officer.get(import_url("detail", second.pk)))
    assert "Ce tableau corrige" in page
    assert "déjà été déposé" not in page
    assert "Seulement les lignes modifiées" in page


def test_a_refused_file_says_why(officer, pool):
    spreadsheet_import = upload_and_parse(pool, b"<html></html>")
    assert "Ce fichier est une page web" in page_text(officer.get(import_url("detail", spreadsheet_import.pk)))
    assert "Ce fichier est une page web" in page_text(officer.get(import_url("list")))


def test_cancelling_asks_first_and_says_what_is_lost(officer, pool):
    spreadsheet_import = upload_and_parse(pool, schools_csv(*[(SchoolFactory(), 1) for _ in range(4)]))
    for number in (2, 3):
        edits = {Meaning.UNITS.value: str(number)}
        row_edits.amend_row(import_id=spreadsheet_import.pk, number=number, edits=edits, by=None, at=TERM)
    row_edits.amend_row(import_id=spreadsheet_import.pk, number=4, set_aside=True, by=None, at=TERM)
    address = import_url("cancel", spreadsheet_import.pk)
    page = page_text(officer.get(import_url("detail", spreadsheet_import.pk)))
    assert f'action="{address}"' not in page
    assert f'href="{address}"' in page
    page = page_text(officer.get(address))
    assert "<strong>2 lignes corrigées, 1 ligne mise de côté</strong>" in page
    assert SpreadsheetImport.objects.get().state == ImportState.CHECKED


def test_an_import_is_cancelled(officer, pool):
    spreadsheet_import = upload_and_parse(pool, schools_csv((SchoolFactory(), 1)))
    officer.post(import_url("cancel", spreadsheet_import.pk))
    assert officer.get(import_url("cancel", spreadsheet_import.pk))["Location"] == import_url(
        "detail", spreadsheet_import.pk
    )
    assert SpreadsheetImport.objects.get().state == ImportState.CANCELLED
    assert "a été annulé" in page_text(officer.get(import_url("detail", spreadsheet_import.pk)))


def test_the_annotated_workbook_is_asked_for_waited_for_and_downloaded(officer, pool):
    spreadsheet_import = upload_and_parse(pool, schools_csv((SchoolFactory(), "x")))
    part = page_text(officer.post(import_url("annotate", spreadsheet_import.pk), headers={"HX-Request": "true"}))
    assert "se prépare" in part
    assert "<html" not in part
    assert (
        ProcrastinateJob.objects.filter(task_name="imports.annotate", args__import_id=spreadsheet_import.pk).count()
        == 1
    )
    assert officer.get(import_url("annotated", spreadsheet_import.pk)).status_code == 404
    tasks.annotate(import_id=spreadsheet_import.pk)
    assert "Télécharger le tableau annoté (.xlsx)" in page_text(
        officer.get(import_url("detail", spreadsheet_import.pk))
    )
    answer = officer.get(import_url("annotated", spreadsheet_import.pk))
    assert answer.content[:2] == b"PK"
    assert "annot" in answer["Content-Disposition"]
    row_edits.amend_row(import_id=spreadsheet_import.pk, number=2, edits={"units": "3"}, by=None, at=TERM)
    assert "Refaire le tableau annoté" in page_text(officer.get(import_url("detail", spreadsheet_import.pk)))


@pytest.mark.parametrize("role", [Role.VIEWER, Role.BUYER])
def test_viewers_and_buyers_see_the_list_alone(role, office, member, pool):
    spreadsheet_import = upload_and_parse(pool, schools_csv((SchoolFactory(), 1)))
    browser = office("nimes", member(role))
    page = page_text(browser.get(import_url("list")))
    assert "écoles.csv" in page
    assert import_url("upload") not in page
    assert import_url("detail", spreadsheet_import.pk) not in page
    assert (
        browser.get(import_url("upload")).status_code
        == browser.get(import_url("detail", spreadsheet_import.pk)).status_code
        == 403
    )


def test_the_list_is_filtered_by_purpose_author_date_and_name(office, member, pool):
    user = member(Role.DATA_OFFICER)
    officer = office("nimes", user)
    upload_and_parse(pool, schools_csv((SchoolFactory(), 1)), filename="Élémentaires du Gard.csv", by=user)
    upload_and_parse(pool, b"<html></html>", filename="page.xls")
    officer.post(
        import_url("upload"),
        {"purpose": "portfolio", "file": SimpleUploadedFile("contacts.csv", schools_csv((SchoolFactory(), "M. Roux")))},
    )

    def found(**fields):
        page = page_text(officer.get(import_url("list"), fields))
        return {name for name in ("Élémentaires", "page.xls", "contacts") if name in page.split("</form>")[-1]}

    assert found() == {"Élémentaires", "page.xls", "contacts"}
    assert found(q="elementaires GARD") == {"Élémentaires"}
    assert found(purpose="portfolio") == {"contacts"}
    assert found(state="rejected") == {"page.xls"}
    assert found(pool=pool.pk) == {"Élémentaires", "page.xls"}
    assert found(who=user.pk) == {"Élémentaires", "contacts"}
    today = timezone.localdate()
    assert found(since=today.isoformat()) == ({"contacts"} if today > TERM.date() else found())
    assert found(until="2020-01-01") == set()


def test_schools_that_the_directory_now_knows_are_taken_up_from_the_list(officer, pool):
    uai = next_uai()
    spreadsheet_import = upload_and_parse(pool, schools_csv((uai, 2)))
    row_edits.amend_row(import_id=spreadsheet_import.pk, number=2, awaited=True, by=None, at=TERM)
    assert "gardée de côté" not in page_text(officer.get(import_url("list")))
    SchoolFactory(uai=uai)
    assert "1 école gardée de côté est maintenant dans l’annuaire" in page_text(officer.get(import_url("list")))
    assert officer.post(import_url("take_up", spreadsheet_import.pk))["Location"] == import_url(
        "detail", spreadsheet_import.pk
    )
    row = ImportRow.objects.get()
    assert (row.uai, row.verdict, row.set_aside) == (uai, "new", False)
    again = page_text(officer.post(import_url("take_up", spreadsheet_import.pk), follow=True))
    assert "un autre membre l’a déjà fait" in again


def test_taken_up_for_a_lot_that_cannot_exist_they_do_not_go_to_the_lot_of_the_import(officer, pool):
    uai = next_uai()
    content = schools_csv((SchoolFactory(), 1), (uai, 2))
    spreadsheet_import = confirm_and_apply(upload_and_parse(pool, content), only_valid=True)
    SchoolFactory(uai=uai)
    answer = officer.post(import_url("take_up", spreadsheet_import.pk), {"pool": "9" * 19}, follow=True)
    assert "Le lot ne donne plus de licences" in page_text(answer)
    assert SpreadsheetImport.objects.get() == spreadsheet_import


def test_the_pages_link_templates_and_the_upload_of_a_corrected_file(officer, pool):
    page = page_text(officer.get(import_url("upload")))
    assert f"{import_url('template', 'allocation')}?lot={pool.pk}" in page
    assert import_url("template", "portfolio") in page
    spreadsheet_import = upload_and_parse(pool, schools_csv((SchoolFactory(), "x")))
    annotation.request_annotation(import_id=spreadsheet_import.pk, at=TERM)
    tasks.annotate(import_id=spreadsheet_import.pk)
    page = page_text(officer.get(import_url("detail", spreadsheet_import.pk)))
    assert f'action="{import_url("corrected", spreadsheet_import.pk)}"' in page
    assert import_url("report", spreadsheet_import.pk) in page


@pytest.mark.small
def test_a_list_without_imports_says_what_to_do(officer, nimes):
    assert "Aucun tableau n’a encore été déposé" in page_text(officer.get(import_url("list")))


def test_pages_ask_as_much_of_the_database_for_many_rows_as_for_few(officer, pool):
    def count_queries(address):
        with CaptureQueriesContext(connection) as captured:
            assert officer.get(address).status_code == 200
        return len(captured)

    few = upload_and_parse(pool, schools_csv(*[(school, 1) for school in SchoolFactory.create_batch(2)]))
    count_queries(import_url("list"))
    first = (count_queries(import_url("detail", few.pk)), count_queries(import_url("list")))
    many = upload_and_parse(pool, schools_csv(*[(school, 1) for school in SchoolFactory.create_batch(60)]))
    assert (count_queries(import_url("detail", many.pk)), count_queries(import_url("list"))) == first
