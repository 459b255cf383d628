"""Operations on keys, subscriptions and seats.

Each runs in one transaction: lock (in the global order: key → subscription → seat), check, change, queue notifications.
An exception leaves everything unchanged.
"""

import contextlib
import datetime
from collections.abc import Collection, Iterator
from typing import NamedTuple

from allauth.account.models import EmailAddress
from django.db import transaction
from django.db.models import Exists, OuterRef, Q
from django.views.decorators.debug import sensitive_variables

from accounts import emails, personal_data, usernames
from accounts.emails import queue_email_to_user
from accounts.models import Profile, User
from core.calendar import date_in_paris
from core.cells import get_cells
from core.exceptions import Refusal
from core.telemetry import count_on_commit
from licensing.entitlements import code_sealing, key_checks, keys, mailbox_proof, notifications, seat_holders
from licensing.entitlements.exceptions import (
    KeyOfAnotherCell,
    SchoolNotChosen,
    TooManyGuesses,
    UnknownKey,
)
from licensing.entitlements.guesses import GuessLimit
from licensing.entitlements.models import ActivationKey, Entitlement, Seat, SeatEvent, SeatMode, Subscription
from licensing.entitlements.queries import get_key
from licensing.entitlements.seat_holders import assign, assign_many, replace
from schools import affiliations, queries
from schools import principals as principal_operations
from schools.affiliations import TypedSchool
from schools.models import Affiliation, School, Verification
from schools.principals import ConfirmationResult, share_principals

# Affiliations of teachers that concern their licences: attach a proposed teacher, change a teacher's school.
#
# Proposals are teachers who typed a similar name by hand, or chose a neighbouring school. Their own choice is kept;
# they are notified, and may detach themselves. A teacher who changes school keeps their seats: leaves and shared
# posts are common, and withdrawal closes a class at once. The former principal is notified.


@transaction.atomic
def attach_proposed_teacher(*, teacher_id: int, uai: str, by: User, at: datetime.datetime) -> Affiliation:
    """Attach a proposed teacher to the school that `by` is verified to lead, and notify the teacher.

    Refuses a teacher who is not among the school's proposals (`teacher_of_another_school`), and a school that `by` is
    not verified to lead (`not_verified`).
    """
    school = School.objects.filter(
        pk__in=Affiliation.objects.filter(user=by, school=uai, verified_at__isnull=False).values("school")
    ).first()
    if school is None:
        raise Refusal("not_verified", "Votre direction de cet établissement n'est pas vérifiée.")
    proposed = {likely.affiliation.user_id: likely.affiliation.user for likely in queries.suggest_teachers(school)}
    teacher = proposed.get(teacher_id)
    if teacher is None:
        raise Refusal(
            "teacher_of_another_school",
            "Cet enseignant ne fait plus partie des propositions : transmettez-lui la clé, il la saisira dans son "
            "propre compte.",
        )
    affiliation = affiliations.choose(user=teacher, school=school, at=at)
    notifications.notify_teacher_of_affiliation(affiliation, teacher, at)
    return affiliation


@transaction.atomic
def change_school(
    *, teacher: User, school: School | None, typed: TypedSchool | None, at: datetime.datetime
) -> Affiliation:
    """Make this school, chosen or typed, the teacher's only one.

    Notifies the principals of the schools left where the teacher holds an available seat of theirs.
    """
    before = set(teacher.affiliations.filter(school__isnull=False).values_list("school_id", flat=True))
    affiliation = affiliations.replace(user=teacher, school=school, typed=typed, at=at)
    left = before - {affiliation.school_id}
    if left:
        available = Subscription.objects.available_on(date_in_paris(at)).filter(school__in=left)
        for seat in Seat.objects.filter(holder=teacher, subscription__in=available).select_related(
            "subscription__principal"
        ):
            notifications.notify_principals_of_move(seat, at)
    return affiliation


@sensitive_variables("token")
@transaction.atomic
def confirm_principal(
    *, token: str, replaced: Collection[int], kept: Collection[int], at: datetime.datetime
) -> ConfirmationResult:
    """Verify the principal of a confirmation link, and transfer the school's subscriptions to them.

    Transferred: those of replaced and departed principals. Remaining principals keep the subscriptions credited to
    them. Raises what `confirm_verification` raises.
    """
    confirmed = principal_operations.confirm_verification(token=token, replaced=replaced, kept=kept, at=at)
    _transfer(confirmed.affiliation.school_id, confirmed.replaced, to=confirmed.affiliation.user)
    return confirmed


