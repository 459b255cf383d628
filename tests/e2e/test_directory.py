"""The operator's pages of the directory: axe, both widths, keyboard; and a file that is agreed to."""

import pytest
from django.utils import timezone
from django_tenants.utils import schema_context
from playwright.sync_api import expect

from schools.directory.models import DirectoryChange, DirectorySync, HeldDirectoryFile
from tests.e2e.face_checks import keep_pictures
from tests.e2e.page_checks import assert_no_problems, find_overflow, find_problems_at_both_widths
from tests.e2e.rgaa_checks import find_keyboard_faults
from tests.e2e.sessions import open_signed_in
from tests.factories.accounts import OperatorFactory
from tests.factories.schools import SchoolFactory


@pytest.fixture
def held(committing):
    """A file that closes three schools, and waits; a run before it that changed some."""
    with schema_context("public"):
        at = timezone.now()
        before = DirectorySync.objects.create(at=at, full=True, file_name="annuaire.csv", rows=70018, changed=1)
        school = SchoolFactory(name="École Zola")
        DirectoryChange.objects.create(
            sync=before, verdict="changed", uai=school.uai, name=school.name, fields=["email", "phone"]
        )
        sync = DirectorySync.objects.create(
            at=at,
            outcome="held",
            reason="Ce fichier fermerait 3 des 100 établissements ouverts, plus de 2 % : est-il complet ?",
            file_name="csv",
            url="https://data.exemple.fr/api/explore/v2.1/catalog/datasets/fr-en-annuaire-education/exports/csv",
            sha256="5" * 64,
            full=True,
            rows=97,
            closed=3,
        )
        for school in SchoolFactory.create_batch(3):
            DirectoryChange.objects.create(sync=sync, verdict="closed", uai=school.uai, name=school.name)
        HeldDirectoryFile.objects.create(sync=sync, content=b"")
        return sync, before


def test_the_pages_of_the_directory_have_no_problems(committing, site, held):
    sync, before = held
    with schema_context("public"):
        visit = open_signed_in(site, "peps.localhost", OperatorFactory())
    found = {}
    for path in ("/admin/annuaire/", f"/admin/annuaire/{sync.pk}/", f"/admin/annuaire/{before.pk}/", "/admin/"):
        page = visit.open(path)
        if path == f"/admin/annuaire/{sync.pk}/":
            keep_pictures(visit, "exploitation-annuaire")
        found[path] = [*find_problems_at_both_widths(visit), *find_keyboard_faults(page)]
        page.evaluate("document.documentElement.style.fontSize = '200%'")
        found[path] += [f"200 %: {fault}" for fault in find_overflow(page)]
        visit.complaints.clear()
    assert_no_problems(found)


def test_a_file_is_agreed_to_by_keyboard(committing, site, held):
    sync, _ = held
    with schema_context("public"):
        visit = open_signed_in(site, "peps.localhost", OperatorFactory())
    page = visit.open("/admin/")
    page.get_by_role("link", name="L’annuaire n’a pas été mis à jour").click()
    page.get_by_label("Nombre d’établissements à fermer").press("Enter")
    expect(page.locator(".error-summary")).to_be_focused()
    page.get_by_label("Nombre d’établissements à fermer").fill("3")
    page.get_by_role("button", name="Appliquer ce fichier").press("Enter")
    notice = page.locator("[data-notice]")
    expect(notice).to_contain_text("votre accord est donné")
    expect(page.get_by_role("button", name="Appliquer ce fichier")).to_have_count(0)
    with schema_context("public"):
        assert HeldDirectoryFile.objects.get(sync=sync).accepted_at is not None
