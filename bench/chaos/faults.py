"""Kills, one kind after another, and how long each is felt."""

import contextlib
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import Self

import psycopg
from django.db import connection

from bench.chaos.client import Api
from bench.private_server import PrivateServer
from bench.scratch_database import ROOT, url
from bench.web_server import OfficeServer

#: Seconds of each lease in this run: short, so that what a killed worker held is taken over within it.
LONGEST_LEASE_S = 20
LEASES = {"JOBS_HEARTBEAT": "2", "MAIL_LEASE": str(LONGEST_LEASE_S), "WEBHOOKS_LEASE": str(LONGEST_LEASE_S)}
#: Seconds that a recovery may take, and between a recovery and the next kill.
MAX_RECOVERY_S = 60.0
_PAUSE_S = 2.0
#: Seconds for which the database stays away after a kill of its first process.
_AWAY_S = 2.0
#: Seconds after which a worker that was told to finish is killed.
_END_S = 300


class Workers:
    """Worker processes, replaced when they are killed; `nice` is added to their niceness."""

    def __init__(self, count: int, nice: int = 0, /, **variables: str) -> None:
        self._nice = nice
        self._environment = os.environ | {
            "DATABASE_URL": url(),
            "PYTHONPATH": f"{ROOT}:{ROOT / 'platform'}",
            **variables,
        }
        self._processes = [self._start() for _ in range(count)]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def kill_one(self) -> None:
        """Kill a worker in the midst of its jobs, and start another one."""
        place = random.randrange(len(self._processes))  # noqa: S311 - a draw, not a secret
        self._processes[place].kill()
        self._processes[place].wait()
        self._processes[place] = self._start()

    def stop(self) -> None:
        """Have them finish what they do."""
        for process in self._processes:
            process.terminate()
        for process in self._processes:
            try:
                process.wait(timeout=_END_S)
            except subprocess.TimeoutExpired:
                process.kill()

    def _start(self) -> subprocess.Popen[bytes]:
        command = ["nice", f"-n{self._nice}", sys.executable, str(ROOT / "manage.py"), "worker"]
        return subprocess.Popen(command, cwd=ROOT, env=self._environment)  # noqa: S603 - our own command


class Killer:
    """Kills, and measures the recovery: of the web by a read of the API, of the workers by a finished job."""

    def __init__(self, server: PrivateServer, web: OfficeServer, workers: Workers, api: Api) -> None:
        self._server = server
        self._web = web
        self._api = api
        self._database = str(connection.settings_dict["NAME"])
        self._kills: dict[str, Callable[[], object]] = {
            "backends": self._end_backends,
            "worker": workers.kill_one,
            "web": self._kill_web,
            "crash": self._crash,
            "restart": lambda: self._restart(signal.SIGINT),
            "postmaster": lambda: self._restart(signal.SIGKILL),
        }
        #: Seconds by fault and part.
        self.recoveries: dict[str, list[float]] = defaultdict(list)
        self.complaints: list[str] = []

    def run(self, until: float, stop: threading.Event) -> None:
        """Kill in turn until a moment of `time.monotonic`."""
        while True:
            for name, kill in self._kills.items():
                if time.monotonic() >= until or stop.wait(_PAUSE_S):
                    return
                kill()
                restored = time.time()
                self._measure(f"{name}/web", restored, self._web_answers)
                self._measure(f"{name}/worker", restored, lambda: self._has_finished_job(restored))  # noqa: B023

    def _measure(self, what: str, since: float, condition: Callable[[], bool]) -> None:
        while not condition():
            if time.time() - since > MAX_RECOVERY_S:
                self.complaints.append(f"{what}: no recovery within {MAX_RECOVERY_S:g} s")
                return
            time.sleep(0.05)
        self.recoveries[what].append(round(time.time() - since, 2))

    def _web_answers(self) -> bool:
        return self._api.get("/pools").status == 200  # noqa: PLR2004 - HTTP's own

    def _has_finished_job(self, since: float) -> bool:
        with self._query() as own:
            found = own.execute(
                "SELECT count(*) FROM procrastinate_events WHERE type = 'succeeded' AND at > to_timestamp(%s)", [since]
            ).fetchone()
        return bool(found and found[0])

    @contextlib.contextmanager
    def _query(self) -> Iterator[psycopg.Connection]:
        with self._server.connect(self._database) as own:
            yield own

    def _backends(self) -> list[int]:
        with self._query() as own:
            return [
                pid
                for (pid,) in own.execute(
                    "SELECT pid FROM pg_stat_activity WHERE datname = %s AND pid <> pg_backend_pid()", [self._database]
                )
            ]

    def _end_backends(self) -> None:
        """End five sessions, one after another, as an administrator would."""
        for _ in range(5):
            backends = self._backends()
            with self._query() as own:
                own.execute("SELECT pg_terminate_backend(%s::integer)", [random.choice(backends)])  # noqa: S311 - a draw
            time.sleep(0.2)

    def _crash(self) -> None:
        """Kill a session's process: the server ends all sessions and recovers from its log."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(random.choice(self._backends()), signal.SIGKILL)  # noqa: S311 - a draw
        time.sleep(0.2)
        self._server.start()

    def _kill_web(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(random.choice(self._web.workers()), signal.SIGKILL)  # noqa: S311 - a draw

    def _restart(self, signal_number: int) -> None:
        self._server.stop(signal_number)
        time.sleep(_AWAY_S)
        self._server.start()