def _transfer(school_id: str | None, replaced: list[User], *, to: User) -> None:
    still_affiliated = Affiliation.objects.filter(user=OuterRef("principal"), school=OuterRef("school"))
    to_transfer = Subscription.objects.filter(Q(principal__in=replaced) | ~Exists(still_affiliated), school=school_id)
    subscription_ids = [subscription.pk for subscription in to_transfer.locked()]
    Subscription.objects.filter(pk__in=subscription_ids).update(principal=to)


# Subscriptions bought in the shop: a key redeemed at once for the buyer.
#
# The key is not e-mailed. The buyer reads it in « Mon compte » and hands it to teachers whom their school's list does
# not show.

#: Prefix of keys that no collectivity gave.
_KEY_PREFIX = "PEPS"


@transaction.atomic
def create_shop_subscription(
    *, entitlement: Entitlement, buyer: User, affiliation: Affiliation | None, units: int, at: datetime.datetime
) -> Subscription:
    """Create the key, subscription and seats of a shop order, credited to the buyer.

    `affiliation`: the school that the units are for; its other verified principals share them. A teacher buys for
    themselves: they hold the seat at once, and no school administers it. The entitlement alone says whether it may be
    used yet.
    """
    is_personal = buyer.profile == Profile.TEACHER
    school = None if is_personal or affiliation is None else affiliation.school_id
    # Exposed from the start: any buyer sees it, so that it verifies nobody.
    [number] = keys.mint(
        entitlement=entitlement, prefix=get_cells().mark + _KEY_PREFIX, demands=[(school, units, True)], at=at
    )
    subscription = _open_subscription(number, buyer, school_id=school, at=at)
    if is_personal:
        seats = list(subscription.seats.order_by("number")[:1])
        seat_holders.assign_seats(
            seats, [buyer], SeatMode.BOUGHT, by=buyer, at=at, message="Vous détenez déjà cette licence."
        )
    return subscription


__all__ = ["assign", "assign_many", "claim", "expose", "redeem", "release", "replace"]


@sensitive_variables("code", "symbols")
def redeem(*, code: str, by: User, at: datetime.datetime, school: str | None = None) -> Subscription:
    """Redeem a key: credit the principal's account with a subscription of its units.

    `school`: the UAI to credit, for a principal of several schools and a key meant for none in particular. A key that
    only the school's official mailbox could know also verifies the principal. Before any look-up, refuses a code that
    is none (`typo`) and another profile (`not_for_this_profile`). After it, raises `UnknownKey`, `SchoolNotChosen` or
    `KeyAlreadyRedeemed`, and refuses licences that are over (`key_expired`) or suspended (`key_suspended`), a key that
    was revoked (`key_revoked`) or is meant for another school (`key_of_another_school`).
    """
    symbols = key_checks.parse_code(code)
    if by.profile != Profile.PRINCIPAL:
        raise Refusal(
            "not_for_this_profile",
            "Seul un compte « Chef d'établissement » peut activer une clé pour son établissement.",
        )
    with transaction.atomic():
        # The lock excludes a concurrent redemption, revocation, growth or exposure of the key.
        # Not `redeemed_by`: after waiting for the lock, PostgreSQL rereads the locked row, but not joined rows.
        key = _get_usable_key(code_sealing.lock_by_code(symbols), by)
        affiliation = key_checks.get_credited_affiliation(key, by, school)
        if key.redeemed_at is not None:
            raise key_checks.already_redeemed_error(key, by)
        key_checks.check_available(key.entitlement, by, at)
        subscription = _open_subscription(key.pk, by, school_id=affiliation.school_id, at=at)
        key.redeemed_at, key.redeemed_by = at, by
        subscription.key = key
        if key.exposed_at is None and affiliation.school_id == key.school_id and key.school_id is not None:
            affiliations.verify(affiliation=affiliation, means=Verification.KEY, at=at, proof_sent_at=key.issued_at)
        notifications.notify_collectivity(key, "redeemed", at, free=key.units)
        count_on_commit(keys.REDEEMED_KEYS)
        count_on_commit(keys.REDEEMED_UNITS, key.units)
        return subscription


def _get_usable_key(key: ActivationKey | None, by: User | None) -> ActivationKey:
    """Return the key. Raises `UnknownKey` where there is none, or `Refusal` where it was revoked."""
    if key is None:
        raise key_checks.unknown_key_error(by)
    key_checks.check_not_revoked(key, by)
    return key


