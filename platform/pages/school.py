"""An office's page of one school: directory data, allocations and timeline."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from django.shortcuts import get_object_or_404, render
from django.utils import timezone

from collectivities.access import office
from collectivities.models import AuditEntry, Role, SchoolInRemit
from imports.stories import gifts_to
from licensing.catalogue.operations import day_in_france
from licensing.pools.models import TOPIC
from licensing.pools.queries import allocations
from licensing.pools.tables import badge
from mailing import kinds
from mailing.models import Message, MessageState
from schools.models import School
from schools.wording import school_name, sort_of_school

if TYPE_CHECKING:
    import datetime

    from django.http import HttpResponse

    from collectivities.access import OfficeRequest

#: Maximum number of events of a timeline.
MOST = 200


class Event(NamedTuple):
    """A past or scheduled event of a timeline."""

    at: datetime.datetime
    kind: str
    who: str
    words: str


@office()
def school(request: OfficeRequest, uai: str) -> HttpResponse:
    """Show the school's directory data, contact, allocations and timeline, the latest event first."""
    found = get_object_or_404(School, pk=uai.upper())
    held = list(allocations(day_in_france(timezone.now())).filter(school=found).order_by("-created_at"))
    entries = AuditEntry.objects.filter(school_id=found.pk).order_by("-at", "-pk")[:MOST]
    messages = Message.objects.filter(topic=TOPIC, topic_id__in=[allocation.pk for allocation in held])
    timeline = [Event(entry.at, "Journal", entry.actor_name, entry.summary) for entry in entries]
    timeline += [Event(gift.at, "Journal", gift.who, gift.words) for gift in gifts_to(found.pk, found.name)]
    timeline += [_build_message_event(message) for message in messages.order_by("-pk")[:MOST]]
    context = {
        "school": found,
        "name": school_name(found.name),
        "sort": sort_of_school(found.type, found.sector),
        "remit": SchoolInRemit.objects.filter(school=found).first(),
        "held": [(allocation, badge(allocation.state)) for allocation in held],
        "story": sorted(timeline, key=lambda event: event.at, reverse=True)[:MOST],
        "manages": Role.MANAGER in request.member.roles,
    }
    return render(request, "pages/school.html", context)


def _build_message_event(message: Message) -> Event:
    state = MessageState(message.state).label.lower()
    reason = f" – {message.reason}" if message.reason else ""
    moment = message.sent_at or (message.due_at if message.state == MessageState.QUEUED else message.created_at)
    return Event(moment, "E-mail", "", f"{kinds.label(message.kind)}, pour {message.recipient} : {state}{reason}")
