"""Entries of the audit log about the accounts of members: sign-ins, failures, second factors, names."""

from __future__ import annotations

import datetime

from django.db import transaction

from accounts.models import AccountEvent, User
from collectivities import audit_log
from collectivities.models import ACCOUNT_ACTIONS, AuditEntry, Member
from collectivities.personal_data import list_memberships
from core.advisory_locks import try_transaction_lock
from core.connections import connection
from jobs.tasks import defer

#: What somebody tried, and who knows whether it was the account's owner: the system signs these entries.
_TRIED = {AccountEvent.Action.PASSWORD_REFUSED, AccountEvent.Action.CODE_REFUSED}
_OBJECT_TYPE = "account_event"
#: Refused attempts at one account that are noted a day: a stranger must not fill a journal that is kept for ever.
MAX_REFUSALS_A_DAY = 20


@transaction.atomic
def note_event(event_id: int) -> bool:
    """Write an event of a member's account in the current collectivity's audit log; return whether it was written.

    Idempotent. Nothing is written about accounts that never were members: an office does not learn who else tried. Of
    refused attempts the first `MAX_REFUSALS_A_DAY` are written; the accounts' journal has them all.
    """
    event = AccountEvent.objects.get(pk=event_id)
    if event.account_id is None:
        return False
    member = Member.objects.filter(user_id=event.account_id).first()
    if member is None:
        return False
    if not try_transaction_lock(f"account_event:{connection.schema_name}:{event_id}"):
        return False
    if AuditEntry.objects.filter(object_type=_OBJECT_TYPE, object_id=event_id).exists():
        return False
    earlier = _count_refusals_before(event) if event.action in _TRIED else 0
    if earlier >= MAX_REFUSALS_A_DAY:
        return False
    by, summary = _describe(event, member.user)
    if earlier == MAX_REFUSALS_A_DAY - 1:
        summary += " Les essais suivants de ce jour ne sont plus inscrits ici."
    audit_log.record(
        action=f"{ACCOUNT_ACTIONS}{event.action}",
        by=by,
        at=event.at,
        summary=summary,
        object_type=_OBJECT_TYPE,
        object_id=event_id,
    )
    return True


@transaction.atomic
def notify_offices(event_id: int) -> int:
    """Queue the entry of an event in each office whose member the account is; return how many."""
    event = AccountEvent.objects.get(pk=event_id)
    if event.account_id is None:
        return 0
    user = User.objects.get(pk=event.account_id)
    memberships = [one for one in list_memberships(user) if one.left_at is None]
    for membership in memberships:
        defer("collectivities.note_account_event", schema=membership.collectivity.schema_name, event_id=event_id)
    return len(memberships)


def _count_refusals_before(event: AccountEvent) -> int:
    noted = AuditEntry.objects.filter(
        action__in=[f"{ACCOUNT_ACTIONS}{action}" for action in _TRIED],
        at__gt=event.at - datetime.timedelta(days=1),
        summary__contains=f"« {event.username} »",
    )
    return noted.count()


def _describe(event: AccountEvent, user: User) -> tuple[User | None, str]:
    """Return the actor and the summary of the entry."""
    of_account = event.summary.rstrip(".")
    if event.action in _TRIED:
        return None, f"{of_account} au compte « {event.username} »."
    if event.by_id is not None:
        return None, f"{of_account}, par l'exploitation du site (compte « {event.username} »)."
    return user, event.summary
