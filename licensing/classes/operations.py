"""Operations on classes and pupils.

Each one locks (seat → classroom → handover → pupil, the end of the global lock order), checks, changes and queues
notifications in one transaction; an exception leaves everything unchanged.
"""

import datetime
from collections.abc import Collection, Sequence
from typing import NamedTuple

from django.db import IntegrityError, transaction
from django.db.models import Count, Exists, OuterRef, Q
from django.views.decorators.debug import sensitive_variables
from django_tenants.utils import get_public_schema_name

from accounts import attempt_delays, known_origins, throttling
from accounts.attempt_delays import CountedAttempt, DelayRule
from accounts.known_origins import NOBODY, Origin, Owner
from accounts.models import KnownOrigin, Profile, User
from core.calendar import date_in_paris
from core.exceptions import Refusal
from core.formatting import pluralize
from jobs.tasks import defer
from licensing.classes import emails, passwords, queries, words
from licensing.classes.exceptions import (
    CannotCarryOn,
    ClassNotTaught,
    InvalidPupilCount,
    NoInvitation,
    NoSuchPupil,
    TooManyAttempts,
    TooManyInvitations,
    WrongCredentials,
)
from licensing.classes.models import ClassInvitation, Classroom, PupilAccount
from licensing.classes.pupil_erasure import get_erasure_date
from licensing.classes.queries import (
    NOT_TAUGHT_MESSAGE,
    get_second_teacher,
    is_taught_by,
    list_invitations,
    list_seats_without_class,
)
from licensing.entitlements.models import Entitlement, Seat, Subscription
from licensing.entitlements.queries import get_school_year
from licensing.entitlements.wording import format_long_date
from schools.models import Affiliation


class ClassSchool(NamedTuple):
    """A school of the directory by its UAI, or, where none was chosen, the account that the licence was credited to."""

    uai: str
    account: int = 0

    @property
    def is_shared(self) -> bool:
        """Whether a colleague may be of it: not so for a licence that a teacher without a school bought."""
        return bool(self.uai or self.account)


def get_class_school(subscription: Subscription, teacher: User) -> ClassSchool:
    """Return the school of the classes that a teacher opens with a subscription.

    Of a licence that they bought themselves it is the one that they chose. At most one query.
    """
    if subscription.school_id is not None:
        return ClassSchool(subscription.school_id)
    if subscription.principal_id != teacher.pk:
        return ClassSchool("", subscription.principal_id)
    chosen = Affiliation.objects.filter(user=teacher, school__isnull=False).order_by("since", "pk").first()
    return ClassSchool(str(chosen.school_id)) if chosen is not None else ClassSchool("")


class CarryOffer(NamedTuple):
    """A class that its teacher may carry on, and the seats without a class that it may go to."""

    classroom: Classroom
    pupils: int
    seats: list[Seat]
    # The first day on which it can be done, where it is to come.
    opens_on: datetime.date | None
    # The last one, inclusive: the pupils are erased on the next.
    last_day: datetime.date

    @property
    def sentence(self) -> str:
        """What the page of the class and « Mon compte » say of it."""
        who = f"La classe « {self.classroom.name} » et ses {pluralize(self.pupils, 'élève')}"
        if self.pupils == 1:
            who = f"La classe « {self.classroom.name} » et son élève"
        until = format_long_date(self.last_day)
        if self.opens_on is not None:
            return (
                f"{who} peuvent vous suivre dans l’année nouvelle, pour laquelle vous avez une licence : du "
                f"{format_long_date(self.opens_on)} au {until} inclus."
            )
        return (
            f"{who} peuvent vous suivre dans l’année nouvelle, pour laquelle vous avez une licence : jusqu’au {until} "
            "inclus. Sans choix de votre part, les comptes sont effacés ensuite."
        )

    @property
    def new_class_seat(self) -> Seat:
        """The seat with which a new class may be opened instead."""
        return self.seats[0]


