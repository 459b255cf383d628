"""Back office of the portal's e-mails, refused addresses, sendings that fail, and the bounce mailbox; read-only.

A collectivity's e-mails are in its own schema, and shown in its office.
"""

from __future__ import annotations

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.admin import ModelAdmin

from mailing import kinds
from mailing.models import LOST, Message
from sites.back_office.read_only import ReadOnlyAdminMixin


class LostFilter(admin.SimpleListFilter):
    title = "arrivée"
    parameter_name = "arrivee"

    def lookups(self, request: HttpRequest, model_admin: object) -> list[tuple[str, str]]:
        """Return the only choice besides « tous »."""
        return [("non", "en échec")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Message]) -> QuerySet[Message]:
        """Keep the messages that failed or bounced."""
        return queryset.filter(state__in=LOST) if self.value() == "non" else queryset


@admin.register(Message)
class MessageAdmin(ReadOnlyAdminMixin, ModelAdmin):
    """E-mails of the outbox. Their text is not stored: it is rendered when they are sent."""

    list_display = ("type", "recipient", "state", "created_at", "sent_at", "reason")
    list_filter = (LostFilter, "state")
    search_fields = ("recipient",)
    ordering = ("-pk",)
    fields = ("type", "recipient", "state", "created_at", "due_at", "attempts", "sent_at", "message_id", "reason")

    @admin.display(description="nature")
    def type(self, message: Message) -> str:
        """Return the French label of the message's kind."""
        return kinds.get_label(message.kind)
