"""Read-only queries on teachers' invitations."""

import datetime
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, NamedTuple

from allauth.account.models import EmailAddress
from django.db.models import Exists, OuterRef, Q, QuerySet, Subquery

from accounts.models import Profile, User
from core.calendar import date_in_paris
from core.links import hash_token
from licensing.entitlements.models import Entitlement, EntitlementStatus, Seat
from licensing.entitlements.wording import CANCELLED_SENTENCE, format_long_date
from licensing.requests.invitations.exceptions import InvitationRefused
from licensing.requests.invitations.models import TOPIC, InvitationEnd, TeacherInvitation, is_same_person
from mailing.models import LOST, Message
from schools.models import Affiliation

_ASK_AGAIN = "Demandez à la direction de l’école de vous inviter de nouveau : un clic lui suffit."


@dataclass(frozen=True, slots=True)
class WaitingInvitation:
    """An invitation as a principal's page shows it."""

    invitation: TeacherInvitation
    #: Whether its last letter was refused by the recipient's server, or could not be sent.
    lost: bool
    #: Whether it can be reminded now.
    may_remind: bool


class InvitedPeople(NamedTuple):
    """The invitations of a school as its principals see them."""

    #: Those that wait for an answer.
    waiting: list[WaitingInvitation]
    #: The last of each person who has not answered, and is not waited for.
    unanswered: list[TeacherInvitation]


def list_invited(
    subscription_ids: Collection[int], *, ended_of: Collection[int], at: datetime.datetime
) -> InvitedPeople:
    """Return who was invited to these subscriptions and has not answered, the oldest first. One query.

    `ended_of`: the subscriptions whose ended invitations count, the past ones of the school too: what became of an
    invitation loses nobody's address. For principals who may see the school's teachers.
    """
    last_letter = Message.objects.filter(topic=TOPIC, topic_id=OuterRef("pk")).order_by("-pk").values("state")[:1]
    pending = Q(subscription__in=subscription_ids, ended_at__isnull=True, expires_at__gt=at)
    # Annotated, which the stubs do not express.
    found: QuerySet[Any] = (
        TeacherInvitation.objects.filter(pending | Q(subscription__in=ended_of, ended_at__isnull=False))
        .annotate(letter=Subquery(last_letter))
        .order_by("created_at", "pk")
    )
    waiting: list[WaitingInvitation] = []
    last_ended: dict[tuple[str, str], TeacherInvitation] = {}
    for one in found:
        if one.ended_at is None:
            waiting.append(WaitingInvitation(one, one.letter in LOST, one.may_be_reminded_at(at)))
        else:
            last_ended[one.email.lower(), one.name.lower()] = one
    waited_for = [one.invitation for one in waiting]
    unanswered = [
        one
        for one in last_ended.values()
        if one.is_unanswered and not any(is_same_invited(one, other) for other in waited_for)
    ]
    return InvitedPeople(waiting, unanswered)


def is_same_invited(one: TeacherInvitation, other: TeacherInvitation) -> bool:
    """Whether two invitations may be those of one person."""
    return one.email.lower() == other.email.lower() and is_same_person(one.name, other.name)


def get_invitation_by_token(token: str, *, at: datetime.datetime) -> TeacherInvitation:
    """Return the invitation of a link, with school, licence and inviter. Raises an `InvitationRefused`."""
    invitation = (
        TeacherInvitation.objects.filter(token_hash=hash_token(token))
        .select_related(
            "invited_by",
            "subscription__school",
            "subscription__principal",
            "subscription__key__entitlement__product",
            "subscription__key__entitlement__collectivity",
        )
        .first()
    )
    if invitation is None:
        raise InvitationRefused(
            "unknown_invitation",
            "Ce lien n’ouvre pas d’invitation. Rouvrez l’e-mail et cliquez sur son bouton, ou demandez à la direction "
            "de l’école de vous inviter de nouveau.",
        )
    check_usable(invitation, at)
    return invitation


