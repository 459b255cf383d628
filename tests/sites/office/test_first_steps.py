"""The three first steps on the home page of an office that has given nothing yet."""

import datetime
import html
import re

import pytest
from django.utils import timezone

from collectivities.capabilities import Role
from collectivities.models import Member, PortfolioSchool
from licensing.orders import operations as orders
from licensing.pools.models import Pool
from licensing.pools.positions import list_pool_positions
from sites.office.home import get_first_steps
from tests.conftest import TERM
from tests.factories.collectivities import MemberFactory, PortfolioSchoolFactory
from tests.factories.orders import PurchaseFactory
from tests.factories.schools import SchoolFactory
from tests.html import collapse
from tests.pools.actions import allocate_units

FIRST_MANAGER = (Role.BUYER, Role.MANAGER)


@pytest.fixture
def page(office, nimes):
    """Return a page, the home page by default, as a member with these roles reads it."""

    def read(*roles, path="/"):
        browser = office("nimes", MemberFactory(roles=list(roles)).user)
        shown = html.unescape(collapse(browser.get(path).content.decode()))
        return shown.replace("\xa0", " ").replace("\u202f", " ")

    return read


def give_pool(nimes, licences=2000):
    return orders.grant(collectivity=nimes, licences=licences, reason="Essai", by=None, at=TERM)


def get_filled_buttons(page):
    """Return words and address of the filled buttons."""
    return [
        (words.strip(), re.search(r'href="([^"]*)"', tag)[1])
        for tag, words in re.findall(r"<a([^>]*btn-primary[^>]*)>([^<]*)", page)
    ]


@pytest.mark.slow
def test_the_next_step_is_the_one_filled_button(page, nimes):
    SchoolFactory.create_batch(3)
    assert get_filled_buttons(page(*FIRST_MANAGER)) == [
        ("Ajouter les 3 écoles publiques de Nîmes", "/ecoles/territoire/")
    ]
    PortfolioSchoolFactory.create_batch(2)
    shown = page(*FIRST_MANAGER)
    assert get_filled_buttons(shown) == [("Choisir vos licences", "/achats/nouveau/")]
    assert "2 écoles</p>" in shown
    pool = give_pool(nimes)
    shown = page(*FIRST_MANAGER)
    assert get_filled_buttons(shown) == [("Distribuer ces 2 000 licences", "/distribuer/")]
    assert "2 000 licences</p>" in shown
    allocate_units(pool, SchoolFactory(), units=1)
    assert "first-step" not in page(*FIRST_MANAGER)


@pytest.mark.slow
def test_a_territory_that_the_directory_does_not_tell_is_chosen_on_the_next_page(page, nimes):
    assert get_filled_buttons(page(Role.MANAGER)) == [("Ajouter les écoles d’une commune", "/ecoles/territoire/")]


@pytest.mark.slow
def test_a_purchase_that_was_begun_is_the_next_step(page, nimes):
    PortfolioSchoolFactory()
    draft = PurchaseFactory()
    assert get_filled_buttons(page(*FIRST_MANAGER)) == [(f"Terminer la commande n° {draft.pk}", f"/achats/{draft.pk}/")]
    assert 'href="/achats/nouveau/"' in page(*FIRST_MANAGER)


@pytest.mark.slow
def test_a_placed_purchase_leads_to_giving(page, nimes):
    PortfolioSchoolFactory()
    PurchaseFactory(placed=True, at=timezone.now(), year_ends_on=None)
    assert get_filled_buttons(page(*FIRST_MANAGER)) == [("Distribuer ces 2 000 licences", "/distribuer/")]


@pytest.mark.slow
def test_who_may_not_take_a_step_reads_who_may_with_an_address(page, nimes):
    buyer = MemberFactory(roles=[Role.BUYER], user__first_name="Awa", user__last_name="Diop")
    manager = MemberFactory(roles=[Role.MANAGER], user__first_name="Noé", user__last_name="Roux")
    shown = page(Role.VIEWER)
    assert get_filled_buttons(shown) == []
    assert f'<a href="mailto:{buyer.user.email}">Awa Diop</a>' in shown
    assert f'<a href="mailto:{manager.user.email}">Noé Roux</a>' in shown
    assert "Peut en commander : <a" in shown
    # A manager goes on with their own step.
    PortfolioSchoolFactory()
    assert "Awa Diop" in page(Role.MANAGER)
    # A buyer may not add schools: they buy meanwhile.
    PortfolioSchool.objects.all().delete()
    assert get_filled_buttons(page(Role.BUYER)) == [("Choisir vos licences", "/achats/nouveau/")]


