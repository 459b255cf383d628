"""Registration of the e-mails about redeemed keys with the outbox. Imported when the app is ready."""

from __future__ import annotations

from licensing.reminders.emails import build_renderer, preview, render
from licensing.reminders.models import OCTOBER_KIND, UNUSED_KIND
from mailing import kinds

_LABELS = {
    UNUSED_KIND: "Relance : aucune licence donnée",
    OCTOBER_KIND: "Lettre d'octobre : licences à donner",
}


def register_kinds() -> None:
    """Register the kinds of messages."""
    for kind, label in _LABELS.items():
        kinds.register(kind, label=label, render=render, prefetch=build_renderer, preview=preview)
