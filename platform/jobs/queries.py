"""Queries on the jobs that wait or run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from procrastinate.contrib.django.models import ProcrastinateJob
from procrastinate.jobs import Status

if TYPE_CHECKING:
    from collections.abc import Collection

_LIVE = (Status.TODO.value, Status.DOING.value)


def count_live_jobs(*, queues: Collection[str], schema: str) -> int:
    """Return how many jobs of a schema wait or run in these queues."""
    return ProcrastinateJob.objects.filter(status__in=_LIVE, queue_name__in=queues, args__schema=schema).count()
