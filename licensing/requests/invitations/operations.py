"""Operations on teachers' invitations.

Each runs in one transaction. Lock order: subscription → seats → invitations. An exception leaves everything unchanged.
"""

import datetime
from collections.abc import Collection, Sequence
from typing import NamedTuple

from allauth.account.models import EmailAddress
from django.conf import settings
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Q
from django.db.models.functions import Lower
from django.views.decorators.debug import sensitive_variables

from accounts import emails as account_emails
from accounts import throttling, usernames
from accounts.emails import queue_email_to_user
from accounts.models import Profile, User
from accounts.queries import has_confirmed_address
from core.calendar import date_in_paris, end_of_day, start_of_day
from core.contact_details import MAX_LENGTH, check_person_name
from core.exceptions import Refusal
from core.formatting import join_words, pluralize
from core.links import generate_nonce, hash_token
from licensing.entitlements import key_checks, seat_holders
from licensing.entitlements import notifications as seat_notifications
from licensing.entitlements.exceptions import AlreadyHoldsSeat, NoSeatLeft, UndoTooLate
from licensing.entitlements.models import Entitlement, Seat, SeatMode, Subscription, available_on
from licensing.entitlements.queries import serving_same_classes
from licensing.requests.invitations import emails
from licensing.requests.invitations.address_list import AddressList, BadLine, InvitedPerson, parse_addresses
from licensing.requests.invitations.exceptions import (
    BadAddresses,
    MeantForAnotherAccount,
    TooManyTeachersInvited,
)
from licensing.requests.invitations.models import (
    InvitationEnd,
    PersonName,
    TeacherInvitation,
    is_same_person,
    split_name,
    suggest_username,
)
from licensing.requests.invitations.queries import (
    check_usable,
    get_invitation_by_token,
    get_mailbox_accounts,
    is_same_invited,
)
from schools import affiliations
from schools.calendar import is_writing_hour, list_open_departements
from schools.folding import fold

_DAY = datetime.timedelta(days=1)
PER_PRINCIPAL = throttling.RateLimit("invite/principal", 100, _DAY)
PER_SCHOOL = throttling.RateLimit("invite/school", 150, _DAY)
#: High: a school's mailbox may be that of all its teachers.
PER_MAILBOX = throttling.RateLimit("invite/mailbox", 20, _DAY)


def count_letters(subscription: Subscription, mailboxes: Collection[str], *, by: User, at: datetime.datetime) -> None:
    """Count a letter to each of these mailboxes, in the caller's transaction. Raises `TooManyTeachersInvited`."""
    per_sender = [(PER_PRINCIPAL, str(by.pk)), (PER_SCHOOL, str(subscription.school_id))]
    try:
        throttling.count_attempts(per_sender, at=at, tries=len(mailboxes))
        # In this order everywhere: two principals who write to the same mailboxes wait, and do not deadlock.
        for mailbox in sorted(address.lower() for address in mailboxes):
            throttling.count_attempts([(PER_MAILBOX, mailbox)], at=at)
    except throttling.RateLimitExceeded as throttled:
        raise TooManyTeachersInvited(
            f"Trop d’invitations sont parties aujourd’hui : patientez {throttling.format_wait(throttled.wait)}, puis "
            "recommencez. Rien n’a été envoyé cette fois.",
            throttled.retry_after,
        ) from None


def get_administered_invitation(invitation_id: int, by: User) -> TeacherInvitation:
    """Return an invitation of a subscription that this principal administers, and whose teachers they may see.

    Raises `SubscriptionNotAdministered`, also if there is none, and `Refusal`.
    """
    subscription_id = (
        TeacherInvitation.objects.filter(pk=invitation_id).values_list("subscription_id", flat=True).first()
    )
    subscription = seat_holders.get_administered_subscription(subscription_id, by)
    seat_holders.check_may_see_teachers(subscription, by)
    invitation = TeacherInvitation.objects.get(pk=invitation_id)
    invitation.subscription = subscription
    return invitation


