"""Invitations, roles and removal of the office's members.

Every change that may affect managers locks all members first: two managers who remove each other at the same moment
must not leave an office without one.
"""

import datetime
from collections.abc import Collection, Sequence

from allauth.account.models import EmailAddress
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction
from django.db.models import Min
from django_tenants.utils import get_public_schema_name

from accounts import emails, usernames
from accounts.emails import queue_email_to_user
from accounts.models import Profile, User
from accounts.queries import has_confirmed_address
from collectivities import audit_log
from collectivities.capabilities import Capability
from collectivities.exceptions import InvalidAddress, InvitationGone, InvitedAtAnotherAddress, LastManager
from collectivities.models import INVITATION_KEPT, Invitation, Member, list_role_labels, sort_roles
from collectivities.queries import get_current_collectivity, get_invitation_by_token
from core.connections import connection
from core.exceptions import Refusal
from core.links import generate_nonce, hash_token
from jobs import due
from jobs.retention import schedule_pruning
from mailing.models import LOST, Message
from mailing.operations import cancel, enqueue
from tenants.models import Collectivity, OfficeConcern

# Why the operator should look at an office: e-mails that did not arrive, and nobody in it a week after the invitation.
#
# Noted in the public schema by a job of the office, so that the operator's page asks the offices concerned and no
# other. The reason is in docs/decisions/0158.

#: The task that looks at an office.
CHECK_OFFICE = "collectivities.check_office"
#: After this long, delivery failures concern nobody any more.
FAILURE_WINDOW = datetime.timedelta(days=14)
#: After this long, a first manager who has not signed in may have lost the invitation.
INVITATION_GRACE = datetime.timedelta(days=7)
#: After this long, an office with a concern is looked at again: it may be over.
_NEXT_LOOK = datetime.timedelta(days=1)


def schedule_check(when: datetime.datetime) -> None:
    """Have the current schema's office looked at, from `when` on. In the causing transaction."""
    due.schedule(CHECK_OFFICE, connection.schema_name, when)


def schedule_check_of_lost(_messages: Sequence[Message], at: datetime.datetime) -> None:
    """Have the office looked at whose messages were lost; does nothing in the public schema, which is no office's."""
    if connection.schema_name != get_public_schema_name():
        schedule_check(at)


@transaction.atomic
def check_office(*, at: datetime.datetime) -> set[str]:
    """Note what the operator should look at in the current schema's office; return the kinds of `OfficeConcern`.

    Schedules the next look where there is something, or may be later.
    """
    # One look at a time: what an earlier one has read must not replace what this one finds.
    office = Collectivity.objects.select_for_update(no_key=True).get(schema_name=connection.schema_name)
    found = set()
    if Message.objects.filter(state__in=LOST, created_at__gt=at - FAILURE_WINDOW).exists():
        found.add(OfficeConcern.Kind.LOST_MESSAGES.value)
    if not Member.objects.active().exists():
        invited = Invitation.objects.aggregate(first=Min("created_at"))["first"]
        if invited is not None and invited <= at - INVITATION_GRACE:
            found.add(OfficeConcern.Kind.EMPTY.value)
        elif invited is not None:
            # A job may be a moment early by its own clock.
            schedule_check(invited + INVITATION_GRACE)
    OfficeConcern.objects.filter(collectivity=office).exclude(kind__in=found).delete()
    concerns = [OfficeConcern(collectivity=office, kind=kind) for kind in sorted(found)]
    OfficeConcern.objects.bulk_create(concerns, ignore_conflicts=True)
    if found:
        schedule_check(at + _NEXT_LOOK)
    return found


VALIDITY = datetime.timedelta(days=14)


def clean_email(email: str) -> str:
    """Return the e-mail address, stripped. Raises `InvalidAddress`."""
    email = email.strip()
    try:
        validate_email(email)
    except ValidationError:
        raise InvalidAddress(
            f"« {email} » n'est pas une adresse e-mail." if email else "Indiquez une adresse e-mail."
        ) from None
    return email


