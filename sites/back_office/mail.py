"""Back office of the portal's e-mails, refused addresses, sendings that fail, and the bounce mailbox; read-only.

A collectivity's e-mails are in its own schema, and shown in its office.
"""

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from bounces.models import BounceMailbox, FailedSending, RefusedAddress, UnreadMail
from core.formatting import pluralize
from mailing import kinds, refusals
from mailing.models import LOST, Message
from sites.back_office.model_admins import ReadOnlyAdmin, choice_filter, column


def _name_schema(schema: str) -> str:
    """Return « portail », or the office's schema."""
    return "portail" if schema == "public" else schema


@admin.register(RefusedAddress)
class RefusedAddressAdmin(ReadOnlyAdmin):
    """Addresses that a server refused: not written to again without a hand."""

    list_display = ("address", "reason", "refused_at", "tried_at", "waiting")
    search_fields = ("address",)
    ordering = ("-refused_at", "-pk")
    fields = list_display
    readonly_fields = ("waiting",)
    actions = ("forget",)

    waiting = column("e-mails retenus dans", lambda row: ", ".join(map(_name_schema, row.waiting_in)))

    @admin.action(description="Écrire de nouveau à ces adresses")
    def forget(self, request: HttpRequest, queryset: QuerySet[RefusedAddress]) -> None:
        """Forget that they were refused, and release what is held for them."""
        forgotten = refusals.forget(list(queryset.values_list("address", flat=True)), at=timezone.now())
        words = pluralize(forgotten, "adresse n'est plus refusée", "adresses ne sont plus refusées")
        messages.success(request, f"{words} ; les e-mails qui attendaient partent.")


@admin.register(FailedSending)
class FailedSendingAdmin(ReadOnlyAdmin):
    """Sendings of which a large share did not arrive; the operator's list of work has those that are not seen."""

    list_display = ("found_at", "place", "label", "queued_at", "handled", "lost", "seen_at")
    list_filter = (("seen_at", admin.EmptyFieldListFilter),)
    ordering = ("-found_at", "-pk")
    fields = list_display
    readonly_fields = ("place", "label")
    actions = ("mark_seen",)

    place = column("espace", "schema", _name_schema, ordering="schema")
    label = column("type d'e-mail", "kind", kinds.get_label, ordering="kind")

    @admin.action(description="Vus : les retirer du travail en attente")
    def mark_seen(self, request: HttpRequest, queryset: QuerySet[FailedSending]) -> None:
        """Take them off the operator's list of work."""
        seen = refusals.mark_seen(list(queryset.values_list("pk", flat=True)), at=timezone.now())
        words = pluralize(seen, "envoi est noté comme vu", "envois sont notés comme vus")
        messages.success(request, f"{words}.")


@admin.register(BounceMailbox)
class BounceMailboxAdmin(ReadOnlyAdmin):
    """How the reading of the bounce mailbox goes."""

    list_display = ("read_at", "failure", "failing_since", "reports", "auto_replies")
    list_display_links = None

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Say why the list is empty where no mailbox was read."""
        if not BounceMailbox.objects.exists():
            messages.info(
                request,
                "Aucune boîte n'a encore été relevée : les comptes rendus des serveurs ne sont pas lus. "
                "Les travailleurs relèvent celle de BOUNCE_IMAP_HOST.",
            )
        return super().changelist_view(request, extra_context)


@admin.register(UnreadMail)
class UnreadMailAdmin(ReadOnlyAdmin):
    """Mails of the bounce mailbox that a person reads there: read, moved or deleted there, they leave this list."""

    list_display = ("found_at", "cause", "sender", "subject", "size")
    list_filter = ("cause",)
    search_fields = ("sender", "subject")
    ordering = ("-found_at", "-pk")
    fields = list_display


LostFilter = choice_filter(
    "arrivée", "arrivee", {"non": "en échec"}, lambda messages, _: messages.filter(state__in=LOST)
)


@admin.register(Message)
class MessageAdmin(ReadOnlyAdmin):
    """E-mails of the outbox. Their text is not stored: it is rendered when they are sent."""

    list_display = ("type", "recipient", "state", "created_at", "sent_at", "reason")
    list_filter = (LostFilter, "state")
    search_fields = ("recipient",)
    ordering = ("-pk",)
    fields = ("type", "recipient", "state", "created_at", "due_at", "attempts", "sent_at", "message_id", "reason")

    type = column("nature", "kind", kinds.get_label)