#: One statement for the three tables: whoever redeems waits, and a thousand schools redeem in an hour.
_OPEN_SUBSCRIPTION = """
WITH key AS (
    UPDATE public.entitlements_activationkey SET redeemed_at = %(at)s, redeemed_by_id = %(principal)s
    WHERE id = %(key)s RETURNING id, units
), subscription AS (
    INSERT INTO public.entitlements_subscription (key_id, principal_id, school_id, size, opened_at)
    SELECT id, %(principal)s, %(school)s, units, %(at)s FROM key RETURNING *
), seats AS (
    INSERT INTO public.entitlements_seat (subscription_id, number, mode)
    SELECT id, number, '' FROM subscription, generate_series(1, size) AS number
)
SELECT *, EXISTS (
    SELECT FROM public.schools_affiliation AS affiliation
    WHERE affiliation.user_id = principal_id AND affiliation.school_id IS DISTINCT FROM subscription.school_id
) AS has_other_schools FROM subscription
"""


def _open_subscription(key_id: int, principal: User, *, school_id: str | None, at: datetime.datetime) -> Subscription:
    """Redeem a key: credit an account, and the principals of its school, with a free seat for each of its units."""
    share_principals(school_id)
    values = {"key": key_id, "principal": principal.pk, "school": school_id, "at": at}
    [subscription] = Subscription.objects.raw(_OPEN_SUBSCRIPTION, values)
    subscription.principal = principal
    return subscription


@sensitive_variables("code", "symbols")
def claim(*, code: str, by: User, at: datetime.datetime) -> Seat:
    """Claim a seat: assign a free seat of a redeemed key to the teacher who typed it.

    Teachers of any school may. The principals are notified. Before any look-up, refuses a code that is none (`typo`)
    and another profile (`not_for_this_profile`). After it, raises `UnknownKey`, `AlreadyHoldsSeat`
    or `NoSeatLeft`, and refuses licences that are over (`key_expired`) or suspended (`key_suspended`), a key that was
    revoked (`key_revoked`) or that no principal redeemed (`not_yet_redeemed`), and whom a seat of it was taken from
    (`withdrawn`).
    """
    symbols = key_checks.parse_code(code)
    if by.profile != Profile.TEACHER:
        raise Refusal(
            "not_for_this_profile", "Seul un compte « Enseignant » peut recevoir une licence en saisissant sa clé."
        )
    with transaction.atomic():
        found = code_sealing.find_by_code(symbols).select_related(
            "entitlement__collectivity", "subscription__school", "subscription__principal"
        )
        key = _get_usable_key(found.first(), by)
        key_checks.check_available(key.entitlement, by, at)
        if key.redeemed_at is None:
            raise key_checks.not_yet_redeemed_error()
        seat = seat_holders.take_free_seat(key.subscription, by, at)
        notifications.notify_principals_of_claim(seat, at)
        notifications.notify_collectivity(key, "held", at)
        return seat


@transaction.atomic
def release(*, seat_id: int, by: User, at: datetime.datetime, holder_id: int | None = None) -> Seat:
    """Withdraw a seat from its holder; it is free again, with its class.

    `holder_id`: the expected holder; refused where it is somebody else (`seat_reassigned`). Idempotent. The teacher is
    notified, and cannot claim a seat of this key again.
    """
    subscription_id = Seat.objects.filter(pk=seat_id).values_list("subscription_id", flat=True).first()
    subscription = seat_holders.get_administered_subscription(subscription_id, by)
    seat = Seat.objects.locked().select_related("holder").get(pk=seat_id)
    seat.subscription = subscription
    if seat.holder is None:
        return seat
    if holder_id is not None and seat.holder_id != holder_id:
        raise Refusal(
            "seat_reassigned", "Cette licence a changé de main entre-temps : relisez la liste, puis recommencez."
        )
    teacher = seat.holder
    seat.holder, seat.held_since, seat.mode = None, None, ""
    seat.save(update_fields=["holder", "held_since", "mode"])
    SeatEvent.objects.create(seat=seat, kind=SeatEvent.Kind.WITHDRAWN, teacher=teacher, by=by, at=at)
    if teacher.pk != by.pk:
        notifications.notify_teacher_of_withdrawal(seat, teacher, at)
    notifications.notify_collectivity(subscription.key, "released", at)
    return seat


@transaction.atomic
def expose(*, key_id: int, at: datetime.datetime) -> ActivationKey:
    """Record that somebody besides the school's official mailbox is about to know the key; return it.

    Redeeming it from now on verifies nobody. Locks the key: a concurrent redemption happens before or sees it exposed.
    """
    key = ActivationKey.objects.locked().get(pk=key_id)
    if key.exposed_at is None:
        key.exposed_at = at
        key.save(update_fields=["exposed_at"])
    return key


# Key entry in « Mon compte » and on the page of a key, rate-limited against guessing.

_GUESSES = GuessLimit(
    scope="key",
    failure=UnknownKey,
    refusal=TooManyGuesses,
    sentence="Trop de clés inexistantes ont été saisies : patientez {}, puis réessayez en copiant la clé depuis "
    "l'e-mail.",
)


