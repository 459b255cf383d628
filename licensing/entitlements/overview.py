"""Data of « Mon compte », read in a constant number of queries, and the version that open pages poll."""

import datetime
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Aggregate, Count, Exists, Max, Model, OuterRef, Q, QuerySet, Subquery, Sum, Value
from django.db.models.functions import JSONObject

from accounts.models import Profile, User
from core.calendar import date_in_paris
from core.formatting import collectivity_forms
from licensing.catalogue.pricing import PUPILS_PER_CLASS
from licensing.entitlements import code_sealing
from licensing.entitlements.models import (
    ActivationKey,
    Entitlement,
    Seat,
    SeatEvent,
    SeatMode,
    Subscription,
    available_on,
)
from licensing.entitlements.queries import administered_by, ends_in_school_year, get_school_year, unseal_key
from licensing.entitlements.wording import (
    countdown,
    describe_account,
    format_short_date,
    format_until,
    format_validity,
    status_text,
)
from schools.models import Affiliation, School

# Version hash of the licences shown on « Mon compte », polled by open pages to detect changes.
#
# One query on indexes instead of the nine that make the page. Any change to a seat, a subscription, the teachers of the
# school or an order changes the hash.


#: Columns of entitlements: those that are set and emptied, by how many are set; days that move, by the latest.
_COUNTED_COLUMNS = ("suspended_at", "cancelled_at", "provisional_until", "unpaid_until")
_LATEST_COLUMNS = ("first_day", "provisional_until", "unpaid_until")


def compute_version(user: User, *, school: str, at: datetime.datetime, others: Sequence[Subquery] = ()) -> str:
    """Return a hash of what the user's page shows about licences, and of `others`: figures of what else it shows."""
    if user.profile == Profile.PRINCIPAL:
        subscriptions = Subscription.objects.filter(administered_by(user))
        events = SeatEvent.objects.filter(seat__subscription__in=subscriptions.values("pk"))
    else:
        subscriptions = Subscription.objects.filter(seats__holder=user)
        events = SeatEvent.objects.filter(teacher=user)
    opened = Seat.objects.filter(subscription__in=subscriptions.values("pk"), classroom__isnull=False)
    reserved = Seat.objects.reserved().filter(subscription__in=subscriptions.values("pk"))
    affiliations = Affiliation.objects.filter(user=user)
    colleagues = Affiliation.objects.filter(school__in=affiliations.filter(verified_at__isnull=False).values("school"))
    figures = User.objects.filter(pk=user.pk).values_list(
        build_figures(events, Max("pk")),
        build_figures(
            subscriptions,
            Count("pk"),
            Sum("size"),
            *(Count(f"key__entitlement__{column}") for column in _COUNTED_COLUMNS),
            *(Max(f"key__entitlement__{column}") for column in _LATEST_COLUMNS),
        ),
        # A class that is carried on leaves one seat for another.
        build_figures(opened, Count("pk"), Sum("pk")),
        build_figures(reserved, Count("pk"), Max("reserved_at")),
        build_figures(affiliations, Max("verified_at"), Max("pk")),
        build_figures(colleagues, Max("pk"), Count("pk")),
        *others,
    )
    return hashlib.sha256(repr((school, date_in_paris(at), figures.get())).encode()).hexdigest()[:20]


def build_figures[M: Model](rows: QuerySet[M], *aggregates: Aggregate) -> Subquery:
    """Return the aggregates of these rows as a column of the one query.

    One subquery for all of them: the query took longer to plan with one each than to run.
    """
    figures = JSONObject(**{str(number): aggregate for number, aggregate in enumerate(aggregates)})
    return Subquery(rows.order_by().values(one=Value(1)).annotate(figures=figures).values("figures"))


#: Who holds a seat, and the class opened with it, which the app above keeps.
_USE_OF_SEAT = ("holder", "classroom")


@dataclass(kw_only=True)
class _ShownLicences:
    """Licences of an entitlement, as they are on a day."""

    entitlement: Entitlement
    day: datetime.date

    @property
    def available(self) -> bool:
        """Whether they may be assigned, be it for a later first day."""
        return self.entitlement.available_on(self.day)

    @property
    def suspended(self) -> bool:
        return self.entitlement.suspended_on(self.day)

    @property
    def cancelled(self) -> bool:
        return self.entitlement.cancelled_at is not None

    @property
    def ended(self) -> bool:
        """Whether their school year is over."""
        return self.entitlement.last_day < self.day

    @property
    def begins_on(self) -> datetime.date | None:
        """The first day of use, if it is to come."""
        return None if self.entitlement.begun_on(self.day) else self.entitlement.first_day

    @property
    def validity(self) -> str:
        """The last day, inclusive; while the order is unpaid, the provisional deadline first."""
        return format_validity(self.entitlement, self.day)

    @property
    def opens_classes(self) -> bool:
        """Whether they open classes now."""
        return self.available and self.begins_on is None


