"""Queries on the jobs that wait or run."""

from __future__ import annotations

from collections.abc import Collection

from procrastinate.contrib.django.models import ProcrastinateJob
from procrastinate.jobs import Status

_LIVE = (Status.TODO.value, Status.DOING.value)


def count_live_jobs(*, queues: Collection[str], schema: str) -> int:
    """Return how many jobs of a schema wait or run in these queues."""
    return ProcrastinateJob.objects.filter(status__in=_LIVE, queue_name__in=queues, args__schema=schema).count()
