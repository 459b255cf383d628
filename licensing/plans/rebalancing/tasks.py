"""Tasks in a collectivity's schema: accept what rebalancings granted, when `jobs.due` says that it is time."""

from django.utils import timezone

from jobs.due import declare_due_work
from jobs.tasks import task
from licensing.plans.rebalancing.operations import ANSWER_REQUESTS
from licensing.plans.rebalancing.operations import answer_requests as answer

declare_due_work(ANSWER_REQUESTS)


@task(name=ANSWER_REQUESTS)
def answer_requests() -> None:
    """Accept the requests whose rebalancing can no longer be undone."""
    answer(at=timezone.now())
