"""`python -m tests.api.killed_process`: call the API in processes that are killed at a given point.

Reads lines `[token, path, body, key, point]`. A point is the number of statements after which the process is killed,
« commit » (just before the commit) or « committed » (just after, before the response is sent). Writes for each the
number of statements run, or -9 where the process was killed.
"""

import json
import os
import signal
import sys
from typing import Any

import django


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def request(secret: str, path: str, body: dict[str, Any], key: str, point: int | str | None) -> int:
    """Send the request and die at the point; return the number of statements."""
    from core.connections import connection  # noqa: PLC0415 - after the set-up
    from tests.api.client import ApiClient  # noqa: PLC0415 - after the set-up

    done, answered = 0, False

    def count(execute, sql, params, many, context):
        nonlocal done, answered
        result = execute(sql, params, many, context)
        answered = answered or sql.startswith('INSERT INTO "api_idempotencyrecord"')
        done += 1
        if done == point:
            die()
        return result

    commit = connection._commit  # noqa: SLF001 - to intercept the commit

    def commit_or_die():
        # Commits before the answer is stored belong to rate limiting, not to the request's work.
        if answered and point == "commit":
            die()
        commit()
        if answered and point == "committed":
            die()

    connection._commit = commit_or_die  # noqa: SLF001
    with connection.execute_wrapper(count):
        answer = ApiClient(secret).post(path, body, key=key)
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
            os.write(writing, str(request(*asked)).encode())
            os._exit(0)
        _, status = os.waitpid(child, 0)
        os.close(writing)
        output = os.read(reading, 20).decode()
        os.close(reading)
        # No output and not killed: it failed, with its traceback on stderr.
        print(-os.WTERMSIG(status) if os.WIFSIGNALED(status) else output or "failed", flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
