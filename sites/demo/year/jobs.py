"""What the workers do, without a worker: due work, jobs and periodic tasks, at a moment of the simulation."""

from __future__ import annotations

import datetime
import json

from django.db import connection
from django_tenants.utils import get_public_schema_name, schema_context
from procrastinate.contrib.django import app

from jobs import due, housekeeping
from jobs.periodic_tasks import registered_tasks

_JOBS_AT_ONCE = 500
#: They look for workers that died, and turn due work into jobs, which `run_jobs` does.
_LEFT_OUT = {housekeeping.retry_stalled_jobs, due.queue_due}
#: Whose periodic tasks have something to do with people.
_OF_PEOPLE = ("licensing.", "collectivities.", "schools.", "sites.")
_TAKE = """
WITH waiting AS (
    SELECT id FROM public.procrastinate_jobs
    WHERE status = 'todo' AND (scheduled_at IS NULL OR scheduled_at <= %s)
    ORDER BY priority DESC, id LIMIT %s
), taken AS (
    -- Not deleted yet: a job that is deleted before it ended is scheduled again.
    UPDATE public.procrastinate_jobs AS job SET status = 'succeeded' FROM waiting WHERE job.id = waiting.id
    RETURNING job.id, job.priority, job.task_name, job.args
)
SELECT task_name, args FROM taken ORDER BY priority DESC, id
"""
_DELETE = "DELETE FROM public.procrastinate_jobs WHERE status = 'succeeded'"


def run_jobs(at: datetime.datetime) -> int:
    """Run all that is due at a moment, and what that causes; return how many jobs. An error of a job is raised."""
    count = 0
    while True:
        with schema_context(get_public_schema_name()):
            due.queue_due_work(at=at)
            jobs = _take_jobs(at)
        # Drains of one outbox: the first sends all that is due, as the first worker does.
        for name, arguments in dict.fromkeys(jobs):
            app.tasks[name].func(**json.loads(arguments))
        if not jobs:
            return count
        count += len(jobs)


def run_periodic_tasks(*, with_tidying: bool) -> None:
    """Run each periodic task once; those that tidy the machinery, and write to nobody, only where asked for.

    An error of one is raised.
    """
    with schema_context(get_public_schema_name()):
        for task in registered_tasks:
            is_tidying = not task.perform.__module__.startswith(_OF_PEOPLE)
            if task.perform not in _LEFT_OUT and (with_tidying or not is_tidying):
                task.perform()


def _take_jobs(at: datetime.datetime) -> list[tuple[str, str]]:
    """Remove the jobs whose time has come and return their tasks and arguments, in the order of a worker."""
    with connection.cursor() as cursor:
        cursor.execute(_TAKE, [at, _JOBS_AT_ONCE])
        taken: list[tuple[str, str]] = cursor.fetchall()
        if taken:
            cursor.execute(_DELETE)
        return taken
