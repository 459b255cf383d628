"""Back office of the job queue, read-only, and of what came from outside and could not be taken in."""

from __future__ import annotations

import datetime
import json

from django.contrib import admin, messages
from django.db.models import Max, Min, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from unfold.admin import ModelAdmin

from core.formatting import pluralize
from jobs import set_aside
from jobs.models import Job, SetAsideItem
from sites.back_office.model_admins import ReadOnlyAdminMixin


@admin.register(SetAsideItem)
class SetAsideItemAdmin(ReadOnlyAdminMixin, ModelAdmin):
    """Items that were set aside; the operator's list of work has those that are not seen."""

    list_display = ("found_at", "source", "reference", "reason", "seen_at")
    list_filter = (("seen_at", admin.EmptyFieldListFilter), "source")
    search_fields = ("reference",)
    ordering = ("-found_at", "-pk")
    fields = ("found_at", "source", "reference", "reason", "seen_at")
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


class JobStateFilter(admin.SimpleListFilter):
    title = "état"
    parameter_name = "etat"

    def lookups(self, request: HttpRequest, model_admin: object) -> list[tuple[str, str]]:
        """Return the states."""
        return list(_STATE_LABELS.items())

    def queryset(self, request: HttpRequest, queryset: QuerySet[Job]) -> QuerySet[Job]:
        """Keep the jobs in the chosen state."""
        return queryset.filter(status=self.value()) if self.value() in _STATE_LABELS else queryset


@admin.register(Job)
class JobAdmin(ReadOnlyAdminMixin, ModelAdmin):
    """Jobs. Their arguments are row ids, never keys or e-mail addresses."""

    list_display = ("id", "task", "state", "tries", "queued_at", "last_at")
    list_filter = (JobStateFilter,)
    ordering = ("-pk",)
    fields = readonly_fields = ("id", "task", "state", "tries", "not_before", "queued_at", "last_at", "arguments")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Job]:
        """Return the jobs annotated with the times of their first and last event."""
        jobs: QuerySet[Job] = super().get_queryset(request)
        return jobs.annotate(first_event=Min("procrastinateevent__at"), last_event=Max("procrastinateevent__at"))

    @admin.display(description="tâche", ordering="task_name")
    def task(self, job: Job) -> str:
        """Return the task's name."""
        return job.task_name

    @admin.display(description="état", ordering="status")
    def state(self, job: Job) -> str:
        """Return the state in French."""
        return _STATE_LABELS.get(job.status, job.status)

    @admin.display(description="essais", ordering="attempts")
    def tries(self, job: Job) -> int:
        """Return the number of attempts."""
        return job.attempts

    @admin.display(description="pas avant le")
    def not_before(self, job: Job) -> datetime.datetime | None:
        """Return the scheduled time."""
        return job.scheduled_at

    @admin.display(description="mise en file le", ordering="first_event")
    def queued_at(self, job: Job) -> datetime.datetime | None:
        """Return when it was queued."""
        return getattr(job, "first_event", None)

    @admin.display(description="dernier événement le", ordering="last_event")
    def last_at(self, job: Job) -> datetime.datetime | None:
        """Return the time of the last event."""
        return getattr(job, "last_event", None)

    @admin.display(description="arguments")
    def arguments(self, job: Job) -> str:
        """Return the arguments as JSON."""
        return json.dumps(job.args, ensure_ascii=False)
