"""Retrieval of the card provider's balance movements. Asked outside a transaction, written in one.

From the last known on, so that nothing is missed where the provider was silent. A movement is stored once; one that
cannot be stored is set aside for the operator, and the others are stored.
"""

import datetime
from collections.abc import Sequence

from django.conf import settings
from django.db import transaction
from django.db.models import Max, Min

from core.foreign_values import from_timestamp
from jobs.set_aside import note_set_aside, take_each
from licensing.books.accounting.models import BalanceTransaction
from licensing.payments.card_providers import BalanceMovement, get_provider_by_name, to_euros
from licensing.payments.models import CardPayment

#: Asked for again at each run: a provider may list a movement some time after the day that it gives it.
OVERLAP = datetime.timedelta(days=2)
#: Asked for at once; what a window holds is in memory.
WINDOW = datetime.timedelta(days=90)
_SOURCE = "Prestataire des paiements par carte : mouvements du solde"
_REFUSED = (
    "Ce mouvement n'a pas pu être enregistré : sa date ou l'un de ses montants ne peut pas exister. Il manque à "
    "l'export comptable : lisez-le chez le prestataire, et passez-le à la main."
)


def retrieve_balance_transactions(*, at: datetime.datetime) -> int:
    """Ask the provider for the movements since the last known, and store them; return how many are new.

    Nothing is asked before the first card payment. Raises `ProviderSilent` or `ProviderRefuses`: what was stored until
    then stays.
    """
    variant = settings.CARD_VARIANT
    since = _get_start(variant, at) if variant else None
    if since is None:
        return 0
    provider, stored = get_provider_by_name(variant), 0
    while since < at:
        until = min(since + WINDOW, at)
        stored += _store(variant, provider.list_balance_movements(since, until), at=at)
        since = until
    return stored


def _get_start(variant: str, at: datetime.datetime) -> datetime.datetime | None:
    # One that is dated ahead of the clock would hide what moves until then.
    stored = BalanceTransaction.objects.filter(variant=variant, created_at__lte=at)
    last: datetime.datetime | None = stored.aggregate(last=Max("created_at"))["last"]
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

    def store(some: Sequence[BalanceMovement]) -> None:
        rows = [_build(one, variant=variant, card_id=cards.get(one.charge), at=at) for one in some]
        # Another worker may have stored it since.
        BalanceTransaction.objects.bulk_create(rows, ignore_conflicts=True, batch_size=1000)

    refused = take_each(new, store)
    for one in refused:
        note_set_aside(source=_SOURCE, reference=one.item.reference, reason=_REFUSED, at=at)
    return len(new) - len(refused)


def _build(one: BalanceMovement, *, variant: str, card_id: int | None, at: datetime.datetime) -> BalanceTransaction:
    return BalanceTransaction(
        variant=variant,
        reference=one.reference,
        kind=one.kind,
        amount=to_euros(one.amount),
        fee=to_euros(one.fee),
        net=to_euros(one.net),
        charge=one.charge,
        card_id=card_id,
        created_at=from_timestamp(one.created),
        recorded_at=at,
    )


def _find_cards(variant: str, movements: list[BalanceMovement]) -> dict[str, int]:
    """Return the card payment of each charge, where it is ours: a refund or a dispute may not say whose it is."""
    tokens = {one.charge: one.token for one in movements if one.charge and one.token}
    payments = dict(CardPayment.objects.filter(variant=variant, token__in=tokens.values()).values_list("token", "pk"))
    stored = BalanceTransaction.objects.filter(
        variant=variant, charge__in={one.charge for one in movements} - {""}, card__isnull=False
    )
    found = dict(stored.values_list("charge", "card_id"))
    return found | {charge: payments[token] for charge, token in tokens.items() if token in payments}