@dataclass(kw_only=True)
class SubscriptionCard(_ShownLicences):
    """A subscription as shown to a principal."""

    subscription: Subscription
    key: str
    # Its validity in words: « jusqu'au 31 août 2027 inclus ».
    until: str
    # What is awaited, and until when; empty where the licences are paid for and have begun.
    status_text: str
    # Whether the order is unpaid.
    temporary: bool
    # How many of its seats are held.
    taken: int = 0
    # Seats that wait for teachers who were invited.
    reserved: int = 0
    # Of those that a collectivity gave, how many nobody ever used: set where they may be given back.
    unused: int = 0
    # Whether the collectivity asks for some of it back, and may be answered.
    is_asked_for: bool = False
    # When licences of it were last given back.
    returned_on: datetime.datetime | None = None

    @property
    def free(self) -> int:
        return self.subscription.size - self.taken - self.reserved

    @property
    def pupils(self) -> int:
        return self.subscription.size * PUPILS_PER_CLASS

    @property
    def giver(self) -> str:
        """Who bought or ordered it, in French."""
        if collectivity := self.entitlement.collectivity:
            return f"Attribuée par {collectivity_forms(collectivity.name).the}"
        return "Commandée en boutique" if self.temporary else "Achetée en boutique"

    @property
    def is_given(self) -> bool:
        """Whether a collectivity gave it."""
        return self.entitlement.collectivity is not None

    @property
    def since(self) -> datetime.date:
        """The day a collectivity gave its key, or the day it was bought; in Europe/Paris."""
        return date_in_paris(self.subscription.key.issued_at) if self.is_given else self.entitlement.bought_on

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
    def can_assign(self) -> bool:
        """Whether a seat of it can be assigned now."""
        return self.available and self.free > 0

    @property
    def school_year(self) -> int:
        """The year in which the school year of its licences ends, in August."""
        return get_school_year(self.entitlement.last_day)


@dataclass
class PrincipalOverview:
    """The subscriptions of one of a principal's schools, and who holds their seats."""

    affiliation: Affiliation | None
    affiliations: list[Affiliation]
    cards: list[SubscriptionCard]
    # The held seats of the cards.
    seats: list[Seat]
    # Whether the principal holds a seat, of any school.
    teaches: bool

    @property
    def verified(self) -> bool:
        return self.affiliation is not None and self.affiliation.verified_at is not None

    @property
    def current(self) -> list[SubscriptionCard]:
        """The available and suspended subscriptions, the next to expire first, but those that were given back."""
        return [card for card in self.cards if card.is_current and card.subscription.size]

    @property
    def returned(self) -> list[SubscriptionCard]:
        """The subscriptions whose licences were all given back: their keys may be worth some again."""
        return [card for card in self.cards if card.is_current and not card.subscription.size]

    @property
    def called_off(self) -> list[SubscriptionCard]:
        """Those of an order that was cancelled, until their school year is over."""
        return [card for card in self.cards if not card.is_current and not card.ended]

    @property
    def past_years(self) -> list[tuple[int, list[SubscriptionCard]]]:
        """The subscriptions of the school years that are over, by the year in which they ended, the latest first."""
        ended = [card for card in self.cards if card.ended]
        return [
            (year, [card for card in ended if card.school_year == year])
            for year in sorted({card.school_year for card in ended}, reverse=True)
        ]


def of_principal(
    user: User, *, at: datetime.datetime, school: str = "", others: Mapping[str, Exists] | None = None
) -> PrincipalOverview:
    """Return the overview of one of a principal's schools: the requested one, else the first.

    `others`: what else to read with each affiliation, by the name of its attribute.
    """
    affiliations = list(user.affiliations.select_related("school").annotate(**others or {}).order_by("since", "pk"))
    affiliation = next((one for one in affiliations if one.school_id and one.school_id == school), None) or next(
        iter(affiliations), None
    )
    cards = {card.subscription.pk: card for card in _build_cards(user, affiliation, at)}
    in_use = Q(holder__isnull=False) | Q(reserved_at__isnull=False)
    seats, teaches = [], False
    # The user's own of other schools too: the menu of the page asks for them.
    for seat in Seat.objects.filter(in_use & Q(subscription__in=cards) | Q(holder=user)).select_related(*_USE_OF_SEAT):
        teaches = teaches or seat.holder_id == user.pk
        card = cards.get(seat.subscription_id)
        if card is None:
            continue
        if seat.reserved_at is not None:
            card.reserved += 1
        else:
            card.taken += 1
            seats.append(seat)
    return PrincipalOverview(affiliation, affiliations, list(cards.values()), seats, teaches)


def has_class(seat: Seat) -> bool:
    """Whether a class was opened with the seat; no query for a seat of `of_principal` or `of_teacher`."""
    return hasattr(seat, "classroom")


def count_free_licences(user: User, *, ends_on: datetime.date, at: datetime.datetime) -> dict[str | None, int]:
    """Return how many licences a principal can give now, by UAI of their school; None for a school typed by hand.

    Of the school year that ends on `ends_on`: the others spare no purchase of that year.
    """
    free = Seat.objects.free().filter(_administered_in_year(user, ends_on, at))
    return dict(free.values_list("subscription__school").annotate(count=Count("pk")).order_by())