@sensitive_variables("code", "symbols")
def enter_key(
    *, code: str, by: User, address: str, at: datetime.datetime, school: str | None = None
) -> Subscription | Seat:
    """Redeem the key for a principal, or claim a seat of it for a teacher.

    Refuses a code that is none (`typo`) before any count or look-up. After it, raises `TooManyGuesses`, and what these
    operations raise: an `UnknownKey` may be a `KeyOfAnotherCell`.
    """
    symbols = key_checks.parse_code(code)
    with _name_other_cell(code), _GUESSES.count(by, address, at):
        if by.profile == Profile.PRINCIPAL:
            return redeem(code=symbols, by=by, at=at, school=school)
        return claim(code=symbols, by=by, at=at)


@sensitive_variables("code", "symbols")
def look_up(*, code: str, by: User | None, address: str, at: datetime.datetime) -> ActivationKey:
    """Return the key that a visitor typed or whose link they opened, for a page that changes nothing.

    `by`: None for whoever is not signed in. Refuses a code that is none (`typo`) before any count or look-up. After it,
    raises `TooManyGuesses` or `UnknownKey`, which may be a `KeyOfAnotherCell`.
    """
    symbols = key_checks.parse_code(code)
    with _name_other_cell(code), _GUESSES.count(by, address, at):
        key = get_key(symbols)
        if key is None:
            raise key_checks.unknown_key_error(by)
        return key


@contextlib.contextmanager
@sensitive_variables("code")
def _name_other_cell(code: str) -> Iterator[None]:
    """Say of a key that does not exist here in which cell it is, as its prefix says. Raises `KeyOfAnotherCell`."""
    try:
        yield
    except UnknownKey:
        cell = get_cells().find_other_by_key_prefix(keys.get_prefix(code))
        if cell is None:
            raise
        sentence = f"Cette clé n'existe pas ici : elle vient du site « {cell.name} », où elle s'active."
        raise KeyOfAnotherCell(sentence, cell) from None


class NewPrincipal(NamedTuple):
    """What a person says of themselves; `username` and `other_email` only where they chose them."""

    first_name: str
    last_name: str
    #: Hashed before: it takes a second, which the key's lock would last.
    password_hash: str
    username: str = ""
    other_email: str = ""


@sensitive_variables("code", "token", "person")
@transaction.atomic
def create_account_and_redeem(
    *, code: str, token: str, person: NewPrincipal, host: str, at: datetime.datetime
) -> Subscription:
    """Create a principal's account with the proven mailbox as its address, and redeem the key for the key's school.

    Another address becomes the account's once it is confirmed, as in « Mon compte ». Raises what `redeem` raises, and
    refuses a token that proves no mailbox (`mailbox_not_proven`), having created nothing.
    """
    symbols = key_checks.parse_code(code)
    # Two people who open one e-mail at once: the second finds the key redeemed, and gets no account.
    found = code_sealing.find_by_code(symbols).locked().select_related("school", "entitlement__collectivity")
    key = _get_usable_key(found.first(), None)
    if key.redeemed_at is not None:
        raise key_checks.already_redeemed_error(key, None)
    address = mailbox_proof.read(token, key)
    if address is None:
        raise Refusal(
            "mailbox_not_proven",
            "Ce lien ne prouve plus votre adresse : confirmez-la par l'e-mail qui vous sera envoyé.",
        )
    if key.school is None:
        raise SchoolNotChosen("Indiquez d'abord votre établissement : la clé sera créditée pour lui.", None)
    user = create_principal(person, email=address, at=at, school=key.school)
    EmailAddress.objects.create(user=user, email=address, primary=True, verified=True)
    queue_email_to_user(user, emails.CREATED, host=host, at=at)
    if person.other_email and person.other_email.lower() != address:
        personal_data.request_change(user=user, email=person.other_email, host=host, at=at)
    return redeem(code=symbols, by=user, at=at)


@sensitive_variables("person")
@transaction.atomic
def create_principal(person: NewPrincipal, *, email: str, school: School, at: datetime.datetime) -> User:
    """Create a principal's account at a school, under a free username; its address is not confirmed yet."""
    requested = person.username or usernames.propose_username(email, person.first_name, person.last_name)
    user = User(
        profile=Profile.PRINCIPAL,
        username=requested.strip().lower(),
        first_name=person.first_name.strip(),
        last_name=person.last_name.strip(),
        email=email,
        password=person.password_hash,
    )
    usernames.save_with_free_username(user)
    affiliations.choose(user=user, school=school, at=at)
    return user
