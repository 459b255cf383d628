"""Asks for the same pages again and again, at a fixed pace, and notes how long each took in which phase."""

import contextlib
import http.client
import itertools
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Self

from django.conf import settings

from bench.load.world import SLUG, LoadWorld
from bench.measure import percentile

#: Visitors who ask at the same time, and pages a second that each asks for.
_VISITORS, _PER_SECOND = 2, 5
#: Seconds until a page counts as failed.
_TIMEOUT_S = 60
_CSRF = "c" * 32
_GOOD = (200, 302)


@dataclass(frozen=True, slots=True)
class PageRequest:
    """A page as a signed-in browser asks for it. With `form`, it is sent."""

    name: str
    host: str
    path: str
    session: dict[str, str]
    form: str = ""


def list_pages(world: LoadWorld) -> Iterator[PageRequest]:
    """Return the pages in turn, without end: five as long as there are keys, then the four that need none."""
    office, portal = f"{SLUG}.{settings.BASE_DOMAIN}", settings.BASE_DOMAIN
    looked_at = (
        PageRequest("sign-in", portal, "/connexion/", {}),
        PageRequest("office home", office, "/", world.manager),
        PageRequest("schools", office, "/ecoles/", world.manager),
        PageRequest("my account", portal, "/mon-compte/", world.principal),
    )
    for page in itertools.cycle((*looked_at, None)):
        if page is not None:
            yield page
        elif world.keys:
            code, session = world.keys.popleft()
            yield PageRequest("redeem", portal, "/mon-compte/cle/", session, f"cle={code}")


class Probes:
    """The visitors. They ask from the beginning of the block to its end."""

    def __init__(self, port: int, pages: Iterator[PageRequest]) -> None:
        self._port = port
        self._pages = pages
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._threads = ThreadPoolExecutor(_VISITORS)
        self.phase = "warm-up"
        #: Seconds by phase and page.
        self.times: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
        #: A sentence for each page that was not answered as it should be.
        self.failures: list[str] = []

    def __enter__(self) -> Self:
        self._running = [self._threads.submit(self._visit) for _ in range(_VISITORS)]
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._threads.shutdown()
        for visitor in self._running:
            visitor.result()

    @contextlib.contextmanager
    def during(self, phase: str) -> Iterator[None]:
        """Note what is asked for during the block under the name of the phase."""
        self.phase = phase
        try:
            yield
        finally:
            self.phase = "between"

    def p95(self, phase: str) -> dict[str, float]:
        """Return the 95th percentile by page, and of all of them, in seconds."""
        by_page = self.times[phase]
        everything = [seconds for times in by_page.values() for seconds in times]
        return {page: percentile(times, 0.95) for page, times in (*sorted(by_page.items()), ("all pages", everything))}

    def _visit(self) -> None:
        due = time.monotonic()
        while not self._over.wait(max(0.0, due - time.monotonic())):
            # Late pages are not made up for: a browser waits for its page.
            due = max(due + 1 / _PER_SECOND, time.monotonic())
            with self._lock:
                page, phase = next(self._pages), self.phase
            begun = time.perf_counter()
            status = self._ask(page)
            seconds = time.perf_counter() - begun
            with self._lock:
                self.times[phase][page.name].append(seconds)
                if status not in _GOOD:
                    self.failures.append(f"{page.name}, {phase}: {status or 'no answer'} after {seconds:.1f} s")

    def _ask(self, page: PageRequest) -> int:
        """Return the status; 0 without an answer."""
        cookies = {**page.session, "csrf": _CSRF}
        headers = {"Host": page.host, "Cookie": "; ".join(f"{name}={value}" for name, value in cookies.items())}
        if page.form:
            headers |= {"Content-Type": "application/x-www-form-urlencoded", "X-CSRFToken": _CSRF}
        link = http.client.HTTPConnection("127.0.0.1", self._port, timeout=_TIMEOUT_S)
        with contextlib.closing(link):
            try:
                link.request("POST" if page.form else "GET", page.path, page.form or None, headers)
                answer = link.getresponse()
                answer.read()
            except (OSError, http.client.HTTPException):
                return 0
            # A page that leads to the sign-in page is not the page that was asked for.
            return 401 if "/connexion/" in answer.headers.get("Location", "") else answer.status
