"""E-mails to schools whose key is redeemed and whose licences are not given. Rendered when they are sent."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from django.utils import timezone

from collectivities import logos
from collectivities.queries import get_office_contact, get_office_settings
from core.calendar import date_in_paris
from core.links import portal_url
from licensing.pools import emails
from licensing.pools.emails import (
    KeyEmail,
    build_stop_url,
    describe_end,
    describe_extension,
    describe_place,
    frame_email,
    get_giver,
    load_allocations,
    with_plain_spaces,
)
from licensing.pools.models import Allocation
from licensing.reminders.models import OCTOBER_KIND, UNUSED_KIND
from licensing.reminders.queries import SeatCounts, count_seats
from mailing import kinds
from mailing.email_templates import read_email_template
from mailing.kinds import NoLongerDue, RenderedEmail
from mailing.models import Message


def build_renderer(messages: Sequence[Message]) -> Callable[[Message], RenderedEmail]:
    """Load what all these messages say in six queries, and return a function that renders each."""
    allocations = load_allocations(messages)
    seats = count_seats([allocation.key_id for allocation in allocations.values()])
    presentation = get_office_settings()
    contact = get_office_contact(presentation)
    calendar = emails.load_calendar(messages)

    def render_one(message: Message) -> RenderedEmail:
        allocation = allocations.get(message.topic_id or 0)
        if allocation is None:
            raise NoLongerDue("L'attribution dont parlait ce message n'existe pas.")
        emails.check_automatic_due(message, allocation, calendar)
        counts = seats.get(allocation.key_id, SeatCounts(0, 0))
        _check_due(message, allocation, counts)
        email = _build(message, allocation, counts)
        return frame_email(email, allocation, presentation, contact, stop_url=build_stop_url(allocation.pk))

    return render_one


def render(message: Message) -> RenderedEmail:
    """Render the message for sending. Raises `NoLongerDue`."""
    return build_renderer([message])(message)


def preview(message: Message) -> RenderedEmail:
    """Render the message without its off switch and with its logo within, whether still due or not."""
    allocation = load_allocations([message])[message.topic_id or 0]
    counts = count_seats([allocation.key_id]).get(allocation.key_id, SeatCounts(allocation.units, allocation.units))
    presentation = get_office_settings()
    logo = logos.build_data_url(bytes(presentation.logo)) if presentation.logo else ""
    email = _build(message, allocation, counts)
    return frame_email(email, allocation, presentation, get_office_contact(presentation), logo=logo)


def _check_due(message: Message, allocation: Allocation, counts: SeatCounts) -> None:
    if allocation.pool.entitlement.over_on(date_in_paris(timezone.now())):
        raise NoLongerDue("Les licences de ce lot ont expiré avant l'envoi.")
    if not counts.free or (message.kind == UNUSED_KIND and counts.free < counts.size):
        raise NoLongerDue("L'école a donné ses licences avant l'envoi.")


def _build(message: Message, allocation: Allocation, counts: SeatCounts) -> KeyEmail:
    giver = get_giver(allocation)
    parts = read_email_template(
        _TEMPLATES[message.kind],
        {
            "giver": giver,
            "school": allocation.school.name,
            "place": describe_place(allocation),
            "end": describe_end(allocation),
            "redeemed_at": allocation.key.redeemed_at,
            "size": counts.size,
            "free": counts.free,
            "given": counts.size - counts.free,
        },
    )
    subject, *introduction = parts[""]
    return KeyEmail(
        subject=with_plain_spaces(subject),
        introduction=tuple(introduction),
        button=parts["button"][0],
        address=portal_url("/mon-compte/"),
        steps=tuple(parts["step"]),
        notes=describe_extension(allocation),
        reason=emails.describe_reason(giver, parts["cause"][0]),
    )


_TEMPLATES = {UNUSED_KIND: "reminders/emails/unused.txt", OCTOBER_KIND: "reminders/emails/october.txt"}
_LABELS = {
    UNUSED_KIND: "Relance : aucune licence donnée",
    OCTOBER_KIND: "Lettre d'octobre : licences à donner",
}


def register_kinds() -> None:
    """Register the kinds of messages."""
    for kind, label in _LABELS.items():
        kinds.register(kind, label=label, render=render, prefetch=build_renderer, preview=preview)
