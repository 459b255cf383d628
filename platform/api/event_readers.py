"""Registers API tokens as readers of events: without such a token or a webhook, no event is written."""

from __future__ import annotations

from typing import TYPE_CHECKING

from api.models import Token
from api.scopes import TokenScope
from webhooks import listeners

if TYPE_CHECKING:
    import datetime

    from django.db.models import QuerySet


def list_event_readers(at: datetime.datetime) -> QuerySet[Token]:
    """Return the valid tokens whose scopes give access to events or their deliveries."""
    return Token.objects.valid_at(at).filter(scopes__overlap=[TokenScope.READ, TokenScope.WEBHOOKS])


listeners.register_readers(list_event_readers)
