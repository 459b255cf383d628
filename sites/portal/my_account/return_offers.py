"""What the pages of « Mon compte » say of licences that may come back: asked for, unused, given back a moment ago."""

from __future__ import annotations

import datetime
from typing import Any, NamedTuple

from licensing.entitlements.overview import PrincipalOverview, SubscriptionCard
from licensing.returns import queries
from licensing.returns.wording import describe_demand


class ReturnDemand(NamedTuple):
    """What a collectivity asks of a subscription, and how many of them the principal can give back at once."""

    subscription_id: int
    words: str
    offered: int


def get_demands(found: PrincipalOverview, *, at: datetime.datetime) -> dict[str, Any]:
    """Return the context of the banners that ask for licences. No query but where some are asked for: two."""
    keys = [card.subscription.key_id for card in found.cards if card.is_asked_for] if found.verified else []
    asked = queries.list_open_requests(keys, at) if keys else {}
    unused = queries.count_unused(list(asked)) if asked else {}
    return {
        "return_demands": [
            ReturnDemand(
                request.key.subscription.pk, describe_demand(request), min(request.units, unused.get(key_id, 0))
            )
            for key_id, request in asked.items()
        ]
    }


def get_offers(found: PrincipalOverview, *, at: datetime.datetime) -> dict[str, Any]:
    """Return what the tab « Licences » offers to take again; its cards say what can be given back. Three queries."""
    keys = _list_given(found)
    if not keys:
        return {"undoable_returns": []}
    unused, days = queries.count_unused(keys), queries.find_return_days(keys)
    for card in found.cards:
        card.unused = unused.get(card.subscription.key_id, 0) if _can_give_back(card) else 0
        card.returned_on = days.get(card.subscription.key_id)
    return {"undoable_returns": queries.list_undoable_returns(keys, at)}


def _can_give_back(card: SubscriptionCard) -> bool:
    return card.is_given and card.available


def _list_given(found: PrincipalOverview) -> list[int]:
    """Return the keys of the current subscriptions that collectivities gave; none to who is not verified."""
    given = [card.subscription.key_id for card in found.cards if card.is_given and card.is_current]
    return given if found.verified else []
