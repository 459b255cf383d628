"""Data of « Mon compte », read in a constant number of queries."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from django.db.models import Q

from accounts.models import Profile, User
from core.calendar import date_in_paris
from licensing.catalogue.pricing import PUPILS_PER_CLASS
from licensing.entitlements import code_sealing
from licensing.entitlements.models import Seat, Subscription
from licensing.entitlements.queries import administered_by, unseal_key
from licensing.entitlements.wording import countdown, describe_account, format_short_date, format_validity, status_text
from schools import matching
from schools.folding import fold

if TYPE_CHECKING:
    import datetime

    from django.db.models import QuerySet

    from licensing.entitlements.models import Entitlement
    from schools.matching import LikelyTeacher
    from schools.models import Affiliation, School


@dataclass
class SubscriptionCard:
    """A subscription as shown to a principal."""

    subscription: Subscription
    key: str
    # Whether its seats may be assigned, be it for a later first day.
    available: bool
    suspended: bool
    cancelled: bool
    # The first day of use, if it is to come.
    begins_on: datetime.date | None
    # The last day, inclusive; while the order is unpaid, the provisional deadline first.
    validity: str
    # What is awaited, and until when; empty where the licences are paid for and have begun.
    status_text: str
    # Whether the order is unpaid.
    temporary: bool
    # The holders of its seats; for the only one of its year, also the teachers of the school without one.
    rows: list[TeacherRow] = field(default_factory=list)
    taken: int = 0
    # Seats that wait for teachers who were invited.
    reserved: int = 0

    @property
    def free(self) -> int:
        return self.subscription.size - self.taken - self.reserved

    @property
    def pupils(self) -> int:
        return self.subscription.size * PUPILS_PER_CLASS

    @property
    def giver(self) -> str:
        """Who bought it, in French."""
        collectivity = self.subscription.key.entitlement.collectivity
        return f"Attribuée par {collectivity.name}" if collectivity else "Achetée en boutique"

    @property
    def remarks(self) -> str:
        """What distinguishes it in a choice of keys: « , à partir du 01/09/2027, droits temporaires », or nothing."""
        start = f", à partir du {format_short_date(self.begins_on)}" if self.begins_on else ""
        return f"{start}{', droits temporaires' if self.temporary else ''}"

    @property
    def is_current(self) -> bool:
        """Whether it is available, or may become so again."""
        return self.available or self.suspended

    @property
    def opens_classes(self) -> bool:
        """Whether its seats open classes now."""
        return self.available and self.begins_on is None

    @property
    def can_assign(self) -> bool:
        """Whether a seat of it can be assigned now."""
        return self.available and self.free > 0

    @property
    def offers(self) -> list[SubscriptionCard]:
        """The subscriptions to assign from for the teachers listed with it: itself, while seats are left."""
        return [self] if self.can_assign and self.waiting else []

    @property
    def several(self) -> bool:
        """Whether several teachers listed with it can be assigned a seat at once."""
        return self.can_assign and self.waiting > 1

    @property
    def waiting(self) -> int:
        """How many of the teachers listed with it hold no seat of it."""
        return sum(row.seat is None for row in self.rows)


@dataclass
class TeacherRow:
    """A teacher in a list: with the seat they hold of that subscription, or without any that runs.

    `person` is None where the principal may not see who it is.
    """

    person: User | None
    seat: Seat | None = None

    @property
    def name(self) -> tuple[bool, str, str]:
        """Sort key; teachers who may not be named come last."""
        if self.person is None:
            return True, "", ""
        return False, fold(self.person.last_name), fold(self.person.first_name)


@dataclass
class PrincipalOverview:
    """« Mes abonnements » for one school, with its teachers."""

    affiliation: Affiliation | None
    affiliations: list[Affiliation]
    cards: list[SubscriptionCard]
    # Teachers of the school without a seat of a year, unless the only subscription of that year lists them.
    waiting: list[TeacherRow]
    # The principal holds a seat of each year that has one to assign.
    own_unit: bool
    # « Ils pourraient être de votre école ».
    proposals: list[LikelyTeacher]

    @property
    def verified(self) -> bool:
        return self.affiliation is not None and self.affiliation.verified_at is not None

    @property
    def current(self) -> list[SubscriptionCard]:
        """The available and suspended subscriptions, the next to expire first."""
        return [card for card in self.cards if card.is_current]

    @property
    def lists_teachers_by_card(self) -> bool:
        """Whether each current subscription lists the teachers of the school: it is the only one of its year."""
        return len({card.subscription.key.entitlement.last_day for card in self.current}) == len(self.current)

    @property
    def past(self) -> list[SubscriptionCard]:
        return [card for card in self.cards if not card.is_current]

    @property
    def offers(self) -> list[SubscriptionCard]:
        """The subscriptions to assign from, in order of preference: begun, paid for, then the earliest to expire."""
        return sorted(
            (card for card in self.cards if card.can_assign),
            key=lambda card: (card.begins_on is not None, card.temporary),
        )

    @property
    def several(self) -> bool:
        """Whether several waiting teachers can be assigned a seat at once."""
        return len(self.waiting) > 1 and bool(self.offers)

    @property
    def listed(self) -> bool:
        """Whether any teacher of the school is shown."""
        return bool(self.waiting) or any(card.rows for card in self.current)


def of_principal(user: User, *, at: datetime.datetime, school: str = "") -> PrincipalOverview:
    """Return the overview of one of a principal's schools: the requested one, else the first."""
    affiliations = list(user.affiliations.select_related("school").order_by("since", "pk"))
    affiliation = next((one for one in affiliations if one.school_id and one.school_id == school), None) or next(
        iter(affiliations), None
    )
    cards = {card.subscription.pk: card for card in _build_cards(user, affiliation, at)}
    verified_school = affiliation.school if affiliation is not None and affiliation.verified_at is not None else None
    in_use = Seat.objects.filter(Q(holder__isnull=False) | Q(reserved_at__isnull=False), subscription__in=cards)
    seats = []
    for seat in in_use.select_related("holder"):
        card = cards[seat.subscription_id]
        if seat.reserved_at is not None:
            card.reserved += 1
            continue
        seats.append(seat)
        may_see_name = seat.holder_id == user.pk or (
            verified_school is not None and card.subscription.school_id is not None
        )
        card.taken += 1
        card.rows.append(TeacherRow(seat.holder if may_see_name else None, seat))
    waiting, own_unit = _list_waiting(user, list(cards.values()), seats, list(_list_teachers(verified_school)))
    for card in cards.values():
        card.rows.sort(key=lambda row: row.name)
    # Holders of a seat of the school are already listed among its teachers.
    holders = {seat.holder_id for seat in seats}
    proposals = [
        likely
        for likely in (matching.suggest_teachers(verified_school) if verified_school is not None else ())
        if likely.affiliation.user_id not in holders
    ]
    return PrincipalOverview(affiliation, affiliations, list(cards.values()), waiting, own_unit, proposals)


