"""Back office of the job queue, read-only, and of what came from outside and could not be taken in."""

import json

from django.contrib import admin, messages
from django.db.models import Max, Min, QuerySet
from django.http import HttpRequest
from django.utils import timezone

from core.formatting import pluralize
from jobs import set_aside
from jobs.models import Job, SetAsideItem
from sites.back_office.model_admins import ReadOnlyAdmin, choice_filter, column


@admin.register(SetAsideItem)
class SetAsideItemAdmin(ReadOnlyAdmin):
    """Items that were set aside; the operator's list of work has those that are not seen."""

    list_display = ("found_at", "source", "reference", "reason", "seen_at")
    list_filter = (("seen_at", admin.EmptyFieldListFilter), "source")
    search_fields = ("reference",)
    ordering = ("-found_at", "-pk")
    fields = list_display
    actions = ("mark_seen",)

    @admin.action(description="Vus : les retirer du travail en attente")
    def mark_seen(self, request: HttpRequest, queryset: QuerySet[SetAsideItem]) -> None:
        """Take them off the operator's list of work."""
        seen = set_aside.mark_seen(list(queryset.values_list("pk", flat=True)), at=timezone.now())
        words = pluralize(seen, "élément est noté comme vu", "éléments sont notés comme vus")
        messages.success(request, f"{words}.")


#: French labels of Procrastinate's job statuses.
_STATE_LABELS = {
    "todo": "en attente",
    "doing": "en cours",
    "succeeded": "faite",
    "failed": "échouée",
    "cancelled": "annulée",
    "aborted": "interrompue",
}


JobStateFilter = choice_filter("état", "etat", _STATE_LABELS, lambda jobs, state: jobs.filter(status=state))


@admin.register(Job)
class JobAdmin(ReadOnlyAdmin):
    """Jobs. Their arguments are row ids, never keys or e-mail addresses."""

    list_display = ("id", "task", "state", "tries", "queued_at", "last_at")
    list_filter = (JobStateFilter,)
    ordering = ("-pk",)
    fields = readonly_fields = ("id", "task", "state", "tries", "not_before", "queued_at", "last_at", "arguments")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Job]:
        """Return the jobs annotated with the times of their first and last event."""
        jobs: QuerySet[Job] = super().get_queryset(request)
        return jobs.annotate(first_event=Min("procrastinateevent__at"), last_event=Max("procrastinateevent__at"))

    task = column("tâche", "task_name", ordering="task_name")
    state = column("état", lambda row: _STATE_LABELS.get(row.status, row.status), ordering="status")
    tries = column("essais", "attempts", ordering="attempts")
    not_before = column("pas avant le", "scheduled_at")
    queued_at = column("mise en file le", "first_event", ordering="first_event")
    last_at = column("dernier événement le", "last_event", ordering="last_event")
    arguments = column("arguments", lambda row: json.dumps(row.args, ensure_ascii=False))