def has_licences(user: User, *, ends_on: datetime.date, at: datetime.datetime) -> bool:
    """Return whether a principal's schools have licences of the school year that ends on `ends_on`."""
    return Seat.objects.filter(_administered_in_year(user, ends_on, at)).exists()


def _administered_in_year(user: User, ends_on: datetime.date, at: datetime.datetime) -> Q:
    """Return the condition of an available seat that the user administers, of the school year that ends that day."""
    return available_on(date_in_paris(at), "subscription__key__entitlement") & Q(
        subscription__in=Subscription.objects.filter(administered_by(user)),
        subscription__key__entitlement__last_day__gt=ends_on.replace(year=ends_on.year - 1),
        subscription__key__entitlement__last_day__lte=ends_on,
    )


def list_teachers(school: School | None) -> QuerySet[User]:
    """Return the teachers who chose the school, ordered by name; none without a school."""
    if school is None:
        return User.objects.none()
    return User.objects.filter(profile=Profile.TEACHER, is_active=True, affiliations__school=school).order_by(
        "last_name", "first_name", "pk"
    )


def list_teachers_served(
    school: School, found: PrincipalOverview, *, school_year: int, at: datetime.datetime
) -> QuerySet[User, Any]:
    """Return the teachers of the school, with `served_elsewhere`: whether they hold an available seat of another.

    Of a subscription besides those found, for the school year that ends in `school_year`: bought by themselves, or
    given by another school they teach at.
    """
    others = Seat.objects.filter(
        available_on(date_in_paris(at), "subscription__key__entitlement"),
        ends_in_school_year(school_year, "subscription__key__entitlement"),
        holder=OuterRef("pk"),
    ).exclude(subscription__in=[card.subscription.pk for card in found.cards])
    return list_teachers(school).annotate(served_elsewhere=Exists(others))


def list_successors(seat: Seat) -> QuerySet[User]:
    """Return the teachers who may take over the seat: those without a seat of its subscription."""
    return list_teachers(seat.subscription.school).exclude(seats__subscription=seat.subscription_id)


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
        # Of the app above, in the same query: hardly any is asked for.
        .annotate(asked_until=Max("key__return_requests__expires_at", filter=Q(key__return_requests__outcome="")))
        .order_by("key__entitlement__last_day", "opened_at", "pk")
    )
    day = date_in_paris(at)
    cards = []
    for subscription in found:
        entitlement = subscription.key.entitlement
        asked_until: datetime.datetime | None = getattr(subscription, "asked_until", None)
        cards.append(
            SubscriptionCard(
                entitlement=entitlement,
                day=day,
                subscription=subscription,
                key=_read_key(subscription.key),
                until=format_until(entitlement, day),
                status_text=status_text(entitlement, day),
                temporary=entitlement.temporary_until is not None,
                is_asked_for=asked_until is not None and at < asked_until,
            )
        )
    return cards


def _read_key(key: ActivationKey) -> str:
    try:
        return unseal_key(key)
    except code_sealing.UnsealableCode:
        # One unreadable key must not break the page; `manage.py audit` reports it.
        return "illisible : écrivez-nous"


@dataclass(kw_only=True)
class TeacherLicence(_ShownLicences):
    """A seat as shown to the teacher who holds it."""

    seat: Seat
    # « Compte de rattachement ».
    account: str
    # The key that they typed or bought; empty where a principal gave the licence: the key opens others' too.
    key: str
    # Time left in the provisional period; empty where the rights are firm.
    countdown: str

    # The day it was bought or, if a principal or a key gave it, received; in Europe/Paris.
    since: datetime.date
    # Whether the teacher bought it.
    is_bought: bool
    has_class: bool


def of_teacher(user: User, *, at: datetime.datetime) -> list[TeacherLicence]:
    """Return the seats that a teacher holds, the latest to expire first."""
    day = date_in_paris(at)
    seats = (
        Seat.objects.filter(holder=user)
        .select_related(
            "subscription__school",
            "subscription__principal",
            "subscription__key__entitlement__product",
            "classroom",
        )
        .order_by("-subscription__key__entitlement__last_day", "held_since")
    )
    licences = []
    for seat in seats:
        entitlement = seat.subscription.key.entitlement
        licences.append(
            TeacherLicence(
                entitlement=entitlement,
                day=day,
                seat=seat,
                account=describe_account(seat.subscription),
                key="" if seat.mode == SeatMode.AUTOMATIC else _read_key(seat.subscription.key),
                countdown=countdown(entitlement.temporary_until, day) if entitlement.temporary_until else "",
                since=_get_day_received(seat),
                is_bought=seat.mode == SeatMode.BOUGHT,
                has_class=has_class(seat),
            )
        )
    return licences


def _get_day_received(seat: Seat) -> datetime.date:
    if seat.mode == SeatMode.BOUGHT or seat.held_since is None:
        return seat.subscription.key.entitlement.bought_on
    return date_in_paris(seat.held_since)