def lock_seat_and_invitation(invitation: TeacherInvitation) -> TeacherInvitation:
    """Lock the reserved seat, then the invitation, and return its present row."""
    list(Seat.objects.filter(invitation=invitation.pk).locked())
    locked = TeacherInvitation.objects.locked().select_related("invited_by").get(pk=invitation.pk)
    locked.subscription = invitation.subscription
    return locked


def expire_invitations(*, at: datetime.datetime) -> int:
    """End the invitations whose date has passed, and those whose licences are over; return how many."""
    due = Q(expires_at__lte=at)
    entitlement = "subscription__key__entitlement"
    over = Q(**{f"{entitlement}__cancelled_at__isnull": False}) | Q(
        **{f"{entitlement}__last_day__lt": date_in_paris(at)}
    )
    total = 0
    # `over` first: the reason that the link's page gives.
    for condition, outcome in ((over, InvitationEnd.OVER), (due, InvitationEnd.EXPIRED)):
        while ended := _end_batch(condition, outcome, at):
            total += ended
    return total


@transaction.atomic
def _end_batch(condition: Q, outcome: InvitationEnd, at: datetime.datetime) -> int:
    pending = TeacherInvitation.objects.pending()
    ids = list(pending.filter(condition).order_by("pk").values_list("pk", flat=True)[:_BATCH_SIZE])
    if not ids:
        return 0
    invitations = _lock_pending(Q(pk__in=ids))
    end(invitations, outcome, at)
    if outcome == InvitationEnd.EXPIRED:
        emails.notify_inviters_of_expiry(invitations, at)
    return len(ids)


def end_fulfilled(subscription: Subscription, teachers: Sequence[User], at: datetime.datetime) -> None:
    """End the invitations of teachers who have just received a seat of the subscription in another way.

    Called in the transaction of the assignment, as a listener of `seat_holders`.
    """
    names = {
        (teacher.email.lower(), tuple(sorted(fold(str(teacher)).split())))
        for teacher in teachers
        if teacher.profile == Profile.TEACHER and teacher.email
    }
    pending = subscription.invitations.pending().alias(address=Lower("email"))
    served = [
        invitation.pk
        for invitation in pending.filter(address__in=[address for address, _ in names])
        if not invitation.name or (invitation.email.lower(), tuple(sorted(fold(invitation.name).split()))) in names
    ]
    if served:
        # Not those being accepted: that transaction may wait for this one, whose seat the same teacher holds.
        seats = Seat.objects.filter(invitation__in=served)
        free = seats.select_for_update(of=("self",), no_key=True, skip_locked=True).values_list("pk", flat=True)
        end(list(TeacherInvitation.objects.pending().filter(seat__in=list(free)).locked()), InvitationEnd.SERVED, at)


def _lock_pending(condition: Q) -> list[TeacherInvitation]:
    """Lock the reserved seats, then the invitations, and return those that still wait."""
    ids = list(TeacherInvitation.objects.pending().filter(condition).values_list("pk", flat=True))
    list(Seat.objects.filter(invitation__in=ids).locked())
    return list(
        TeacherInvitation.objects.pending()
        .filter(pk__in=ids)
        .select_related("invited_by", "subscription__school")
        .locked()
    )


def end(invitations: Collection[TeacherInvitation], outcome: InvitationEnd, at: datetime.datetime) -> None:
    """End invitations that the caller has locked with their seats, free the seats, and stop their e-mails."""
    if not invitations:
        return
    Seat.objects.filter(pk__in=[one.seat_id for one in invitations]).update(reserved_at=None)
    for invitation in invitations:
        invitation.seat = None
    TeacherInvitation.objects.bulk_end(invitations, outcome, at, "seat")
    seat_notifications.notify_of_reserved_seats({one.subscription_id for one in invitations})
    emails.cancel_emails([one.pk for one in invitations], at)


#: After how long without an answer the reminder leaves by itself.
REMINDER_DELAY = datetime.timedelta(days=7)
_BATCH_SIZE = 500


