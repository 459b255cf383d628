"""Create and revoke the API tokens of the office; both are logged.

The audit log names a token by its name and its first characters. The secret is returned once and never stored.
"""

import datetime
import uuid
from collections.abc import Collection
from dataclasses import dataclass

from django.db import transaction
from django.db.models import QuerySet

from accounts.models import User
from api import tokens
from api.models import Token, TokenScope
from collectivities import audit_log
from core import formatting
from core.calendar import date_in_paris
from core.exceptions import Refusal

#: How long before its end a token shows a warning.
WARNING_PERIOD = datetime.timedelta(days=30)
#: Maximum number of ended tokens listed, newest first.
MAX_ENDED = 50


@dataclass(frozen=True, slots=True)
class TokenSummary:
    """A token with its French texts for display."""

    token: Token
    rights: list[str]
    created_by: str
    last_day: datetime.date
    # « plus que 12 jours » near its end; empty otherwise.
    warning: str
    # How it ended; empty while it is valid.
    ended: str


def get_last_day(token: Token) -> datetime.date:
    """Return the last day, in Paris, on which the token is valid."""
    return date_in_paris(token.expires_at - datetime.timedelta(microseconds=1))


def list_valid_tokens(at: datetime.datetime) -> list[TokenSummary]:
    """Return the valid tokens, by expiry. Two queries."""
    return _summarize(Token.objects.valid_at(at).order_by("expires_at", "pk"), at)


def list_ended_tokens(at: datetime.datetime) -> list[TokenSummary]:
    """Return expired and revoked tokens, newest first. Two queries."""
    return _summarize(Token.objects.exclude(pk__in=Token.objects.valid_at(at)).order_by("-pk")[:MAX_ENDED], at)


def filter_expiring_tokens(at: datetime.datetime) -> QuerySet[Token]:
    """Return the valid tokens within their warning period."""
    return Token.objects.valid_at(at).filter(expires_at__lte=at + WARNING_PERIOD)


def count_valid_tokens(user: User, at: datetime.datetime) -> int:
    """Return how many valid tokens the user created, whose secrets they have therefore seen."""
    return Token.objects.valid_at(at).filter(created_by_id=user.pk).count()


def format_time_left(token: Token, at: datetime.datetime) -> str:
    """Return the remaining validity of a token in French: « plus que 12 jours », « jusqu'à ce soir »."""
    days = (get_last_day(token) - date_in_paris(at)).days
    return f"plus que {formatting.pluralize(days, 'jour')}" if days > 0 else "jusqu'à ce soir"


def _summarize(tokens: QuerySet[Token], at: datetime.datetime) -> list[TokenSummary]:
    rows = list(tokens)
    user_ids = {number for token in rows for number in (token.created_by_id, token.revoked_by_id)}
    users = User.objects.in_bulk(number for number in user_ids if number is not None)
    return [_build_summary(token, users, at) for token in rows]


def _build_summary(token: Token, users: dict[int, User], at: datetime.datetime) -> TokenSummary:
    def name_of(number: int | None) -> str:
        return str(users[number]) if number in users else "Pep's"

    day, end = get_last_day(token), ""
    if token.revoked_at is not None:
        revoked_on = formatting.long_date(date_in_paris(token.revoked_at))
        end = f"révoqué le {revoked_on} par {name_of(token.revoked_by_id)}"
    elif token.expires_at <= at:
        end = f"expiré depuis le {formatting.long_date(day)}"
    near = not end and token.expires_at <= at + WARNING_PERIOD
    return TokenSummary(
        token=token,
        rights=[str(TokenScope(scope).label) for scope in token.scopes],
        created_by=name_of(token.created_by_id),
        last_day=day,
        warning=format_time_left(token, at) if near else "",
        ended=end,
    )


@transaction.atomic
def create_token(
    *,
    name: str,
    scopes: Collection[str],
    expires_at: datetime.datetime,
    networks: Collection[str],
    form: uuid.UUID | None,
    by: User,
    at: datetime.datetime,
) -> tokens.NewToken:
    """Create a token and return it with its secret, which is shown once.

    Raises `api.tokens.InvalidTokenSettings`, which names the field, and `api.tokens.TokenAlreadyCreated`
    for a form submitted twice.
    """
    created = tokens.create(name=name, scopes=scopes, expires_at=expires_at, networks=networks, form=form, by=by, at=at)
    token = created.token
    granted = ", ".join(TokenScope(scope).label.lower() for scope in token.scopes)
    restriction = f", depuis {formatting.join_words(token.networks)}" if token.networks else ""
    audit_log.record(
        action="api.token_created",
        by=by,
        at=at,
        summary=(
            f"Jeton « {token.name} » ({token.hint}…) créé, valable jusqu'au "
            f"{formatting.long_date(get_last_day(token))}{restriction}. Droits : {granted}."
        ),
        object_type="token",
        object_id=token.pk,
    )
    return created


@transaction.atomic
def revoke_token(*, token_id: int, by: User, at: datetime.datetime) -> Token:
    """Revoke a token: requests with it are refused from now on. Idempotent. Refuses an unknown one."""
    token = Token.objects.locked().filter(pk=token_id).first()
    if token is None:
        raise Refusal("unknown_token", "Ce jeton n'existe pas dans ce bureau : rechargez la page.")
    if token.revoked_at is not None:
        return token
    audit_log.record(
        action="api.token_revoked",
        by=by,
        at=at,
        summary=f"Jeton « {token.name} » ({token.hint}…) révoqué.",
        object_type="token",
        object_id=token.pk,
    )
    return tokens.revoke(token_id=token_id, by=by, at=at) or token