def list_offers(user: User, *, at: datetime.datetime, seats: list[Seat] | None = None) -> list[CarryOffer]:
    """Return what a teacher may carry on, now or later; one query where they have nothing of two years.

    `seats`: those without a class, where they were read already.
    """
    if seats is not None and not seats:
        return []
    day = date_in_paris(at)
    later_seat = Seat.objects.filter(
        holder=user,
        classroom__isnull=True,
        subscription__key__entitlement__last_day__gt=OuterRef("seat__subscription__key__entitlement__last_day"),
    )
    classes = list(
        Classroom.objects.filter(Exists(later_seat), seat__holder=user, purged_at__isnull=True)
        .select_related("seat__subscription__key__entitlement")
        .annotate(size=Count("pupils"))
        .filter(size__gt=0)
        .order_by("name", "pk")
    )
    if not classes:
        return []
    if seats is None:
        seats = list_seats_without_class(user, at=at)
    offers = []
    for classroom in classes:
        later = [seat for seat in seats if find_obstacle(classroom, seat, user) == ""]
        last_day = get_erasure_date(classroom.seat.subscription.key.entitlement.last_day) - _DAY
        if later and day <= last_day:
            opens_on = min(get_first_day(classroom, seat, day) for seat in later)
            offers.append(CarryOffer(classroom, classroom.size, later, opens_on if opens_on > day else None, last_day))
    return offers


def list_offered_seats(offers: Collection[CarryOffer]) -> set[int]:
    """Return the seats with which the offers themselves open a new class: « Ouvrir ma classe » would say it twice."""
    return {offer.new_class_seat.pk for offer in offers if offer.opens_on is None}


def find_offer(classroom: Classroom, user: User, *, at: datetime.datetime) -> CarryOffer | None:
    """Return the offer of one class, or None."""
    if classroom.purged_at is not None or classroom.seat.holder_id != user.pk:
        return None
    return next((offer for offer in list_offers(user, at=at) if offer.classroom == classroom), None)


def find_obstacle(classroom: Classroom, seat: Seat, teacher: User) -> str:
    """Return why a class can never go to a seat of its teacher, in French; empty where it can."""
    old, new = classroom.seat.subscription, seat.subscription
    if get_school_year(new.key.entitlement.last_day) <= get_school_year(old.key.entitlement.last_day):
        return "Cette licence n’est pas d’une année qui suit celle de la classe : une classe ne s’emmène qu’alors."
    if get_class_school(old, teacher) != get_class_school(new, teacher):
        return (
            "Cette licence est d’une autre école que la classe : les comptes de ses élèves restent à leur école. Un "
            "collègue qui y enseigne peut les recevoir, par un code."
        )
    return ""


def get_first_day(classroom: Classroom, seat: Seat, day: datetime.date) -> datetime.date:
    """Return the first day, seen on `day`, on which a class can go to a seat: old licence over, new one begun."""
    old, new = classroom.seat.subscription.key.entitlement, seat.subscription.key.entitlement
    return max(new.first_day, day if old.over_on(day) else old.last_day + _DAY)


def lock_seat(seat_id: int) -> Seat | None:
    """Lock the seat against a change of holder; return it with its entitlement, or None."""
    return next(iter(lock_seats([seat_id])), None)


def lock_taught_class(classroom_id: int, by: User) -> Classroom:
    """Lock the seat and the class that the user teaches, and return the class.

    Raises `ClassNotTaught`, `Refusal`.
    """
    (classroom,) = lock_classes([classroom_id])
    if not is_taught_by(classroom, by):
        raise ClassNotTaught(NOT_TAUGHT_MESSAGE)
    return classroom


def lock_classes(classroom_ids: Collection[int], *, seat_ids: Collection[int] = ()) -> list[Classroom]:
    """Lock the seats of the classes and these seats, then the classes; return the classes in the requested order.

    Each with its seat and entitlement, of which all that is known was read under the lock. Raises `ClassNotTaught`
    where one does not exist, `Refusal` where one was carried on while its seat was waited for.
    """
    own = Classroom.objects.filter(pk__in=classroom_ids).values_list("seat_id", flat=True)
    seats = {seat.pk: seat for seat in lock_seats({*own, *seat_ids})}
    classes = {classroom.pk: classroom for classroom in Classroom.objects.locked().filter(pk__in=classroom_ids)}
    if len(classes) < len(set(classroom_ids)):
        raise ClassNotTaught(NOT_TAUGHT_MESSAGE)
    for classroom in classes.values():
        if classroom.seat_id not in seats:
            raise Refusal(
                "class_on_another_seat",
                "Cette classe vient d’être emmenée dans l’année nouvelle : rouvrez sa page, puis recommencez.",
            )
        classroom.seat = seats[classroom.seat_id]
    return [classes[pk] for pk in classroom_ids]


