"""Back office of what came from outside and could not be taken in."""

from __future__ import annotations

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from unfold.admin import ModelAdmin

from core.formatting import pluralize
from jobs import set_aside
from jobs.models import SetAsideItem
from sites.back_office.read_only import ReadOnlyAdminMixin


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
