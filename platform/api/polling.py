"""Registers API tokens as readers of events: without such a token or a webhook, no event is written."""

from __future__ import annotations

from typing import TYPE_CHECKING

from api.models import Token
from api.scopes import Scope
from webhooks import listening

if TYPE_CHECKING:
    import datetime

    from django.db.models import QuerySet


def readers(at: datetime.datetime) -> QuerySet[Token]:
    """Return the valid tokens whose scopes give access to events or their deliveries."""
    return Token.objects.valid_at(at).filter(scopes__overlap=[Scope.READ, Scope.WEBHOOKS])


listening.register(readers)