def lock_seats(seat_ids: Collection[int]) -> list[Seat]:
    """Lock the seats, in primary key order, against a change of holder; return them with their entitlements."""
    return list(Seat.objects.locked().select_related("subscription__key__entitlement").filter(pk__in=sorted(seat_ids)))


def check_pupils(pupils: Collection[PupilAccount], numbers: Collection[int]) -> None:
    """Raise `NoSuchPupil` where one of the numbers is none of these pupils'."""
    if unknown := set(numbers) - {pupil.number for pupil in pupils}:
        raise NoSuchPupil(
            f"Le compte élève n° {min(unknown)} n’existe pas, ou plus, dans cette classe : relisez la liste, puis "
            "recommencez."
        )


def lock_held_class(classroom_id: int, by: User) -> Classroom:
    """Do as `lock_taught_class`, for the holder of the seat only. Raises `ClassNotTaught`, `Refusal`."""
    classroom = lock_taught_class(classroom_id, by)
    if classroom.seat.holder_id != by.pk:
        raise Refusal(
            "not_the_holder",
            "Seul l’enseignant qui détient la licence de cette classe choisit avec qui elle est partagée. "
            "Demandez-le-lui.",
        )
    return classroom


def check_licence_running(entitlement: Entitlement, at: datetime.datetime) -> None:
    """Raise `Refusal` (`licence_not_running`) where licences of this entitlement cannot be used now."""
    case = queries.find_unusable_case(entitlement, date_in_paris(at))
    if case is not None:
        raise Refusal("licence_not_running", queries.format_class_refusal(case, entitlement))


_DAY = datetime.timedelta(days=1)


@transaction.atomic
def note_tries(*, code: str, at: datetime.datetime) -> int:
    """Note on the classes with logins of this code that many passwords were tried, e-mail their teachers.

    Those whom the class of the code handed to a colleague keep their logins. Returns how many e-mails; a class is told
    at most once a day, and nothing where no class has the code, or where its pupils are erased. Idempotent.
    """
    concerned = Classroom.objects.filter(Q(code=code) | Q(pupils__code=code), purged_at__isnull=True)
    count = 0
    for classroom in Classroom.objects.locked().filter(pk__in=concerned.values("pk")):
        if classroom.tried_at is not None and at - classroom.tried_at < _DAY:
            continue
        classroom.tried_at = at
        classroom.save(update_fields=["tried_at"])
        teachers = [
            one for one in (classroom.seat.holder, get_second_teacher(classroom)) if one is not None and one.email
        ]
        for teacher in teachers:
            emails.notify(emails.TRIED, teacher, at, classroom=classroom.pk)
        count += len(teachers)
    return count


@transaction.atomic
def mark_tries_read(*, classroom_id: int, by: User, at: datetime.datetime) -> None:
    """Note that a teacher of the class has read the notice. Raises `ClassNotTaught`."""
    classroom = lock_taught_class(classroom_id, by)
    classroom.tries_read_at = at
    classroom.save(update_fields=["tries_read_at"])


# Share a class with a second (half-time) teacher, by invitation.
#
# The colleague is invited by username and has to accept: adding them at once would reveal which usernames exist, and
# whose they are. The request gives the same answer and queues the same job for every username; only the job looks it
# up.

INVITATION_LIMIT = throttling.RateLimit("class/invite", 10, datetime.timedelta(days=1))
_INVITABLE_PROFILES: Sequence[Profile] = (Profile.TEACHER, Profile.PRINCIPAL)


@transaction.atomic
def request_invitation(*, classroom_id: int, username: str, by: User, at: datetime.datetime) -> Classroom:
    """Queue an invitation to share the class to the teacher with this username, if any; return the class.

    They can accept it within a week. The result is the same whether or not the username exists. Raises
    `ClassNotTaught`, `Refusal`, `TooManyInvitations`.
    """
    classroom = lock_held_class(classroom_id, by)
    _check_not_shared(classroom)
    try:
        throttling.count_attempts([(INVITATION_LIMIT, str(by.pk))], at=at)
    except throttling.RateLimitExceeded as throttled:
        raise TooManyInvitations(
            f"Vous avez invité trop de fois : patientez {throttling.format_wait(throttled.wait)}, puis recommencez avec"
            " l’identifiant exact de votre collègue.",
            throttled.retry_after,
        ) from None
    defer(
        "classes.invite",
        schema=get_public_schema_name(),
        classroom_id=classroom_id,
        username=username.strip()[:150],
        by_id=by.pk,
        asked_at=at.isoformat(),
    )
    classroom.invited_at = at
    classroom.save(update_fields=["invited_at"])
    return classroom


