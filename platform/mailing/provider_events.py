"""What a provider tells of messages that were sent by its interface: the same as a server's report, by django-anymail.

Only imported where a provider is configured (`MAIL_PROVIDER`): django-anymail is an optional dependency.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.urls import path
from django.utils import timezone
from django.utils.module_loading import import_string

from mailing import smtp_replies
from mailing.delivery_reports import DeliveryReport, ReportedFate, record_reports
from mailing.message_ids import find_reference
from web.access import Public, require_policy

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.http import HttpResponseBase
    from django.urls import URLPattern

_FATES = {
    "delivered": ReportedFate.DELIVERED,
    "deferred": ReportedFate.DELAYED,
    "bounced": ReportedFate.BOUNCED,
    "rejected": ReportedFate.BOUNCED,
    "failed": ReportedFate.BOUNCED,
}
#: Codes of RFC 3463 for the reasons that a provider gives without a server's answer.
_STATUSES = {"invalid": "5.1.3", "blocked": "5.7.1", "spam": "5.7.1", "timed_out": "5.4.7"}
_DELAYED = "Le serveur du destinataire fait attendre le message ; notre prestataire essaie encore."


def build_tracking_path(provider: str) -> URLPattern:
    """Return the address to which a provider posts events, whose password django-anymail checks."""
    view_class = import_string(f"anymail.webhooks.{provider}.{provider.capitalize()}TrackingWebhookView")
    view: Callable[..., HttpResponseBase] = require_policy(Public())(view_class.as_view())
    return path(f"webhooks/mail/{provider}/", view, name="mail_provider_events")


def connect() -> None:
    """Record the events that arrive from now on."""
    from anymail.signals import tracking  # noqa: PLC0415 - an optional dependency

    tracking.connect(receive, dispatch_uid="mailing.provider_events")


def receive(sender: object, event: Any, esp_name: str, **_: object) -> None:  # noqa: ARG001 - a signal's signature
    """Record one event, if it is about the fate of a message of ours."""
    fate = _FATES.get(event.event_type)
    reference = find_reference(filter(None, (dict(event.metadata or {}).get("message"), event.message_id)))
    if fate is None or reference is None:
        return
    record_reports([_build_report(fate, reference, event)], at=timezone.now())


def _build_report(fate: ReportedFate, reference: Any, event: Any) -> DeliveryReport:
    answer_text = str(event.mta_response or event.description or "")
    if fate is ReportedFate.DELIVERED:
        return DeliveryReport(reference, fate)
    if fate is ReportedFate.DELAYED:
        reason = f"{_DELAYED}{smtp_replies.REPLY_SEPARATOR}{answer_text[:300]}" if answer_text else _DELAYED
        return DeliveryReport(reference, fate, reason)
    answer = smtp_replies.parse_report(_STATUSES.get(str(event.reject_reason), ""), answer_text)
    refused = (str(event.recipient or ""),) if smtp_replies.refuses_address(answer) else ()
    return DeliveryReport(reference, fate, smtp_replies.explain_reply(answer), refused)


def is_configured() -> bool:
    """Whether a provider sends our messages."""
    return bool(settings.MAIL_PROVIDER)
