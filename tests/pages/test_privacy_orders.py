"""What becomes of orders when the person who made them asks for his data, or deletes his account."""

from __future__ import annotations

import json

from accounts.models import Profile
from collectivities.models import Member, Role
from licensing.orders import operations
from licensing.orders.models import CardPayment, Order, OrderState, Payment
from tests.conftest import TERM
from tests.factories.schools import AffiliationFactory
from tests.orders import lifecycle
from tests.orders.lifecycle import COOPERATIVE
from tests.pages import leaver
from tests.pages.test_my_account import words

OWN = {"name": "Zéphirine Quenouille", "email": "zquenouille@exemple.example", "payer": "other"}


def told(page):
    return words(page).replace("\xa0", " ").replace("\u202f", " ")


def begun(user, *, classes=5):
    """Return what the person began to order, and typed his own name for."""
    order = lifecycle.draft(classes=classes, affiliation=AffiliationFactory(user=user))
    return lifecycle.choose(order, billing=lifecycle.but(COOPERATIVE, **OWN))


def test_what_was_never_ordered_ends_with_the_account_and_names_nobody(nimes):
    user = leaver.person(Profile.PRINCIPAL)
    order = begun(user)
    CardPayment.objects.filter(pk=lifecycle.charged(order).pk).update(billing_email=user.email)
    leaver.closed(user)
    order.refresh_from_db()
    assert (order.state, order.bill_name, order.bill_email, order.payer) == (OrderState.CANCELLED, "", "", "")
    card = CardPayment.objects.get()
    assert card.billing_email == ""
    # The money arrives all the same: it opens nothing, and is there to be given back.
    operations.settle_by_card(card_payment_id=card.pk, at=TERM)
    order.refresh_from_db()
    assert (order.state, Payment.objects.get().card) == (OrderState.CANCELLED, card)


def test_what_was_ordered_stays_in_the_books_and_goes_on_and_the_page_says_so_before(nimes, as_):
    user = leaver.person(Profile.PRINCIPAL)
    order = lifecycle.put(begun(user), billing=lifecycle.but(COOPERATIVE, **OWN))
    page = told(as_(user).get("/mon-compte/supprimer/"))
    assert f"la commande n° {order.pk} (199,00 € TTC) suit son cours sans vous" in page
    assert "conservés dix ans" in page
    leaver.closed(user)
    order.refresh_from_db()
    assert (order.state, order.bill_name) == (OrderState.PLACED, "Zéphirine Quenouille")
    assert lifecycle.confirm(order).facts["buyer"]["name"] == "Zéphirine Quenouille"


def test_the_page_says_that_a_licence_of_one_s_own_passes_to_nobody(nimes, as_):
    user = leaver.person()
    operations.settle_by_card(card_payment_id=lifecycle.charged(begun(user, classes=1)).pk, at=TERM)
    page = told(as_(user).get("/mon-compte/supprimer/"))
    assert "que vous avez achetée pour vous-même : elle ne passe à personne" in page
    assert "saisi à la main" not in page
    assert "redevient disponible" not in page


def test_a_collectivity_keeps_its_draft_without_the_address_of_the_buyer_who_leaves(nimes):
    user = leaver.person(Profile.AGENT)
    order = lifecycle.collectivity_draft(nimes)
    Order.objects.filter(pk=order.pk).update(placed_by=user, bill_name="Ville de Nîmes", bill_email=user.email)
    Member.objects.create(user=user, roles=[Role.BUYER], joined_at=TERM)
    leaver.closed(user)
    order.refresh_from_db()
    assert (order.state, order.bill_name, order.bill_email) == (OrderState.DRAFT, "Ville de Nîmes", "")


def test_a_person_is_handed_his_orders_in_as_many_questions_whatever_there_are(nimes, as_, django_assert_num_queries):
    user = leaver.person(Profile.PRINCIPAL)
    browser = as_(user)
    begun(user)
    with lifecycle.connection.execute_wrapper(asked := leaver.Asked()):
        browser.get("/mon-compte/mes-donnees/")
    order = lifecycle.put(begun(user), billing=lifecycle.but(COOPERATIVE, **OWN))
    lifecycle.upload(order)
    with django_assert_num_queries(asked.times):
        data = json.loads(browser.get("/mon-compte/mes-donnees/").content)
    assert [one["état"] for one in data["commandes"]] == ["Bon de commande attendu"]
    said = data["commandes"][-1]
    assert [one["nombre"] for one in said["licences"]] == [5]
    assert (said["montant TTC"], said["facturation"]["nom"]) == ("199.00", "Zéphirine Quenouille")
    assert data["bons de commande signés déposés"][0]["fichier"] == "bon.pdf"
