"""The values that the labels of figures may have: those of the code, and nothing of a request or of a row."""

from django.urls import URLPattern, URLResolver, get_resolver
from procrastinate.contrib.django import app

from accounts.models import AccountEvent
from jobs import due, tasks
from jobs.periodic_tasks import registered_tasks
from licensing.entitlements.models import EntitlementKind, SeatMode
from mailing.models import MessageState


def list_route_names(resolver=None):
    """Return the names by which requests are counted: of every route of both sites."""
    names = set()
    for each in resolver.url_patterns:
        if isinstance(each, URLResolver):
            names |= {f"{each.namespace}:{name}" if each.namespace else name for name in list_route_names(each)}
        elif isinstance(each, URLPattern):
            names.add(each.name or each.lookup_str)
    return names


def list_label_values():
    """Return the values that each label may have: those of the code."""
    task_names = set(app.tasks)
    routes = {"none"}
    for urlconf in ("config.urls_public", "config.urls_tenant"):
        routes |= list_route_names(get_resolver(urlconf))
    queues = {queue for lane in tasks.plan_lanes(concurrency=1, queues=None) for queue in lane.queues}
    return {
        "route": routes,
        "status": {"1xx", "2xx", "3xx", "4xx", "5xx"},
        "site": {"portal", "office", "api", "back_office", "static", "none"},
        "queue": queues,
        "task": task_names | {periodic.perform.__name__ for periodic in registered_tasks},
        "kind": set(due.list_kinds()) | set(EntitlementKind.values),
        "state": set(MessageState.values),
        "action": set(AccountEvent.Action.values),
        "mode": set(SeatMode.values),
        "outcome": {"succeeded", "retried", "failed", "delivered", "refused"},
    }
