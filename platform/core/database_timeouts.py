"""How long a statement may run and a transaction stay idle, by what the process does: a page, a job, or no limit.

Without Django's settings: they are made of it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

#: How PostgreSQL writes a duration; milliseconds without a unit.
DURATION = re.compile(r"[0-9]{1,9} ?(ms|s|min|h|d)?")

#: A page that waits longer has lost its reader; the longest bulk request takes three seconds.
WEB_TIMEOUTS = {"statement_timeout": "30s", "idle_in_transaction_session_timeout": "60s"}
#: The longest step of an import of 100,000 rows takes seconds: whatever reaches this is stuck, and holds locks.
WORKER_TIMEOUTS = {"statement_timeout": "15min", "idle_in_transaction_session_timeout": "15min"}


def apply_timeouts(settings: dict[str, Any], defaults: Mapping[str, str]) -> None:
    """Limit statements and idle transactions of this process's new connections: by the URL, else by `defaults`.

    At the opening of each connection and not by SET: no round trip, and procrastinate's connections have them too.
    Migrations and other commands do not call it: they take the time they need.
    """
    # Tests and benches name their own connections, without a URL.
    timeouts = {**defaults, **settings.get("TIMEOUTS", {})}
    options = settings.setdefault("OPTIONS", {})
    given = [options["options"]] if options.get("options") else []
    # Of two settings of one name PostgreSQL takes the last: the URL's own `options`.
    options["options"] = " ".join(
        [*(f"-c {name}={value.replace(' ', '')}" for name, value in timeouts.items()), *given]
    )
