"""An office's page of one school: directory data, allocations and timeline."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from django.shortcuts import get_object_or_404, render
from django.utils import timezone

from collectivities.access import office
from collectivities.models import AuditEntry, PortfolioSchool, Role
from core.calendar import date_in_paris
from imports.queries import list_grants
from licensing.pools.models import ALLOCATION_TOPIC
from licensing.pools.queries import list_allocations
from licensing.pools.tables import render_state_badge
from mailing import kinds
from mailing.models import Message, MessageState
from schools.models import School
from schools.wording import format_school_name, format_school_type

if TYPE_CHECKING:
    import datetime

    from django.http import HttpResponse

    from collectivities.access import OfficeHttpRequest

#: Maximum number of events of a timeline.
MAX_EVENTS = 200


class TimelineEvent(NamedTuple):
    """A past or scheduled event of a timeline."""

    at: datetime.datetime
    kind: str
    who: str
    words: str


@office()
def school(request: OfficeHttpRequest, uai: str) -> HttpResponse:
    """Show the school's directory data, contact, allocations and timeline, the latest event first."""
    found = get_object_or_404(School, pk=uai.upper())
    held = list(list_allocations(date_in_paris(timezone.now())).filter(school=found).order_by("-created_at"))
    entries = AuditEntry.objects.filter(school_id=found.pk).order_by("-at", "-pk")[:MAX_EVENTS]
    messages = Message.objects.filter(topic=ALLOCATION_TOPIC, topic_id__in=[allocation.pk for allocation in held])
    timeline = [TimelineEvent(entry.at, "Journal", entry.actor, entry.summary) for entry in entries]
    timeline += [TimelineEvent(gift.at, "Journal", gift.who, gift.words) for gift in list_grants(found.pk, found.name)]
    timeline += [_build_message_event(message) for message in messages.order_by("-pk")[:MAX_EVENTS]]
    context = {
        "school": found,
        "name": format_school_name(found.name),
        "sort": format_school_type(found.type, found.sector),
        "portfolio_school": PortfolioSchool.objects.filter(school=found).first(),
        "held": [(allocation, render_state_badge(allocation.state)) for allocation in held],
        "timeline": sorted(timeline, key=lambda event: event.at, reverse=True)[:MAX_EVENTS],
        "manages": Role.MANAGER in request.member.roles,
    }
    return render(request, "office/school.html", context)


def _build_message_event(message: Message) -> TimelineEvent:
    state = MessageState(message.state).label.lower()
    reason = f" – {message.reason}" if message.reason else ""
    moment = message.sent_at or (message.due_at if message.state == MessageState.QUEUED else message.created_at)
    return TimelineEvent(
        moment, "E-mail", "", f"{kinds.get_label(message.kind)}, pour {message.recipient} : {state}{reason}"
    )
