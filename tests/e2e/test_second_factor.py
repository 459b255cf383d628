"""A manager is sent to set up a second factor by their office, and signs in with it."""

import datetime
import re

import pytest
from django.utils import timezone
from django_tenants.utils import schema_context, tenant_context
from playwright.sync_api import expect

from collectivities.capabilities import Role
from collectivities.models import OfficeSettings
from tests.conftest import PASSWORD
from tests.e2e.page_checks import find_problems
from tests.factories.accounts import UserFactory, get_totp_code
from tests.factories.collectivities import MemberFactory


@pytest.mark.journey
def test_a_manager_activates_the_required_second_factor_and_signs_in_with_it(committing, site, can_sign_in):
    with schema_context("public"):
        manager = can_sign_in(UserFactory())
    with tenant_context(committing):
        long_ago = timezone.now() - datetime.timedelta(days=30)
        MemberFactory(user=manager, roles=[Role.MANAGER], joined_at=long_ago)
        OfficeSettings.objects.create(second_factor_required=True)
    visit = site.person(width="phone")
    wrong = []

    def sign_in():
        page = visit.open("/connexion/?next=/membres/", slug="nimes")
        page.fill("main [name=login]", manager.username)
        page.fill("main [name=password]", PASSWORD)
        page.click("main button.btn-primary")
        visit.settle()
        return page

    page = sign_in()
    expect(page.locator("main")).to_contain_text("demande la double authentification à ses gestionnaires")
    page.click("text=Utiliser une application")
    page.fill("main [name=password]", PASSWORD)
    page.click("main button.btn-primary")
    page.click("main summary")
    wrong += find_problems(visit)
    secret = re.sub(r"\s", "", page.inner_text(".second-factor-secret"))
    page.fill("main [name=code]", get_totp_code(secret, steps=-1))
    page.click("main button")
    expect(page.locator(".second-factor-codes li")).to_have_count(10)
    wrong += find_problems(visit)
    page.click("text=J’ai gardé mes codes")
    expect(page.locator("h1")).to_have_text("Membres")
    page.click("header >> text=Menu")
    page.click("header >> text=Déconnexion >> visible=true")
    visit.settle()
    page = sign_in()
    wrong += find_problems(visit)
    page.fill("main [name=code]", get_totp_code(secret, steps=1))
    page.click("main button >> nth=0")
    expect(page.locator("h1")).to_have_text("Membres")
    assert wrong == []
