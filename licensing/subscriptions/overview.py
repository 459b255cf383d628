"""What « Mon compte » shows, read in a fixed number of queries however many subscriptions and teachers there are."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from django.db.models import Q

from accounts.models import Profile, User
from licensing.subscriptions import sealing
from licensing.subscriptions.models import Seat, Subscription
from licensing.subscriptions.queries import administers, key_display, today
from licensing.subscriptions.wording import provenance
from schools import matching

if TYPE_CHECKING:
    import datetime
    from collections.abc import Iterable

    from schools.matching import LikelyTeacher
    from schools.models import Affiliation

PUPILS_A_CLASS = 30


@dataclass
class Card:
    """One subscription as its principal sees it."""

    subscription: Subscription
    key: str
    running: bool
    suspended: bool
    held: list[Seat] = field(default_factory=list)

    @property
    def taken(self) -> int:
        return len(self.held)

    @property
    def free(self) -> int:
        return self.subscription.size - len(self.held)

    @property
    def pupils(self) -> int:
        return self.subscription.size * PUPILS_A_CLASS

    @property
    def last_day(self) -> datetime.date:
        """Inclusive."""
        return self.subscription.key.source.last_day

    @property
    def bought_at(self) -> datetime.datetime:
        return self.subscription.key.source.order_line.order.placed_at

    @property
    def giver(self) -> str:
        """Who bought it, in words."""
        collectivity = self.subscription.key.source.collectivity
        return f"Attribuée par {collectivity.name}" if collectivity else "Achetée en boutique"


@dataclass
class Holding:
    """A unit that a teacher holds."""

    seat: Seat
    card: Card


@dataclass
class TeacherRow:
    """A teacher and the units he holds. `person` is None where the principal may not know who it is."""

    person: User | None
    holdings: list[Holding] = field(default_factory=list)
    # Attached to the principal's school: an automatic attribution is possible.
    of_school: bool = False
    # What can be given to him, the one to give first standing first.
    offers: list[Card] = field(default_factory=list)


@dataclass
class PrincipalOverview:
    """« Mes abonnements » and « Vos enseignants » of one school."""

    affiliation: Affiliation | None
    affiliations: list[Affiliation]
    cards: list[Card]
    teachers: list[TeacherRow]
    # The principal himself, who may teach.
    own: TeacherRow
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


def of_principal(user: User, *, at: datetime.datetime, school: str = "") -> PrincipalOverview:
    """Return what a principal sees for one of his schools: the one asked for, else the first."""
    affiliations = list(user.affiliations.select_related("school").order_by("since", "pk"))
    affiliation = next((one for one in affiliations if one.school_id and one.school_id == school), None) or next(
        iter(affiliations), None
    )
    cards = {card.subscription.pk: card for card in _cards(user, affiliation, affiliations, at)}
    seats = Seat.objects.held().filter(subscription__in=cards).select_related("holder").order_by("held_since", "pk")
    for seat in seats:
        cards[seat.subscription_id].held.append(seat)
    verified = affiliation is not None and affiliation.verified_at is not None
    of_school: Iterable[User] = (
        User.objects.filter(
            profile=Profile.TEACHER, is_active=True, affiliations__school=affiliation.school_id
        ).order_by("last_name", "first_name", "pk")
        if verified and affiliation is not None
        else ()
    )
    own, teachers = _rows(user, list(of_school), list(cards.values()), verified=verified)
    school_led = affiliation.school if verified and affiliation is not None else None
    holders = {seat.holder_id for card in cards.values() for seat in card.held}
    # Whoever holds a key of the school already stands among its teachers.
    proposals = [
        likely
        for likely in (matching.likely_teachers(school_led) if school_led is not None else ())
        if likely.affiliation.user_id not in holders
    ]
    return PrincipalOverview(affiliation, affiliations, list(cards.values()), teachers, own, proposals)


def _cards(
    user: User, affiliation: Affiliation | None, affiliations: list[Affiliation], at: datetime.datetime
) -> list[Card]:
    """Return the subscriptions of the school, and the principal's own that belong to none he leads."""
    led = [one.school_id for one in affiliations if one.school_id is not None]
    here = Q(principal=user) & (Q(school=None) | ~Q(school__in=led))
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
        over = source.last_day < day
        suspended = source.suspended_at is not None and not over
        cards.append(Card(subscription, key, running=not over and not suspended, suspended=suspended))
    return cards


def _rows(
    user: User, of_school: list[User], cards: list[Card], *, verified: bool
) -> tuple[TeacherRow, list[TeacherRow]]:
    rows = {teacher.pk: TeacherRow(teacher, of_school=True) for teacher in of_school}
    rows.pop(user.pk, None)
    own = TeacherRow(user, of_school=True)
    unnamed: list[TeacherRow] = []
    for card in cards:
        for seat in card.held:
            holding = Holding(seat, card)
            if seat.holder_id == user.pk:
                own.holdings.append(holding)
            elif verified and card.subscription.school_id is not None and seat.holder is not None:
                rows.setdefault(seat.holder.pk, TeacherRow(seat.holder)).holdings.append(holding)
            else:
                unnamed.append(TeacherRow(None, [holding]))
    open_cards = [card for card in cards if card.running and card.free]
    for row in (own, *rows.values()):
        if row.of_school:
            had = {holding.card.subscription.pk for holding in row.holdings}
            row.offers = [card for card in open_cards if card.subscription.pk not in had]
    # Whoever has nothing yet comes first: that is what the principal is here for.
    return own, [*sorted(rows.values(), key=lambda row: bool(row.holdings)), *unnamed]


@dataclass
class Licence:
    """A licence as the teacher who holds it sees it."""

    seat: Seat
    # « Compte de rattachement ».
    account: str
    running: bool
    suspended: bool


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
        over = source.last_day < day
        suspended = source.suspended_at is not None and not over
        licences.append(
            Licence(seat, provenance(seat.subscription), running=not over and not suspended, suspended=suspended)
        )
    return licences
