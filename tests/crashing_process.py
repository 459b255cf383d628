"""Processes that do something and are killed midway, for `python -m` modules of the tests.

They read lines `[pk, point]`. A point is the number of statements after which the process is killed, or « commit »
(just before it) or « committed » (just after). They answer each with the number of statements that were run, or with -9
where the process was killed.
"""

import json
import os
import signal
import sys
from collections.abc import Callable

import django


def serve(prepare: Callable[[int], Callable[[], object]]) -> None:
    """Answer the lines of the standard input. `prepare`: called with a primary key, returns what is then done."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    django.setup()
    for line in sys.stdin:
        pk, point = json.loads(line)
        reading, writing = os.pipe()
        child = os.fork()
        if not child:
            os.write(writing, str(_run(prepare(pk), point)).encode())
            os._exit(0)
        _, status = os.waitpid(child, 0)
        os.close(writing)
        output = os.read(reading, 20).decode()
        os.close(reading)
        # No output and not killed: it failed by itself, with a traceback in stderr.
        print(-os.WTERMSIG(status) if os.WIFSIGNALED(status) else output or "failed", flush=True)  # noqa: T201


def _run(act: Callable[[], object], point: int | str | None) -> int:
    """Act, and die at the point. Return the number of statements."""
    from core.connections import connection  # noqa: PLC0415 - after the set-up

    done = 0

    def count(execute, sql, params, many, context):
        nonlocal done
        answer = execute(sql, params, many, context)
        done += 1
        if done == point:
            _die()
        return answer

    commit = connection._commit  # noqa: SLF001 - the last step before COMMIT

    def last_step():
        if point == "commit":
            _die()
        commit()
        if point == "committed":
            _die()

    connection._commit = last_step  # noqa: SLF001
    with connection.execute_wrapper(count):
        act()
    return done


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)