def find_seat_of_spent(token: str, user: User) -> Seat | None:
    """Return the licence that the user holds of those of an invitation that has served; None for anybody else."""
    served = TeacherInvitation.objects.filter(
        token_hash=hash_token(token), outcome__in=(InvitationEnd.ACCEPTED, InvitationEnd.SERVED)
    )
    return Seat.objects.filter(holder=user, subscription__in=served.values("subscription")).order_by("pk").first()


def check_usable(invitation: TeacherInvitation, at: datetime.datetime) -> None:
    """Raise the `InvitationRefused` that says why the link opens nothing, if so."""
    _check_not_ended(invitation, at)
    _check_licences(invitation.subscription.key.entitlement, date_in_paris(at))
    led = Affiliation.objects.filter(school=invitation.subscription.school_id, verified_at__isnull=False)
    if not led.exists():
        raise InvitationRefused(
            "school_without_principal",
            "Plus personne ne dirige cette école sur Pep’s pour l’instant : votre invitation ne peut pas servir. "
            "Voyez avec la direction de l’école.",
        )


def _check_not_ended(invitation: TeacherInvitation, at: datetime.datetime) -> None:
    if invitation.outcome in (InvitationEnd.ACCEPTED, InvitationEnd.SERVED):
        raise InvitationRefused(
            "invitation_spent", "Cette invitation a déjà servi : votre licence vous attend dans votre compte."
        )
    if invitation.outcome == InvitationEnd.RECALLED:
        raise InvitationRefused(
            "invitation_recalled",
            "La direction de l’école a annulé cette invitation : la licence n’est plus réservée. Une erreur ? "
            "Répondez à l’e-mail d’invitation, ou voyez avec la direction : elle peut vous inviter de nouveau.",
        )
    if invitation.outcome == InvitationEnd.OVER:
        raise InvitationRefused("licences_over", f"Les licences de cette invitation sont terminées. {_ASK_AGAIN}")
    if not invitation.is_pending_at(at):
        raise InvitationRefused(
            "invitation_expired",
            f"Cette invitation valait jusqu’au {format_long_date(invitation.expires_at)}. {_ASK_AGAIN}",
        )


def _check_licences(entitlement: Entitlement, day: datetime.date) -> None:
    if entitlement.status_on(day) is EntitlementStatus.CANCELLED:
        raise InvitationRefused("licences_over", f"{CANCELLED_SENTENCE}. Voyez avec la direction de l’école.")
    if entitlement.over_on(day):
        raise InvitationRefused("licences_over", f"Les licences de cette invitation sont terminées. {_ASK_AGAIN}")
    if entitlement.suspended_on(day):
        raise InvitationRefused(
            "licences_suspended",
            "Les licences de l’école sont suspendues pour l’instant. Votre invitation reste valable : rouvrez ce lien "
            "quand la direction vous dira qu’elles ont repris.",
        )


class MailboxAccounts(NamedTuple):
    """The accounts at the address of an invitation, as its page needs them."""

    #: Whether a teacher has an account with that confirmed address.
    of_teacher: bool
    #: Whether the address is the school's too, or any account's: a new account then has a sign-in name of its own.
    is_shared: bool


def get_mailbox_accounts(invitation: TeacherInvitation) -> MailboxAccounts:
    """Return what is known of the address. For who has opened the link, and so reads the mailbox. One query."""
    address = invitation.email.lower()
    accounts = list(
        User.objects.filter(Q(email__iexact=address) | Q(username=address))
        .annotate(confirmed=Exists(EmailAddress.objects.filter(user=OuterRef("pk"), email=address, verified=True)))
        .values_list("profile", "is_active", "confirmed")
    )
    school = invitation.subscription.school
    return MailboxAccounts(
        of_teacher=any(profile == Profile.TEACHER and active and confirmed for profile, active, confirmed in accounts),
        is_shared=bool(accounts) or (school is not None and address == school.email.lower()),
    )
