"""What every worker sees to at intervals, whatever jobs it is busy with.

Not jobs themselves: a rescuer that waits in the queue behind the stalled jobs it should rescue rescues nobody. Every
worker on every machine does them; each duty is written so that two at the same moment do no harm.
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.db import close_old_connections, connection
from django_tenants.utils import get_public_schema_name, schema_context

if TYPE_CHECKING:
    import datetime
    import threading
    from collections.abc import Callable

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Duty:
    """A function that is called every so often, in the public schema."""

    perform: Callable[[], object]
    every: datetime.timedelta


duties: list[Duty] = []


def duty[F: Callable[[], object]](*, every: datetime.timedelta) -> Callable[[F], F]:
    """Have the function called by every worker, at its start and then `every` so often."""

    def register(function: F) -> F:
        duties.append(Duty(function, every))
        return function

    return register


def keep_up(stop: threading.Event) -> None:
    """Perform the duties as they fall due until `stop` is set. One that fails is logged and tried at its next time."""
    due = [time.monotonic()] * len(duties)
    try:
        while not stop.is_set():
            for number, one in enumerate(duties):
                if due[number] <= time.monotonic():
                    _perform(one)
                    due[number] = time.monotonic() + one.every.total_seconds()
            stop.wait(max(0.0, min(due) - time.monotonic()) if due else None)
    finally:
        connection.close()


def _perform(one: Duty) -> None:
    close_old_connections()
    try:
        with schema_context(get_public_schema_name()):
            one.perform()
    except Exception:
        logger.exception("The duty %s failed; it is tried again in %s", one.perform, one.every)
    finally:
        close_old_connections()
