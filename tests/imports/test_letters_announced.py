"""The page that applies an import says who writes to the schools, and where their replies arrive."""

import pytest

from collectivities.models import OfficeSettings
from imports import tasks
from imports.enums import Purpose
from imports.operations import upload
from tests.conftest import TERM
from tests.factories.schools import SchoolFactory
from tests.imports.actions import upload_and_parse
from tests.imports.pages import import_url, page_text
from tests.imports.sample_files import schools_csv


@pytest.mark.slow
def test_before_letters_leave_the_page_shows_the_letter_its_sender_and_where_replies_go(manager, pool):
    spreadsheet_import = upload_and_parse(pool, schools_csv((SchoolFactory(), 1)))
    page = page_text(manager.get(import_url("confirm", spreadsheet_import.pk)))
    assert "une lettre de <strong>Ville de Nîmes</strong>" in page
    assert f'href="/reglages/lettre/?lot={pool.pk}"' in page
    assert "Indiquer l’adresse de réponse" in page
    OfficeSettings.objects.create(sender_name="Direction de l’éducation", reply_to="ecoles@nimes.example")
    page = page_text(manager.get(import_url("confirm", spreadsheet_import.pk)))
    assert "une lettre de <strong>Direction de l’éducation</strong>" in page
    assert "arrivent à <strong>ecoles@nimes.example</strong>" in page
    assert "Indiquer l’adresse de réponse" not in page


def test_a_list_of_schools_writes_to_nobody(manager, nimes):
    spreadsheet_import = upload.store_upload(
        purpose=Purpose.PORTFOLIO,
        pool_id=None,
        filename="liste.csv",
        content=schools_csv((SchoolFactory(), "Mme Roux"), titles=("UAI", "Directeur")),
        units_for_all=None,
        by=None,
        at=TERM,
    )
    tasks.read(import_id=spreadsheet_import.pk)
    page = page_text(manager.get(import_url("confirm", spreadsheet_import.pk)))
    assert "Voir la lettre" not in page
    assert "Ajouter 1 école" in " ".join(page.split())
