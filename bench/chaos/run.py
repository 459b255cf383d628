"""`python -m bench chaos`: some minutes of work while processes are killed, on a server of its own.

The web processes and workers have the settings of deploy/systemd, and requests come through the nginx of deploy/nginx.
Gifts, reductions, revocations, imports and their undoing go through the API; redemptions and claims through the pages.
Meanwhile backends, workers, web processes and the database server are killed in turn, and the mail server and the
receiver of webhooks misbehave. It fails on anything acknowledged that is lost or doubled, on anything refused that was
done, on anything stuck, on a 500, and on a rule that `audit` finds broken.
"""

import os
import statistics
import tempfile
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from cryptography import x509
from django.conf import settings
from django.db import connection
from django_tenants.utils import tenant_context

from bench.chaos import actors, verdict
from bench.chaos.client import Api, Web
from bench.chaos.faults import LEASES, Killer, Workers
from bench.chaos.ledger import Ledger
from bench.chaos.outside import misbehaving
from bench.chaos.production import collect_assets, production
from bench.chaos.verdict import ChaosVerdict
from bench.chaos.world import SLUG, create_world, in_turn
from bench.private_server import private_server
from bench.proxy import require_nginx, running_nginx, trust
from bench.registry import measure
from bench.scratch_database import scratch_database
from bench.web_server import running_server
from tests.certificates import write_certificate

MINUTES = float(os.environ.get("BENCH_MINUTES", "2.5"))
_GIVERS, _IMPORTERS, _REDEEMERS, _WORKERS = 3, 2, 2, 2


@dataclass(frozen=True)
class ChaosMeasure:
    """What was acknowledged, what became of it, and the recovery by fault, in seconds."""

    name: str
    minutes: float
    acknowledged: dict[str, int]
    answers: dict[str, int]
    kills: int
    recovery_median_s: dict[str, float]
    recovery_longest_s: dict[str, float]
    verdict: ChaosVerdict
    complaints: tuple[str, ...]

    def figures(self) -> dict[str, Any]:
        """Return everything."""
        return asdict(self)

    def line(self) -> str:
        """Return the figures in a few lines."""
        found = self.verdict
        recovery = "  ".join(
            f"{fault}={median:g}/{self.recovery_longest_s[fault]:g}" for fault, median in self.recovery_median_s.items()
        )
        kinds = "  ".join(f"{kind}={count}" for kind, count in sorted(self.acknowledged.items()))
        return (
            f"name={self.name}  minutes={self.minutes:g}  kills={self.kills}  answers={self.answers}\n"
            f"  acknowledged: {kinds}\n"
            f"  lost={len(found.lost)}  doubled={len(found.doubled)}  stuck={len(found.stuck)}  "
            f"rules broken={len(found.audit)}\n"
            f"  letters: doubled={found.letters_doubled}  perhaps sent={found.letters_perhaps_sent}  "
            f"misreported={found.letters_misreported}  waiting={found.letters_waiting}; "
            f"events: doubled={found.events_doubled}  unanswered by the receiver={found.events_doubled_unanswered}"
            f"  waiting={found.events_waiting}\n"
            f"  recovery (median/longest, s): {recovery}"
        )

    def failures(self) -> list[str]:
        """Return whatever breaks a promise; and a run that acknowledged nothing."""
        idle = [f"no {kind}" for kind in _KINDS if not self.acknowledged.get(kind)]
        return [*self.verdict.failures(), *self.complaints, *idle]


_KINDS = ("gifts", "reductions", "revocations", "imports", "undoings", "redemptions", "claims")


@measure("chaos", own_server=True)
def chaos() -> ChaosMeasure:
    """Work and kill for `MINUTES`, then compare."""
    require_nginx()
    ledger, stop = Ledger(), threading.Event()
    with (
        tempfile.TemporaryDirectory(prefix="peps-chaos-") as name,
        private_server() as server,
        scratch_database(),
        misbehaving() as outside,
        production(Path(name)) as variables,
    ):
        folder = Path(name)
        # The processes of nginx are another user's where we are root.
        folder.chmod(0o755)
        domain = settings.BASE_DOMAIN
        write_certificate(folder, x509.DNSName(domain), x509.DNSName(f"*.{domain}"))
        world = create_world(outside.receiver.url)
        collect_assets(variables)
        variables |= {
            **LEASES,
            "SMTP_PORT": str(outside.sink.port),
            # Each outage is logged by each request: here they are wanted.
            "LOG_LEVEL": "CRITICAL",
        }
        with (
            Workers(_WORKERS, **variables) as workers,
            running_server(SLUG, world.token, **variables) as web,
            running_nginx(folder, folder, web_port=web.port) as port,
        ):
            tls = trust(folder)
            api = Api(Web(port, web.host, ledger, tls), world.token)
            portal = Web(port, domain, ledger, tls)
            scene = actors.Scene(api, portal, ledger, world.pool, iter(world.schools), stop)
            killer = Killer(server, web, workers, api)
            # The letters of the keys that are there from the beginning are none of the work that is measured.
            with tenant_context(world.office):
                verdict.settle()
            connection.close()
            outside.receiver.behaves = False
            works: list[Callable[[], object]] = [
                *[lambda: actors.give_and_take_back(scene)] * _GIVERS,
                *[lambda: actors.import_and_undo(scene)] * _IMPORTERS,
                *[lambda keys=keys: actors.redeem_and_claim(scene, keys) for keys in in_turn(world.keys, _REDEEMERS)],
                outside.misbehave,
            ]
            with ThreadPoolExecutor(len(works)) as threads:
                running = [threads.submit(work) for work in works]
                try:
                    killer.run(time.monotonic() + 60 * MINUTES, stop)
                finally:
                    stop.set()
                    outside.behave()
            for work in running:
                work.result()
            connection.close()
            with tenant_context(world.office):
                stuck = verdict.settle()
        with closing(connection):
            judged = verdict.judge(world.office, ledger, outside, stuck=stuck)
    recoveries = {fault: times for fault, times in sorted(killer.recoveries.items()) if times}
    return ChaosMeasure(
        name="chaos",
        minutes=MINUTES,
        acknowledged=dict(ledger.acknowledged),
        answers=dict(sorted(ledger.answers.items())),
        # Each is followed by two recoveries: of the web, of the workers.
        kills=sum(len(times) for times in recoveries.values()) // 2,
        recovery_median_s={fault: statistics.median(times) for fault, times in recoveries.items()},
        recovery_longest_s={fault: max(times) for fault, times in recoveries.items()},
        verdict=judged,
        complaints=(*killer.complaints, *ledger.complaints[:20]),
    )