@transaction.atomic
def create_invitation(*, classroom_id: int, username: str, by: User, at: datetime.datetime) -> ClassInvitation | None:
    """Store a queued invitation and notify the teacher; return it, or None where no teacher matches.

    It replaces an earlier one. Idempotent: the invitation of the same moment is returned as it is. Raises as
    `request_invitation` does, where the situation changed meanwhile.
    """
    classroom = lock_held_class(classroom_id, by)
    _check_not_shared(classroom)
    teacher = User.objects.filter(username=username.lower(), is_active=True, profile__in=_INVITABLE_PROFILES).first()
    if teacher is None or teacher.pk == by.pk:
        return None
    stored = ClassInvitation.objects.filter(classroom=classroom, teacher=teacher, by=by, created_at=at).first()
    if stored is not None:
        return stored
    invitation, _ = ClassInvitation.objects.update_or_create(
        classroom=classroom, defaults={"teacher": teacher, "by": by, "created_at": at}
    )
    emails.notify(emails.INVITED, teacher, at, classroom=classroom.pk, by=by.pk)
    return invitation


@transaction.atomic
def accept(*, classroom_id: int, by: User, at: datetime.datetime) -> Classroom:
    """Make the invited teacher the second teacher of the class, and notify the inviter. Idempotent.

    Raises `NoInvitation` and `Refusal`.
    """
    try:
        (classroom,) = lock_classes([classroom_id])
    except ClassNotTaught:
        raise _no_invitation() from None
    second = get_second_teacher(classroom)
    if second == by:
        return classroom
    invitation = list_invitations(by, at).filter(classroom=classroom).first()
    if invitation is None:
        raise _no_invitation()
    _check_not_shared(classroom)
    invitation.delete()
    classroom.second_teacher, classroom.second_invited_by, classroom.invited_at = by, invitation.by, None
    classroom.save(update_fields=["second_teacher", "second_invited_by", "invited_at"])
    emails.notify(emails.ACCEPTED, invitation.by, at, classroom=classroom.pk, second=by.pk)
    return classroom


@transaction.atomic
def decline(*, classroom_id: int, by: User, at: datetime.datetime) -> None:  # noqa: ARG001 - as all
    """Delete the invitation without notifying the inviter. Idempotent."""
    ClassInvitation.objects.filter(classroom=classroom_id, teacher=by).delete()


@transaction.atomic
def end_sharing(*, classroom_id: int, by: User, at: datetime.datetime) -> Classroom:
    """End the sharing or withdraw the invitation, and notify the other teacher. Idempotent.

    The holder removes the second teacher; a second teacher leaves. Raises `ClassNotTaught`.
    """
    classroom = lock_taught_class(classroom_id, by)
    second = get_second_teacher(classroom)
    classroom.second_teacher = classroom.second_invited_by = classroom.invited_at = None
    classroom.save(update_fields=["second_teacher", "second_invited_by", "invited_at"])
    if by.pk == classroom.seat.holder_id:
        ClassInvitation.objects.filter(classroom=classroom).delete()
        if second is not None:
            emails.notify(emails.TEACHER_REMOVED, second, at, classroom=classroom.pk)
    elif classroom.seat.holder is not None:
        emails.notify(emails.LEFT, classroom.seat.holder, at, classroom=classroom.pk, second=by.pk)
    return classroom


def _check_not_shared(classroom: Classroom) -> None:
    second = get_second_teacher(classroom)
    if second is not None:
        raise Refusal(
            "already_shared",
            f"{second} partage déjà cette classe. Mettez d’abord fin à ce partage pour inviter quelqu’un d’autre.",
        )


def _no_invitation() -> NoInvitation:
    return NoInvitation("Cette invitation n’est plus valable : demandez à votre collègue de vous inviter de nouveau.")