def _list_waiting(
    user: User, cards: list[SubscriptionCard], seats: list[Seat], teachers: list[User]
) -> tuple[list[TeacherRow], bool]:
    """Return the teachers without a seat of a year that has several subscriptions, and whether the user needs none.

    As in the user guide, the single subscription of a year lists all the teachers of the school: they are added to it.
    """
    years: dict[datetime.date, list[SubscriptionCard]] = {}
    for card in cards:
        if card.is_current:
            years.setdefault(card.subscription.key.entitlement.last_day, []).append(card)
    waiting: dict[int, TeacherRow] = {}
    own_unit = True
    for of_year in years.values() or [[]]:
        available = {card.subscription.pk for card in of_year if card.available}
        holders = {seat.holder_id for seat in seats if seat.subscription_id in available}
        rows = [TeacherRow(teacher) for teacher in teachers if teacher.pk not in holders | {user.pk}]
        if any(card.can_assign for card in of_year):
            own_unit = own_unit and user.pk in holders
        if len(of_year) == 1:
            listed = {row.person.pk for row in of_year[0].rows if row.person is not None}
            of_year[0].rows += [row for row in rows if row.person is not None and row.person.pk not in listed]
        else:
            waiting |= {row.person.pk: row for row in rows if row.person is not None}
    return list(waiting.values()), own_unit