@transaction.atomic
def remind_invitation(*, invitation_id: int, by: User, at: datetime.datetime) -> TeacherInvitation:
    """E-mail the invited person again.

    Raises `Refusal`: `invitation_ended`, or `already_reminded` within a day of the last letter; also
    `TooManyTeachersInvited`, and what `get_administered_invitation` and `key_checks.check_available` raise.
    """
    invitation = get_administered_invitation(invitation_id, by)
    key_checks.check_available(invitation.subscription.key.entitlement, by, at)
    invitation = lock_seat_and_invitation(invitation)
    if not invitation.is_pending_at(at):
        raise Refusal("invitation_ended", f"L’invitation de {invitation} n’attend plus de réponse : rechargez la page.")
    if not invitation.may_be_reminded_at(at):
        raise Refusal("already_reminded", f"Une lettre est déjà partie vers {invitation.email} il y a moins d’un jour.")
    count_letters(invitation.subscription, [invitation.email], by=by, at=at)
    invitation.reminded_at = at
    invitation.save(update_fields=["reminded_at"])
    emails.notify_invited([invitation], at, kind=emails.REMINDED)
    return invitation


def send_due_reminders(*, at: datetime.datetime) -> int:
    """Remind each person who has not answered for a week, once; return how many letters were queued.

    On a writing day of the school, by day: else later.
    """
    open_departements = list_open_departements(date_in_paris(at)) if is_writing_hour(at) else []
    if not open_departements:
        return 0
    total = 0
    while sent := _remind_batch(at, open_departements):
        total += sent
    return total


@transaction.atomic
def _remind_batch(at: datetime.datetime, open_departements: Sequence[str]) -> int:
    due = TeacherInvitation.objects.pending().filter(
        available_on(date_in_paris(at), "subscription__key__entitlement"),
        subscription__school__departement_code__in=open_departements,
        reminded_at__isnull=True,
        created_at__lte=at - REMINDER_DELAY,
        expires_at__gt=at,
    )
    # Another worker's batch is skipped, and not waited for.
    batch = list(due.select_for_update(of=("self",), no_key=True, skip_locked=True).order_by("pk")[:_BATCH_SIZE])
    TeacherInvitation.objects.filter(pk__in=[one.pk for one in batch]).update(reminded_at=at)
    emails.notify_invited(batch, at, kind=emails.REMINDED)
    return len(batch)


@transaction.atomic
def recall_invitation(*, invitation_id: int, by: User, at: datetime.datetime) -> TeacherInvitation:
    """Take an invitation back: its link opens nothing more, and its seat is free. Idempotent.

    Raises `Refusal` (`invitation_ended`) where it was accepted meanwhile, and what `get_administered_invitation`
    raises.
    """
    invitation = lock_seat_and_invitation(get_administered_invitation(invitation_id, by))
    if invitation.outcome == InvitationEnd.ACCEPTED:
        raise Refusal(
            "invitation_ended",
            f"{invitation} a accepté l’invitation entre-temps. Pour reprendre la licence, retirez-la-lui.",
        )
    if invitation.is_pending:
        end([invitation], InvitationEnd.RECALLED, at)
    return invitation


@transaction.atomic
def undo_recall(*, invitation_id: int, by: User, at: datetime.datetime) -> TeacherInvitation:
    """Have an invitation that was recalled wait again, as if it had not been: its link works. Idempotent.

    A letter that was stopped leaves now; one that had left needs no other. Raises `UndoTooLate` where it may no longer
    be restored, `NoSeatLeft` where the freed seat was taken meanwhile, `Refusal` (`invitation_ended`) where the person
    was invited anew, and what `get_administered_invitation` and `key_checks.check_available` raise.
    """
    invitation = get_administered_invitation(invitation_id, by)
    subscription = invitation.subscription
    key_checks.check_available(subscription.key.entitlement, by, at)
    # Serialises concurrent principals, so that nobody is invited twice.
    Subscription.objects.locked().get(pk=subscription.pk)
    seat = seat_holders.lock_free_seat(subscription)
    invitation = lock_seat_and_invitation(invitation)
    if invitation.is_pending:
        return invitation
    _check_may_be_undone(invitation, at)
    if seat is None:
        raise NoSeatLeft(
            f"La licence de {invitation} vient d’être prise : l’invitation reste annulée. « Inviter », à côté du nom, "
            "en envoie une autre dès qu’une licence est libre."
        )
    Seat.objects.filter(pk=seat.pk).update(reserved_at=at)
    seat_notifications.notify_of_reserved_seats([subscription.pk])
    invitation.reopen(seat=seat)
    emails.send_stopped_email(invitation, at)
    return invitation


