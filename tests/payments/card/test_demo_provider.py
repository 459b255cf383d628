"""The demo provider of card payments: same steps as a real one, refused on a server."""

import base64
import runpy
from pathlib import Path

import pytest
from django.conf import settings as django_settings
from django.core.exceptions import ImproperlyConfigured
from payments import PaymentStatus

from licensing.books.billing.operations import cancel
from licensing.orders.models import OrderState
from licensing.payments import card
from licensing.payments.card_providers import CardsClosed, DemoProvider, get_provider
from licensing.payments.models import CardPayment
from tests.conftest import TERM
from tests.factories.accounts import TeacherFactory, UserFactory
from tests.factories.orders import OrderFactory
from tests.factories.payments import StartedPaymentFactory
from tests.payments.card.actions import run_jobs
from tests.payments.card.effects import NO_EFFECTS, PAID_ONCE, PRICE, get_effects

pytestmark = pytest.mark.slow

SETTINGS = Path(django_settings.ROOT) / "platform" / "config" / "settings.py"


def answer_demo_page(portal, payment, word):
    portal.force_login(payment.order.placed_by)
    return portal.post(payment.get_process_url(), {"answer": word}, follow=True).content.decode()


def test_a_payment_that_the_bank_accepts_opens_the_licences(portal, db):
    payment = StartedPaymentFactory()
    portal.force_login(payment.order.placed_by)
    assert "aucune carte n’est demandée" in portal.get(payment.get_process_url()).content.decode()
    assert "0 sur 5" in answer_demo_page(portal, payment, "accepte")
    assert get_effects(payment.order) == PAID_ONCE
    # A second click, and a reload.
    assert "0 sur 5" in answer_demo_page(portal, payment, "accepte")
    assert get_effects(payment.order) == PAID_ONCE


def test_a_payment_that_the_bank_declines_opens_nothing_and_can_be_made_again(portal, db):
    payment = StartedPaymentFactory()
    assert "Rien n’a été débité" in answer_demo_page(portal, payment, "refuse")
    assert get_effects(payment.order) == NO_EFFECTS
    portal.post(payment.get_process_url())
    again = CardPayment.objects.get(status=PaymentStatus.WAITING)
    assert "0 sur 5" in answer_demo_page(portal, again, "accepte")
    assert get_effects(payment.order) == PAID_ONCE


def test_a_teacher_holds_the_licence_they_paid_for(portal, db):
    payment = StartedPaymentFactory(order__classes=1, order__affiliation__user=TeacherFactory())
    assert "Ouvrir ma classe" in answer_demo_page(portal, payment, "accepte")


def test_a_refund_gives_the_money_back_once(portal, db):
    payment = StartedPaymentFactory()
    answer_demo_page(portal, payment, "accepte")
    operator = UserFactory(is_superuser=True)
    cancel(order_id=payment.order_id, reason="Essai.", by=operator, at=TERM)
    card.refund(payment_id=payment.order.payments.get().pk, by=operator, at=TERM)
    assert run_jobs() == ["send_refund"]
    payment.refresh_from_db()
    assert (payment.status, payment.captured_amount) == (PaymentStatus.REFUNDED, 0)
    assert get_effects(payment.order)["payments"] == [PRICE, -PRICE]


def test_each_refund_is_made_once_and_gives_back_no_more_than_is_left(portal, db):
    payment = StartedPaymentFactory()
    answer_demo_page(portal, payment, "accepte")
    provider = get_provider(payment)

    def refund(number, amount):
        provider.request_refund(payment, number=number, amount=amount)
        payment.refresh_from_db()
        return [each.amount for each in provider.fetch_outcome(payment).refunds]

    assert refund("1", 5000) == [5000]
    assert refund("1", 5000) == [5000]
    assert refund("2", None) == [5000, 14900]
    assert refund("3", 100) == [5000, 14900]


def test_an_order_placed_by_mandate_can_still_be_paid_by_card(portal, db):
    order = OrderFactory(by_card=True)
    order.state, order.method, order.placed_at = OrderState.LAPSED, "mandate", TERM
    order.lapsed_at = TERM
    order.save()
    payment = card.start_attempt(order_id=order.pk, by=order.placed_by, at=TERM)
    answer_demo_page(portal, payment, "accepte")
    assert get_effects(order) == PAID_ONCE


@pytest.mark.small
def test_the_demo_provider_is_refused_on_a_server(settings, db):
    settings.PRODUCTION = True
    with pytest.raises(ImproperlyConfigured):
        DemoProvider()
    settings.CARD_VARIANT = ""
    order = OrderFactory(by_card=True)
    with pytest.raises(CardsClosed):
        card.start_attempt(order_id=order.pk, by=order.placed_by, at=TERM)


@pytest.mark.small
@pytest.mark.parametrize(
    ("environment", "variant"),
    [
        ({}, "demonstration"),
        ({"PRODUCTION": "True"}, ""),
        ({"PRODUCTION": "True", "STRIPE_SECRET_KEY": "sk_1", "STRIPE_WEBHOOK_SECRET": "whsec_1"}, "stripe"),
        ({"STRIPE_SECRET_KEY": "sk_1"}, None),
    ],
)
def test_the_provider_follows_from_the_environment(monkeypatch, tmp_path, environment, variant):
    always = {
        "SECRET_KEY": "k3Jx-9fQzvW2mT8rLp0sYbNc5dGhA7uEoI1KtXwVqZ4jRyMn6B",
        "SEALING_KEYS": "1:" + base64.b64encode(bytes(range(64))).decode(),
        "BASE_DOMAIN": "peps.example" if "PRODUCTION" in environment else "peps.localhost",
        "DATABASE_URL": "postgresql://x@x/x",
        "PEPS_DATA": str(tmp_path),
    }
    for name, value in (always | environment).items():
        monkeypatch.setenv(name, value)
    if variant is None:
        with pytest.raises(ImproperlyConfigured):
            runpy.run_path(str(SETTINGS))
        return
    read = runpy.run_path(str(SETTINGS))
    assert (read["CARD_VARIANT"], list(read["PAYMENT_VARIANTS"])) == (variant, [variant] if variant else [])