# Sign a pupil in, with growing delays between attempts.
#
# Each attempt is counted as a failure before the password is checked, so that concurrent attempts are all counted; a
# success takes back the failures before it. A login, and a class code, that does not exist is counted, delayed, hashed
# and answered as one that does: neither can be enumerated. No number of attempts closes a class; many are told to its
# teachers. The numbers are reckoned in docs/decisions/0097.

_SECONDS = datetime.timedelta(seconds=1)
_MINUTE = datetime.timedelta(minutes=1)
AT_DEVICE = DelayRule("pupil/device", 10, _MINUTE, first=5 * _SECONDS, longest=_MINUTE)
AT_NETWORK = DelayRule("pupil/here", 5, _MINUTE, first=5 * _SECONDS, longest=_MINUTE)
OF_PUPIL = DelayRule("pupil/account", 20, _MINUTE, first=5 * _SECONDS, longest=_MINUTE)
#: High: ten classes of beginners share their school's address, and a town's schools the town's.
OF_NETWORK = DelayRule("pupil/network", 1_000, 15 * _SECONDS, first=_SECONDS, longest=_MINUTE)
#: Nobody waits for it: sixty failures in a day, that no success followed, are told to the teachers.
OF_CLASS = DelayRule("pupil/class", 60, 24 * _MINUTE)

_WRONG = "Ce n’est pas cela. Regarde bien ta carte : l’animal, le mot, le nombre, puis les trois mots du mot de passe."
_OLD_CARD = (
    "Si tu as bien recopié ta carte, demande à ta maîtresse ou à ton maître : ta carte est peut-être trop vieille."
)
#: Failures with one login, at one place, after which the card itself may be wrong.
_OLD_CARD_AFTER = 3


class PupilSignIn(NamedTuple):
    """A pupil who has signed in, with their class, and the token of the device from which they did."""

    pupil: PupilAccount
    device: str


class _TypedLogin(NamedTuple):
    """A login as it was typed, and what exists of it; `code` is empty where the text cannot be a login.

    `classroom`: where the pupil is now; without a pupil, the class that has the code.
    """

    text: str
    code: str
    classroom: Classroom | None
    pupil: PupilAccount | None


@sensitive_variables("password")
def sign_in(*, login: str, password: str, origin: Origin, at: datetime.datetime) -> PupilSignIn:
    """Return the pupil with this login and password, with their class.

    Raises `WrongCredentials`, `TooManyAttempts`; and, for a correct password only, `Refusal` (`class_closed`) where the
    class is not accessible now. Not one transaction: failures stay counted when it raises.
    """
    typed = _find(login)
    attempt = _begin_attempt(typed, origin)
    if attempt.has_just_reached(OF_CLASS):
        # Whether or not a class has the code: the job looks, as the answer must take as long.
        defer("classes.note_tries", schema=get_public_schema_name(), code=typed.code, tried_at=at.isoformat())
    # Of what was counted, which is the same whether or not the login exists.
    wrong = f"{_WRONG} {_OLD_CARD}" if attempt.own_failures >= _OLD_CARD_AFTER else _WRONG
    if typed.pupil is None:
        passwords.verify_dummy(password)
        raise WrongCredentials(wrong)
    if not passwords.verify(password, typed.pupil.password):
        raise WrongCredentials(wrong)
    pupil = _record_sign_in(typed.pupil, at)
    attempt.take_back()
    seat = pupil.classroom.seat
    if seat.holder_id is None or queries.find_unusable_case(seat.subscription.key.entitlement, date_in_paris(at)):
        raise Refusal("class_closed", "Ta classe est fermée pour le moment. Dis-le à ton maître ou à ta maîtresse.")
    known = known_origins.remember(
        origin, device_of=get_device_owner(pupil), network_of=_get_network_owner(pupil.classroom)
    )
    return PupilSignIn(pupil, known.device)


def get_device_owner(pupil: PupilAccount) -> Owner:
    """Return the pupil as the owner of known devices, which a new password makes unknown."""
    return Owner(f"pupil:{pupil.pk}", pupil.password_set_at.isoformat())


def _get_network_owner(classroom: Classroom) -> Owner:
    return Owner(f"class:{classroom.pk}")


