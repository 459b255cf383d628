"""Accept an invitation: with an account, or with a new one that the link's mailbox proves."""

from __future__ import annotations

import datetime

from allauth.account.models import EmailAddress
from django.conf import settings
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import transaction
from django.views.decorators.debug import sensitive_variables

from accounts import emails, usernames
from accounts.emails import queue_email_to_user
from accounts.models import Profile, User
from accounts.queries import has_confirmed_address
from core.contact_details import MAX_LENGTH, check_person_name
from licensing.entitlements import notifications as seat_notifications
from licensing.entitlements import seat_holders
from licensing.entitlements.exceptions import AlreadyHoldsSeat
from licensing.entitlements.models import Seat, SeatMode, Subscription
from licensing.invitations import notifications
from licensing.invitations.exceptions import MeantForAnotherAccount
from licensing.invitations.models import InvitationEnd, TeacherInvitation
from licensing.invitations.operations.endings import end, lock_seat_and_invitation
from licensing.invitations.person_names import PersonName, split_name, suggest_username
from licensing.invitations.queries import check_usable, get_invitation_by_token, get_mailbox_accounts
from schools import affiliations


@sensitive_variables("token")
@transaction.atomic
def accept_invitation(*, token: str, by: User, at: datetime.datetime, deliberate: bool = False) -> Seat:
    """Give the reserved seat to this account, and affiliate it with the school; return the seat they hold.

    `deliberate`: the person signed in at the invitation's own page; else the account must have the invited address.
    Raises an `InvitationRefused`; `MeantForAnotherAccount` for an account that is not the invited person's.
    """
    invitation = get_invitation_by_token(token, at=at)
    check_meant_for(invitation, by, deliberate=deliberate)
    return _take_seat(invitation, by, at)


def check_meant_for(invitation: TeacherInvitation, by: User, *, deliberate: bool = False) -> None:
    """Raise `MeantForAnotherAccount` for an account that may not take the seat."""
    if by.profile != Profile.TEACHER:
        raise MeantForAnotherAccount(
            "Cette invitation est celle d’une enseignante ou d’un enseignant, et votre compte ne l’est pas."
        )
    if not deliberate and not has_confirmed_address(by.pk, invitation.email):
        raise MeantForAnotherAccount("Cette invitation est adressée à quelqu’un d’autre que le compte connecté.")


@sensitive_variables("token", "password")
@transaction.atomic
def accept_with_new_account(*, token: str, name: str, password: str, at: datetime.datetime) -> Seat:
    """Create the account of an invited teacher, and give it the seat; return the seat, with its holder.

    The link was sent to the invitation's address, which is thereby proven. Raises an `InvitationRefused`, and Django's
    `ValidationError` by field (`name`, `password`).
    """
    invitation = get_invitation_by_token(token, at=at)
    person = _clean_person(name)
    user = User(first_name=person.first, last_name=person.last, email=invitation.email, profile=Profile.TEACHER)
    user.username = _choose_username(invitation, person)
    try:
        validate_password(password, user)
    except ValidationError as error:
        raise ValidationError({"password": error.messages}) from error
    user.set_password(password)
    usernames.save_with_free_username(user)
    EmailAddress.objects.create(user=user, email=user.email, primary=True, verified=True)
    queue_email_to_user(user, emails.CREATED, host=settings.BASE_DOMAIN, at=at)
    return _take_seat(invitation, user, at)


def _clean_person(name: str) -> PersonName:
    """Return first name and surname. Raises `ValidationError` for the field."""
    name = " ".join(name.split())
    try:
        check_person_name(name)
    except ValidationError as error:
        raise ValidationError({"name": error.messages}) from error
    person = split_name(name)
    if not person.last:
        raise ValidationError({"name": ["Indiquez votre prénom et votre nom, par exemple « Léa Martin »."]})
    return person


def _choose_username(invitation: TeacherInvitation, person: PersonName) -> str:
    """Return the invited address; `lea.martin` where the mailbox is the school's or another account's as well."""
    address = invitation.email.lower()
    if not get_mailbox_accounts(invitation).is_shared and len(address) <= MAX_LENGTH:
        try:
            User.username_validator(address)
        except ValidationError:
            pass
        else:
            return address
    suggested = suggest_username(person)
    return suggested if suggested and not usernames.is_reserved(suggested) else "enseignant"


def _take_seat(invitation: TeacherInvitation, teacher: User, at: datetime.datetime) -> Seat:
    invitation, related = lock_seat_and_invitation(invitation), invitation
    check_usable(invitation, at)
    subscription = related.subscription
    if subscription.school is not None:
        affiliations.choose(user=teacher, school=subscription.school, at=at)
    seat = subscription.seats.filter(holder=teacher).first()
    if seat is None:
        try:
            return _hold_reserved_seat(invitation, subscription, teacher, at)
        except AlreadyHoldsSeat:
            # They typed the key at the same moment.
            seat = subscription.seats.get(holder=teacher)
            invitation = lock_seat_and_invitation(related)
    end([invitation], InvitationEnd.SERVED, at)
    return seat


@transaction.atomic
def _hold_reserved_seat(
    invitation: TeacherInvitation, subscription: Subscription, teacher: User, at: datetime.datetime
) -> Seat:
    """Raise `AlreadyHoldsSeat`, having changed nothing, where the teacher took another seat meanwhile."""
    seat = invitation.seat
    if seat is None:
        raise ValueError("An invitation that waits has a seat.")
    seat.subscription = subscription
    # First: the listeners of the assignment end the invitations that wait for this teacher.
    invitation.seat, invitation.ended_at = None, at
    invitation.outcome, invitation.accepted_by = InvitationEnd.ACCEPTED, teacher
    invitation.save(update_fields=["seat", "ended_at", "outcome", "accepted_by"])
    seat_holders.assign_seats([seat], [teacher], SeatMode.AUTOMATIC, by=invitation.invited_by, at=at, message="")
    seat_notifications.notify_collectivity(subscription.key, "held", at)
    notifications.cancel_emails([invitation.pk], at)
    seat_notifications.notify_inviter_of_acceptance(seat, invitation.invited_by, at)
    return seat
