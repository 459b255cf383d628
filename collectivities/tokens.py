"""The office's tokens as its pages tell them: what each may do, until when, who made it, whether it is used."""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.utils import timezone

from accounts.models import User
from api.models import Token
from api.scopes import Scope
from web import typography

if TYPE_CHECKING:
    from django.db.models import QuerySet

#: From so long before its end on, a token asks to be replaced.
WARNED_BEFORE = datetime.timedelta(days=30)
#: Tokens that serve no more are shown up to so many, the last to end first.
MOST_ENDED = 50


@dataclass(frozen=True, slots=True)
class Shown:
    """One token, in words."""

    token: Token
    rights: list[str]
    made_by: str
    last_day: datetime.date
    # « plus que 12 jours » where its end is near; empty otherwise.
    warning: str
    # How it ended; empty while it serves.
    ended: str


def last_day(token: Token) -> datetime.date:
    """Return the last day, in Paris, on which the token is answered."""
    return timezone.localtime(token.expires_at - datetime.timedelta(microseconds=1)).date()


def end_of_day(day: datetime.date) -> datetime.datetime:
    """Return the moment at which a token ends whose last day it is."""
    after = day + datetime.timedelta(days=1)
    return timezone.make_aware(datetime.datetime.combine(after, datetime.time.min))


def living(at: datetime.datetime) -> list[Shown]:
    """Return the tokens that are answered, the first to end first. Two queries."""
    return _shown(Token.objects.valid_at(at).order_by("expires_at", "pk"), at)


def ended(at: datetime.datetime) -> list[Shown]:
    """Return the tokens that are answered no more, the last made first. Two queries."""
    return _shown(Token.objects.exclude(pk__in=Token.objects.valid_at(at)).order_by("-pk")[:MOST_ENDED], at)


def near_their_end(at: datetime.datetime) -> list[Token]:
    """Return the tokens that are to be replaced, the first to end first."""
    return list(Token.objects.valid_at(at).filter(expires_at__lte=at + WARNED_BEFORE).order_by("expires_at", "pk"))


def living_made_by(user: User, at: datetime.datetime) -> int:
    """Return how many tokens the person has seen the secret of and that are answered still."""
    return Token.objects.valid_at(at).filter(created_by_id=user.pk).count()


def left(token: Token, at: datetime.datetime) -> str:
    """Return how long a token that is answered will be: « plus que 12 jours », « jusqu'à ce soir »."""
    days = (last_day(token) - timezone.localtime(at).date()).days
    return f"plus que {typography.plural(days, 'jour')}" if days > 0 else "jusqu'à ce soir"


def _shown(tokens: QuerySet[Token], at: datetime.datetime) -> list[Shown]:
    found = list(tokens)
    cited = {number for token in found for number in (token.created_by_id, token.revoked_by_id)}
    people = User.objects.in_bulk(number for number in cited if number is not None)
    return [_in_words(token, people, at) for token in found]


def _in_words(token: Token, people: dict[int, User], at: datetime.datetime) -> Shown:
    def who(number: int | None) -> str:
        return str(people[number]) if number in people else "Pep's"

    day, end = last_day(token), ""
    if token.revoked_at is not None:
        revoked_on = typography.day(timezone.localtime(token.revoked_at).date())
        end = f"révoqué le {revoked_on} par {who(token.revoked_by_id)}"
    elif token.expires_at <= at:
        end = f"expiré depuis le {typography.day(day)}"
    near = not end and token.expires_at <= at + WARNED_BEFORE
    return Shown(
        token=token,
        rights=[str(Scope(scope).label) for scope in token.scopes],
        made_by=who(token.created_by_id),
        last_day=day,
        warning=left(token, at) if near else "",
        ended=end,
    )