def test_where_nobody_buys_the_page_says_where_the_role_is_given(page, nimes):
    shown = page(Role.MANAGER)
    assert "Personne dans ce bureau n’a le rôle d’acheteur" in shown
    assert 'href="/membres/"' in shown


@pytest.mark.slow
def test_pools_of_which_nothing_is_free_lead_to_their_page(page, nimes):
    PortfolioSchoolFactory()
    pool = give_pool(nimes)
    orders.suspend(order_id=pool.entitlement.number, by=None, at=TERM)
    assert get_filled_buttons(page(*FIRST_MANAGER)) == [("Voir pourquoi rien n’est libre", "/lots/")]


@pytest.mark.parametrize("count", [1, 40])
def test_the_steps_take_a_constant_number_of_queries_and_none_once_given(nimes, count, django_assert_num_queries):
    SchoolFactory.create_batch(count)
    MemberFactory.create_batch(count, roles=[Role.BUYER])
    viewer = Member.objects.get(pk=MemberFactory(roles=[Role.VIEWER]).pk)
    manager = MemberFactory(roles=[Role.MANAGER, Role.BUYER])
    with django_assert_num_queries(3):
        get_first_steps(viewer, [], TERM.date())
    with django_assert_num_queries(6):
        get_first_steps(manager, [], TERM.date())
    pool = give_pool(nimes)
    allocate_units(pool, SchoolFactory(), units=1)
    positions = list_pool_positions()
    with django_assert_num_queries(0):
        assert get_first_steps(manager, positions, TERM.date()) is None


@pytest.mark.slow
def test_the_page_of_an_order_leads_to_giving_until_something_was_given(page, nimes):
    order = PurchaseFactory(placed=True, at=timezone.now(), year_ends_on=None)
    address = f"/achats/{order.pk}/"
    assert get_filled_buttons(page(*FIRST_MANAGER, path=address)) == [("Distribuer ces 2 000 licences", "/distribuer/")]
    pdf = [("Télécharger le bon de commande (PDF)", f"{address}bon-de-commande.pdf")]
    assert get_filled_buttons(page(Role.BUYER, path=address)) == pdf  # who may not give
    allocate_units(Pool.objects.get(), SchoolFactory(), units=1, at=timezone.now())
    shown = page(*FIRST_MANAGER, path=address)
    assert get_filled_buttons(shown) == pdf
    assert "Distribuer les 1 999 licences libres" in shown


@pytest.mark.slow
def test_an_overdue_invoice_comes_before_giving(page, nimes, monkeypatch):
    order = PurchaseFactory(confirmed=True, at=timezone.now(), year_ends_on=None)
    address = f"/achats/{order.pk}/"
    assert get_filled_buttons(page(*FIRST_MANAGER, path=address)) == [("Distribuer ces 2 000 licences", "/distribuer/")]
    later = timezone.now() + datetime.timedelta(days=40)
    monkeypatch.setattr("django.utils.timezone.now", lambda: later)
    [(words, _)] = get_filled_buttons(page(*FIRST_MANAGER, path=address))
    assert words == "Télécharger la facture (PDF)"


@pytest.mark.parametrize(
    ("path", "roles", "words"),
    [
        ("/lots/", [Role.VIEWER], "Peut en commander un"),
        ("/achats/", [Role.MANAGER], "Peut en passer une"),
        ("/distribuer/", [Role.VIEWER], "Peut en commander"),
    ],
)
def test_no_page_ends_with_a_role_that_nobody_is_named_for(page, nimes, path, roles, words):
    assert "Personne dans ce bureau n’a le rôle d’acheteur" in page(*roles, path=path)
    buyer = MemberFactory(roles=[Role.BUYER], user__first_name="Awa", user__last_name="Diop").user
    assert f'{words} : <a href="mailto:{buyer.email}">Awa Diop</a>.' in page(*roles, path=path)


@pytest.mark.slow
def test_a_draft_and_an_empty_list_of_schools_name_who_may_go_on(page, nimes):
    order = PurchaseFactory()
    buyer = MemberFactory(roles=[Role.BUYER], user__first_name="Awa", user__last_name="Diop").user
    shown = page(Role.MANAGER, path=f"/achats/{order.pk}/")
    assert "établir un devis ou commander : <a" in shown
    assert f'<a href="mailto:{buyer.email}">Awa Diop</a>' in shown
    MemberFactory(roles=[Role.DATA_OFFICER], user__first_name="Noé", user__last_name="Roux")
    shown = page(Role.BUYER, path="/ecoles/")
    assert "en ajouter : <a" in shown
    assert "Noé Roux</a>" in shown
