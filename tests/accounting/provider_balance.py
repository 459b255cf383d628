"""Movements of a provider's balance, as they are stored."""

from decimal import Decimal

from django.utils import timezone

from licensing.books.accounting.models import BalanceTransaction
from tests.conftest import TERM


def record_movement(kind, amount, *, fee="0", card=None, charge="", at=TERM):
    """Store a movement; return it."""
    number = BalanceTransaction.objects.count() + 1
    return BalanceTransaction.objects.create(
        variant="stripe", reference=f"txn_{number}", kind=kind, amount=Decimal(amount), fee=Decimal(fee),
        net=Decimal(amount) - Decimal(fee), charge=charge, card=card, created_at=at, recorded_at=at,
    )  # fmt: skip


def record_movements(card, *, at=None):
    """Store the charge of a card payment, and the payout of what is left of it."""
    at = at or timezone.now()
    record_movement("charge", card.total, fee="3.24", card=card, charge=f"ch_{card.pk}", at=at)
    record_movement("payout", -(card.total - Decimal("3.24")), at=at)
