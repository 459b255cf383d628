"""What the acts of the simulated year share: its clock, letters and workers' jobs, and who and what exists by now."""

from __future__ import annotations

import datetime
from dataclasses import dataclass, field

from accounts.models import User
from licensing.entitlements.models import Entitlement, Seat, Subscription
from licensing.pools.models import Pool
from sites.demo.people import DemoPerson
from sites.demo.year.clock import YearClock
from sites.demo.year.letters import LetterBook
from sites.demo.year.places import OfficeStory
from sites.demo.year.school_plans import SchoolPlan
from sites.demo.year.story import YearStory
from tenants.models import Collectivity


@dataclass
class YearWorld:
    """The state of one run."""

    story: YearStory
    clock: YearClock
    book: LetterBook
    #: The password of everybody, hashed.
    password_hash: str
    #: By the username of the story's person.
    users: dict[str, User] = field(default_factory=dict)
    #: By the office's slug.
    offices: dict[str, Collectivity] = field(default_factory=dict)
    #: Orders, by the office's slug and the year in which their licences end.
    orders: dict[tuple[str, int], int] = field(default_factory=dict)
    #: Rebalancings, by the office's slug: the last one.
    rebalancings: dict[str, int] = field(default_factory=dict)

    @property
    def at(self) -> datetime.datetime:
        """The present."""
        return self.clock.at

    def user(self, person: DemoPerson) -> User:
        return self.users[person.username]

    def office(self, office: OfficeStory) -> Collectivity:
        return self.offices[office.slug]

    def get_pool(self, office: OfficeStory, year: int) -> Pool:
        """Return the pool that an office's order for a school year opened. In its schema."""
        granted = Entitlement.objects.get(order_line__order=self.orders[office.slug, year])
        return Pool.objects.get(entitlement=granted)

    def get_subscription(self, plan: SchoolPlan, year: int) -> Subscription:
        """Return the school's subscription of a school year."""
        return Subscription.objects.get(school=plan.uai, key__entitlement__last_day__year=year)

    def get_seat(self, plan: SchoolPlan, year: int, place: int) -> Seat:
        """Return the seat that a teacher of the school holds in a school year."""
        subscription = self.get_subscription(plan, year)
        return subscription.seats.get(holder=self.user(plan.teachers[place]))
