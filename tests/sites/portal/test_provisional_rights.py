"""« Mon compte » and the class pages while an order is unpaid: both dates, the countdown, the expiry."""

import re

import pytest

from licensing.classes import operations as classes
from licensing.entitlements import operations
from licensing.entitlements.models import Seat, Subscription
from licensing.orders import rights
from licensing.orders.models import OrderKind
from tests.conftest import TERM
from tests.factories.accounts import PrincipalFactory, TeacherFactory
from tests.factories.schools import AffiliationFactory
from tests.orders.dates import DAY, LAST_PROVISIONAL
from tests.orders.unopened_orders import create_placed_order
from tests.sites.portal.my_account_page import LICENCES, PAGE, get_page, get_version, visible_text

pytestmark = pytest.mark.slow

CLASSES = "/mes-classes/"
BOTH_DAYS = "08/01/2027 (droits temporaires), puis 31/08/2027 dès règlement"


@pytest.fixture(autouse=True)
def _it_is_term(monkeypatch):
    monkeypatch.setattr("django.utils.timezone.now", lambda: TERM)


@pytest.fixture
def bought(db):
    """Five licences that a principal ordered by mandat for their school."""
    head = AffiliationFactory(user=PrincipalFactory(), verified_at=TERM, verified_by="operator")
    order = create_placed_order(by=head.user, units=5, kind=OrderKind.SHOP, collectivity=None, school=head.school)
    rights.open_rights(order, until=LAST_PROVISIONAL, by=head.user, at=TERM)
    return order


def shift_clock(monkeypatch, days):
    monkeypatch.setattr("django.utils.timezone.now", lambda: TERM + days * DAY)


def test_a_buyer_sees_the_licences_and_both_dates_from_the_order_on(bought, as_):
    browser = as_(bought.placed_by)
    assert "0 sur 5" in visible_text(browser.get(PAGE))
    page = visible_text(browser.get(LICENCES))
    assert "Commandée en boutique" in page
    assert BOTH_DAYS in page
    assert "(encore 45 jours), dans l’attente du bon de commande signé" in page
    order_link = f"Voir la commande n° {bought.pk} et son bon de commande"
    assert order_link in page
    page = visible_text(browser.get(PAGE))
    assert re.search(rf"5 licences commandées en boutique\. Droits temporaires jusqu’au .* {order_link}", page)
    assert "achetées" not in page
    assert "Imprimer les bons pour les enseignants" in page


def test_another_principal_sees_the_countdown_and_not_the_order(bought, as_):
    colleague = AffiliationFactory(
        user=PrincipalFactory(), school=bought.school, verified_at=TERM, verified_by="operator"
    ).user
    page = visible_text(as_(colleague).get(PAGE))
    assert "(encore 45 jours)" in page
    assert "Voir la commande" not in page


def test_paid_licences_are_offered_before_provisional_ones(bought, as_):
    paid = create_placed_order(
        by=bought.placed_by, units=2, kind=OrderKind.SHOP, collectivity=None, school=bought.school
    )
    rights.open_rights(paid, until=None, by=bought.placed_by, at=TERM)
    page = visible_text(as_(bought.placed_by).get(PAGE))
    offered = r"sera prise sur PEPS-\S+ – 0 donnée sur 2 PEPS-\S+ – 0 donnée sur 5, droits temporaires"
    assert re.search(f"La prochaine licence donnée {offered}", page)


def test_expiry_suspends_everything_and_a_payment_restores_it(bought, as_, monkeypatch):
    shift_clock(monkeypatch, 45)
    assert "(dernier jour)" in visible_text(as_(bought.placed_by).get(PAGE))
    shift_clock(monkeypatch, 46)
    browser = as_(bought.placed_by)
    seen = browser.get(PAGE)
    assert "faute de bon de commande signé" in visible_text(seen)
    rights.make_firm(bought)
    # An open page refreshes itself.
    page = visible_text(get_page(browser, get_version(seen)))
    assert "0 sur 5" in page
    assert "temporaires" not in page
    assert "Suspendu" not in page


def test_every_change_of_the_rights_changes_the_page(bought, as_):
    browser = as_(bought.placed_by)
    seen = [get_version(browser.get(PAGE))]
    for change in (
        lambda: rights.await_payment(bought, until=LAST_PROVISIONAL),
        lambda: rights.await_payment(bought, until=LAST_PROVISIONAL + DAY),
        lambda: rights.start_countdown(bought, until=LAST_PROVISIONAL + DAY),
        lambda: rights.make_firm(bought),
        lambda: rights.withdraw(bought, at=TERM),
    ):
        change()
        seen.append(get_version(browser.get(PAGE)))
    assert len(set(seen)) == len(seen)


def test_a_cancelled_order_is_past_and_promises_nothing(bought, as_):
    rights.withdraw(bought, at=TERM)
    page = visible_text(as_(bought.placed_by).get(LICENCES))
    assert "Abonnements annulés (1)" in page
    assert "Commande annulée" in page
    assert "reprend" not in page


def test_the_teacher_sees_both_dates(bought, as_):
    teacher = AffiliationFactory(user=TeacherFactory(), school=bought.school).user
    subscription = Subscription.objects.get()
    operations.assign(subscription_id=subscription.pk, teacher=teacher, by=bought.placed_by, at=TERM)
    browser = as_(teacher)
    assert f"{BOTH_DAYS} encore 45 jours" in visible_text(browser.get(PAGE))
    both = "8 janvier 2027 inclus (droits temporaires), puis jusqu’au 31 août 2027 inclus"
    assert both in visible_text(browser.get(CLASSES))
    seat = Seat.objects.get(holder=teacher)
    opened = classes.open_class(seat_id=seat.pk, by=teacher, name="CE1", at=TERM)
    assert both in visible_text(browser.get(f"{CLASSES}{opened.pk}/"))


@pytest.mark.small
def test_a_teacher_who_buys_for_themselves_has_the_licence_at_once(db, as_):
    teacher = AffiliationFactory(user=TeacherFactory()).user
    order = create_placed_order(by=teacher, units=1, kind=OrderKind.SHOP, collectivity=None)
    rights.open_rights(order, until=None, by=teacher, at=TERM)
    page = visible_text(as_(teacher).get(PAGE))
    assert "Active" in page
    assert re.search(r"31/08/2027 PEPS-\S+ Achat personnel", page)
