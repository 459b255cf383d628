"""Two databases, of few collectivities and of many, in which the same things are done in turn."""

import contextlib
import functools
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from django.core.management import call_command
from django.test import Client
from django.utils import timezone

from accounts.models import Profile
from bench.office_data import create_person
from bench.office_home import sign_in_viewer
from bench.page_measure import load_page
from bench.scratch_database import as_owner, scratch_database
from bench.tenants import UPDATE_OF_KEYS, create_office_of_keys, open_numbered
from core.connections import connection
from jobs import due
from licensing.entitlements import operations as entitlements
from licensing.entitlements.models import ActivationKey
from licensing.entitlements.queries import unseal_key
from sites.back_office.waiting import build_list

#: Rounds of few and many in turn, and how often each thing is done in one; the first time, on a new connection, does
#: not count.
ROUNDS = 5
TIMES = {
    "opening": 3,
    "update of 60,000 keys": 1,
    "redemption": 10,
    "home of an office": 3,
    "whom to call back": 5,
    "look for due work": 5,
}
#: Keys whose principals have accounts.
_KEYS = 400


@dataclass
class GrowingDatabase:
    """A database with an office of 60,000 keys, and a number of others that have bought nothing."""

    name: str
    page: Client
    redemptions: Iterator[Callable[[], object]]
    offices: int = 0

    @contextlib.contextmanager
    def connected(self) -> Iterator[None]:
        """Connect Django to it, on a new connection, for the block."""
        usual = connection.settings_dict["NAME"]
        connection.close()
        connection.settings_dict["NAME"] = self.name
        try:
            yield
        finally:
            connection.close()
            connection.settings_dict["NAME"] = usual

    def grow(self, size: int) -> None:
        """Open offices up to this number, leave nothing due, and have the planner know the tables."""
        while self.offices < size:
            self.open_office()
        connection.set_schema_to_public()
        while due.queue_due_work(at=timezone.now()):
            pass
        with as_owner(), connection.cursor() as cursor:
            cursor.execute(
                "SELECT string_agg(oid::regclass::text, ', ') FROM pg_class"
                " WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
            )
            cursor.execute(f"ANALYZE {cursor.fetchone()[0]}")

    def open_office(self) -> None:
        """Open one more."""
        open_numbered(self.offices)
        self.offices += 1

    def redeem(self) -> None:
        """Redeem the next key."""
        next(self.redemptions)()

    def migrate(self) -> None:
        """Bring it up to date."""
        with as_owner():
            call_command("migrate_schemas", verbosity=0)

    def list_works(self) -> dict[str, Callable[[], object]]:
        """Return what must take the same time however many collectivities there are."""
        return {
            "opening": self.open_office,
            "update of 60,000 keys": UPDATE_OF_KEYS.run,
            "redemption": self.redeem,
            "home of an office": lambda: load_page(self.page, "/"),
            "whom to call back": lambda: build_list("rappeler", timezone.now(), limit=8),
            "look for due work": due.queue_due,
        }


@contextlib.contextmanager
def growing_database(name: str) -> Iterator[GrowingDatabase]:
    """Create one and connect Django to it for the block, then drop it."""
    with scratch_database(name):
        office = create_office_of_keys()
        page = sign_in_viewer(office)
        connection.set_schema_to_public()
        yield GrowingDatabase(str(connection.settings_dict["NAME"]), page, iter(_prepare_redemptions()))


def _prepare_redemptions() -> list[Callable[[], object]]:
    return [
        functools.partial(
            entitlements.redeem,
            code=unseal_key(key),
            by=create_person(f"direction{number}", Profile.PRINCIPAL, str(key.school_id)),
            at=timezone.now(),
        )
        for number, key in enumerate(ActivationKey.objects.order_by("pk")[:_KEYS])
    ]


def compare(few: GrowingDatabase, many: GrowingDatabase) -> dict[str, tuple[float, float]]:
    """Return the least seconds of each work in the one and in the other, done in turn.

    The least: what else the machine does can only add to them.
    """
    times: dict[tuple[str, str], list[float]] = defaultdict(list)
    for number in range(ROUNDS):
        for database in (few, many) if number % 2 else (many, few):
            with database.connected():
                for what, work in database.list_works().items():
                    times[database.name, what] += _time_again(what, work)
    return {what: (min(times[few.name, what]), min(times[many.name, what])) for what in TIMES}


def _time_again(what: str, work: Callable[[], object]) -> list[float]:
    """Return the seconds of each time but the first."""
    if work is UPDATE_OF_KEYS.run:
        UPDATE_OF_KEYS.before()
    else:
        work()
    took = []
    for _ in range(TIMES[what]):
        start = time.perf_counter()
        work()
        took.append(time.perf_counter() - start)
    connection.set_schema_to_public()
    return took
