"""Rows of the queue as workers leave them: jobs with their events, and heartbeats."""

from django.db import connection


def add_job(queued_at, *, status="todo", scheduled_at=None, queue="mail", task="mailing.drain"):
    """Add a job that was queued at a moment; a failed one failed then."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO public.procrastinate_jobs (queue_name, task_name, args, status, scheduled_at)"
            " VALUES (%s, %s, '{}', %s, %s) RETURNING id",
            [queue, task, status, scheduled_at],
        )
        [job_id] = cursor.fetchone()
        cursor.execute("DELETE FROM public.procrastinate_events WHERE job_id = %s", [job_id])
        for kind in ["deferred", *(["failed"] if status == "failed" else [])]:
            cursor.execute(
                "INSERT INTO public.procrastinate_events (job_id, type, at) VALUES (%s, %s, %s)",
                [job_id, kind, queued_at],
            )
    return job_id


def beat(at):
    """Have a worker beat at a moment."""
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO public.procrastinate_workers (last_heartbeat) VALUES (%s)", [at])
