"""Retrieval of the card provider's balance movements. Asked outside a transaction, written in one.

From the last known on, so that nothing is missed where the provider was silent. A movement is stored once.
"""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import transaction
from django.db.models import Max, Min

from licensing.accounting.models import BalanceTransaction
from licensing.payments.card.provider_interface import to_euros
from licensing.payments.card.providers import get_provider_by_name
from licensing.payments.models import CardPayment

if TYPE_CHECKING:
    from licensing.payments.card.provider_interface import BalanceMovement

#: Asked for again at each run: a provider may list a movement some time after the day that it gives it.
OVERLAP = datetime.timedelta(days=2)
#: Asked for at once; what a window holds is in memory.
WINDOW = datetime.timedelta(days=90)


def retrieve_balance_transactions(*, at: datetime.datetime) -> int:
    """Ask the provider for the movements since the last known, and store them; return how many are new.

    Nothing is asked before the first card payment. Raises `ProviderSilent` or `ProviderRefuses`: what was stored until
    then stays.
    """
    variant = settings.CARD_VARIANT
    since = _get_start(variant) if variant else None
    if since is None:
        return 0
    provider, stored = get_provider_by_name(variant), 0
    while since < at:
        until = min(since + WINDOW, at)
        stored += _store(variant, provider.list_balance_movements(since, until), at=at)
        since = until
    return stored


def _get_start(variant: str) -> datetime.datetime | None:
    last: datetime.datetime | None = BalanceTransaction.objects.filter(variant=variant).aggregate(
        last=Max("created_at")
    )["last"]
    if last is not None:
        return last - OVERLAP
    first: datetime.datetime | None = CardPayment.objects.filter(variant=variant).aggregate(first=Min("created"))[
        "first"
    ]
    return first


@transaction.atomic
def _store(variant: str, movements: list[BalanceMovement], *, at: datetime.datetime) -> int:
    """Store the movements that are not known yet, each with the card payment that it concerns; return how many."""
    known = set(
        BalanceTransaction.objects.filter(
            variant=variant, reference__in=[one.reference for one in movements]
        ).values_list("reference", flat=True)
    )
    new = [one for one in movements if one.reference not in known]
    cards = _find_cards(variant, new)
    BalanceTransaction.objects.bulk_create(
        (
            BalanceTransaction(
                variant=variant,
                reference=one.reference,
                kind=one.kind,
                amount=to_euros(one.amount),
                fee=to_euros(one.fee),
                net=to_euros(one.net),
                charge=one.charge,
                card_id=cards.get(one.charge),
                created_at=one.created_at,
                recorded_at=at,
            )
            for one in new
        ),
        # Another worker may have stored it since.
        ignore_conflicts=True,
        batch_size=1000,
    )
    return len(new)


def _find_cards(variant: str, movements: list[BalanceMovement]) -> dict[str, int]:
    """Return the card payment of each charge, where it is ours: a refund or a dispute may not say whose it is."""
    tokens = {one.charge: one.token for one in movements if one.charge and one.token}
    payments = dict(CardPayment.objects.filter(variant=variant, token__in=tokens.values()).values_list("token", "pk"))
    stored = BalanceTransaction.objects.filter(
        variant=variant, charge__in={one.charge for one in movements} - {""}, card__isnull=False
    )
    found = dict(stored.values_list("charge", "card_id"))
    return found | {charge: payments[token] for charge, token in tokens.items() if token in payments}
