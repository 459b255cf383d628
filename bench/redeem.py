"""Redeeming keys: how many a second by threads, by processes and by HTTP, and the statements and commits of one.

Each key went to its school's official mailbox, so that redeeming it also verifies who does: the longest way. The floor
is the same writes through psycopg alone, in as many threads, in turn with ours. It fails short of its goals.
"""

import contextlib
import http.client
import multiprocessing
import os
import statistics
import time
import urllib.parse
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import asdict, dataclass
from itertools import batched
from multiprocessing.synchronize import Barrier
from typing import Any

import psycopg
from django.conf import settings
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from django_tenants.utils import tenant_context
from psycopg.types.json import Jsonb

from accounts.models import Profile, User
from bench.office_data import create_schools, open_browser, open_office, sign_in
from bench.registry import measure
from bench.scratch_database import as_owner, url
from bench.web_server import running_server
from core.connections import connection
from licensing.entitlements import code_sealing, keys, operations
from licensing.entitlements.models import ActivationKey, Subscription
from licensing.entitlements.queries import unseal_key
from licensing.orders import operations as orders
from licensing.pools import operations as pools
from licensing.pools.checks import Demand
from schools.models import Affiliation, PrincipalEvent, School

#: Redemptions at the same time: by threads of one process, and by so many processes.
THREADS, PROCESSES = 8, 4
#: Redemptions of one turn; turns of ours and of the floor, of which the first does not count.
TURN, TURNS = 240, 4
#: Redemptions by HTTP, each with the page it leads to.
BY_HTTP = 120
UNITS = 5
#: Redemptions a second against the floor, at least; statements and commits of one redemption and its page, at most.
MIN_RATIO, MAX_STATEMENTS, MAX_COMMITS = 0.33, 20, 1
_SLUG, _CSRF = "nimes", "c" * 32


@dataclass(frozen=True)
class RedemptionRates:
    """Redemptions a second in so many processes and threads, and milliseconds of our processors for one: medians."""

    processes: int
    threads: int
    ours: float
    floor: float
    ours_cpu_ms: float
    floor_cpu_ms: float

    @property
    def ratio(self) -> float:
        """Our rate divided by the floor's."""
        return self.ours / self.floor


@dataclass(frozen=True)
class RedeemMeasure:
    """The rates, and what one redemption asks of the database."""

    name: str
    rates: tuple[RedemptionRates, ...]
    #: Redemptions a second behind gunicorn, each with its page; and its part of the floor in as many threads.
    http: float
    http_ratio: float
    #: Of the form that is sent, and of the page it leads to; BEGIN, COMMIT and SET are counted.
    statements: tuple[int, int]
    commits: int
    load: float
    floor: str = (
        "the same rows by prepared statements through psycopg: the key locked by its code, then key, subscription, "
        "seats, verification, its event and the office's job, in one commit"
    )

    def figures(self) -> dict[str, Any]:
        """Return everything."""
        return {**asdict(self), "ratios": [round(rates.ratio, 3) for rates in self.rates]}

    def line(self) -> str:
        """Return a line for the rates of each kind, and one for the statements."""
        return "\n".join(
            [
                f"name={self.name}  load={self.load:.1f}",
                *(
                    f"  {rates.processes} x {rates.threads} threads: {rates.ours:.0f}/s of {rates.floor:.0f}/s"
                    f"  ratio={rates.ratio:.2f}  cpu_ms={rates.ours_cpu_ms:.2f}  floor_cpu_ms={rates.floor_cpu_ms:.2f}"
                    for rates in self.rates
                ),
                f"  by HTTP, with the page: {self.http:.0f}/s  ratio={self.http_ratio:.2f}",
                f"  statements={sum(self.statements)} {self.statements}  commits={self.commits}",
            ]
        )

    def failures(self) -> list[str]:
        """Return a sentence for each missed goal."""
        missed = [
            f"{rates.processes} x {rates.threads} threads: {rates.ratio:.2f} of the floor, {MIN_RATIO} at least"
            for rates in self.rates
            if rates.ratio < MIN_RATIO
        ]
        if sum(self.statements) > MAX_STATEMENTS:
            missed.append(f"{sum(self.statements)} statements, {MAX_STATEMENTS} at most")
        if self.commits > MAX_COMMITS:
            missed.append(f"{self.commits} commits, {MAX_COMMITS} at most")
        return missed


@dataclass(frozen=True, slots=True)
class GivenKey:
    """A key that nobody redeemed, and a principal of its school, whose network nobody shares."""

    code: str
    affiliation: Affiliation
    address: str


