"""What the acts of the simulated year share: its clock, letters and workers' jobs, and who and what exists by now."""

import contextlib
import datetime
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any
from unittest import mock

from django.contrib.auth.hashers import PBKDF2PasswordHasher
from django.db import connection
from django.utils import timezone
from django_tenants.utils import get_public_schema_name, schema_context
from procrastinate.contrib.django import app

from accounts.models import User
from core.connections import DatabaseClock
from jobs import due, housekeeping
from jobs.periodic_tasks import registered_tasks
from licensing.classes.passwords import PupilHasher
from licensing.entitlements.models import Entitlement, Seat, Subscription
from licensing.pools.models import Pool
from sites.demo.people import DemoPerson
from sites.demo.year.letters import LetterBook
from sites.demo.year.places import OfficeStory, SchoolPlan
from sites.demo.year.story import YearStory
from tenants.models import Collectivity

_JOBS_AT_ONCE = 500
#: They look for workers that died, and turn due work into jobs, which `run_jobs` does.
_LEFT_OUT = {housekeeping.retry_stalled_jobs, due.queue_due}
#: Whose periodic tasks have something to do with people.
_OF_PEOPLE = ("licensing.", "collectivities.", "schools.", "sites.")
_TAKE = """
WITH waiting AS (
    SELECT id FROM public.procrastinate_jobs
    WHERE status = 'todo' AND (scheduled_at IS NULL OR scheduled_at <= %s)
    ORDER BY priority DESC, id LIMIT %s
), taken AS (
    -- Not deleted yet: a job that is deleted before it ended is scheduled again.
    UPDATE public.procrastinate_jobs AS job SET status = 'succeeded' FROM waiting WHERE job.id = waiting.id
    RETURNING job.id, job.priority, job.task_name, job.args
)
SELECT task_name, args FROM taken ORDER BY priority DESC, id
"""
_DELETE = "DELETE FROM public.procrastinate_jobs WHERE status = 'succeeded'"


def run_jobs(at: datetime.datetime) -> int:
    """Run all that is due at a moment, and what that causes; return how many jobs. An error of a job is raised."""
    count = 0
    while True:
        with schema_context(get_public_schema_name()):
            due.queue_due_work(at=at)
            jobs = _take_jobs(at)
        # Drains of one outbox: the first sends all that is due, as the first worker does.
        for name, arguments in dict.fromkeys(jobs):
            app.tasks[name].func(**json.loads(arguments))
        if not jobs:
            return count
        count += len(jobs)


def run_periodic_tasks(*, with_tidying: bool) -> None:
    """Run each periodic task once; those that tidy the machinery, and write to nobody, only where asked for.

    An error of one is raised.
    """
    with schema_context(get_public_schema_name()):
        for task in registered_tasks:
            is_tidying = not task.perform.__module__.startswith(_OF_PEOPLE)
            if task.perform not in _LEFT_OUT and (with_tidying or not is_tidying):
                task.perform()


def _take_jobs(at: datetime.datetime) -> list[tuple[str, str]]:
    """Remove the jobs whose time has come and return their tasks and arguments, in the order of a worker."""
    with connection.cursor() as cursor:
        cursor.execute(_TAKE, [at, _JOBS_AT_ONCE])
        taken: list[tuple[str, str]] = cursor.fetchall()
        if taken:
            cursor.execute(_DELETE)
        return taken


class YearClock:
    """The time of the simulation: called, it returns the moment to which it was moved."""

    def __init__(self, at: datetime.datetime) -> None:
        self.at = at

    def __call__(self) -> datetime.datetime:
        """Return the moment, aware."""
        return self.at

    def move_to(self, moment: datetime.datetime) -> None:
        """Move on to a moment; one that has passed changes nothing."""
        self.at = max(self.at, moment)


def _tell(clock: YearClock) -> Callable[[DatabaseClock], datetime.datetime]:
    def tell(_: DatabaseClock) -> datetime.datetime:
        return clock.at

    return tell


@contextlib.contextmanager
def simulated_time(clock: YearClock) -> Iterator[None]:
    """Have this process take the clock's time for the present until the block ends.

    PostgreSQL's own `now()` stays the real time: so the simulated year lies in the past (docs/decisions/0181). People's
    passwords are hashed once: each of thousands would take half a second.
    """
    with (
        mock.patch.object(timezone, "now", clock),
        mock.patch.object(DatabaseClock, "__init__", return_value=None),
        mock.patch.object(DatabaseClock, "__call__", _tell(clock)),
        mock.patch.object(PBKDF2PasswordHasher, "iterations", 1),
        mock.patch.object(PupilHasher, "iterations", 1),
    ):
        yield


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

    def by(self, person: DemoPerson) -> dict[str, Any]:
        """Return who acts, and when: now."""
        return {"by": self.user(person), "at": self.at}

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
