"""Orders in the personal data export and after account deletion."""

import json

import pytest
from django.db import connection

from accounts.models import Profile
from collectivities.capabilities import Role
from collectivities.models import Member
from licensing.orders.models import Order, OrderState
from licensing.payments import operations as payment_operations
from licensing.payments.models import CardPayment, Payment
from tests.conftest import TERM
from tests.factories.billing_details import BillingDetailsFactory
from tests.factories.orders import OrderFactory, PurchaseFactory
from tests.factories.payments import CardPaymentFactory
from tests.orders import actions
from tests.sites.portal import identifiable_person
from tests.sites.portal.my_account_page import visible_text

pytestmark = pytest.mark.slow

OWN = {"name": "Zéphirine Quenouille", "email": "zquenouille@exemple.example", "payer": "other", "siret": ""}


def plain_text(page):
    return visible_text(page).replace("\xa0", " ").replace("\u202f", " ")


def draft_order(user, *, classes=5):
    """Return a draft order of the person, billed in their own name."""
    return OrderFactory(by_card=True, classes=classes, affiliation__user=user, billing=BillingDetailsFactory(**OWN))


@pytest.mark.small
def test_drafts_are_deleted_with_the_account(nimes):
    user = identifiable_person.create_person(Profile.PRINCIPAL)
    order = draft_order(user)
    CardPayment.objects.filter(pk=CardPaymentFactory(order=order).pk).update(billing_email=user.email)
    identifiable_person.delete_account(user)
    order.refresh_from_db()
    assert (order.state, order.bill_name, order.bill_email, order.payer) == (OrderState.CANCELLED, "", "", "")
    card = CardPayment.objects.get()
    assert card.billing_email == ""
    # A late payment opens nothing and can be refunded.
    payment_operations.settle_by_card(card_payment_id=card.pk, at=TERM)
    order.refresh_from_db()
    assert (order.state, Payment.objects.get().card) == (OrderState.CANCELLED, card)


def test_placed_orders_are_kept_and_the_page_says_so_first(nimes, as_):
    user = identifiable_person.create_person(Profile.PRINCIPAL)
    order = actions.place(draft_order(user), billing=BillingDetailsFactory(**OWN))
    page = plain_text(as_(user).get("/mon-compte/supprimer/"))
    assert f"la commande n° {order.pk} (199,00 € TTC) suit son cours sans vous" in page
    assert "conservés dix ans" in page
    identifiable_person.delete_account(user)
    order.refresh_from_db()
    assert (order.state, order.bill_name) == (OrderState.PLACED, "Zéphirine Quenouille")
    assert actions.confirm(order).snapshot["buyer"]["name"] == "Zéphirine Quenouille"


def test_the_page_says_that_ones_own_licence_is_lost(nimes, as_):
    user = identifiable_person.create_person()
    actions.settle_by_card(draft_order(user, classes=1))
    page = plain_text(as_(user).get("/mon-compte/supprimer/"))
    assert "que vous avez achetée pour vous-même : elle ne passe à personne" in page
    assert "saisi à la main" not in page
    assert "redevient disponible" not in page


def test_a_collectivity_draft_is_kept_without_the_buyers_address(nimes):
    user = identifiable_person.create_person(Profile.AGENT)
    order = PurchaseFactory()
    Order.objects.filter(pk=order.pk).update(placed_by=user, bill_name="Ville de Nîmes", bill_email=user.email)
    Member.objects.create(user=user, roles=[Role.BUYER], joined_at=TERM)
    identifiable_person.delete_account(user)
    order.refresh_from_db()
    assert (order.state, order.bill_name, order.bill_email) == (OrderState.DRAFT, "Ville de Nîmes", "")


def test_orders_are_exported_by_a_constant_number_of_queries(nimes, as_, django_assert_num_queries):
    user = identifiable_person.create_person(Profile.PRINCIPAL)
    browser = as_(user)
    draft_order(user)
    browser.get("/mon-compte/mes-donnees/")
    with connection.execute_wrapper(asked := identifiable_person.StatementCounter()):
        browser.get("/mon-compte/mes-donnees/")
    order = actions.place(draft_order(user), billing=BillingDetailsFactory(**OWN))
    actions.upload(order)
    browser.get("/mon-compte/mes-donnees/")
    with django_assert_num_queries(asked.times):
        data = json.loads(browser.get("/mon-compte/mes-donnees/").content)
    assert [one["état"] for one in data["commandes"]] == ["Bon de commande attendu"]
    result = data["commandes"][-1]
    assert [one["nombre"] for one in result["licences"]] == [5]
    assert (result["montant TTC"], result["facturation"]["nom"]) == ("199.00", "Zéphirine Quenouille")
    assert data["bons de commande signés déposés"][0]["fichier"] == "bon.pdf"
