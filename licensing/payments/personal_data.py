"""Personal data in card payments: the e-mail address that prefills the provider's page."""

from __future__ import annotations

from accounts.models import User
from licensing.payments.models import CardPayment


def erase_billing_emails(user: User) -> None:
    """Erase the billing address of the card payments of a user's orders. Payments are kept: they are accounts."""
    CardPayment.objects.filter(order__placed_by=user).update(billing_email="")
