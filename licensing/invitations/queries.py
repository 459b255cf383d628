"""Read-only queries on teachers' invitations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from allauth.account.models import EmailAddress
from django.db.models import Exists, OuterRef, Q, Subquery

from accounts.models import Profile, User
from core.calendar import date_in_paris
from core.link_tokens import hash_token
from licensing.entitlements.models import EntitlementStatus
from licensing.entitlements.wording import CANCELLED_SENTENCE, format_long_date
from licensing.invitations.exceptions import (
    InvitationExpired,
    InvitationRecalled,
    InvitationSpent,
    LicencesOver,
    LicencesSuspended,
    SchoolWithoutPrincipal,
    UnknownInvitation,
)
from licensing.invitations.models import InvitationEnd, TeacherInvitation
from licensing.invitations.notifications import TOPIC
from mailing.models import LOST, Message
from schools.models import Affiliation

if TYPE_CHECKING:
    import datetime
    from collections.abc import Collection

    from django.db.models import QuerySet

    from licensing.entitlements.models import Entitlement

_ASK_AGAIN = "Demandez à la direction de l’école de vous inviter de nouveau : un clic lui suffit."


@dataclass(frozen=True, slots=True)
class WaitingInvitation:
    """An invitation as a principal's page shows it."""

    invitation: TeacherInvitation
    #: Whether its last letter was refused by the recipient's server, or could not be sent.
    lost: bool
    #: Whether it can be reminded now.
    may_remind: bool

    @property
    def name(self) -> str:
        """The name that the principal gave, else the address."""
        return str(self.invitation)


def list_waiting(subscription_ids: Collection[int], *, at: datetime.datetime) -> list[WaitingInvitation]:
    """Return the invitations of these subscriptions that wait for an answer, the oldest first. One query.

    For principals who may see the school's teachers.
    """
    last_letter = Message.objects.filter(topic=TOPIC, topic_id=OuterRef("pk")).order_by("-pk").values("state")[:1]
    # Annotated, which the stubs do not express.
    pending: QuerySet[Any] = (
        TeacherInvitation.objects.pending()
        .filter(subscription__in=subscription_ids, expires_at__gt=at)
        .annotate(letter=Subquery(last_letter))
        .order_by("created_at", "pk")
    )
    return [WaitingInvitation(one, one.letter in LOST, one.may_be_reminded_at(at)) for one in pending]


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
        raise UnknownInvitation(
            "Ce lien n’ouvre pas d’invitation. Rouvrez l’e-mail et cliquez sur son bouton, ou demandez à la direction "
            "de l’école de vous inviter de nouveau."
        )
    check_usable(invitation, at)
    return invitation


def check_usable(invitation: TeacherInvitation, at: datetime.datetime) -> None:
    """Raise the `InvitationRefused` that says why the link opens nothing, if so."""
    _check_not_ended(invitation, at)
    _check_licences(invitation.subscription.key.entitlement, date_in_paris(at))
    led = Affiliation.objects.filter(school=invitation.subscription.school_id, verified_at__isnull=False)
    if not led.exists():
        raise SchoolWithoutPrincipal(
            "Plus personne ne dirige cette école sur Pep’s pour l’instant : votre invitation ne peut pas servir. "
            "Voyez avec la direction de l’école."
        )


def _check_not_ended(invitation: TeacherInvitation, at: datetime.datetime) -> None:
    if invitation.outcome in (InvitationEnd.ACCEPTED, InvitationEnd.SERVED):
        raise InvitationSpent(
            "Cette invitation a déjà servi : votre licence vous attend dans votre compte. Connectez-vous."
        )
    if invitation.outcome == InvitationEnd.RECALLED:
        raise InvitationRecalled(
            "La direction de l’école a repris cette invitation. Si vous pensez que c’est une erreur, voyez avec elle : "
            "elle peut vous inviter de nouveau."
        )
    if invitation.outcome == InvitationEnd.OVER:
        raise LicencesOver(f"Les licences de cette invitation sont terminées. {_ASK_AGAIN}")
    if not invitation.is_pending_at(at):
        raise InvitationExpired(
            f"Cette invitation valait jusqu’au {format_long_date(invitation.expires_at)}. {_ASK_AGAIN}"
        )


def _check_licences(entitlement: Entitlement, day: datetime.date) -> None:
    if entitlement.status_on(day) is EntitlementStatus.CANCELLED:
        raise LicencesOver(f"{CANCELLED_SENTENCE}. Voyez avec la direction de l’école.")
    if entitlement.over_on(day):
        raise LicencesOver(f"Les licences de cette invitation sont terminées. {_ASK_AGAIN}")
    if entitlement.suspended_on(day):
        raise LicencesSuspended(
            "Les licences de l’école sont suspendues pour l’instant. Votre invitation reste valable : rouvrez ce lien "
            "quand la direction vous dira qu’elles ont repris."
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
