"""Requests in a real browser: a teacher asks, a principal asks, a manager gives; and the pictures of the guides."""

import pytest
from django.utils import timezone
from django_tenants.utils import tenant_context
from playwright.sync_api import expect

from collectivities.capabilities import Role
from core.calendar import date_in_paris
from licensing.orders import operations as orders
from licensing.requests.school_requests.models import LicenceRequest, LicenceRequestEnd
from licensing.requests.school_requests.queries import list_years_to_ask
from tests.e2e.guide_pictures import keep_picture
from tests.e2e.page_checks import assert_no_problems, find_problems_at_both_widths
from tests.e2e.sessions import create_session, open_signed_in
from tests.factories.accounts import UserFactory
from tests.factories.collectivities import MemberFactory
from tests.pools.actions import allocate_units
from tests.requests.asking_school import AskingSchool

WINDOW = {"width": 1040, "height": 760}
_NAMES = ("École élémentaire Jean Jaurès", "École Marie Curie", "École primaire Jules Ferry")


def list_years():
    return list_years_to_ask(date_in_paris(timezone.now()))


def arrange(collectivity):
    """Three schools that ask, one of which has licences already; return the first school and a manager."""
    now = timezone.now()
    pool = orders.grant(collectivity=collectivity, licences=120, reason="Essai", name="Rentrée", by=None, at=now)
    schools = [AskingSchool(name=name) for name in _NAMES]
    allocate_units(pool, schools[0].school, units=4, at=now)
    for number, school in enumerate(schools[1:], start=2):
        school.ask(at=now, school_year=list_years()[0], units=number, reason=f"{number} classes ouvrent en janvier.")
    user = UserFactory(first_name="Camille")
    MemberFactory(user=user, roles=[Role.MANAGER])
    return schools[0], user


@pytest.mark.journey
def test_a_school_s_request_goes_up_and_its_answer_comes_down(committing, site):
    with tenant_context(committing):
        jaures, manager = arrange(committing)
        teacher = jaures.add_teacher(first_name="Inès", last_name="Petit")
    found = {}
    asking = site.person(session=create_session(site, teacher))
    asking.open("/mon-compte/")
    asking.page.get_by_role("button", name="Demander une licence").click()
    expect(asking.page.get_by_text("Vous avez demandé une licence")).to_be_visible()
    found["teacher"] = find_problems_at_both_widths(asking)
    principal = site.person(session=create_session(site, jaures.principal))
    principal.open("/mon-compte/")
    expect(principal.page.get_by_text("demande une licence depuis")).to_be_visible()
    found["principal"] = find_problems_at_both_widths(principal)
    principal.page.get_by_role("link", name="Refuser la demande d’Inès Petit").click()
    found["refuse"] = find_problems_at_both_widths(principal)
    principal.open("/mon-compte/demandes/")
    principal.page.set_viewport_size(WINDOW)
    keep_picture(principal.page, "direction-demande", full_page=True)
    principal.page.get_by_label("Nombre de licences").fill("3")
    principal.page.get_by_label("Pourquoi").fill("Pour Inès Petit.")
    principal.page.get_by_role("button", name="Envoyer la demande").click()
    expect(principal.page.get_by_role("alert").first).to_contain_text("À corriger")
    found["faults"] = find_problems_at_both_widths(principal)
    principal.complaints.clear()
    principal.page.get_by_label("Pourquoi").fill("Trois classes de plus en janvier.")
    principal.page.get_by_role("button", name="Envoyer la demande").click()
    expect(principal.page.get_by_role("button", name="Retirer cette demande")).to_be_visible()
    found["asked"] = find_problems_at_both_widths(principal)
    office = open_signed_in(site, "nimes.peps.localhost", manager, slug="nimes")
    office.open("/demandes/", slug="nimes")
    found["requests"] = find_problems_at_both_widths(office)
    for box in office.page.get_by_role("checkbox", name="Cocher").all():
        box.check()
    office.page.set_viewport_size(WINDOW)
    keep_picture(office.page, "collectivite-demandes", full_page=True)
    office.page.get_by_role("button", name="Donner ces licences").click()
    expect(office.page.get_by_text("3 écoles reçoivent")).to_be_visible()
    found["preview"] = find_problems_at_both_widths(office)
    office.page.get_by_role("button", name="Donner 8 licences").click()
    expect(office.page.get_by_text("Aucune école n’attend de réponse.")).to_be_visible()
    office.open("/demandes/?etat=repondues", slug="nimes")
    found["answered"] = find_problems_at_both_widths(office)
    assert set(LicenceRequest.objects.values_list("outcome", flat=True)) == {LicenceRequestEnd.ACCEPTED}
    principal.open("/mon-compte/")
    expect(principal.page.get_by_text("3 licences données")).to_be_visible()
    assert_no_problems(found)
