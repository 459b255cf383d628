"""`python -m tests.worker_process`: `manage.py worker`, with the message kind and the tasks of the tests.

`CLOCK_AHEAD`: by how many seconds the clock of this machine is wrong. `WEBHOOKS_PATIENCE`: how many it waits for the
answer to a webhook.
"""

import datetime
import os
import signal
import sys
import time

import django
from django.core.management import call_command
from django.utils import timezone
from procrastinate import RetryStrategy

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    ahead = datetime.timedelta(seconds=float(os.environ.get("CLOCK_AHEAD", "0")))
    get_right_time = timezone.now
    # Before any module takes it as a default.
    timezone.now = lambda: get_right_time() + ahead
    django.setup()

    from django.db import connection

    from jobs.tasks import task
    from mailing import kinds
    from tests.mailing.note import render_note
    from webhooks import http_client

    http_client.REQUEST_TIMEOUT = float(os.environ.get("WEBHOOKS_PATIENCE", http_client.REQUEST_TIMEOUT))

    kinds.register("note", label="Note", render=render_note)

    @task(name="tests.remember")
    def remember(*, word: str, after: str = "") -> None:
        """Insert the word and the current schema, once the word `after` has been inserted."""
        with connection.cursor() as cursor:
            while after:
                cursor.execute("SELECT FROM public.tests_remembered WHERE word = %s", [after])
                if cursor.rowcount:
                    break
                time.sleep(0.05)
            cursor.execute("INSERT INTO public.tests_remembered VALUES (%s, current_schema())", [word])

    @task(name="tests.kill_worker", queue="tests")
    def kill_worker(*, word: str) -> None:
        """Insert the word, and end the process as the kernel does when memory runs out."""
        with connection.cursor() as cursor:
            cursor.execute("INSERT INTO public.tests_remembered VALUES (%s, current_schema())", [word])
        os.kill(os.getpid(), signal.SIGKILL)

    @task(name="tests.fail", retry=RetryStrategy(max_attempts=1))
    def fail(*, word: str) -> None:
        """Fail for good at the second run, with an error that repeats the word."""
        raise ValueError(f"Rien n'est fait de {word}\nDETAIL: la ligne contient {word}")

    call_command("worker", *sys.argv[1:])