def list_successors(seat: Seat) -> QuerySet[User]:
    """Return the teachers who may take over the seat: those without a seat of its subscription."""
    return _list_teachers(seat.subscription.school).exclude(seats__subscription=seat.subscription_id)


def _list_teachers(school: School | None) -> QuerySet[User]:
    if school is None:
        return User.objects.none()
    return User.objects.filter(profile=Profile.TEACHER, is_active=True, affiliations__school=school).order_by(
        "last_name", "first_name", "pk"
    )


def _build_cards(user: User, affiliation: Affiliation | None, at: datetime.datetime) -> list[SubscriptionCard]:
    """Return cards for the subscriptions of the school, and for the principal's own without a school."""
    of_school = Q(principal=user, school=None)
    if affiliation is not None and affiliation.school_id is not None:
        of_school |= Q(school=affiliation.school_id)
    found = (
        Subscription.objects.filter(administered_by(user), of_school)
        .select_related(
            "school",
            "principal",
            "key__entitlement__product",
            "key__entitlement__collectivity",
        )
        .order_by("key__entitlement__last_day", "opened_at", "pk")
    )
    day = date_in_paris(at)
    cards = []
    for subscription in found:
        entitlement = subscription.key.entitlement
        try:
            key = unseal_key(subscription.key)
        except code_sealing.UnsealableCode:
            # One unreadable key must not break the page; `manage.py audit` reports it.
            key = "illisible : écrivez-nous"
        cards.append(
            SubscriptionCard(
                subscription,
                key,
                available=entitlement.available_on(day),
                suspended=entitlement.suspended_on(day),
                cancelled=entitlement.cancelled_at is not None,
                begins_on=_get_start_to_come(entitlement, day),
                validity=format_validity(entitlement, day),
                status_text=status_text(entitlement, day),
                temporary=entitlement.temporary_until is not None,
            )
        )
    return cards


def _get_start_to_come(entitlement: Entitlement, day: datetime.date) -> datetime.date | None:
    return None if entitlement.begun_on(day) else entitlement.first_day


@dataclass
class TeacherLicence:
    """A seat as shown to the teacher who holds it."""

    seat: Seat
    # « Compte de rattachement ».
    account: str
    available: bool
    suspended: bool
    cancelled: bool
    # The first day of use, if it is to come.
    begins_on: datetime.date | None
    validity: str
    # Time left in the provisional period; empty where the rights are firm.
    countdown: str


def of_teacher(user: User, *, at: datetime.datetime) -> list[TeacherLicence]:
    """Return the seats that a teacher holds, the latest to expire first."""
    day = date_in_paris(at)
    seats = (
        Seat.objects.filter(holder=user)
        .select_related(
            "subscription__school",
            "subscription__principal",
            "subscription__key__entitlement__product",
        )
        .order_by("-subscription__key__entitlement__last_day", "held_since")
    )
    licences = []
    for seat in seats:
        entitlement = seat.subscription.key.entitlement
        licences.append(
            TeacherLicence(
                seat,
                describe_account(seat.subscription),
                available=entitlement.available_on(day),
                suspended=entitlement.suspended_on(day),
                cancelled=entitlement.cancelled_at is not None,
                begins_on=_get_start_to_come(entitlement, day),
                validity=format_validity(entitlement, day),
                countdown=countdown(entitlement.temporary_until, day) if entitlement.temporary_until else "",
            )
        )
    return licences
