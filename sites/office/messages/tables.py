"""Table of the page « Messages »."""

from __future__ import annotations

import django_tables2 as tables
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from mailing import kinds
from mailing.models import Message


class MessageTable(tables.Table):
    """One row per message, the latest first."""

    about = tables.Column(verbose_name="Message", empty_values=())
    recipient = tables.Column(verbose_name="Destinataire")
    created_at = tables.DateTimeColumn(verbose_name="Préparé le", format="j F Y, H:i", order_by=("pk",))
    state = tables.TemplateColumn(
        template_name="office/messages/_state.html", verbose_name="État", context_object_name="message", orderable=False
    )

    class Meta:
        model = Message
        fields = ("about", "recipient", "state", "created_at")
        order_by = ("-created_at",)
        empty_text = ""
        attrs = {"class": "table table-vcenter stacking"}

    caption = "Messages du bureau"

    def render_about(self, record: Message) -> SafeString:
        """Link to the message; its `id` keeps the focus when htmx refreshes the list."""
        return format_html(
            '<div><a id="message-{}" href="{}">{}</a><br><span class="text-secondary">{}</span></div>',
            record.pk,
            reverse("messages:detail", args=[record.pk]),
            record.about or f"Message n° {record.pk}",
            kinds.get_label(record.kind),
        )
