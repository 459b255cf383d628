"""Effects of paying an order: its payments, invoices and licences."""

from decimal import Decimal

from licensing.books.billing.models import Invoice
from licensing.entitlements.models import Subscription
from licensing.payments.models import Payment

#: Price of five classes.
PRICE = Decimal("199.00")
#: Effects of paying an order of five classes once.
PAID_ONCE = {"payments": [PRICE], "invoices": ["invoice"], "licences": [5]}
NO_EFFECTS = {"payments": [], "invoices": [], "licences": []}


def get_effects(order):
    """Return an order's payments, invoices and credit notes, and the sizes of its subscriptions."""
    return {
        "payments": list(Payment.objects.filter(order=order).order_by("pk").values_list("amount", flat=True)),
        "invoices": list(Invoice.objects.filter(order=order).order_by("pk").values_list("kind", flat=True)),
        "licences": list(
            Subscription.objects.filter(key__entitlement__order_line__order=order).values_list("size", flat=True)
        ),
    }