def _find(login: str) -> _TypedLogin:
    """Return what exists of a login: two queries, whatever was typed."""
    parsed = words.parse_login(login)
    word, code = parsed or ("", "")
    classroom = Classroom.objects.filter(code=code).first()
    pupil = PupilAccount.objects.filter(code=code, word=word).select_related("classroom").first()
    text = "-".join(parsed) if parsed else words.normalize_password(login)
    return _TypedLogin(text, code, pupil.classroom if pupil else classroom, pupil)


def _begin_attempt(typed: _TypedLogin, origin: Origin) -> CountedAttempt:
    known = known_origins.find_known(
        origin,
        device_of=get_device_owner(typed.pupil) if typed.pupil else NOBODY,
        network_of=_get_network_owner(typed.classroom) if typed.classroom else NOBODY,
    )
    subjects = [(AT_NETWORK, f"{origin.network}\n{typed.text}")]
    if KnownOrigin.Kind.DEVICE in known:
        subjects = [(AT_DEVICE, f"{origin.device}\n{typed.text}")]
    elif KnownOrigin.Kind.NETWORK not in known:
        subjects += [(OF_PUPIL, typed.text), (OF_NETWORK, origin.network)]
    if typed.code:
        subjects.append((OF_CLASS, typed.code))
    try:
        return attempt_delays.begin(subjects)
    except attempt_delays.AttemptTooEarly as refusal:
        seconds = refusal.retry_after
        raise TooManyAttempts(f"Attends {pluralize(seconds, 'seconde')}, puis essaie encore.", seconds) from None


@transaction.atomic
def _record_sign_in(pupil: PupilAccount, at: datetime.datetime) -> PupilAccount:
    """Record the sign-in, and return the current pupil with their class. Raises `WrongCredentials`."""
    # The teacher may have reset the password or removed the pupil meanwhile.
    unchanged = PupilAccount.objects.filter(pk=pupil.pk, password_set_at=pupil.password_set_at)
    if not unchanged.update(last_seen_at=at):
        raise WrongCredentials(_WRONG)
    return unchanged.select_related("classroom__seat__subscription__key__entitlement").get()


_NOT_YOUR_SEAT = "Cette licence n’est pas la vôtre, ou ne l’est plus. Revenez à « Mon compte » : vos licences y sont."
_MAX_NAME_LENGTH = 60
#: Collisions are rare: with thousands of classes, one draw in hundreds.
_MAX_ATTEMPTS = 50


@transaction.atomic
def open_class(*, seat_id: int, by: User, name: str, at: datetime.datetime) -> Classroom:
    """Open the class of a seat that `by` holds and return it, or return the existing one.

    A class passes on with its seat, including its pupils. Raises `ClassNotTaught`, `Refusal`.
    """
    seat = lock_seat(seat_id)
    if seat is None or seat.holder_id != by.pk:
        raise ClassNotTaught(_NOT_YOUR_SEAT)
    classroom = Classroom.objects.filter(seat=seat).first()
    if classroom is not None:
        classroom.seat = seat
        return classroom
    check_licence_running(seat.subscription.key.entitlement, at)
    return create_class(seat, clean_class_name(name), opened_at=at)


@transaction.atomic
def rename(*, classroom_id: int, by: User, name: str, at: datetime.datetime) -> Classroom:  # noqa: ARG001 - as all
    """Rename the class. Raises `ClassNotTaught`, `Refusal`."""
    classroom = lock_taught_class(classroom_id, by)
    classroom.name = clean_class_name(name)
    classroom.save(update_fields=["name"])
    return classroom


def clean_class_name(name: str) -> str:
    """Return the name without superfluous spaces. Raises `Refusal`."""
    name = " ".join(name.split())
    if not name or len(name) > _MAX_NAME_LENGTH or not name.isprintable():
        raise Refusal(
            "invalid_name",
            f"Donnez à la classe un nom de {_MAX_NAME_LENGTH} caractères au plus, par exemple « CE1 B » : il est "
            "affiché aux élèves.",
        )
    return name


