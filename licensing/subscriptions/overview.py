"""What « Mon compte » shows, read in a fixed number of queries however many subscriptions and teachers there are."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from django.db.models import Q

from accounts.models import Profile, User
from licensing.subscriptions import sealing
from licensing.subscriptions.models import Seat, Subscription
from licensing.subscriptions.queries import administers, key_display, today
from licensing.subscriptions.wording import countdown, provenance, standing, validity
from schools import matching
from schools.folding import fold

if TYPE_CHECKING:
    import datetime

    from django.db.models import QuerySet

    from schools.matching import LikelyTeacher
    from schools.models import Affiliation, School

PUPILS_A_CLASS = 30


@dataclass
class Card:
    """One subscription as its principal sees it."""

    subscription: Subscription
    key: str
    running: bool
    suspended: bool
    cancelled: bool
    # The last day, inclusive; that of the provisional rights first, where it is not paid yet.
    validity: str
    # What is awaited, and how long it still may be; empty where the licences are paid for.
    standing: str
    # Who holds its units; and, where it is the only one, the teachers of the school who wait for theirs.
    rows: list[TeacherRow] = field(default_factory=list)
    taken: int = 0

    @property
    def free(self) -> int:
        return self.subscription.size - self.taken

    @property
    def pupils(self) -> int:
        return self.subscription.size * PUPILS_A_CLASS

    @property
    def bought_at(self) -> datetime.datetime:
        return self.subscription.key.source.order_line.order.placed_at or self.subscription.opened_at

    @property
    def giver(self) -> str:
        """Who bought it, in words."""
        collectivity = self.subscription.key.source.collectivity
        return f"Attribuée par {collectivity.name}" if collectivity else "Achetée en boutique"

    @property
    def gives(self) -> bool:
        """Whether a unit of it can be given now."""
        return self.running and self.free > 0

    @property
    def offers(self) -> list[Card]:
        """What the teachers listed with it can be given: itself, while units are left."""
        return [self] if self.gives and self.waiting else []

    @property
    def several(self) -> bool:
        """Whether several teachers listed with it wait for a unit: they can be served at once."""
        return self.gives and self.waiting > 1

    @property
    def waiting(self) -> int:
        """How many of the teachers listed with it hold none of it."""
        return sum(row.seat is None for row in self.rows)


@dataclass
class TeacherRow:
    """A teacher in a list: with the unit he holds of that subscription, or without any that runs.

    `person` is None where the principal may not know who it is.
    """

    person: User | None
    seat: Seat | None = None

    @property
    def name(self) -> tuple[bool, str, str]:
        """What a list of teachers is ordered by; who may not be named stands last."""
        if self.person is None:
            return True, "", ""
        return False, fold(self.person.last_name), fold(self.person.first_name)


@dataclass
class PrincipalOverview:
    """« Mes abonnements » of one school, and its teachers."""

    affiliation: Affiliation | None
    affiliations: list[Affiliation]
    cards: list[Card]
    # The teachers of the school without a unit that runs, where no single subscription lists them.
    waiting: list[TeacherRow]
    # The principal teaches, and holds a unit that runs.
    own_unit: bool
    # « Ils pourraient être de votre école ».
    proposals: list[LikelyTeacher]

    @property
    def verified(self) -> bool:
        return self.affiliation is not None and self.affiliation.verified_at is not None

    @property
    def current(self) -> list[Card]:
        """The subscriptions that run or will run again, the next to expire first."""
        return [card for card in self.cards if card.running or card.suspended]

    @property
    def past(self) -> list[Card]:
        return [card for card in self.cards if not (card.running or card.suspended)]

    @property
    def offers(self) -> list[Card]:
        """What can be given, the one to give first standing first: paid for, then the earliest to expire."""
        return sorted((card for card in self.cards if card.gives), key=lambda card: bool(card.standing))

    @property
    def several(self) -> bool:
        """Whether several teachers wait, and can be served at once."""
        return len(self.waiting) > 1 and bool(self.offers)

    @property
    def listed(self) -> bool:
        """Whether any teacher is shown as one of the school's."""
        return bool(self.waiting) or any(card.rows for card in self.current)


