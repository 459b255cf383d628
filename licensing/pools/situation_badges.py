"""The situation of an allocation as a coloured badge."""

from __future__ import annotations

from django.utils.html import format_html
from django.utils.safestring import SafeString

from licensing.pools.situations import NOT_REDEEMED, Situation

_COLOURS = {
    Situation.SCHEDULED: "secondary",
    Situation.SENT: "blue",
    Situation.DELIVERED: "blue",
    Situation.UNDELIVERED: "red",
    Situation.REDEEMED: "green",
    Situation.RETURNED: "secondary",
    Situation.REVOKED: "secondary",
    Situation.SUSPENDED: "orange",
    Situation.EXPIRED: "secondary",
    Situation.CANCELLED: "secondary",
}


def render_situation_badge(value: str) -> SafeString:
    """Render a situation as a coloured badge, and beside it that the key is not redeemed: for a page of its own."""
    if value in NOT_REDEEMED:
        return format_html('{} <span class="text-secondary">non activée</span>', render_badge(value))
    return render_badge(value)


def render_badge(value: str) -> SafeString:
    """Render a situation as a coloured badge."""
    situation = Situation(value)
    return format_html('<span class="badge bg-{}-lt">{}</span>', _COLOURS[situation], situation.label)
