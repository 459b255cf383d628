"""What is in the queue, for those who watch over it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from procrastinate.contrib.django.models import ProcrastinateJob

if TYPE_CHECKING:
    from collections.abc import Mapping


def waiting(name: str, **arguments: Any) -> list[Mapping[str, Any]]:
    """Return the jobs of a task that have not begun, in order: `id`, `args`, `scheduled_at`, `priority`, `attempts`.

    `arguments`: only those that were deferred with these, `schema` among them.
    """
    jobs = ProcrastinateJob.objects.filter(task_name=name, status="todo", args__contains=arguments)
    return list(jobs.order_by("pk").values("id", "args", "scheduled_at", "priority", "attempts", "queueing_lock"))
