"""Personal data in the collectivities' schemas: export, and erasure when an account is deleted.

Reads query all schemas at once; writes enter the schema of each office the person belongs to. The audit log keeps
names as they were written: a public body must be able to say who allocated its licences.
"""

import datetime
from collections.abc import Collection
from typing import Any, NamedTuple

from django.db import transaction
from django.db.models.functions import Lower
from django_tenants.utils import tenant_context

from accounts.models import AccountEvent, User
from collectivities import audit_log
from collectivities.capabilities import Capability
from collectivities.exceptions import LastManager
from collectivities.models import ACCOUNT_ACTIONS, AuditEntry, Invitation, Letter, Member, list_roles
from collectivities.operations.members import format_roles
from core.advisory_locks import try_transaction_lock
from core.connections import connection
from core.formatting import join_words
from jobs.tasks import defer
from mailing import personal_data as outbox
from tenants.cross_schema import query_all
from tenants.models import Collectivity

_MEMBERSHIPS = """
    SELECT member.roles, member.joined_at, member.left_at,
           member.left_at IS NULL AND member.roles && %s::varchar[] AND NOT EXISTS (
               SELECT FROM {schema}.collectivities_member AS other
               WHERE other.left_at IS NULL AND other.id <> member.id AND other.roles && %s::varchar[]
           ),
           ARRAY(
               SELECT choice.letter FROM {schema}.collectivities_letterchoice AS choice
               WHERE choice.member_id = member.id AND choice.is_wanted ORDER BY choice.letter
           ),
           ARRAY(
               SELECT choice.letter FROM {schema}.collectivities_letterchoice AS choice
               WHERE choice.member_id = member.id AND NOT choice.is_wanted ORDER BY choice.letter
           )
    FROM {schema}.collectivities_member AS member WHERE member.user_id = %s
"""


class OfficeMembership(NamedTuple):
    """A current or past membership of an office."""

    collectivity: Collectivity
    roles: list[str]
    joined_at: datetime.datetime
    left_at: datetime.datetime | None
    # Whether the office has no other manager.
    last_manager: bool
    # Letters that they chose to get, and not to get.
    wanted: list[str]
    unwanted: list[str]


def list_memberships(user: User) -> list[OfficeMembership]:
    """Return current and past memberships, by collectivity name. Two queries per hundred collectivities."""
    # All or nothing: an office that cannot be read would keep the data of a deleted account.
    managing = list_roles(Capability.MANAGE_OFFICE)
    found = query_all(_MEMBERSHIPS, [managing, managing, user.pk], all_or_nothing=True)
    return [OfficeMembership(collectivity, *values) for collectivity, values in found]


def format_last_manager_message(offices: Collection[str]) -> str:
    """Return the French sentence for the last manager of these offices: why they cannot leave, and what to do."""
    named = join_words([f"« {office} »" for office in offices])
    plural = len(offices) > 1
    return (
        f"Vous êtes le dernier gestionnaire {'des bureaux' if plural else 'du bureau'} {named} : donnez d'abord ce "
        f"rôle à une autre personne {'de chacun' if plural else 'du bureau'}, sans quoi plus personne n'y pourrait "
        "inviter ni attribuer."
    )


@transaction.atomic
def end_memberships(user: User, *, addresses: Collection[str], at: datetime.datetime) -> None:
    """End all memberships of the user; each audit log gets an entry with their current name.

    `addresses` are erased from accepted invitations and their e-mails. Raises `LastManager`, naming every office
    whose last manager they are, having changed nothing.
    """
    refused = []
    for one in list_memberships(user):
        with tenant_context(one.collectivity):
            if one.left_at is None and not _leave(user, at=at):
                refused.append(one.collectivity.name)
            _erase_addresses(addresses)
    if refused:
        raise LastManager(format_last_manager_message(refused))


def export_personal_data(user: User) -> list[dict[str, Any]]:
    """Return current and past memberships with their roles, for the personal data export."""
    return [
        {
            "bureau": one.collectivity.name,
            "rôles": format_roles(one.roles),
            "depuis le": one.joined_at,
            "parti le": one.left_at,
            "lettres que vous voulez": [str(Letter(letter).label) for letter in one.wanted],
            "lettres que vous ne voulez pas": [str(Letter(letter).label) for letter in one.unwanted],
        }
        for one in list_memberships(user)
    ]


def _leave(user: User, *, at: datetime.datetime) -> bool:
    """End the membership in the current schema; return False, having changed nothing, for its last manager."""
    # Lock all, as `operations.members` does: two managers leaving at once must not leave none.
    members = list(Member.objects.active().locked())
    membership = next((member for member in members if member.user_id == user.pk), None)
    if membership is None:
        return True  # a concurrent request ended it
    if membership.may(Capability.MANAGE_OFFICE) and not any(
        other.may(Capability.MANAGE_OFFICE) for other in members if other != membership
    ):
        return False
    membership.left_at = at
    membership.save(update_fields=["left_at"])
    membership.letter_choices.all().delete()
    audit_log.record(
        action="members.left",
        by=user,
        at=at,
        summary=f"{user} a supprimé son compte et ne fait plus partie du bureau.",
        object_type="member",
        object_id=membership.pk,
    )
    return True


def _erase_addresses(addresses: Collection[str]) -> None:
    accepted = Invitation.objects.filter(accepted_at__isnull=False).alias(address=Lower("email"))
    invitation_ids = list(accepted.filter(address__in=[one.lower() for one in addresses]).values_list("pk", flat=True))
    Invitation.objects.filter(pk__in=invitation_ids).update(email="")
    outbox.anonymise(outbox.filter_by_topic("invitation", invitation_ids))


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
