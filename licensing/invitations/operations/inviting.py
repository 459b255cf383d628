"""Invite teachers of a school by their e-mail addresses."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from typing import NamedTuple

from django.db import transaction
from django.db.models.functions import Lower

from accounts.models import Profile, User
from core.calendar import date_in_paris, end_of_day, start_of_day
from core.formatting import join_words, pluralize
from core.links import generate_nonce, hash_token
from licensing.entitlements import key_checks, seat_holders
from licensing.entitlements import notifications as seat_notifications
from licensing.entitlements.exceptions import NoSeatLeft
from licensing.entitlements.models import Entitlement, Seat, SeatMode, Subscription
from licensing.entitlements.queries import serving_same_classes
from licensing.invitations import notifications
from licensing.invitations.address_list import AddressList, BadLine, InvitedPerson, parse_addresses
from licensing.invitations.exceptions import BadAddresses, NobodyToInvite
from licensing.invitations.limits import count_letters
from licensing.invitations.models import TeacherInvitation
from licensing.invitations.operations.endings import get_administered_invitation
from licensing.invitations.person_names import is_same_person

VALIDITY = datetime.timedelta(days=30)


class InvitationResult(NamedTuple):
    """What became of the addresses: nobody among them is left out."""

    #: New invitations, each with a seat reserved.
    invitations: list[TeacherInvitation]
    #: Seats given at once, to teachers of the school who have an account with that address.
    seats: list[Seat]
    #: Those of them who held a seat already.
    already: list[User]
    #: Invitations of the same persons that wait already.
    waiting: list[TeacherInvitation]
    #: Lines that were skipped, and how many addresses stood there twice.
    bad_lines: list[BadLine]
    repeated: int


class _Groups(NamedTuple):
    new: list[InvitedPerson]
    members: list[User]
    already: list[User]
    waiting: list[TeacherInvitation]


@transaction.atomic
def invite_teachers(
    *, subscription_id: int, addresses: str, by: User, at: datetime.datetime, skip_bad_lines: bool = False
) -> InvitationResult:
    """Invite the teachers of a pasted list, and reserve a seat of the subscription for each.

    A teacher of the school who has an account with the address receives the seat at once. Raises a `LicensingError`,
    having changed nothing: `BadAddresses` for a line that cannot be read, unless these are to be skipped,
    `NobodyToInvite`, `NoSeatLeft`, `PrincipalNotVerified`, `TooManyTeachersInvited`.
    """
    listed = parse_addresses(addresses)
    subscription = _get_inviting_subscription(subscription_id, by, at)
    if listed.bad_lines and not skip_bad_lines:
        raise BadAddresses(_describe_bad_lines(listed.bad_lines), listed.bad_lines, len(listed.people))
    if not listed.people:
        raise NobodyToInvite("Collez au moins une adresse e-mail, une par ligne.")
    return _invite(listed, subscription, by=by, at=at)


@transaction.atomic
def invite_again(*, invitation_id: int, subscription_id: int, by: User, at: datetime.datetime) -> InvitationResult:
    """Invite the person of an invitation that ended without an answer, with a seat of this subscription.

    Raises what `get_administered_invitation` and `invite_teachers` raise; `TeacherOfAnotherSchool` where the two are
    not of one school.
    """
    invitation = get_administered_invitation(invitation_id, by)
    subscription = _get_inviting_subscription(subscription_id, by, at)
    if invitation.subscription.school_id != subscription.school_id:
        raise seat_holders.other_school_error()
    listed = AddressList([InvitedPerson(invitation.email, invitation.name)], [], 0)
    return _invite(listed, subscription, by=by, at=at)


def _get_inviting_subscription(subscription_id: int, by: User, at: datetime.datetime) -> Subscription:
    """Return a subscription that this principal may invite for. Raises a `LicensingError`."""
    subscription = seat_holders.get_administered_subscription(subscription_id, by)
    key_checks.check_available(subscription.key.entitlement, by, at)
    seat_holders.check_may_see_teachers(subscription, by)
    return subscription


def _invite(listed: AddressList, subscription: Subscription, *, by: User, at: datetime.datetime) -> InvitationResult:
    # Serialises concurrent principals, so that nobody is invited twice.
    Subscription.objects.locked().get(pk=subscription.pk)
    groups = _sort_out(listed.people, subscription, date_in_paris(at))
    seats = _lock_free_seats(subscription, len(groups.new) + len(groups.members))
    given = seats[: len(groups.members)]
    _give(given, groups.members, subscription, by=by, at=at)
    invitations = _reserve(seats[len(given) :], groups.new, subscription, by=by, at=at)
    return InvitationResult(invitations, given, groups.already, groups.waiting, listed.bad_lines, listed.repeated)


def get_expiry(entitlement: Entitlement, at: datetime.datetime) -> datetime.datetime:
    """Return until when an invitation waits: 30 days from now or from the first day, and not beyond the last."""
    begins = max(at, start_of_day(entitlement.first_day))
    return min(begins + VALIDITY, end_of_day(entitlement.last_day))


def _sort_out(people: Sequence[InvitedPerson], subscription: Subscription, day: datetime.date) -> _Groups:
    """Tell the people who are new from those who have an account in the school, and those who are invited already.

    With whichever key of the school year: nobody is given two licences by mistake.
    """
    alike = serving_same_classes(subscription, day).values("pk")
    addresses = [person.email.lower() for person in people]
    accounts: dict[str, list[User]] = {}
    teachers = User.objects.filter(profile=Profile.TEACHER, is_active=True, affiliations__school=subscription.school_id)
    for teacher in teachers.alias(address=Lower("email")).filter(address__in=addresses).order_by("pk"):
        accounts.setdefault(teacher.email.lower(), []).append(teacher)
    pending: dict[str, list[TeacherInvitation]] = {}
    waiting = TeacherInvitation.objects.pending().filter(subscription__in=alike)
    for invitation in waiting.alias(address=Lower("email")).filter(address__in=addresses).order_by("pk"):
        pending.setdefault(invitation.email.lower(), []).append(invitation)
    holders = set(Seat.objects.held().filter(subscription__in=alike).values_list("holder_id", flat=True))
    groups = _Groups([], [], [], [])
    for person in people:
        address = person.email.lower()
        account = _find_same(person, accounts.get(address, []))
        invited = _find_same(person, pending.get(address, []))
        if account is not None:
            (groups.already if account.pk in holders else groups.members).append(account)
        elif invited is not None:
            groups.waiting.append(invited)
        else:
            groups.new.append(person)
    return groups


def _find_same[Known: (User, TeacherInvitation)](person: InvitedPerson, known: Sequence[Known]) -> Known | None:
    """Return who is meant among those of the same address, whom names tell apart; None for somebody else."""
    return next((one for one in known if is_same_person(person.name, _get_name(one))), None)


def _get_name(known: User | TeacherInvitation) -> str:
    return known.name or known.email if isinstance(known, TeacherInvitation) else str(known)


def _lock_free_seats(subscription: Subscription, wanted: int) -> list[Seat]:
    """Lock as many free seats. Raises `NoSeatLeft`."""
    free = subscription.seats.free().by_assignment_priority().select_for_update(of=("self",), no_key=True)
    seats = list(free[:wanted])
    if len(seats) < wanted:
        if not seats:
            raise NoSeatLeft(
                f"{seat_holders.no_seat_left_message(subscription)} Retirez-en une, annulez une "
                "invitation, ou demandez-en d’autres."
            )
        raise NoSeatLeft(
            f"Vous invitez {wanted} personnes et il reste {pluralize(len(seats), 'licence')} : retirez "
            f"{pluralize(wanted - len(seats), 'adresse')}, ou demandez d’autres licences. Rien n’a été envoyé."
        )
    for seat in seats:
        seat.subscription = subscription
    return seats


def _give(
    seats: list[Seat], teachers: list[User], subscription: Subscription, *, by: User, at: datetime.datetime
) -> None:
    if not seats:
        return
    served = "L’une de ces personnes saisit la clé elle-même en ce moment : relisez la liste, puis recommencez."
    seat_holders.assign_seats(seats, teachers, SeatMode.AUTOMATIC, by=by, at=at, message=served)
    seat_notifications.notify_teachers_of_assignment(seats, at)
    seat_notifications.notify_collectivity(subscription.key, "held", at)


def _reserve(
    seats: list[Seat], people: list[InvitedPerson], subscription: Subscription, *, by: User, at: datetime.datetime
) -> list[TeacherInvitation]:
    if not people:
        return []
    count_letters(subscription, [person.email for person in people], by=by, at=at)
    Seat.objects.filter(pk__in=[seat.pk for seat in seats]).update(reserved_at=at)
    expires_at = get_expiry(subscription.key.entitlement, at)
    invitations = []
    for seat, person in zip(seats, people, strict=True):
        invitation = TeacherInvitation(
            subscription=subscription,
            seat=seat,
            email=person.email,
            name=person.name,
            nonce=generate_nonce(),
            invited_by=by,
            created_at=at,
            expires_at=expires_at,
        )
        invitation.token_hash = hash_token(invitation.link_token)
        invitations.append(invitation)
    TeacherInvitation.objects.bulk_create(invitations)
    notifications.notify_invited(invitations, at)
    return invitations


def _describe_bad_lines(lines: Sequence[BadLine]) -> str:
    numbers = sorted({line.number for line in lines})
    if len(numbers) == 1:
        reasons = join_words([line.reason for line in lines])
        if all(line.quotes_address for line in lines):
            # The rest of the line was understood: other addresses may stand on it.
            return f"Ligne {numbers[0]} : {reasons}. Rien n’a été envoyé."
        return f"La ligne {numbers[0]} n’a pas été comprise : {reasons}. Rien n’a été envoyé."
    return f"Les lignes {join_words([str(number) for number in numbers])} n’ont pas été comprises. Rien n’a été envoyé."
