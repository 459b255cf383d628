"""Every operation in every state: the next state or the refusal, and idempotence."""

import pytest
from django.db import connection, transaction

from core.exceptions import DomainError
from licensing.books.billing import operations as billing_operations
from licensing.books.billing.models import Invoice
from licensing.orders import operations, purchase_orders
from licensing.orders.models import Order, OrderEvent, PurchaseOrderScan
from licensing.payments import operations as payment_operations
from licensing.payments.models import CardPayment, Payment
from mailing.models import Message
from tests.factories.accounts import OperatorFactory
from tests.factories.billing_details import PAYER_SIRET, BillingDetailsFactory
from tests.factories.orders import OrderFactory
from tests.factories.payments import CardPaymentFactory
from tests.orders import actions
from tests.orders.assertions import is_usable, list_violations
from tests.orders.dates import YEAR_ENDS, at_day

#: After the lapse, within the school year.
AT = at_day(48)

OPERATIONS = {
    "quote": lambda order, by: operations.issue_quote(order_id=order.pk, by=by, at=AT),
    "discard": lambda order, by: operations.discard_draft(order_id=order.pk, by=by, at=AT),
    "complete": lambda order, by: billing_operations.complete_billing_details(
        order_id=order.pk, siret=PAYER_SIRET, service_code="S", engagement_number="E", by=by, at=AT
    ),
    "correct": lambda order, by: billing_operations.correct_billing_details(
        order_id=order.pk, billing=BillingDetailsFactory(name="Commune de Nîmes"), by=by, at=AT
    ),
    "place": lambda order, _: actions.place(order, at=AT),
    "choose_card": lambda order, _: actions.choose_card(order, at=AT),
    "settle": lambda order, _: payment_operations.settle_by_card(card_payment_id=_card(order).pk, at=AT),
    "upload": lambda order, _: actions.upload(order, at=AT),
    "refuse": lambda order, by: purchase_orders.refuse_scan(
        scan_id=order.scans.values_list("pk", flat=True).last() or 0, reason="Non signé.", by=by, at=AT
    ),
    "confirm": lambda order, by: billing_operations.confirm(order_id=order.pk, by=by, at=AT),
    "pay": lambda order, by: actions.pay(order, by=by, reference="VIR 2", at=AT),
    "refund": lambda order, by: payment_operations.refund(payment_id=order.payments.first().pk, by=by, at=AT),
    "reverse": lambda order, _: actions.reverse(order, at=AT),
    "cancel": lambda order, by: billing_operations.cancel(order_id=order.pk, reason="Erreur.", by=by, at=AT),
    "prolong": lambda order, by: purchase_orders.prolong(order_id=order.pk, until=YEAR_ENDS, by=by, at=AT),
    "reinvoice": lambda order, by: billing_operations.reissue_invoice(
        invoice_id=order.invoices.first().pk, reason="Rejetée.", by=by, at=AT
    ),
    "suspend": lambda order, by: operations.suspend(order_id=order.pk, by=by, at=AT),
    "restore": lambda order, by: operations.restore(order_id=order.pk, by=by, at=AT),
    "clock": lambda _order, _by: purchase_orders.remind_and_lapse(AT),
}

STATES = ("draft", "by_card", "placed", "scanned", "lapsed", "lapsed_scanned", "confirmed", "paid", "cancelled")

#: Outcome of each operation, in each state: the next state, « + » where the licences are then usable; or « ! » and the
#: code of the refusal. « . »: the operation does not apply.
TABLE = """
            draft            by_card   placed     scanned    lapsed     lapsed_scanned confirmed  paid      cancelled
quote       draft            draft     !draft     !draft     !draft     !draft         !draft     !draft    !draft
discard     cancelled        cancelled !draft     !draft     !draft     !draft         !draft     !draft    !draft
complete    draft            draft     placed     placed+    lapsed     lapsed         !state     !state    !state
correct     !state           !state    placed     placed+    lapsed     lapsed         !state     !state    !state
place       placed+          placed+   placed     placed+    !draft     !draft         !draft     !draft    !draft
choose_card draft            draft     !draft     !draft     !draft     !draft         !draft     !draft    !draft
settle      !not_invoiceable paid+     paid+      paid+      paid+      paid+          paid+      paid+     cancelled
upload      !state           !state    lapsed     placed+    lapsed     lapsed         !state     !state    !state
refuse      !nothing         !nothing  !nothing   placed     !nothing   lapsed         !nothing   !nothing  !nothing
confirm     !state           !state    confirmed+ confirmed+ confirmed+ confirmed+     confirmed+ !state    !state
pay         !state           !state    paid+      paid+      paid+      paid+          paid+      paid+     cancelled
refund      .                .         .          .          .          .              .          !state    cancelled
reverse     .                .         .          .          .          .              .          confirmed+ cancelled
cancel      cancelled        cancelled cancelled  cancelled  cancelled  cancelled      cancelled  cancelled cancelled
prolong     !state           !state    placed+    placed+    placed+    placed+        confirmed+ !state    !state
reinvoice   .                .         .          .          .          .              confirmed+ paid+     !state
suspend     draft            draft     placed     placed     lapsed     lapsed         confirmed  paid      !state
restore     draft            draft     placed     placed+    lapsed     lapsed         confirmed+ paid+     !state
clock       draft            draft     lapsed     placed+    lapsed     lapsed         confirmed+ paid+     cancelled
"""
CODES = {"draft": "not_a_draft", "state": "not_in_this_state", "nothing": "nothing_to_check"}


def parse_table():
    states, *lines = (line.split() for line in TABLE.strip().splitlines())
    for name, *outcomes in lines:
        for state, outcome in zip(states, outcomes, strict=True):
            code = outcome.removeprefix("!")
            yield state, name, f"!{CODES.get(code, code)}" if outcome.startswith("!") else outcome


def test_the_transition_table_covers_every_state_and_operation():
    assert {(state, name) for state, name, _ in parse_table()} == {(a, b) for a in STATES for b in OPERATIONS}


@pytest.mark.slow
@pytest.mark.parametrize("state", STATES)
def test_every_operation_from(state, db):
    order = OrderFactory() if state == "draft" else OrderFactory(**{state: True})
    by = OperatorFactory()
    nothing, wrong = count_rows(), {}
    for _, name, expected in (row for row in parse_table() if row[0] == state and row[2] != "."):
        with transaction.atomic():
            once, first = run_operation(name, order, by), count_rows()
            if once.startswith("!"):
                as_it_was, broken = first == nothing, set()
            else:
                run_operation(name, order, by)
                as_it_was, broken = count_rows() == first, list_violations()
            if (once, as_it_was, broken) != (expected, True, set()):
                wrong[name] = (once, as_it_was, broken)
            transaction.set_rollback(True)
    assert wrong == {}


def run_operation(name, order, by):
    """Run the operation and return its outcome in the table's notation."""
    try:
        with transaction.atomic():
            OPERATIONS[name](Order.objects.get(pk=order.pk), by)
    except DomainError as refusal:
        return f"!{refusal.code}"
    order = Order.objects.get(pk=order.pk)
    return order.state + ("+" if is_usable(order, AT) else "")


def count_rows():
    """Return the row counts of the books, the journal and the outbox."""
    models = (OrderEvent, Invoice, Payment, PurchaseOrderScan, Message)
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {', '.join(f'(SELECT count(*) FROM {one._meta.db_table})' for one in models)}")  # noqa: S608, SLF001
        return cursor.fetchone()


def _card(order):
    """Return the order's card payment, the same at both calls."""
    return CardPayment.objects.filter(order=order).first() or CardPaymentFactory(order=order)
