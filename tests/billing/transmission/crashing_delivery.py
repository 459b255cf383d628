"""`python -m tests.billing.transmission.crashing_delivery`: deliver invoices in processes that are killed midway.

Reads lines `[transmission, point]`. A point is the number of statements after which the process is killed, or
« commit » (just before it) or « committed » (just after). Answers each with the number of statements that were run, or
with -9 where the process was killed.
"""

from __future__ import annotations

import json
import os
import signal
import sys

import django


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def deliver(transmission_id: int, point: int | str | None) -> int:
    """Deliver as the worker does, and die at the point. Return the number of statements."""
    from core.tenant_connection import connection  # noqa: PLC0415 - after the set-up
    from licensing.billing.transmission import delivery  # noqa: PLC0415 - after the set-up
    from licensing.billing.transmission.models import Transmission  # noqa: PLC0415 - after the set-up

    transmission = Transmission.objects.get(pk=transmission_id)
    done = 0

    def count(execute, sql, params, many, context):
        nonlocal done
        answer = execute(sql, params, many, context)
        done += 1
        if done == point:
            die()
        return answer

    commit = connection._commit  # noqa: SLF001 - the last step before COMMIT

    def last_step():
        if point == "commit":
            die()
        commit()
        if point == "committed":
            die()

    connection._commit = last_step  # noqa: SLF001
    with connection.execute_wrapper(count):
        delivery.deliver(transmission)
    return done


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    django.setup()
    for line in sys.stdin:
        transmission_id, point = json.loads(line)
        reading, writing = os.pipe()
        child = os.fork()
        if not child:
            os.write(writing, str(deliver(transmission_id, point)).encode())
            os._exit(0)
        _, status = os.waitpid(child, 0)
        os.close(writing)
        output = os.read(reading, 20).decode()
        os.close(reading)
        # No output and not killed: it failed by itself, with a traceback in stderr.
        print(-os.WTERMSIG(status) if os.WIFSIGNALED(status) else output or "failed", flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
