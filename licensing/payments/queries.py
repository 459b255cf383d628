"""What is left of payments after refunds, reversals and moves; overpayments, and where they may go."""

from decimal import Decimal

from django.db.models import F, QuerySet, Sum
from django.db.models.functions import Coalesce

from licensing.books.billing.queries import get_amount_received
from licensing.orders.models import ZERO, Order, OrderState
from licensing.payments.models import CardPayment, Payment


def get_amount_left(payment: Payment) -> Decimal:
    """Return what is left of a payment, in euros: its amount less what was refunded, reversed or moved."""
    taken_back: Decimal = payment.taken_back.aggregate(total=Sum("amount"))["total"] or ZERO
    return payment.amount + taken_back


def get_refundable(payment: Payment) -> Decimal:
    """Return how much of a payment may go back, in euros: what is left of it, and no more than the order can spare."""
    left = get_amount_left(payment)
    if payment.order.state == OrderState.CANCELLED:
        return left
    return max(ZERO, min(left, get_amount_received(payment.order) - payment.order.owed))


def get_card_net(card: CardPayment) -> Decimal:
    """Return what the books say came in by a card payment, less what went back, in euros."""
    return card.payment_set.aggregate(total=Sum("amount"))["total"] or ZERO


def list_payments_left(order: Order) -> list[tuple[Payment, Decimal]]:
    """Return the cheques and transfers of an order of which something is left, the latest first, with what is left."""
    left = F("amount") + Coalesce(Sum("taken_back__amount"), ZERO)
    payments = order.payments.filter(amount__gt=0, card__isnull=True).annotate(left=left).filter(left__gt=0)
    return [(payment, vars(payment)["left"]) for payment in payments.order_by("-received_on", "-pk")]


def get_surplus(order: Order) -> Decimal:
    """Return what came in by cheque or transfer beyond what is owed, in euros: all of it once cancelled.

    What was paid by card in excess is refunded on the card, and does not count.
    """
    if order.state not in (OrderState.PAID, OrderState.CANCELLED):
        return ZERO
    owed = order.owed if order.state == OrderState.PAID else ZERO
    excess = get_amount_received(order) - owed
    return max(ZERO, min(excess, sum((left for _, left in list_payments_left(order)), ZERO)))


def list_owed_orders(order: Order) -> QuerySet[Order]:
    """Return the other orders that the same payer owes.

    The same payer has the same SIRET; where there is none, it is the same collectivity, or the same buyer and name.
    """
    owed = Order.objects.filter(state=OrderState.CONFIRMED, siret=order.siret).exclude(pk=order.pk).order_by("pk")
    if order.siret:
        return owed
    if order.collectivity_id is not None:
        return owed.filter(collectivity=order.collectivity_id)
    return owed.filter(
        collectivity__isnull=True, placed_by=order.placed_by_id, payer=order.payer, bill_name__iexact=order.bill_name
    )
