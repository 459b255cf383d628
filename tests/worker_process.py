"""`python -m tests.worker_process`: `manage.py worker`, with the message kind and the tasks of the tests."""

from __future__ import annotations

import os
import sys
import time

import django
from django.core.management import call_command

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    django.setup()

    from django.db import connection

    from jobs.tasks import task
    from mailing import kinds
    from tests.mailing.note import render_note

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

    call_command("worker", *sys.argv[1:])
