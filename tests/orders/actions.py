"""Actions on an order, by the operations, for tests of sales."""

from decimal import Decimal

from core.calendar import date_in_paris
from licensing.books.billing import operations as billing_operations
from licensing.catalogue import terms
from licensing.orders import operations, purchase_orders
from licensing.orders.settlement import PaymentMethod
from licensing.payments import card
from licensing.payments import operations as payment_operations
from licensing.payments.card_providers import EURO, ProviderOutcome, SessionState, to_cents
from licensing.payments.credits import credit_in_part
from licensing.payments.models import ReversalReason
from tests.conftest import TERM
from tests.factories.accounts import OperatorFactory
from tests.factories.billing_details import BillingDetailsFactory
from tests.factories.payments import CardPaymentFactory
from tests.orders.dates import DAY

#: A signed purchase order.
SCAN = b"%PDF-1.7 signed and stamped"


def quote(order, *, at=TERM):
    """Issue a quote to the buyer."""
    return operations.issue_quote(order_id=order.pk, by=order.placed_by, at=at)


def place(order, *, at=TERM, billing=None):
    """Place the order by mandat administratif."""
    billing = billing or BillingDetailsFactory(collectivity=order.collectivity_id is not None)
    return operations.place(order_id=order.pk, billing=billing, terms_version=terms.CURRENT, by=order.placed_by, at=at)


def choose_card(order, *, at=TERM, billing=None):
    """Choose payment by card for the draft."""
    billing = billing or BillingDetailsFactory()
    return operations.prepare_card_payment(order_id=order.pk, billing=billing, terms_version=terms.CURRENT, at=at)


def upload(order, *, content=SCAN, filename="bon.pdf", at=TERM):
    """Upload the signed purchase order as the buyer, and return the scan."""
    return purchase_orders.receive_scan(
        order_id=order.pk, filename=filename, content=content, by=order.placed_by, at=at
    )


def refuse_scan(order, *, at=TERM):
    """Refuse the scan that waits."""
    scan = order.scans.get(state="waiting")
    return purchase_orders.refuse_scan(scan_id=scan.pk, reason="La signature manque.", by=OperatorFactory(), at=at)


def prolong(order, *, at=TERM):
    """Prolong the provisional rights to the 60th day after `at`."""
    until = (at + 60 * DAY).date()
    return purchase_orders.prolong(order_id=order.pk, until=until, by=OperatorFactory(), at=at)


def confirm(order, *, at=TERM):
    """Confirm the purchase order and return the invoice."""
    invoice = billing_operations.confirm(order_id=order.pk, by=OperatorFactory(), at=at)
    order.refresh_from_db()
    return invoice


def pay(order, *, amount=None, reference="VIR 1", method=PaymentMethod.TRANSFER, received_on=None, at=TERM, by=None):
    """Record a payment of all that the order costs, unless an amount is given, by transfer; return it."""
    return payment_operations.record_payment(
        order_id=order.pk,
        method=method,
        amount=order.total_ttc if amount is None else Decimal(amount),
        received_on=received_on or date_in_paris(at),
        reference=reference,
        by=by or OperatorFactory(),
        at=at,
    )


def reverse(order, *, payment=None, amount=None, reason=ReversalReason.UNPAID, text="", at=TERM):
    """Reverse the order's first payment unless another is given, or an amount of it; return the negative payment."""
    payment = payment or order.payments.earliest("pk")
    return payment_operations.reverse_payment(
        payment_id=payment.pk,
        amount=payment.amount if amount is None else Decimal(amount),
        reason=reason,
        text=text,
        by=OperatorFactory(),
        at=at,
    )


def move(order, owed, *, amount, at=TERM):
    """Move an amount of what was paid in excess to an order that is owed; return the payments there."""
    return payment_operations.move_surplus(
        order_id=order.pk, target_id=owed.pk, amount=Decimal(amount), by=OperatorFactory(), at=at
    )


def give_back(order, *, amount, method=PaymentMethod.TRANSFER, at=TERM):
    """Give back an amount of what was paid in excess; return the negative payments."""
    return payment_operations.give_back_surplus(
        order_id=order.pk, amount=Decimal(amount), method=method, reference="REMB 1", by=OperatorFactory(), at=at
    )


def settle_by_card(order, *, at=TERM):
    """Settle a new card payment of the order, which the provider confirmed; return the order."""
    return payment_operations.settle_by_card(card_payment_id=CardPaymentFactory(order=order).pk, at=at)


def record_charge(attempt, *, at=TERM):
    """Record that the provider charged the amount of an open card payment; return it."""
    outcome = ProviderOutcome(
        reference=attempt.transaction_id,
        token=attempt.token,
        stage=SessionState.PAID,
        amount=to_cents(attempt.total),
        currency=EURO,
    )
    return card.record_outcome(payment_id=attempt.pk, outcome=outcome, at=at)


def credit(order, *, licences=0, amount=None, reason="Classes fermées", at=TERM):
    """Credit the order in part as the operator; return the credit note, the order refreshed."""
    note = credit_in_part(
        order_id=order.pk,
        licences=licences,
        amount=None if amount is None else Decimal(amount),
        reason=reason,
        by=OperatorFactory(),
        at=at,
    )
    order.refresh_from_db()
    return note


def cancel(order, *, at=TERM):
    """Cancel the order as the operator."""
    return billing_operations.cancel(order_id=order.pk, reason="Doublon.", by=OperatorFactory(), at=at)
