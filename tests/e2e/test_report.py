"""« Rapport pour le conseil » and the operator's year in a browser: axe, widths, keyboard, text of twice the size."""

import io

import pypdf
import pytest
from django_tenants.utils import schema_context, tenant_context
from playwright.sync_api import expect

from collectivities.capabilities import Role
from tests.e2e.face_checks import find_faults_of_identity, keep_pictures
from tests.e2e.guide_pictures import keep_picture
from tests.e2e.page_checks import assert_no_problems, find_overflow, find_problems_at_both_widths
from tests.e2e.rgaa_checks import find_keyboard_faults
from tests.e2e.sessions import open_signed_in
from tests.factories.accounts import OperatorFactory, UserFactory
from tests.factories.collectivities import MemberFactory
from tests.sites.office.report_years import spend_full_years


@pytest.fixture
def manager(committing):
    """A manager of an office with two years behind it."""
    with tenant_context(committing):
        spend_full_years(committing)
        user = UserFactory(first_name="Camille", last_name="Roux")
        MemberFactory(user=user, roles=[Role.MANAGER])
    return user


def list_faults(visit, path, *, slug=""):
    page = visit.open(path, slug=slug)
    found = [*find_problems_at_both_widths(visit), *find_faults_of_identity(page), *find_keyboard_faults(page)]
    page.evaluate("document.documentElement.style.fontSize = '200%'")
    found += [f"200 %: {fault}" for fault in find_overflow(page)]
    page.evaluate("document.documentElement.style.fontSize = ''")
    visit.complaints.clear()
    return found


def test_the_report_has_no_problems_and_its_files_are_downloaded(manager, site):
    visit = open_signed_in(site, "nimes.peps.localhost", manager, slug="nimes")
    paths = ("/rapport/", "/rapport/?annee=2026")
    assert_no_problems({path: list_faults(visit, path, slug="nimes") for path in paths})
    page = visit.open("/rapport/?annee=2027", slug="nimes")
    keep_picture(page, "bureau-rapport")
    keep_pictures(visit, "bureau-rapport")
    with page.expect_download() as download:
        page.get_by_role("link", name="Télécharger la page (PDF)").click()
    document = pypdf.PdfReader(io.BytesIO(download.value.path().read_bytes()))
    assert len(document.pages) == 1
    assert "Rapport pour le conseil" in document.pages[0].extract_text()
    page.get_by_text("Les mêmes chiffres en tableau").click()
    expect(page.get_by_role("columnheader", name="Licences utilisées")).to_be_visible()
    assert find_problems_at_both_widths(visit) == []


def test_the_operator_s_year_has_no_problems_and_is_sorted_by_a_click(manager, site):
    with schema_context("public"):
        visit = open_signed_in(site, "peps.localhost", OperatorFactory())
    assert_no_problems({"/admin/annee/2027/": list_faults(visit, "/admin/annee/2027/")})
    page = visit.open("/admin/annee/2027/")
    keep_pictures(visit, "exploitation-annee")
    page.get_by_role("link", name="Utilisées", exact=True).click()
    heading = page.get_by_role("columnheader", name="Utilisées", exact=True)
    expect(heading).to_have_attribute("aria-sort", "descending")
