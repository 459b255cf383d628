"""`python -m tests.api.killed`: ask the API in processes that are killed on the way.

Reads lines `[token, path, body, key, point]`. A point is the number of statements after which the process is killed,
« commit » (just before what was done and its answer are committed) or « committed » (just after: the answer has not
left). Answers each with the number of statements that were run, or with -9 where the process was killed.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from typing import Any

import django


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def ask(secret: str, path: str, body: dict[str, Any], key: str, point: int | str | None) -> int:
    """Ask, and die at the point. Return the number of statements."""
    from django.db import connection  # noqa: PLC0415 - after the set-up

    from tests.api.program import Program  # noqa: PLC0415 - after the set-up

    done, answered = 0, False

    def count(execute, sql, params, many, context):
        nonlocal done, answered
        result = execute(sql, params, many, context)
        answered = answered or sql.startswith('INSERT INTO "api_rememberedanswer"')
        done += 1
        if done == point:
            die()
        return result

    commit = connection._commit  # noqa: SLF001 - the last step before the database is told

    def last_step():
        # What is committed before the answer is written is the request's count, and no part of what it does.
        if answered and point == "commit":
            die()
        commit()
        if answered and point == "committed":
            die()

    connection._commit = last_step  # noqa: SLF001
    with connection.execute_wrapper(count):
        answer = Program(secret).post(path, body, key=key)
    if answer.status_code != 201:
        raise RuntimeError(answer.content)
    return done


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    django.setup()
    for line in sys.stdin:
        asked = json.loads(line)
        reading, writing = os.pipe()
        child = os.fork()
        if not child:
            os.write(writing, str(ask(*asked)).encode())
            os._exit(0)
        _, status = os.waitpid(child, 0)
        os.close(writing)
        said = os.read(reading, 20).decode()
        os.close(reading)
        # Nothing said and not killed: it failed of itself, and what it says of it stands in the error output.
        print(-os.WTERMSIG(status) if os.WIFSIGNALED(status) else said or "failed", flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
