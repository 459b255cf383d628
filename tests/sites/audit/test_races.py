"""Acts of different subjects on the same orders at once: none waits in a circle, and the books stay sound."""

import datetime
from decimal import Decimal
from functools import partial
from typing import Any

import pytest
from django_tenants.utils import schema_context

from core.exceptions import DomainError
from licensing.books.bank.matching import ChosenMatch, PaymentShare
from licensing.books.bank.models import StatementLine
from licensing.books.billing.models import Invoice, PlatformState
from licensing.books.billing.transmission import delivery, operations
from licensing.books.billing.transmission.models import Transmission, TransmissionState
from licensing.books.billing.transmission.platforms import PlatformStory
from licensing.books.e_reporting.reports import make_report
from licensing.catalogue.models import Seller
from licensing.orders.models import Order, Payer
from licensing.payments.collection_statements import declare_collections
from licensing.payments.credits import credit_in_part
from tests.bank.actions import book, receive
from tests.bank.statement_files import FileLine
from tests.billing.transmission.scripted_platform import entry, follow_script
from tests.conftest import TERM
from tests.factories.accounts import OperatorFactory
from tests.factories.orders import OrderFactory
from tests.orders import actions
from tests.races import run_concurrently
from tests.sites.audit.violations import list_all_violations


@pytest.fixture
def script(committing, settings):
    script = follow_script(settings, "chorus_pro", "platform")
    with schema_context("public"):
        yield script


def at_once(*calls):
    return run_concurrently("public", calls, expected_errors=DomainError)


def credit(order, by, *, licences=0, amount=None):
    return credit_in_part(order_id=order.pk, licences=licences, amount=amount, reason="Motif", by=by, at=TERM)


@pytest.mark.parametrize("number", [1, pytest.param(3, marks=pytest.mark.slow)])
def test_lines_of_the_bank_and_partial_credits_of_their_orders_at_once(script, number):
    """A line that pays two orders, while each is credited: what is received beyond what is left is an overpayment."""
    by, steps = OperatorFactory(), []
    for rank in range(number):
        orders = [OrderFactory(confirmed=True) for _ in range(2)]
        [line] = receive(FileLine("398.00", f"VIR {rank}"))
        shares = tuple(PaymentShare(order.pk, Decimal(199), Decimal(199)) for order in reversed(orders))
        steps.append(partial(book, line, ChosenMatch(shares=shares), by=by))
        steps += [partial(credit, order, by, licences=2) for order in orders]
    outcomes = at_once(*steps)
    # The operator is shown the line again where an order was credited first.
    refused = {one.code for one in outcomes if isinstance(one, DomainError)}
    assert refused <= {"outdated"}
    assert Order.objects.filter(credited=Decimal("79.60")).count() == 2 * number
    assert StatementLine.objects.exclude(state__in=["booked", "waiting"]).count() == 0
    assert list_all_violations() == {}


@pytest.mark.slow
@pytest.mark.parametrize("number", [2, pytest.param(4, marks=pytest.mark.slow)])
def test_what_a_platform_tells_while_its_orders_are_credited_paid_and_cancelled(script, number):
    by = OperatorFactory()
    orders = [
        OrderFactory(confirmed=True, billing__payer=Payer.COMPANY, billing__siret="", billing__siren="732829320")
        for _ in range(number)
    ]
    invoices = list(Invoice.objects.order_by("pk").values_list("pk", flat=True))
    operations.request_transmissions(invoice_ids=invoices, by=by, at=TERM)
    delivery.deliver_due()
    stories = [
        PlatformStory(verdict=TransmissionState.ACCEPTED, entries=(entry(state, TERM, reason="Doublon"),))
        for state in (PlatformState.RECEIVED, PlatformState.REFUSED)
    ]
    steps: list[Any] = [partial(operations.request_transmissions, invoice_ids=invoices, by=by, at=TERM)]
    steps += [partial(declare_collections, at=TERM)] * 2
    for rank, order in enumerate(orders):
        sent = Transmission.objects.get(kind="invoice", invoice__order=order)
        steps.append(partial(operations.record_story, transmission_id=sent.pk, story=stories[rank % 2], at=TERM))
        steps += [partial(credit, order, by, amount=Decimal(30)), partial(actions.pay, order, amount="100", by=by)]
        if rank >= number // 2:
            steps.append(partial(actions.cancel, order))
    at_once(*steps)
    declare_collections(at=TERM)
    assert list_all_violations() == {}


@pytest.mark.slow
def test_a_period_declared_while_its_sales_are_credited_and_cancelled(script):
    """What the report does not have yet is left to a correcting one: never half of an act."""
    by = OperatorFactory()
    orders = [OrderFactory(confirmed=True, billing__cooperative=True) for _ in range(4)]
    Seller.objects.update(e_reporting_from=datetime.date(2026, 11, 1))
    over = datetime.datetime(2026, 12, 2, 9, 0, tzinfo=datetime.UTC)
    # Sales by ten days, payments by month.
    declare = [
        partial(make_report, kind=kind, begins_on=datetime.date(2026, 11, day), by=None, at=over)
        for kind, day in (("sales", 21), ("payments", 1))
    ]
    steps: list[Any] = [*declare]
    for rank, order in enumerate(orders):
        steps += [partial(credit, order, by, amount=Decimal(30)), partial(actions.pay, order, amount="100", by=by)]
        if rank > 1:
            steps.append(partial(actions.cancel, order))
    at_once(*steps)
    reports = at_once(*declare)
    # All that is left: four invoices less their credit notes, and four payments.
    assert [report.total_ttc for report in reports] == [Decimal(338), Decimal(400)]
    assert at_once(*declare) == reports
