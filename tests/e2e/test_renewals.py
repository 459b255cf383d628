"""« Reconduire » in a real browser, in May and August: with axe, at both widths."""

import re

import pytest
from django.utils import timezone
from django_tenants.utils import tenant_context
from playwright.sync_api import expect

from collectivities.capabilities import Role
from licensing.orders.models import Order
from tests.e2e.guide_pictures import keep_picture
from tests.e2e.page_checks import find_problems_at_both_widths
from tests.e2e.sessions import open_signed_in
from tests.factories.accounts import UserFactory
from tests.factories.collectivities import MemberFactory
from tests.factories.schools import SchoolFactory
from tests.imports.actions import apply_portfolio_list
from tests.renewals.renewed_office import MAY, RenewedOffice


@pytest.fixture
def renewed(committing, monkeypatch):
    with tenant_context(committing):
        office = RenewedOffice(committing)
    monkeypatch.setattr(timezone, "now", lambda: MAY)
    return office


@pytest.fixture
def visit(committing, renewed, site):
    """A buyer who is a manager, at the list."""
    with tenant_context(committing):
        member = MemberFactory(user=UserFactory(first_name="Camille"), roles=[Role.BUYER, Role.MANAGER])
    visit = open_signed_in(site, "nimes.peps.localhost", member.user, slug="nimes")
    visit.open("/reconduire/", slug="nimes")
    return visit


@pytest.mark.journey
def test_a_buyer_edits_the_list_and_orders_it_then_gives_it(committing, renewed, visit):
    page = visit.page
    main = page.get_by_role("main")
    assert find_problems_at_both_widths(visit) == []
    keep_picture(page, "bureau-reconduire", full_page=True)
    page.get_by_label("Licences pour École Zola").fill("999")
    page.get_by_role("button", name="Enregistrer les nombres de cette page").click()
    expect(page.get_by_role("alert")).to_contain_text("de 0 à 200")
    assert find_problems_at_both_widths(visit) == []
    page.get_by_label("Licences pour École Zola").fill("2")
    page.get_by_role("button", name="Enregistrer les nombres de cette page").click()
    expect(main).to_contain_text(re.compile("11.licences pour 3.écoles"))
    page.get_by_text("Toute la liste d’un coup").click()
    assert find_problems_at_both_widths(visit) == []
    page.get_by_role("button", name="Comme proposé").click()
    page.get_by_role("button", name=re.compile("Établir le devis de 9.licences")).click()
    expect(main).to_contain_text("est établi, et votre liste gardée")
    page.get_by_role("link", name="Reconduire").click()
    assert find_problems_at_both_widths(visit) == []
    with tenant_context(committing):
        renewed.place(Order.objects.get(kind="purchase"))
    page.reload()
    assert find_problems_at_both_widths(visit) == []
    page.get_by_role("link", name=re.compile("Attribuer la liste")).click()
    expect(main).to_contain_text("Ce qui va se passer")
    assert find_problems_at_both_widths(visit) == []
    page.get_by_role("button", name=re.compile("Attribuer 9.licences")).click()
    expect(main).to_contain_text("La liste est attribuée")
    assert find_problems_at_both_widths(visit) == []
    page.get_by_role("button", name="Annuler l’attribution de la liste").click()
    expect(main).to_contain_text("aucune école n’en a rien su")


def test_typed_numbers_are_not_lost_without_a_word(visit):
    page = visit.page
    asked = []
    page.on("dialog", lambda dialog: (asked.append(dialog.type), dialog.dismiss()))
    page.get_by_role("button", name="Filtrer").click()
    page.wait_for_url(re.compile("voir="))
    assert asked == []
    page.get_by_label("Licences pour École Zola").fill("2")
    page.get_by_role("button", name="Filtrer").click()
    expect(page.get_by_label("Licences pour École Zola")).to_have_value("2")
    assert asked == ["beforeunload"]
    page.get_by_role("button", name="Enregistrer les nombres de cette page").click()
    expect(page.get_by_role("main")).to_contain_text("La liste compte maintenant")
    assert asked == ["beforeunload"]


def test_numbers_are_taken_from_a_list_and_nothing_may_be_renewed(committing, renewed, visit):
    page = visit.page
    with tenant_context(committing):
        apply_portfolio_list((SchoolFactory(name="École Neuve"), 5))
    page.reload()
    page.get_by_text("Toute la liste d’un coup").click()
    page.get_by_role("link", name=re.compile("Reprendre les nombres")).click()
    assert find_problems_at_both_widths(visit) == []
    page.get_by_role("button", name="Reprendre ces nombres").click()
    expect(page.get_by_role("main")).to_contain_text("sont dans votre liste")
    page.get_by_text("Ne rien reconduire").click()
    assert find_problems_at_both_widths(visit) == []
    page.get_by_label("Pourquoi, en une phrase").fill("Le budget n’a pas été voté.")
    page.get_by_role("button", name="Laisser sans suite").click()
    expect(page.get_by_role("main")).to_contain_text("Laissée sans suite le")
    assert find_problems_at_both_widths(visit) == []
    page.get_by_role("button", name="Rouvrir la reconduction").click()
    expect(page.get_by_role("main")).to_contain_text("rouverte")