def clean_roles(roles: Collection[str]) -> list[str]:
    """Return the roles without duplicates, in order. Refuses none, or an unknown one."""
    known = sort_roles(roles)
    if not known or len(known) < len(set(roles)):
        raise Refusal("invalid_roles", "Choisissez au moins un rôle parmi ceux de la liste.")
    return [role.value for role in known]


def format_roles(roles: Collection[str]) -> str:
    """Return the French labels of the roles, separated by commas."""
    return ", ".join(list_role_labels(roles)).lower()


@transaction.atomic
def invite(*, email: str, roles: Collection[str], by: User | None, at: datetime.datetime) -> Invitation:
    """Send an invitation by e-mail, whose link works once within fourteen days, and return it.

    A second invitation of the same address replaces the first. Raises `InvalidAddress`; refuses unknown roles.
    """
    email, roles = clean_email(email), clean_roles(roles)
    # Two concurrent ones of the same address would both find none to replace. Whoever changes an invitation locks the
    # table before its row, lest one waits for the other's row and the other for the table.
    Invitation.objects.lock_table()
    earlier = Invitation.objects.pending().filter(email__iexact=email)
    earlier_ids = list(earlier.values_list("pk", flat=True))
    earlier.update(withdrawn_at=at)
    cancel("invitation", earlier_ids, at)
    invitation = Invitation(
        email=email,
        roles=roles,
        nonce=generate_nonce(),
        created_at=at,
        expires_at=at + VALIDITY,
        invited_by_id=by.pk if by else None,
    )
    invitation.token_hash = hash_token(invitation.link_token)
    invitation.save(force_insert=True)
    enqueue(kind="invitation", recipient=email, at=at, topic="invitation", topic_id=invitation.pk)
    schedule_pruning(invitation.expires_at + INVITATION_KEPT)
    schedule_check(at + INVITATION_GRACE)
    _record("invited", invitation, f"Invitation envoyée à {email} ({format_roles(roles)}).", by=by, at=at)
    return invitation


@transaction.atomic
def renew_invitation(*, invitation_id: int, by: User, at: datetime.datetime) -> Invitation:
    """Send a pending invitation again, expired or not: with another link, for fourteen days; return the new one.

    Raises `InvitationGone` where it was accepted, withdrawn or replaced, or does not exist.
    """
    Invitation.objects.lock_table()
    invitation = Invitation.objects.pending().filter(pk=invitation_id).first()
    if invitation is None:
        raise InvitationGone
    return invite(email=invitation.email, roles=invitation.roles, by=by, at=at)


@transaction.atomic
def withdraw_invitation(*, invitation_id: int, by: User, at: datetime.datetime) -> None:
    """Withdraw an invitation, so that its link no longer works. Idempotent.

    Raises `InvitationGone` where it was accepted or does not exist.
    """
    Invitation.objects.lock_table()
    invitation = Invitation.objects.filter(pk=invitation_id, accepted_at=None).first()
    if invitation is None:
        raise InvitationGone
    if invitation.withdrawn_at is not None:
        return
    invitation.withdrawn_at = at
    invitation.save(update_fields=["withdrawn_at"])
    cancel("invitation", [invitation.pk], at)
    _record("invitation_withdrawn", invitation, f"Invitation de {invitation.email} retirée.", by=by, at=at)


@transaction.atomic
def accept_invitation(*, token: str, by: User, at: datetime.datetime) -> Member:
    """Make the user a member with the invitation's roles; an existing member gains these roles.

    Raises `InvitationGone`; `InvitedAtAnotherAddress` for an account that has not confirmed the invited address.
    """
    Invitation.objects.lock_table()
    invitation = get_invitation_by_token(token, at=at)
    check_invited(invitation, by)
    invitation.accepted_at, invitation.accepted_by_id = at, by.pk
    invitation.save(update_fields=["accepted_at", "accepted_by_id"])
    member = Member.objects.locked().filter(user=by).first()
    if member is None:
        member = Member.objects.create(user=by, roles=invitation.roles, joined_at=at)
    elif member.left_at is None:
        member.roles = clean_roles([*member.roles, *invitation.roles])
        member.save(update_fields=["roles"])
    else:
        member.roles, member.left_at, member.joined_at = invitation.roles, None, at
        member.save(update_fields=["roles", "left_at", "joined_at"])
    words = f"{by} a rejoint le bureau avec l'adresse {invitation.email} ({format_roles(member.roles)})."
    _record("joined", member, words, by=by, at=at)
    return member