def _check_may_be_undone(invitation: TeacherInvitation, at: datetime.datetime) -> None:
    if not invitation.may_be_restored_at(at):
        raise UndoTooLate(
            "Il est trop tard pour rétablir cette invitation : « Inviter », à côté du nom, en envoie une autre."
        )
    alike = serving_same_classes(invitation.subscription, date_in_paris(at)).values("pk")
    same_address = TeacherInvitation.objects.pending().filter(subscription__in=alike, email__iexact=invitation.email)
    if any(is_same_invited(invitation, one) for one in same_address):
        raise Refusal("invitation_ended", f"Une nouvelle invitation est déjà partie à {invitation.email}.")


@transaction.atomic
def forget_invited_person(*, invitation_id: int, by: User) -> TeacherInvitation:
    """Delete the invitations of this person to the school that ended without an answer; return the given one.

    Raises `Refusal` (`invitation_ended`) where the given one waits or was accepted, and what
    `get_administered_invitation` raises.
    """
    invitation = lock_seat_and_invitation(get_administered_invitation(invitation_id, by))
    if not invitation.is_unanswered:
        raise Refusal("invitation_ended", f"L’invitation de {invitation} a changé entre-temps : rechargez la page.")
    TeacherInvitation.objects.unanswered().filter(
        subscription__school=invitation.subscription.school_id,
        email__iexact=invitation.email,
        name__iexact=invitation.name,
    ).delete()
    return invitation


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

    A teacher of the school who has an account with the address receives the seat at once. Raises a `DomainError`,
    having changed nothing: `BadAddresses` for a line that cannot be read, unless these are to be skipped, `Refusal`
    (`nobody_to_invite`, `not_verified`), `NoSeatLeft`, `TooManyTeachersInvited`.
    """
    listed = parse_addresses(addresses)
    subscription = _get_inviting_subscription(subscription_id, by, at)
    if listed.bad_lines and not skip_bad_lines:
        raise BadAddresses(_describe_bad_lines(listed.bad_lines), listed.bad_lines, len(listed.people))
    if not listed.people:
        raise Refusal("nobody_to_invite", "Collez au moins une adresse e-mail, une par ligne.")
    return _invite(listed, subscription, by=by, at=at)


@transaction.atomic
def invite_again(*, invitation_id: int, subscription_id: int, by: User, at: datetime.datetime) -> InvitationResult:
    """Invite the person of an invitation that ended without an answer, with a seat of this subscription.

    Raises what `get_administered_invitation` and `invite_teachers` raise; `teacher_of_another_school` where the two are
    not of one school.
    """
    invitation = get_administered_invitation(invitation_id, by)
    subscription = _get_inviting_subscription(subscription_id, by, at)
    if invitation.subscription.school_id != subscription.school_id:
        raise seat_holders.other_school_error()
    listed = AddressList([InvitedPerson(invitation.email, invitation.name)], [], 0)
    return _invite(listed, subscription, by=by, at=at)


def _get_inviting_subscription(subscription_id: int, by: User, at: datetime.datetime) -> Subscription:
    """Return a subscription that this principal may invite for. Raises a `DomainError`."""
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
    seat_notifications.notify_of_reserved_seats([subscription.pk])
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
    emails.notify_invited(invitations, at)
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
    queue_email_to_user(user, account_emails.CREATED, host=settings.BASE_DOMAIN, at=at)
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
    invitation.end(InvitationEnd.ACCEPTED, at, seat=None, accepted_by=teacher)
    seat_holders.assign_seats([seat], [teacher], SeatMode.AUTOMATIC, by=invitation.invited_by, at=at, message="")
    seat_notifications.notify_collectivity(subscription.key, "held", at)
    emails.cancel_emails([invitation.pk], at)
    seat_notifications.notify_inviter_of_acceptance(seat, invitation.invited_by, at)
    return seat
