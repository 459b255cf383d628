"""E-mails to schools whose key is redeemed and whose licences are not given. Rendered when they are sent."""

from collections.abc import Sequence

from django.utils import timezone

from core.calendar import date_in_paris
from core.links import portal_url
from core.text_templates import read_text_template
from licensing.pools import emails
from licensing.pools.emails import AllocationEmailRenderer, KeyEmail, build_stop_url
from licensing.pools.models import Allocation
from licensing.reminders.models import OCTOBER_KIND, UNUSED_KIND
from licensing.reminders.queries import SeatCounts, count_seats
from mailing import kinds
from mailing.kinds import NoLongerDue, RenderedEmail
from mailing.models import Message


class RedeemedKeyEmailRenderer(AllocationEmailRenderer):
    """Renders the reminders of licences that are not given."""

    def __init__(self, messages: Sequence[Message], *, has_logo_inside: bool = False) -> None:
        """Read what these messages say: eight queries at most."""
        super().__init__(messages, has_logo_inside=has_logo_inside)
        self.seats = count_seats([allocation.key_id for allocation in self.allocations.values()])

    def __call__(self, message: Message) -> RenderedEmail:
        """Render a message for sending. Raises `NoLongerDue`."""
        allocation = self.get_due(message)
        counts = self.seats.get(allocation.key_id, SeatCounts(0, 0))
        _check_due(message, allocation, counts)
        return self.frame(_build(message, allocation, counts), allocation, build_stop_url(allocation.pk))


def render(message: Message) -> RenderedEmail:
    """Render the message for sending. Raises `NoLongerDue`."""
    return RedeemedKeyEmailRenderer([message])(message)


def preview(message: Message) -> RenderedEmail:
    """Render the message without its off switch and with its logo within, whether still due or not."""
    renderer = RedeemedKeyEmailRenderer([message], has_logo_inside=True)
    allocation = renderer.allocations[message.topic_id or 0]
    counts = renderer.seats.get(allocation.key_id, SeatCounts(allocation.units, allocation.units))
    return renderer.frame(_build(message, allocation, counts), allocation)


def _check_due(message: Message, allocation: Allocation, counts: SeatCounts) -> None:
    if allocation.pool.entitlement.over_on(date_in_paris(timezone.now())):
        raise NoLongerDue("Les licences de ce lot ont expiré avant l'envoi.")
    if not counts.free or (message.kind == UNUSED_KIND and counts.free < counts.size):
        raise NoLongerDue("L'école a donné ses licences avant l'envoi.")


def _build(message: Message, allocation: Allocation, counts: SeatCounts) -> KeyEmail:
    giver = emails.get_giver(allocation)
    parts = read_text_template(
        _TEMPLATES[message.kind],
        {
            "giver": giver,
            "school": allocation.school.name,
            "place": emails.describe_place(allocation),
            "end": emails.describe_end(allocation),
            "redeemed_at": allocation.key.redeemed_at,
            "size": counts.size,
            "free": counts.free,
            "given": counts.size - counts.free,
        },
    )
    subject, *introduction = parts[""]
    return KeyEmail(
        subject=emails.with_plain_spaces(subject),
        introduction=tuple(introduction),
        button=parts["button"][0],
        address=portal_url("/mon-compte/"),
        steps=tuple(parts["step"]),
        notes=emails.describe_extension(allocation),
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
        kinds.register(kind, label=label, render=render, prefetch=RedeemedKeyEmailRenderer, preview=preview)
