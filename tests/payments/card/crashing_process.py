"""`python -m tests.payments.card.crashing_process`: settle payments in processes that are killed midway.

Reads lines `[payment, point]`. A point is the number of statements after which the process is killed, or « commit »
(just before it) or « committed » (just after). Answers each with the number of statements that were run, or with -9
where the process was killed.
"""

from __future__ import annotations

import json
import os
import signal
import sys

import django


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def settle(payment_id: int, point: int | str) -> int:
    """Settle the payment as the webhook does, and die at the point. Return the number of statements."""
    from django.utils import timezone  # noqa: PLC0415 - after the set-up

    from core.tenant_connection import connection  # noqa: PLC0415 - after the set-up
    from licensing.payments.card import provider_calls  # noqa: PLC0415 - after the set-up
    from licensing.payments.models import CardPayment  # noqa: PLC0415 - after the set-up

    payment = CardPayment.objects.get(pk=payment_id)
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
        provider_calls.poll_payment(payment, at=timezone.now())
    return done


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    django.setup()
    for line in sys.stdin:
        payment_id, point = json.loads(line)
        reading, writing = os.pipe()
        child = os.fork()
        if not child:
            os.write(writing, str(settle(payment_id, point)).encode())
            os._exit(0)
        _, status = os.waitpid(child, 0)
        os.close(writing)
        output = os.read(reading, 20).decode()
        os.close(reading)
        # No output and not killed: it failed by itself, with a traceback in stderr.
        print(-os.WTERMSIG(status) if os.WIFSIGNALED(status) else output or "failed", flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
