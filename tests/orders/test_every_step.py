"""Every operation in every state: the next state or the refusal, and idempotence."""

from __future__ import annotations

import pytest
from django.db import connection, transaction

from licensing.catalogue import terms
from licensing.exceptions import Refused
from licensing.orders import operations
from licensing.orders.models import CardPayment, Invoice, Order, OrderEvent, Payment, PurchaseOrderScan
from mailing.models import Message
from tests.orders import lifecycle
from tests.orders.lifecycle import MAIRIE, YEAR_ENDS, on

#: After the lapse, within the school year.
AT = on(48)

STEPS = {
    "quote": lambda order, by: operations.quote(order_id=order.pk, by=by, at=AT),
    "discard": lambda order, by: operations.discard(order_id=order.pk, by=by, at=AT),
    "complete": lambda order, by: operations.complete(
        order_id=order.pk, siret=MAIRIE.siret, service_code="S", engagement_number="E", by=by, at=AT
    ),
    "place": lambda order, _: lifecycle.put(order, at=AT),
    "choose_card": lambda order, _: operations.choose_card(
        order_id=order.pk, billing=MAIRIE, terms_version=terms.CURRENT, at=AT
    ),
    "settle": lambda order, _: operations.settle_by_card(card_payment_id=_card(order).pk, at=AT),
    "upload": lambda order, _: lifecycle.upload(order, at=AT),
    "refuse": lambda order, by: operations.refuse_scan(
        scan_id=order.scans.values_list("pk", flat=True).last() or 0, reason="Non signé.", by=by, at=AT
    ),
    "confirm": lambda order, by: operations.confirm(order_id=order.pk, by=by, at=AT),
    "pay": lambda order, by: lifecycle.pay(order, by=by, reference="VIR 2", at=AT),
    "refund": lambda order, by: operations.refund(payment_id=order.payments.first().pk, by=by, at=AT),
    "cancel": lambda order, by: operations.cancel(order_id=order.pk, reason="Erreur.", by=by, at=AT),
    "prolong": lambda order, by: operations.prolong(order_id=order.pk, until=YEAR_ENDS, by=by, at=AT),
    "reinvoice": lambda order, by: operations.reinvoice(
        invoice_id=order.invoices.first().pk, reason="Rejetée.", by=by, at=AT
    ),
    "suspend": lambda order, by: operations.suspend(order_id=order.pk, by=by, at=AT),
    "restore": lambda order, by: operations.restore(order_id=order.pk, by=by, at=AT),
    "clock": lambda _order, _by: operations.remind_and_lapse(AT),
}

#: Outcome of each operation, in the order of `lifecycle.STATES`: the next state, « + » where the licences are then
#: usable; or « ! » and the code of the refusal. « . »: the operation does not apply.
TABLE = """
            draft            by_card   placed     scanned    lapsed     lapsed_scanned confirmed  paid      cancelled
quote       draft            draft     !draft     !draft     !draft     !draft         !draft     !draft    !draft
discard     cancelled        cancelled !draft     !draft     !draft     !draft         !draft     !draft    !draft
complete    draft            draft     placed     placed+    lapsed     lapsed         !state     !state    !state
place       placed+          placed+   placed     placed+    !draft     !draft         !draft     !draft    !draft
choose_card draft            draft     !draft     !draft     !draft     !draft         !draft     !draft    !draft
settle      !not_invoiceable paid+     paid+      paid+      paid+      paid+          paid+      paid+     cancelled
upload      !state           !state    lapsed     placed+    lapsed     lapsed         !state     !state    !state
refuse      !nothing         !nothing  !nothing   placed     !nothing   lapsed         !nothing   !nothing  !nothing
confirm     !state           !state    confirmed+ confirmed+ confirmed+ confirmed+     confirmed+ !state    !state
pay         !state           !state    !state     !state     !state     !state         paid+      !state    !state
refund      .                .         .          .          .          .              .          !state    cancelled
cancel      cancelled        cancelled cancelled  cancelled  cancelled  cancelled      cancelled  cancelled cancelled
prolong     !state           !state    placed+    placed+    placed+    placed+        confirmed+ !state    !state
reinvoice   .                .         .          .          .          .              confirmed+ paid+     !state
suspend     draft            draft     placed     placed     lapsed     lapsed         confirmed  paid      !state
restore     draft            draft     placed     placed+    lapsed     lapsed         confirmed+ paid+     !state
clock       draft            draft     lapsed     placed+    lapsed     lapsed         confirmed+ paid+     cancelled
"""
CODES = {"draft": "not_a_draft", "state": "not_in_this_state", "nothing": "nothing_to_check"}


def rows():
    states, *lines = (line.split() for line in TABLE.strip().splitlines())
    for name, *outcomes in lines:
        for state, outcome in zip(states, outcomes, strict=True):
            code = outcome.removeprefix("!")
            yield state, name, f"!{CODES.get(code, code)}" if outcome.startswith("!") else outcome


def test_the_transition_table_covers_every_state_and_operation():
    assert {(state, name) for state, name, _ in rows()} == {(a, b) for a in lifecycle.STATES for b in STEPS}


@pytest.mark.parametrize("state", lifecycle.STATES)
def test_every_operation_from(state, db):
    order = lifecycle.STATES[state]()
    by = lifecycle.operator()
    nothing, wrong = written(), {}
    for _, name, expected in (row for row in rows() if row[0] == state and row[2] != "."):
        with transaction.atomic():
            once, first = taken(name, order, by), written()
            if once.startswith("!"):
                as_it_was, broken = first == nothing, set()
            else:
                taken(name, order, by)
                as_it_was, broken = written() == first, lifecycle.breaches()
            if (once, as_it_was, broken) != (expected, True, set()):
                wrong[name] = (once, as_it_was, broken)
            transaction.set_rollback(True)
    assert wrong == {}


def taken(name, order, by):
    """Run the operation and return its outcome in the table's notation."""
    try:
        with transaction.atomic():
            STEPS[name](Order.objects.get(pk=order.pk), by)
    except Refused as refusal:
        return f"!{refusal.code}"
    order = Order.objects.get(pk=order.pk)
    return order.state + ("+" if lifecycle.usable(order, AT) else "")


def written():
    """Return the row counts of the books, the journal and the outbox."""
    models = (OrderEvent, Invoice, Payment, PurchaseOrderScan, Message)
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {', '.join(f'(SELECT count(*) FROM {one._meta.db_table})' for one in models)}")  # noqa: S608, SLF001
        return cursor.fetchone()


def _card(order):
    """Return the order's card payment, the same at both calls."""
    return CardPayment.objects.filter(order=order).first() or lifecycle.charged(order)
