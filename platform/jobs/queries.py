"""Queries on the jobs that wait or run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db.models import Q
from django.db.models.functions import Now
from procrastinate.contrib.django.models import ProcrastinateJob
from procrastinate.jobs import Status

if TYPE_CHECKING:
    from collections.abc import Collection

_LIVE = (Status.TODO.value, Status.DOING.value)


def count_live_jobs(*, queues: Collection[str], schema: str) -> int:
    """Return how many jobs of a schema wait or run in these queues."""
    return ProcrastinateJob.objects.filter(status__in=_LIVE, queue_name__in=queues, args__schema=schema).count()


def list_waiting_schemas(task: str) -> set[str]:
    """Return the schemas for which a job of this task waits for nothing but a thread."""
    due = Q(scheduled_at=None) | Q(scheduled_at__lte=Now())
    jobs = ProcrastinateJob.objects.filter(due, status=Status.TODO.value, task_name=task)
    return set(jobs.values_list("args__schema", flat=True))
