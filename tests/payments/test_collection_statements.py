"""What a business paid is declared to the approved platform that took its invoice: each payment once, by rate."""

import datetime

import pytest

from licensing.books.billing import operations as billing_operations
from licensing.books.billing.models import PlatformState
from licensing.books.billing.transmission import delivery, operations
from licensing.books.billing.transmission.models import Transmission, TransmissionKind, TransmissionState
from licensing.catalogue.models import Seller
from licensing.orders.models import Payer
from licensing.payments import operations as payment_operations
from licensing.payments.collection_statements import declare_collections
from licensing.payments.models import ReversalReason
from tests.billing.transmission.scripted_platform import PATH, Script
from tests.conftest import TERM
from tests.factories.accounts import OperatorFactory
from tests.factories.orders import OrderFactory
from tests.orders import actions
from tests.tiers import sampled

pytestmark = pytest.mark.django_db


@pytest.fixture
def script(settings):
    script = Script(verdict=TransmissionState.ACCEPTED)
    settings.INVOICE_PLATFORMS = {"platform": (PATH, script), "chorus_pro": (PATH, script)}
    return script


def make_order():
    return OrderFactory(confirmed=True, billing__payer=Payer.COMPANY, billing__siret="", billing__siren="732829320")


def deliver(order) -> None:
    """Send the order's invoice, and let the platform take it."""
    operations.request_transmissions(invoice_ids=list(order.invoices.values_list("pk", flat=True)), by=None, at=TERM)
    delivery.deliver_due()
    for transmission in Transmission.objects.filter(kind=TransmissionKind.INVOICE):
        delivery.deliver(transmission)


def reject(invoice) -> None:
    billing_operations.record_platform_status(
        invoice_id=invoice.pk, state=PlatformState.REJECTED, reason="SIREN inconnu.", by=OperatorFactory(), at=TERM
    )


def list_declared() -> list[tuple[str, str, str]]:
    transmissions = Transmission.objects.filter(kind="state").order_by("pk")
    states = [delivery.build_collection_statement(one) for one in transmissions]
    return [(str(one.amounts[0].vat_rate), str(one.amounts[0].amount), one.comment) for one in states]


@pytest.mark.slow
def test_each_payment_is_declared_once_and_what_went_back_with_its_reason(script):
    order = make_order()
    actions.pay(order, amount="50", reference="VIR 1")
    deliver(order)
    assert declare_collections(at=TERM) == 1
    payment = actions.pay(order, amount="149", reference="VIR 2")
    actions.reverse(order, payment=payment, reason=ReversalReason.UNPAID)

    assert declare_collections(at=TERM) == 2
    assert declare_collections(at=TERM) == 0

    assert list_declared() == [
        ("20.00", "50.00", ""),
        ("20.00", "149.00", ""),
        ("20.00", "-149.00", "Annulé – Impayé"),
    ]
    delivery.deliver_due()
    assert f"{order.invoices.get().number}-212-{payment.pk}" in script.numbers
    summaries = list(order.events.filter(action="collection_declared").values_list("summary", flat=True))
    assert len(summaries) == 3
    assert "décaissement de 149,00" in summaries[-1]


@pytest.mark.slow
def test_it_is_declared_at_noon_of_the_day_it_came(script):
    order = make_order()
    actions.pay(order, at=TERM + datetime.timedelta(hours=10))
    deliver(order)
    declare_collections(at=TERM)

    (declared,) = [delivery.build_collection_statement(one) for one in Transmission.objects.filter(kind="state")]
    assert declared.at.isoformat() == "2026-11-24T12:00:00+01:00"


@pytest.mark.slow
def test_a_payment_is_declared_once_although_its_invoice_is_made_anew(script):
    """On the invoice that counts: what comes in while an invoice is rejected waits for the next one."""
    order = make_order()
    deliver(order)
    rejected = order.invoices.get()
    actions.pay(order, amount="50", reference="VIR 1")
    declare_collections(at=TERM)
    reject(rejected)
    actions.pay(order, amount="149", reference="VIR 2")
    assert declare_collections(at=TERM) == 0

    billing_operations.reissue_invoice(invoice_id=rejected.pk, reason="Rejet.", by=OperatorFactory(), at=TERM)
    deliver(order)
    assert declare_collections(at=TERM) == 1
    assert [amount for _, amount, _ in list_declared()] == ["50.00", "149.00"]


@pytest.mark.slow
def test_what_goes_back_is_declared_on_the_invoice_on_which_it_came(script):
    """A rejected one too, once its order is cancelled: otherwise its VAT would stay declared."""
    order = make_order()
    deliver(order)
    payment, rejected = actions.pay(order), order.invoices.get()
    declare_collections(at=TERM)
    reject(rejected)
    actions.cancel(order)
    payment_operations.refund(payment_id=payment.pk, by=OperatorFactory(), at=TERM)

    assert declare_collections(at=TERM) == 1
    declared = Transmission.objects.filter(kind="state").order_by("pk").values_list("invoice", "content__amounts")
    assert list(declared) == [
        (rejected.pk, [{"rate": "20.00", "amount": "199.00"}]),
        (rejected.pk, [{"rate": "20.00", "amount": "-199.00"}]),
    ]


@pytest.mark.parametrize(
    "case", sampled(["on debits", "not sent", "not taken", "public body", "not configured"], fast=1)
)
def test_nothing_is_declared_of_what_the_administration_does_not_ask(script, settings, case):
    """VAT due on invoice; an invoice that no platform took, or not yet; a public body's, which pays by the State."""
    settings.APPROVED_PLATFORM_TAKES_PUBLIC = True
    order = OrderFactory(confirmed=True) if case == "public body" else make_order()
    actions.pay(order)
    if case == "not taken":
        script.verdict = TransmissionState.SENT
    if case != "not sent":
        deliver(order)
    if case == "on debits":
        Seller.objects.update(vat_on_debits=True)
    if case == "not configured":
        settings.INVOICE_PLATFORMS = {}

    assert declare_collections(at=TERM) == 0
