"""The portal's own e-mails, as the operator looks into them: what left, what did not, and why. Read only.

Those of a collectivity stand in its schema, and in its office.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import admin
from unfold.admin import ModelAdmin

from mailing.models import LOST, Message
from web.read_only import ReadOnly

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from django.http import HttpRequest


class LostFilter(admin.SimpleListFilter):
    title = "arrivée"
    parameter_name = "arrivee"

    def lookups(self, request: HttpRequest, model_admin: object) -> list[tuple[str, str]]:
        """Return the one choice that « tous » does not cover."""
        return [("non", "en échec")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Message]) -> QuerySet[Message]:
        """Keep the messages that will not arrive."""
        return queryset.filter(state__in=LOST) if self.value() == "non" else queryset


@admin.register(Message)
class MessageAdmin(ReadOnly, ModelAdmin):
    """What a message says is not kept: it is composed when it leaves."""

    list_display = ("type", "recipient", "state", "created_at", "sent_at", "reason")
    list_filter = (LostFilter, "state")
    search_fields = ("recipient",)
    ordering = ("-pk",)
    fields = ("type", "recipient", "state", "created_at", "due_at", "attempts", "sent_at", "message_id", "reason")

    @admin.display(description="nature")
    def type(self, message: Message) -> str:
        """Return what the kind of message is called."""
        return message.label