def of_principal(user: User, *, at: datetime.datetime, school: str = "") -> PrincipalOverview:
    """Return what a principal sees for one of his schools: the one asked for, else the first."""
    affiliations = list(user.affiliations.select_related("school").order_by("since", "pk"))
    affiliation = next((one for one in affiliations if one.school_id and one.school_id == school), None) or next(
        iter(affiliations), None
    )
    cards = {card.subscription.pk: card for card in _cards(user, affiliation, at)}
    led = affiliation.school if affiliation is not None and affiliation.verified_at is not None else None
    seats = list(Seat.objects.held().filter(subscription__in=cards).select_related("holder"))
    for seat in seats:
        card = cards[seat.subscription_id]
        named = seat.holder_id == user.pk or (led is not None and card.subscription.school_id is not None)
        card.taken += 1
        card.rows.append(TeacherRow(seat.holder if named else None, seat))
    served = {seat.holder_id for seat in seats if cards[seat.subscription_id].running}
    waiting = [TeacherRow(teacher) for teacher in _teachers_of(led) if teacher.pk not in served | {user.pk}]
    current = [card for card in cards.values() if card.running or card.suspended]
    if len(current) == 1:
        # As in the guide: one subscription, and below it all the teachers, with their key or the button that gives it.
        of_it = {row.person.pk for row in current[0].rows if row.person is not None}
        current[0].rows += [row for row in waiting if row.person is not None and row.person.pk not in of_it]
        waiting = []
    for card in cards.values():
        card.rows.sort(key=lambda row: row.name)
    # Whoever holds a key of the school already stands among its teachers.
    holders = {seat.holder_id for seat in seats}
    proposals = [
        likely
        for likely in (matching.likely_teachers(led) if led is not None else ())
        if likely.affiliation.user_id not in holders
    ]
    return PrincipalOverview(affiliation, affiliations, list(cards.values()), waiting, user.pk in served, proposals)


def successors(seat: Seat) -> QuerySet[User]:
    """Return the teachers of the school who could take over the unit of a subscription: those who hold none of it."""
    return _teachers_of(seat.subscription.school).exclude(seats__subscription=seat.subscription_id)


def _teachers_of(school: School | None) -> QuerySet[User]:
    if school is None:
        return User.objects.none()
    return User.objects.filter(profile=Profile.TEACHER, is_active=True, affiliations__school=school).order_by(
        "last_name", "first_name", "pk"
    )


def _cards(user: User, affiliation: Affiliation | None, at: datetime.datetime) -> list[Card]:
    """Return the subscriptions of the school, and the principal's own for a school that he typed by hand."""
    here = Q(principal=user, school=None)
    if affiliation is not None and affiliation.school_id is not None:
        here |= Q(school=affiliation.school_id)
    found = (
        Subscription.objects.filter(administers(user), here)
        .select_related(
            "school", "principal", "key__source__product", "key__source__collectivity", "key__source__order_line__order"
        )
        .order_by("key__source__last_day", "opened_at", "pk")
    )
    day = today(at)
    cards = []
    for subscription in found:
        source = subscription.key.source
        try:
            key = key_display(subscription.key)
        except sealing.Unsealable:
            # One unreadable key must not close the whole page; `manage.py audit` names it.
            key = "illisible : écrivez-nous"
        cards.append(
            Card(
                subscription,
                key,
                running=source.usable_on(day),
                suspended=source.suspended_on(day),
                cancelled=source.cancelled_at is not None,
                validity=validity(source, day),
                standing=standing(source, day),
            )
        )
    return cards


@dataclass
class Licence:
    """A licence as the teacher who holds it sees it."""

    seat: Seat
    # « Compte de rattachement ».
    account: str
    running: bool
    suspended: bool
    cancelled: bool
    validity: str
    # How long the provisional rights still last; empty where nothing presses.
    countdown: str


def of_teacher(user: User, *, at: datetime.datetime) -> list[Licence]:
    """Return the licences that a teacher holds, those that run first."""
    day = today(at)
    seats = (
        Seat.objects.filter(holder=user)
        .select_related(
            "subscription__school",
            "subscription__principal",
            "subscription__key__source__product",
            "subscription__key__source__order_line__order",
        )
        .order_by("-subscription__key__source__last_day", "held_since")
    )
    licences = []
    for seat in seats:
        source = seat.subscription.key.source
        licences.append(
            Licence(
                seat,
                provenance(seat.subscription),
                running=source.usable_on(day),
                suspended=source.suspended_on(day),
                cancelled=source.cancelled_at is not None,
                validity=validity(source, day),
                countdown=countdown(source.temporary_until, day) if source.temporary_until else "",
            )
        )
    return licences
