"""Licences given back, asked for and moved, in a real browser: with axe, at both widths."""

import datetime
import re

import pytest
from django.utils import timezone
from django_tenants.utils import tenant_context
from playwright.sync_api import expect

from collectivities.capabilities import Role
from licensing.entitlements.queries import get_school_year
from licensing.requests.school_requests.models import LicenceRequest
from tests.e2e.guide_pictures import keep_picture
from tests.e2e.page_checks import find_problems_at_both_widths
from tests.e2e.sessions import open_signed_in
from tests.factories.accounts import UserFactory
from tests.factories.collectivities import MemberFactory
from tests.rebalancing.unbalanced_pool import UnbalancedPool
from tests.returns.given_school import GivenSchool


@pytest.fixture
def asked(committing):
    """A school of five licences, all unused, that its collectivity asks for."""
    school = GivenSchool(committing, at=timezone.now())
    school.ask(at=timezone.now())
    return school


@pytest.fixture
def open_office(committing, site):
    with tenant_context(committing):
        member = MemberFactory(user=UserFactory(first_name="Camille"), roles=[Role.MANAGER])

    def open_tab(path):
        visit = open_signed_in(site, "nimes.peps.localhost", member.user, slug="nimes")
        visit.open(path, slug="nimes")
        return visit

    return open_tab


@pytest.mark.journey
def test_a_principal_answers_a_request_and_takes_some_again(asked, site):
    visit = open_signed_in(site, "peps.localhost", asked.principal)
    page = visit.open("/mon-compte/")
    expect(page.get_by_role("button", name=re.compile("Rendre 5.licences"))).to_be_visible()
    assert find_problems_at_both_widths(visit) == []
    page.get_by_role("link", name="Un autre nombre, ou les garder").click()
    assert find_problems_at_both_widths(visit) == []
    keep_picture(page, "direction-rendre")
    page.get_by_label("Nombre de licences à rendre").fill("9")
    page.get_by_role("button", name="Rendre ces licences").click()
    expect(page.get_by_role("main")).to_contain_text("5 au plus peuvent être rendues")
    page.get_by_label("Nombre de licences à rendre").fill("3")
    page.get_by_role("button", name="Rendre ces licences").click()
    expect(page.get_by_role("main")).to_contain_text(re.compile("3.licences sont rendues"))
    assert find_problems_at_both_widths(visit) == []
    page.get_by_role("button", name=re.compile("Annuler")).click()
    expect(page.get_by_role("main")).to_contain_text("le retour est annulé")
    page.goto(page.url.replace("licences/", f"rendre/{asked.subscription.pk}/"))
    page.get_by_label(re.compile("Un mot pour la collectivité")).fill("Deux classes ouvrent en janvier")
    page.get_by_role("button", name="Les garder").click()
    expect(page.get_by_role("main")).to_contain_text("vous gardez ces licences")


def test_a_manager_asks_and_withdraws(committing, open_office):
    with tenant_context(committing):
        school = GivenSchool(committing, at=timezone.now() - datetime.timedelta(days=31))
        school.give_back(units=1, at=timezone.now())
        late = GivenSchool(committing, pool=school.pool, units=2, at=timezone.now())
    visit = open_office("/distribuer/rendre/")
    page = visit.page
    assert find_problems_at_both_widths(visit) == []
    page.get_by_role("button", name="Demander les licences inutilisées").click()
    assert find_problems_at_both_widths(visit) == []
    page.get_by_role("button", name="Demander les licences inutilisées").click()
    expect(page.get_by_role("main")).to_contain_text("Attend une réponse")
    expect(page.get_by_role("main")).to_contain_text("D’elle-même")
    assert find_problems_at_both_widths(visit) == []
    keep_picture(page, "bureau-rendre")
    requests = page.url
    for one in (late, school):
        page.goto(requests.replace("distribuer/rendre/", f"ecoles/{one.school.pk}/"))
        assert find_problems_at_both_widths(visit) == []
    page.goto(requests)
    page.get_by_role("button", name=re.compile("Retirer")).click()
    expect(page.get_by_role("main")).to_contain_text("Demande retirée")


CUT_TABLES = """() => [...document.querySelectorAll('.table-wrapper')].filter(
  one => one.scrollHeight > one.clientHeight
).length"""


def test_a_manager_rebalances_a_lot_and_undoes_it(committing, open_office, site):
    with tenant_context(committing):
        lot = UnbalancedPool(committing, at=timezone.now() - datetime.timedelta(days=40))
        asked = lot.ask(2)
        LicenceRequest.objects.update(school_year=get_school_year(lot.pool.entitlement.last_day))
    visit = open_office(f"/distribuer/reequilibrer/{lot.pool.pk}/")
    page = visit.page
    assert find_problems_at_both_widths(visit) == []
    # Each table has its lower border.
    assert page.evaluate(CUT_TABLES) == 0
    keep_picture(page, "bureau-reequilibrer")
    page.get_by_label(re.compile("Licences à reprendre")).fill("99")
    page.get_by_role("button", name="Vérifier").click()
    expect(page.get_by_role("alert")).to_contain_text("Rien n’est fait")
    assert find_problems_at_both_widths(visit) == []
    page.get_by_label(re.compile("Licences à reprendre")).fill("2")
    page.get_by_label(re.compile("Licences à donner")).first.fill("2")
    page.get_by_label(re.compile("Licences à donner")).last.fill("0")
    page.get_by_role("button", name="Vérifier").click()
    expect(page.get_by_role("main")).to_contain_text("Ce qui va se passer")
    assert find_problems_at_both_widths(visit) == []
    page.get_by_role("button", name="Appliquer ce plan").click()
    expect(page.get_by_role("main")).to_contain_text(re.compile("2.licences sont déplacées"))
    expect(page.get_by_role("main")).to_contain_text(re.compile("répond à 1.demande"))
    assert find_problems_at_both_widths(visit) == []
    visit.open("/demandes/", slug="nimes")
    expect(page.get_by_role("main")).to_contain_text(re.compile("2.licences accordées par un rééquilibrage"))
    assert find_problems_at_both_widths(visit) == []
    portal = open_signed_in(site, "peps.localhost", asked.asked_by)
    portal.open("/mon-compte/demandes/")
    expect(portal.page.get_by_role("main")).to_contain_text(re.compile("2.licences accordées"))
    assert find_problems_at_both_widths(portal) == []
    visit.open("/distribuer/reequilibrer/", slug="nimes")
    page.get_by_role("button", name=re.compile("Annuler")).click()
    expect(page.get_by_role("main")).to_contain_text("Le rééquilibrage est annulé")