@measure("redeem")
def redeem() -> RedeemMeasure:
    """Redeem by threads and by processes in turn with the floor, then by HTTP, then once with each statement noted."""
    load = os.getloadavg()[0]
    given = iter(create_given_keys(4 * TURNS * TURN + BY_HTTP + 2))
    rates = tuple(
        _compare(processes, threads, [next(given) for _ in range(2 * TURNS * TURN)])
        for processes, threads in ((1, THREADS), (PROCESSES, THREADS // PROCESSES))
    )
    by_http = _redeem_by_http([next(given) for _ in range(BY_HTTP)])
    _count_statements(next(given))  # what a process asks once
    statements, commits = _count_statements(next(given))
    redeemed, verified = Subscription.objects.count(), PrincipalEvent.objects.count()
    if not redeemed == verified == ActivationKey.objects.count():
        raise RuntimeError(f"{redeemed} keys were redeemed, and {verified} principals verified.")
    return RedeemMeasure(
        name="redeem",
        rates=rates,
        http=round(by_http, 1),
        http_ratio=round(by_http / rates[0].floor, 3),
        statements=statements,
        commits=commits,
        load=load,
    )


def create_given_keys(count: int) -> list[GivenKey]:
    """Give a key to the official mailbox of each of so many schools, whose principals have accounts."""
    create_schools(count)
    office, now = open_office(), timezone.now()
    pool = orders.grant(collectivity=office, licences=UNITS * count, reason="Mesure", by=None, at=now)
    schools = list(School.objects.order_by("pk"))
    with tenant_context(office):
        demands = [Demand(school.pk, UNITS, school.email) for school in schools]
        pools.allocate_many(pool_id=pool.pk, demands=demands, by=None, at=now)
    names = {"first_name": "Camille", "last_name": "Martin", "profile": Profile.PRINCIPAL}
    principals = User.objects.bulk_create(User(username=f"direction{number}", **names) for number in range(count))
    affiliations = Affiliation.objects.bulk_create(
        Affiliation(user=principal, school=school, since=now)
        for principal, school in zip(principals, schools, strict=True)
    )
    codes = {key.school_id: unseal_key(key) for key in ActivationKey.objects.all()}
    with as_owner(), connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    return [
        GivenKey(codes[affiliation.school_id], affiliation, f"10.0.{number // 256}.{number % 256}")
        for number, affiliation in enumerate(affiliations)
    ]


# --- By threads and processes ---------------------------------------------------------------------------------------

type Redeem = Callable[[GivenKey], object]


def _compare(processes: int, threads: int, given: Sequence[GivenKey]) -> RedemptionRates:
    """Redeem the keys in so many processes, of so many threads each, a turn of ours, a turn of the floor."""
    turns = batched(given, TURN, strict=True)
    times: dict[Any, list[tuple[float, float]]] = {_ours: [], _floor: []}
    for _ in range(TURNS):
        for contender, taken in times.items():
            taken.append(_time_turn(contender, processes, threads, next(turns)))
    (ours, ours_cpu), (floor, floor_cpu) = (
        [statistics.median(column) for column in zip(*taken[1:], strict=True)] for taken in times.values()
    )
    return RedemptionRates(
        processes=processes,
        threads=threads,
        ours=round(TURN / ours, 1),
        floor=round(TURN / floor, 1),
        ours_cpu_ms=round(1000 * ours_cpu / TURN, 3),
        floor_cpu_ms=round(1000 * floor_cpu / TURN, 3),
    )


def _time_turn(
    contender: Callable[[], contextlib.AbstractContextManager[Redeem]],
    processes: int,
    threads: int,
    given: Sequence[GivenKey],
) -> tuple[float, float]:
    """Return the seconds from the first redemption to the last, and those of the processes' own processors."""
    # Forked: a process has what this one has, and a connection for each of its threads.
    connection.close()
    context = multiprocessing.get_context("fork")
    start = context.Barrier(processes * threads)
    share = len(given) // processes
    with ProcessPoolExecutor(processes, context, initializer=_set_start, initargs=(start,)) as pool:
        works = [pool.submit(_work, contender, threads, part) for part in batched(given, share, strict=True)]
        times = [time for work in works for time in work.result()]
    begun, ended, cpu = zip(*times, strict=True)
    return max(ended) - min(begun), sum(cpu)


_start: Barrier


def _set_start(start: Barrier) -> None:
    global _start  # noqa: PLW0603 - of a process that lives for one turn
    _start = start


def _work(
    contender: Callable[[], contextlib.AbstractContextManager[Redeem]], threads: int, given: Sequence[GivenKey]
) -> list[tuple[float, float, float]]:
    """Redeem the keys in so many threads; return for each when it began and ended, and its processor's seconds."""

    def run(part: Sequence[GivenKey]) -> tuple[float, float, float]:
        with contender() as redeem_key:
            _start.wait(60)
            begun, cpu = time.perf_counter(), time.thread_time()
            for key in part:
                redeem_key(key)
            return begun, time.perf_counter(), time.thread_time() - cpu

    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(run, batched(given, len(given) // threads, strict=True)))


@contextlib.contextmanager
def _ours() -> Iterator[Redeem]:
    """Yield what « Mon compte » calls."""
    connection.ensure_connection()
    with contextlib.closing(connection):
        yield lambda given: operations.enter_key(
            code=given.code, by=given.affiliation.user, address=given.address, at=timezone.now()
        )


@contextlib.contextmanager
def _floor() -> Iterator[Redeem]:
    """Yield the same writes, on a connection of psycopg's."""
    with psycopg.connect(url()) as link:
        yield lambda given: _write(link, given)


def _write(link: psycopg.Connection, given: GivenKey) -> None:
    now, user, uai = timezone.now(), given.affiliation.user_id, given.affiliation.school_id
    with link.transaction(), link.cursor() as cursor:
        sealed = code_sealing.seal(keys.parse(given.code)).code
        cursor.execute(
            "SELECT id, units FROM entitlements_activationkey WHERE sealed_code = %s FOR NO KEY UPDATE", [sealed]
        )
        [(key, units)] = cursor.fetchall()
        cursor.execute(
            "UPDATE entitlements_activationkey SET redeemed_at = %s, redeemed_by_id = %s WHERE id = %s",
            [now, user, key],
        )
        cursor.execute(
            "INSERT INTO entitlements_subscription (key_id, principal_id, school_id, size, opened_at)"
            " VALUES (%s, %s, %s, %s, %s) RETURNING id",
            [key, user, uai, units, now],
        )
        [(subscription,)] = cursor.fetchall()
        cursor.execute(
            "INSERT INTO entitlements_seat (subscription_id, number, mode)"
            " SELECT %s, number, '' FROM generate_series(1, %s) AS number",
            [subscription, units],
        )
        cursor.execute(
            "UPDATE schools_affiliation SET verified_at = %s, verified_by = 'key' WHERE id = %s",
            [now, given.affiliation.pk],
        )
        cursor.execute(
            "INSERT INTO schools_principalevent (school_id, kind, user_id, means, at)"
            " VALUES (%s, 'verified', %s, 'key', %s)",
            [uai, user, now],
        )
        cursor.execute(
            "INSERT INTO procrastinate_jobs (queue_name, task_name, lock, args) VALUES ('default', 'mesure', %s, %s)",
            [f"pools.key:{key}", Jsonb({"key_id": key, "at": now.isoformat()})],
        )


# --- By HTTP, and in a browser that notes the statements ------------------------------------------------------------


def _redeem_by_http(given: Sequence[GivenKey]) -> float:
    """Redeem the keys behind gunicorn, and load the page that each leads to; return how many were redeemed a second."""
    host = settings.BASE_DOMAIN
    visits = [(key.code, sign_in(key.affiliation.user, host) | {settings.CSRF_COOKIE_NAME: _CSRF}) for key in given]
    with running_server(_SLUG, "") as server, ThreadPoolExecutor(THREADS) as threads:

        def visit(code: str, cookies: dict[str, str]) -> None:
            headers = {"Host": host, "Cookie": "; ".join(f"{name}={value}" for name, value in cookies.items())}
            form = {"Content-Type": "application/x-www-form-urlencoded", "X-CSRFToken": _CSRF}
            link = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
            with contextlib.closing(link):
                link.request("POST", "/mon-compte/cle/", urllib.parse.urlencode({"cle": code}), headers | form)
                _check(link.getresponse(), 302)
                link.request("GET", "/mon-compte/", headers=headers)
                _check(link.getresponse(), 200)

        begun = time.perf_counter()
        list(threads.map(visit, *zip(*visits, strict=True)))
        return len(visits) / (time.perf_counter() - begun)


def _check(answer: http.client.HTTPResponse, status: int) -> None:
    content = answer.read()
    if answer.status != status:
        raise RuntimeError(f"{answer.status}: {content[:500]!r}")


def _count_statements(given: GivenKey) -> tuple[tuple[int, int], int]:
    """Redeem a key in a browser; return the statements of the form and of its page, and the commits of both."""
    browser: Client = open_browser(given.affiliation.user, settings.BASE_DOMAIN)
    with CaptureQueriesContext(connection) as of_form:
        answer = browser.post("/mon-compte/cle/", {"cle": given.code})
    with CaptureQueriesContext(connection) as of_page:
        page = browser.get(answer.headers["Location"])
    if answer.status_code != 302 or b"pour votre \xc3\xa9tablissement" not in page.content:  # noqa: PLR2004 - HTTP's own
        raise RuntimeError(f"The page does not say what was redeemed: {answer.status_code}, {page.status_code}.")
    statements = [query["sql"] for query in (*of_form, *of_page)]
    return (len(of_form), len(of_page)), _count_commits(statements)


def _count_commits(statements: Sequence[str]) -> int:
    """Return how many commits wrote something: those of transactions, and of statements that write by themselves."""
    commits, in_transaction = 0, False
    for sql in statements:
        if sql in ("BEGIN", "COMMIT"):
            in_transaction = sql == "BEGIN"
            commits += sql == "COMMIT"
        elif not in_transaction and not sql.lstrip("(").startswith(("SELECT", "SET")):
            commits += 1
    return commits