def create_class(seat: Seat, name: str, **fields: datetime.datetime | None) -> Classroom:
    """Create a class on a seat that has none, which the caller locked, under a new code."""
    for _ in range(_MAX_ATTEMPTS):
        try:
            with transaction.atomic():
                return Classroom.objects.create(seat=seat, code=words.generate_code(), name=name, **fields)
        except IntegrityError as error:
            # The code is taken: retry.
            if "code" not in str(error):
                raise
    raise RuntimeError("No free class code was drawn: the lists of words are too short for so many classes.")


class CarriedClass(NamedTuple):
    """A class on its new seat, and how many pupils came along and how many stayed."""

    classroom: Classroom
    pupils: int
    left: int


@transaction.atomic
def carry_on(
    *, classroom_id: int, seat_id: int, numbers: Collection[int], name: str, by: User, at: datetime.datetime
) -> CarriedClass:
    """Move a class to a seat of the next year that `by` holds, with the pupils of those numbers. Idempotent.

    Their logins and passwords stay. The others stay with the old licence, in a class of their own that is erased as
    today. Those who wait for a colleague come along. Raises `ClassNotTaught`, `Refusal`,
    `CannotCarryOn`, `NoSuchPupil`, `InvalidPupilCount`.
    """
    (classroom,) = lock_classes([classroom_id], seat_ids=[seat_id])
    # Locked already.
    seat = lock_seat(seat_id)
    _check_holder(classroom, seat, by)
    if seat is None or seat.holder_id != by.pk:
        raise ClassNotTaught(_NOT_YOUR_SEAT)
    if classroom.seat_id == seat.pk:
        return CarriedClass(classroom, classroom.pupils.count(), 0)
    _check_may_go(classroom, seat, by, at)
    pupils = list(classroom.pupils.locked())
    coming = set(numbers)
    check_pupils(pupils, coming)
    left = [pupil for pupil in pupils if pupil.number not in coming and pupil.handover_id is None]
    if len(left) == len(pupils):
        raise InvalidPupilCount("Cochez au moins un élève à emmener, ou commencez une nouvelle classe.")
    old_seat, earlier = classroom.seat, (classroom.carried_at, classroom.warned_at)
    former_name = classroom.name
    classroom.seat, classroom.name = seat, clean_class_name(name)
    # Of the new licence: its end will be announced in its time.
    classroom.carried_at, classroom.warned_at = at, None
    classroom.save(update_fields=["seat", "name", "carried_at", "warned_at"])
    if left:
        stays = create_class(
            old_seat, former_name, opened_at=classroom.opened_at, carried_at=earlier[0], warned_at=earlier[1]
        )
        classroom.pupils.filter(pk__in=[pupil.pk for pupil in left]).update(classroom=stays)
    return CarriedClass(classroom, len(pupils) - len(left), len(left))


def _check_holder(classroom: Classroom, seat: Seat | None, by: User) -> None:
    if classroom.seat.holder_id == by.pk:
        return
    if seat is not None and is_taught_by(classroom, by):
        raise Refusal(
            "not_the_holder",
            "Seul l’enseignant qui détient la licence de cette classe l’emmène dans l’année nouvelle. Demandez-le-lui.",
        )
    raise ClassNotTaught(NOT_TAUGHT_MESSAGE)


def _check_may_go(classroom: Classroom, seat: Seat, by: User, at: datetime.datetime) -> None:
    day = date_in_paris(at)
    if classroom.purged_at is not None or day >= get_erasure_date(classroom.seat.subscription.key.entitlement.last_day):
        raise CannotCarryOn(
            "Il est trop tard : les comptes des élèves de cette classe sont effacés. Ouvrez une nouvelle classe."
        )
    if obstacle := find_obstacle(classroom, seat, by):
        raise CannotCarryOn(obstacle)
    other = Classroom.objects.filter(seat=seat).first()
    if other is not None:
        raise CannotCarryOn(
            f"Cette licence a déjà sa classe, « {other.name} » : une licence n’ouvre qu’une classe. Pour y faire venir "
            "des élèves de l’an dernier, préparez un code sous « Confier des élèves », et saisissez-le sur la page de "
            "la nouvelle classe."
        )
    check_licence_running(seat.subscription.key.entitlement, at)
    first_day = get_first_day(classroom, seat, day)
    if first_day > day:
        raise CannotCarryOn(
            f"La licence de cette classe court encore : vous pourrez l’emmener à partir du "
            f"{format_long_date(first_day)}."
        )
