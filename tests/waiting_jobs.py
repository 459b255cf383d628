"""The jobs of the queue that have not started."""

from collections.abc import Mapping
from typing import Any

from procrastinate.contrib.django.models import ProcrastinateJob


def list_waiting_jobs(name: str, **arguments: Any) -> list[Mapping[str, Any]]:
    """Return a task's jobs that have not started, by id: `id`, `args`, `scheduled_at`, `priority`, `attempts`.

    `arguments`: only the jobs deferred with these arguments, such as `schema`.
    """
    jobs = ProcrastinateJob.objects.filter(task_name=name, status="todo", args__contains=arguments)
    return list(jobs.order_by("pk").values("id", "args", "scheduled_at", "priority", "attempts", "queueing_lock"))