def check_invited(invitation: Invitation, by: User) -> None:
    """Raise `InvitedAtAnotherAddress` for an account that has not confirmed the invited address."""
    if not has_confirmed_address(by.pk, invitation.email):
        raise InvitedAtAnotherAddress(invitation.email)


@transaction.atomic
def join_with_new_account(
    *, token: str, username: str, first_name: str, last_name: str, password: str, at: datetime.datetime
) -> Member:
    """Create the account of an invited person and accept the invitation with it.

    The link was sent to the invitation's address, which is thereby verified. `password`: one that the form accepts.
    Raises `InvitationGone`, and Django's `ValidationError` by field where the account is invalid. A username that is
    taken is no error: the account gets the first free variation of it, which the e-mail mentions.
    """
    invitation = get_invitation_by_token(token, at=at)
    user = User(
        username=username.strip().lower(),
        first_name=first_name.strip(),
        last_name=last_name.strip(),
        email=invitation.email,
        profile=Profile.AGENT,
    )
    user.set_password(password)
    user.full_clean(validate_unique=False)
    if usernames.is_reserved(user.username):
        raise ValidationError({"username": "Cet identifiant ne peut pas être choisi : prenez-en un autre."})
    usernames.save_with_free_username(user)
    EmailAddress.objects.create(user=user, email=user.email, primary=True, verified=True)
    queue_email_to_user(user, emails.CREATED, host=get_current_collectivity().office_host, at=at)
    return accept_invitation(token=token, by=user, at=at)


@transaction.atomic
def change_roles(*, member_id: int, roles: Collection[str], by: User, at: datetime.datetime) -> Member:
    """Replace a member's roles by these.

    Raises `LastManager`; refuses unknown roles or none, and a person who is no member.
    """
    roles = clean_roles(roles)
    member = _locked_member(member_id, stays_manager=Member(roles=roles).may(Capability.MANAGE_OFFICE))
    if set(member.roles) == set(roles):
        return member
    before, member.roles = member.roles, roles
    member.save(update_fields=["roles"])
    words = f"Rôles de {member.user} : {format_roles(roles)} (auparavant : {format_roles(before)})."
    _record("roles_changed", member, words, by=by, at=at)
    return member


@transaction.atomic
def remove_member(*, member_id: int, by: User, at: datetime.datetime) -> Member:
    """End a membership; the account stays. Raises `LastManager`; refuses a person who is no member."""
    member = _locked_member(member_id, stays_manager=False)
    member.left_at = at
    member.save(update_fields=["left_at"])
    _record("removed", member, f"{member.user} ne fait plus partie du bureau.", by=by, at=at)
    return member


def _record(action: str, about: Invitation | Member, summary: str, *, by: User | None, at: datetime.datetime) -> None:
    audit_log.record(
        action=f"members.{action}",
        by=by,
        at=at,
        summary=summary,
        object_type="member" if isinstance(about, Member) else "invitation",
        object_id=about.pk,
    )


def _locked_member(member_id: int, *, stays_manager: bool) -> Member:
    """Lock all members and return one. Raises `Refusal`, and `LastManager` where no manager would be left."""
    members = {member.pk: member for member in Member.objects.active().locked()}
    if member_id not in members:
        raise Refusal("not_a_member", "Cette personne ne fait plus partie du bureau : rechargez la page.")
    other_manager = any(member.may(Capability.MANAGE_OFFICE) for pk, member in members.items() if pk != member_id)
    if not stays_manager and not other_manager:
        raise LastManager(
            "C'est le dernier gestionnaire du bureau : donnez d'abord ce rôle à une autre personne, "
            "sans quoi plus personne ne pourrait inviter ni attribuer."
        )
    return Member.objects.get(pk=member_id)
