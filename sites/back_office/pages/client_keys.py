"""The keys of a client: where each was sent, whether the e-mail arrived, and who may send it again."""

from __future__ import annotations

import datetime
from typing import Any, NamedTuple

from django.db.models import Count, Q, QuerySet
from django.utils import timezone

from core import formatting
from core.calendar import date_in_paris
from licensing.entitlements.models import ActivationKey
from licensing.pools.models import ALLOCATION_TOPIC, MessageKind
from mailing.models import LOST, UNSENT, MessageState
from tenants.cross_schema import query_all

#: The latest keys; the admin's list has them all.
MAX_KEYS = 50
#: Of every collectivity: where these keys were sent, and the last e-mail with each; a cancelled one tells nothing.
_DELIVERIES_SQL = """
SELECT given.key_id, given.recipient, letter.state, coalesce(letter.sent_at, letter.created_at)
FROM {schema}.pools_allocation given
LEFT JOIN LATERAL (
  SELECT state, sent_at, created_at FROM {schema}.mailing_message
  WHERE topic = %s AND topic_id = given.id AND kind = ANY(%s) AND state <> 'cancelled' ORDER BY id DESC LIMIT 1
) letter ON true
WHERE given.key_id = ANY(%s)
"""
_WITH_KEY = [MessageKind.KEY.value, MessageKind.REMINDER.value]


class ClientKey(NamedTuple):
    """A key; `recipient`: to whom it was sent; `delivery`: whether it arrived; both empty if it was not e-mailed."""

    key: ActivationKey
    recipient: str
    delivery: str
    #: Who may send it again; empty where nobody needs to.
    resent_by: str
    is_lost: bool


def list_keys(keys: QuerySet[ActivationKey]) -> list[ClientKey]:
    """Return the latest of these keys. Two queries, and one for each hundred schemas."""
    held = Count("subscription__seats", filter=Q(subscription__seats__holder__isnull=False))
    shown = list(
        keys.select_related("entitlement__collectivity", "subscription", "redeemed_by")
        .annotate(held=held)
        .order_by("-pk")[:MAX_KEYS]
    )
    params = [ALLOCATION_TOPIC, _WITH_KEY, [key.pk for key in shown]]
    deliveries = {row.values[0]: row.values[1:] for row in query_all(_DELIVERIES_SQL, params)}
    day = date_in_paris(timezone.now())
    return [_describe_key(key, deliveries.get(key.pk), day) for key in shown]


def _describe_key(key: ActivationKey, delivery: tuple[Any, ...] | None, day: datetime.date) -> ClientKey:
    if delivery is None:
        return ClientKey(key, "", "", "", is_lost=False)
    recipient, state, at = delivery
    is_usable = key.revoked_at is None and key.redeemed_at is None and not key.entitlement.over_on(day)
    office = f"un gestionnaire du bureau ({key.entitlement.collectivity})"
    resent_by = f"{office}, ou l'école par la page « Je n'ai pas reçu ma clé »" if is_usable else ""
    return ClientKey(key, recipient, _describe_delivery(state, at), resent_by, is_lost=is_usable and state in LOST)


def _describe_delivery(state: str | None, at: datetime.datetime | None) -> str:
    """Return in French what became of an e-mail: « remis le 2 novembre 2026 à 09:05 »."""
    if state is None or at is None:
        return "aucun e-mail"
    if state in UNSENT:
        return "e-mail pas encore parti"
    moment = formatting.long_moment(timezone.localtime(at))
    if state in LOST:
        return f"e-mail non remis ({moment})"
    return f"e-mail {MessageState(state).label.lower()} le {moment}"
