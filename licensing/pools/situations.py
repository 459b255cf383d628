"""Where an allocation is on its way to the school: one annotation for the list, the pages, the export and the API.

`AllocationState`, which the API keeps, says what a key is worth; `Situation` also says whether the school has it.
"""

from __future__ import annotations

from typing import Any

from django.db import models
from django.db.models import Case, F, Max, OuterRef, Q, QuerySet, Subquery, Value, When
from django.db.models.functions import Coalesce

from licensing.pools.models import ALLOCATION_TOPIC, MessageKind
from mailing.models import LOST, Message, MessageState, RefusalHandling


class Situation(models.TextChoices):
    """Situation of an allocation: of its key while nothing else is to be said of it."""

    SCHEDULED = "scheduled", "Programmée"
    SENT = "sent", "Envoyée"
    DELIVERED = "delivered", "Remise"
    UNDELIVERED = "undelivered", "Non remise"
    REDEEMED = "redeemed", "Activée"
    #: Redeemed, and the school gave all its licences back.
    RETURNED = "returned", "Rendue"
    REVOKED = "revoked", "Reprise"
    SUSPENDED = "suspended", "Suspendue"
    EXPIRED = "expired", "Expirée"
    CANCELLED = "cancelled", "Commande annulée"


#: Situations of a key that can be redeemed and was not.
NOT_REDEEMED = (Situation.SCHEDULED, Situation.SENT, Situation.DELIVERED, Situation.UNDELIVERED)


def _list_messages() -> QuerySet[Any]:
    """Return the e-mails about keys, annotated with the situation of the key whose last one each is.

    Delivered is what a server accepted and nothing came back of, or was reported delivered. A reminder, or the letter
    about a smaller number, is written only to a school that has its key: while it waits, the key stays delivered. What
    waits for a hand, as its address was refused, is not.
    """
    situation = Case(
        When(
            Q(state__in=LOST) | Q(state=MessageState.HELD, refusal=RefusalHandling.WAITING),
            then=Value(Situation.UNDELIVERED.value),
        ),
        When(
            Q(state__in=(MessageState.SENT, MessageState.DELIVERED)) | ~Q(kind=MessageKind.KEY),
            then=Value(Situation.DELIVERED.value),
        ),
        # On its way, or perhaps accepted: no server has said so.
        When(Q(state=MessageState.SENDING) | Q(unanswered__gt=0), then=Value(Situation.SENT.value)),
        default=Value(Situation.SCHEDULED.value),
        output_field=models.CharField(),
    )
    # A cancelled one tells nothing of the key, the one before it does. The letter of an undone revocation is cancelled.
    written = Message.objects.filter(topic=ALLOCATION_TOPIC, topic_id__isnull=False)
    return written.exclude(state=MessageState.CANCELLED).annotate(situation=situation)


def annotate_situation(not_redeemed: str, redeemed: str) -> Case:
    """Return the situation of an allocation annotated with its `state`, of which these are values.

    The last e-mail about the key decides where it is not redeemed, its units where it is.
    """
    last = _list_messages().filter(topic_id=OuterRef("pk")).order_by("-pk").values("situation")[:1]
    return Case(
        When(state=not_redeemed, then=Coalesce(Subquery(last), Value(Situation.UNDELIVERED.value))),
        When(state=redeemed, units=0, then=Value(Situation.RETURNED.value)),
        default=F("state"),
        output_field=models.CharField(),
    )


def filter_not_redeemed_situation(among: QuerySet[Any], situation: Situation) -> QuerySet[Any]:
    """Filter unredeemed allocations by one of `NOT_REDEEMED`."""
    messages = _list_messages()
    # Grouped and not asked for each allocation: a fifth of the time where 10,000 are listed.
    last = messages.filter(
        pk__in=messages.order_by().values("topic_id").annotate(last=Max("pk")).values("last")
    ).values("topic_id")
    if situation is Situation.UNDELIVERED:
        return among.exclude(pk__in=last.exclude(situation=situation))
    return among.filter(pk__in=last.filter(situation=situation))
