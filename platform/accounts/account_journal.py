"""The accounts' journal: who signed in, failed to, changed a name, a password, an address or a second factor.

Written in the transaction of what it tells. What a member does is told to their offices by a task, so that a sign-in
takes as long whoever tries it (docs/decisions/0040).
"""

import datetime
from typing import Any

from allauth.core import context
from django.db import transaction
from django.http import HttpRequest
from django_tenants.utils import get_public_schema_name
from prometheus_client import Counter

from accounts.known_origins import get_client_ip
from accounts.models import SEALED_ACCOUNT_EVENTS, AccountEvent, AccountEventSeal, User
from core.connections import connection
from core.telemetry import count_on_commit
from jobs.tasks import defer

EVENTS = Counter("peps_account_events", "Entries of the accounts' journal.", ["action"])
for _action in AccountEvent.Action:
    # 0 from the start: the first refusal would else be no increase.
    EVENTS.labels(_action.value)


#: Told to the office at whose host they happen; all others to every office of the account.
_OF_ONE_HOST = {
    AccountEvent.Action.SIGNED_IN,
    AccountEvent.Action.PASSWORD_REFUSED,
    AccountEvent.Action.CODE_REFUSED,
}
#: Not told to offices: the first by its own entry, the others are the operator's.
_OF_NO_OFFICE = {
    AccountEvent.Action.CLOSED,
    AccountEvent.Action.OPERATOR_CREATED,
    AccountEvent.Action.ENROLMENT_CODE,
    AccountEvent.Action.KEY_REVEALED,
    AccountEvent.Action.BOOKS_DOWNLOADED,
}
#: Seals are deleted with their entries, some time after the youngest of them may be.
_SEAL_MARGIN = datetime.timedelta(days=1)


@transaction.atomic
def record_event(
    action: AccountEvent.Action,
    *,
    user: User | None,
    at: datetime.datetime,
    by: User | None = None,
    details: str = "",
) -> AccountEvent:
    """Write an event of an account, with the host and the address of the current request, if any.

    `user`: None for a name that no account has; the name itself is not kept, as it may be a password. `by`: who did it,
    where it is somebody else. `details`: a French sentence after the event's label.
    """
    request: HttpRequest | None = context.request
    label = AccountEvent.Action(action).label
    event = AccountEvent.objects.create(
        at=at,
        action=action,
        account_id=user.pk if user else None,
        username=user.username if user else "",
        by_id=by.pk if by else None,
        by_username=by.username if by else "",
        host=_get_host(request),
        address=get_client_ip(request) if request is not None else None,
        summary=f"{label} : {details}" if details else f"{label}.",
    )
    count_on_commit(EVENTS.labels(str(action)))
    public = str(get_public_schema_name())
    if action in _OF_ONE_HOST:
        if connection.schema_name != public:
            defer("collectivities.note_account_event", schema=connection.schema_name, event_id=event.pk)
    elif action not in _OF_NO_OFFICE:
        defer("collectivities.notify_offices", schema=public, event_id=event.pk)
    return event


def record_renaming(user: User, *, former_name: str, at: datetime.datetime, by: User | None = None) -> None:
    """Write that the account's name was changed; nothing where it is the same."""
    if str(user) != former_name:
        details = f"« {former_name} » devient « {user} »."
        record_event(AccountEvent.Action.RENAMED, user=user, at=at, by=by, details=details)


def find_account(credentials: dict[str, Any]) -> User | None:
    """Return the account whose username was typed, or the only one whose confirmed address was.

    One query, whatever exists. A username comes first: it may look like somebody's address.
    """
    typed = str(credentials.get("username", "")).strip().lower()
    by_username = User.objects.filter(username=typed)
    if "@" not in typed:
        return by_username.first()
    by_address = User.objects.filter(
        email__iexact=typed, is_active=True, emailaddress__email=typed, emailaddress__verified=True
    )
    # A union, so that each branch uses its index. Two of an address are enough to know that it is not one account's.
    found = list(by_username.union(by_address)[:3])
    named = next((user for user in found if user.username == typed), None)
    return named or (found[0] if len(found) == 1 else None)


@transaction.atomic
def prune(*, at: datetime.datetime) -> int:
    """Delete the events that are kept no longer, with their seals; return how many."""
    kept_for = SEALED_ACCOUNT_EVENTS.kept_for or datetime.timedelta()
    total = 0
    for seal in AccountEventSeal.objects.filter(sealed_at__lt=at - kept_for - _SEAL_MARGIN).order_by("number"):
        deleted, _ = AccountEvent.objects.filter(pk__in=seal.entry_ids, at__lt=at - kept_for).delete()
        total += deleted
        seal.delete()
    return total


def _get_host(request: HttpRequest | None) -> str:
    return request.get_host().partition(":")[0] if request is not None else ""
