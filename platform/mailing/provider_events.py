"""What a provider tells of messages that were sent by its interface: the same as a server's report, by django-anymail.

It posts many at once: one that cannot be recorded is set aside for the operator, and the others are recorded.
Only imported where a provider is configured (`MAIL_PROVIDER`): django-anymail is an optional dependency.
"""

import datetime
import hashlib
import json
import logging
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.core.exceptions import SuspiciousOperation
from django.http import HttpRequest, HttpResponseBase
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.module_loading import import_string

from core.foreign_values import UnreadableJson, clean_line, parse_json
from jobs.set_aside import note_set_aside, take_each
from mailing import smtp_replies
from mailing.delivery_reports import DeliveryReport, ReportedFate, record_reports
from mailing.mime import find_reference
from web.access import Public, require_policy

logger = logging.getLogger(__name__)
#: What django-anymail raises for an event that no provider sends: of other types, without its names, with JSON in it,
#: of a moment that no clock has.
_MALFORMED = (TypeError, ValueError, KeyError, AttributeError, OverflowError, OSError, RecursionError)
#: How Brevo and Mailjet call their number of a message.
_MESSAGE_NAMES = ("message-id", "MessageID")
_FATES = {
    "delivered": ReportedFate.DELIVERED,
    "deferred": ReportedFate.DELAYED,
    "bounced": ReportedFate.BOUNCED,
    "rejected": ReportedFate.BOUNCED,
    "failed": ReportedFate.BOUNCED,
}
#: Codes of RFC 3463 for the reasons that a provider gives without a server's answer.
_STATUSES = {"invalid": "5.1.3", "blocked": "5.7.1", "spam": "5.7.1", "timed_out": "5.4.7"}
_SOURCE = "Prestataire d'envoi des e-mails"
_UNREADABLE = (
    "Cet événement n'a pas la forme attendue : le journal du serveur dit pourquoi. L'état de l'e-mail se lit chez le "
    "prestataire."
)
_REFUSED = (
    "Ce que le prestataire dit d'un e-mail n'a pas pu être inscrit : le journal du serveur dit pourquoi. L'état de "
    "l'e-mail se lit chez le prestataire."
)
_DELAYED = "Le serveur du destinataire fait attendre le message ; notre prestataire essaie encore."


def build_tracking_path(provider: str) -> URLPattern:
    """Return the address to which a provider posts events, whose password django-anymail checks."""
    anymail_view = import_string(f"anymail.webhooks.{provider}.{provider.capitalize()}TrackingWebhookView")
    view_class: Any = type(anymail_view.__name__, (_BoundedEvents, anymail_view), {})
    view: Callable[..., HttpResponseBase] = require_policy(Public())(view_class.as_view())
    return path(f"webhooks/mail/{provider}/", view, name="mail_provider_events")


class _BoundedEvents:
    """Mixin, before django-anymail's view: the body is read with bounds, and what is no event keeps out no other."""

    def parse_events(self, request: HttpRequest) -> list[Any]:
        """Return the events; what cannot be read is set aside. Raises `SuspiciousOperation` where none is an event."""
        anymail_view: Any = self
        try:
            # What a recipient's server answered stands in it: no letter of that keeps the other events out.
            body = parse_json(request.body, max_bytes=settings.DATA_UPLOAD_MAX_MEMORY_SIZE, mends_texts=True)
        except UnreadableJson as error:
            raise SuspiciousOperation(f"A provider's events are unreadable. {error}") from None
        stated = body if isinstance(body, list) else [body]
        if stated and not any(isinstance(event, dict) for event in stated):
            raise SuspiciousOperation("None of a provider's events is one.")
        events = []
        for event in stated:
            try:
                events.append(anymail_view.esp_to_anymail_event(event))
            except _MALFORMED as error:
                logger.warning("An event of the mail provider cannot be read: %s", type(error).__name__)
                note_set_aside(source=_SOURCE, reference=_build_reference(event), reason=_UNREADABLE, at=timezone.now())
        return events


def _build_reference(event: object) -> str:
    """Return the provider's name of an unreadable event's message, else a digest: the same when it comes again."""
    named = [event.get(name) for name in _MESSAGE_NAMES] if isinstance(event, dict) else []
    for name in named:
        if isinstance(name, str | int) and name:
            return str(name)
    digest = hashlib.sha256(json.dumps(event, sort_keys=True).encode()).hexdigest()
    return f"sans numéro de message ({digest[:12]})"


def connect() -> None:
    """Record the events that arrive from now on."""
    from anymail.signals import tracking  # noqa: PLC0415 - an optional dependency

    tracking.connect(receive, dispatch_uid="mailing.provider_events")


def receive(sender: object, event: Any, esp_name: str, **_: object) -> None:  # noqa: ARG001 - a signal's signature
    """Record one event, if it is about the fate of a message of ours."""
    at = timezone.now()
    for refused in take_each([event], lambda events: _record(events[0], at)):
        note_set_aside(
            source=_SOURCE,
            reference=refused.item.event_id or refused.item.message_id,
            reason=_REFUSED,
            at=at,
        )


def _record(event: Any, at: datetime.datetime) -> None:
    fate = _FATES.get(event.event_type)
    metadata = event.metadata if isinstance(event.metadata, dict) else {}
    stated = (metadata.get("message"), event.message_id)
    reference = find_reference(clean_line(text, 300) for text in stated if text and isinstance(text, str))
    if fate is None or reference is None:
        return
    for refused in record_reports([_build_report(fate, reference, event)], at=at).refused:
        raise refused.error


def _build_report(fate: ReportedFate, reference: Any, event: Any) -> DeliveryReport:
    answer_text = clean_line(event.mta_response or event.description or "", smtp_replies.MAX_REPLY_LENGTH)
    if fate is ReportedFate.DELIVERED:
        return DeliveryReport(reference, fate)
    if fate is ReportedFate.DELAYED:
        reason = f"{_DELAYED}{smtp_replies.REPLY_SEPARATOR}{answer_text}" if answer_text else _DELAYED
        return DeliveryReport(reference, fate, reason)
    answer = smtp_replies.parse_report(_STATUSES.get(str(event.reject_reason), ""), answer_text)
    refused = (clean_line(event.recipient or "", 254),) if smtp_replies.refuses_address(answer) else ()
    return DeliveryReport(reference, fate, smtp_replies.explain_reply(answer), refused)


def is_configured() -> bool:
    """Whether a provider sends our messages."""
    return bool(settings.MAIL_PROVIDER)
