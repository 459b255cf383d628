"""An office's page of one school: what it holds, contact, directory data and timeline."""

import datetime
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.safestring import SafeString
from django.views.decorators.http import require_POST

from collectivities.access import OfficeHttpRequest, office
from collectivities.capabilities import Capability
from collectivities.forms import SchoolContactForm
from collectivities.models import PortfolioSchool
from collectivities.operations import portfolio
from collectivities.queries import get_current_collectivity, list_members, list_school_entries
from core import formatting
from core.calendar import date_in_paris
from core.formatting import school_forms
from imports.queries import list_grants
from licensing.pools.models import ALLOCATION_TOPIC, DORMANT_FOR, RESTORABLE_FOR, Allocation
from licensing.pools.queries import AllocationState, AnnotatedAllocation, Situation, list_allocations
from licensing.pools.tables import render_situation_badge
from licensing.pools.views import build_list_url, can_change_units
from licensing.reminders.queries import describe_next_of_school, find_next
from licensing.requests.returns.models import ReturnRequest
from licensing.requests.returns.queries import count_unused, find_last_requests, find_return_days
from licensing.requests.returns.views import RequestRow, build_row
from licensing.requests.returns.wording import describe_return_day
from licensing.requests.school_requests import queries as requests
from mailing import kinds
from mailing.models import Message, MessageState
from schools.models import School
from schools.wording import format_school_name, format_school_type
from web.page_actions import RefusalsOn

#: Of a school that redeemed no key: nothing unused, nothing given back, nothing asked for.
_NONE: tuple[dict[int, int], dict[int, datetime.datetime], dict[int, ReturnRequest]] = ({}, {}, {})
#: Parameter of the page's address: the query of the list from which it was opened.
LIST_PARAMETER = "liste"
#: Maximum number of events of a timeline.
MAX_EVENTS = 200


class TimelineEvent(NamedTuple):
    """A past or scheduled event of a timeline."""

    at: datetime.datetime
    kind: str
    who: str
    words: str


class HeldAllocation(NamedTuple):
    """An allocation of the school, and what may be done with it."""

    allocation: AnnotatedAllocation
    #: Its last e-mail that was not cancelled, None where it has none.
    last: Message | None
    #: The address of the school's contact, where its key was addressed to another.
    other_address: str = ""
    #: Licences of its redeemed key that nobody ever used, and when the last were given back.
    unused: int = 0
    returned_at: datetime.datetime | None = None
    #: The last request for them, None where there is none.
    asked: RequestRow | None = None

    @property
    def lost(self) -> Message | None:
        """Its last e-mail, if that was lost or waits for a hand."""
        return self.last if self.last is not None and (self.last.is_lost or self.last.awaits_hand) else None

    @property
    def is_sent(self) -> bool:
        """Whether an e-mail with its key has left."""
        return self.last is not None and self.allocation.situation != Situation.SCHEDULED

    @property
    def badge(self) -> SafeString:
        """The state as a badge."""
        return render_situation_badge(self.allocation.situation)

    @property
    def summary(self) -> str:
        """Return « 5 licences, dont 2 utilisées ; clé activée le 3 décembre 2026. »."""
        allocation = self.allocation
        if not allocation.units:
            day = describe_return_day(self.returned_at) if self.returned_at is not None else "Rendue"
            return f"{day}. La même clé portera ce que vous lui donnerez."
        units = formatting.pluralize(allocation.units, "licence")
        if allocation.key.redeemed_at is None:
            since = formatting.long_date(date_in_paris(allocation.created_at))
            return f"{units} depuis le {since}, clé pour {allocation.recipient}."
        used = formatting.pluralize(allocation.held, "utilisée")
        since = formatting.long_date(date_in_paris(allocation.key.redeemed_at))
        return formatting.add_nonbreaking_spaces(f"{units}, dont {used} ; clé activée le {since}.")

    @property
    def can_ask(self) -> bool:
        """Whether the school can be asked for licences that nobody uses."""
        waits = self.asked is not None and self.asked.is_open
        return bool(self.allocation.state == AllocationState.REDEEMED) and self.unused > 0 and not waits

    @property
    def given_recently(self) -> bool:
        """Whether it has its licences for so short a time that their disuse says nothing."""
        allocation = self.allocation
        moments = (allocation.created_at, allocation.grown_at, allocation.key.redeemed_at)
        return any(moment is not None and moment > timezone.now() - DORMANT_FOR for moment in moments)

    @property
    def can_change(self) -> bool:
        """Whether its number of licences may be changed."""
        return can_change_units(self.allocation)

    @property
    def is_issued(self) -> bool:
        """Whether its key can be sent again."""
        return bool(self.allocation.state == AllocationState.ISSUED)

    @property
    def restorable_until(self) -> datetime.datetime | None:
        """Until when its revocation can be undone; None where there is none to undo any more."""
        revoked_at = self.allocation.revoked_at
        until = revoked_at + RESTORABLE_FOR if revoked_at is not None else None
        return until if until is not None and until > timezone.now() else None

    @property
    def can_take_back(self) -> bool:
        """Whether its licences can be taken back: its key is not redeemed."""
        return self.can_change and self.allocation.key.redeemed_at is None


@office()
def school(request: OfficeHttpRequest, uai: str) -> HttpResponse:
    """Show what the school holds, its contact and directory data, and its timeline, the latest event first."""
    found = get_object_or_404(School, pk=uai.upper())
    row = PortfolioSchool.objects.filter(school=found).first()
    editable = row is not None and request.member.may(Capability.KEEP_SCHOOLS)
    return _render(request, found, row, SchoolContactForm(instance=row) if editable else None)


@office(Capability.KEEP_SCHOOLS)
@require_POST
def edit_contact(request: OfficeHttpRequest, uai: str) -> HttpResponse:
    """Set contact and classes; show the page again, with what was typed, where they are refused."""
    row = get_object_or_404(PortfolioSchool.objects.select_related("school"), school_id=uai)
    found = row.school
    form = SchoolContactForm(request.POST, instance=row)
    if form.is_valid():
        with RefusalsOn(form):
            portfolio.set_contact(uai=uai, **form.cleaned_data, by=request.member.user, at=timezone.now())
            words = f"Le contact et le nombre de classes {school_forms(found.name).of_the} sont enregistrés."
            row.refresh_from_db()
            if any(one.other_address for one in _list_held(found, row)[0]):
                words += " La clé n'a pas été envoyée de nouveau : voyez « Ses licences »."
            messages.success(request, words)
            kept = request.GET.urlencode()
            return redirect(f"{reverse('school', args=[uai])}{'?' if kept else ''}{kept}")
    return _render(request, found, row, form, status=422)


def _render(
    request: OfficeHttpRequest,
    found: School,
    row: PortfolioSchool | None,
    contact_form: SchoolContactForm | None,
    *,
    status: int = 200,
) -> HttpResponse:
    held, emails = _list_held(found, row)
    current = [one for one in held if one.can_change]
    manages = request.member.may(Capability.GIVE_LICENCES)
    asks = not manages and any(one.lost or one.other_address for one in current)
    reminder = find_next(found.pk)
    asked = requests.list_of_school(found.pk, collectivity=get_current_collectivity())
    context = {
        "reminder": reminder,
        "reminder_words": describe_next_of_school(reminder) if reminder is not None else "",
        "school": found,
        "name": format_school_name(found.name),
        "sort": format_school_type(found.type, found.sector),
        "portfolio_school": row,
        "contact_form": contact_form,
        "current": current,
        "surprise": _describe_surprise(row, current),
        "managers": list_members(Capability.GIVE_LICENCES) if asks else [],
        "list_url": build_list_url("portfolio:list", request.GET.get(LIST_PARAMETER, "")),
        "is_filtered": LIST_PARAMETER in request.GET,
        "past": [one for one in held if not one.can_change],
        "restorable": [one for one in held if one.restorable_until is not None] if manages else [],
        "asked": asked,
        "asks_for_more": any(one.is_pending for one in asked),
        "timeline": _build_timeline(found, row, emails),
        "manages": manages,
        "may_change": request.member.may(Capability.KEEP_SCHOOLS),
    }
    return render(request, "office/school.html", context, status=status)


def _list_held(found: School, row: PortfolioSchool | None) -> tuple[list[HeldAllocation], list[Message]]:
    """Return the school's allocations, the latest first, and their e-mails, the last first. Five queries at most."""
    allocations = list(
        list_allocations(date_in_paris(timezone.now()), Allocation.objects.filter(school=found)).order_by("-created_at")
    )
    of_allocations = Message.objects.filter(topic=ALLOCATION_TOPIC, topic_id__in=[one.pk for one in allocations])
    emails = list(of_allocations.order_by("-pk")[:MAX_EVENTS])
    # The first of each is the last that was written. A cancelled one tells nothing of the key.
    last = {email.topic_id: email for email in reversed(emails) if email.state != MessageState.CANCELLED}
    contact = row.contact_email if row is not None else ""
    keys = [one.key_id for one in allocations if one.key.redeemed_at is not None]
    unused, returned, asked = (count_unused(keys), find_return_days(keys), find_last_requests(keys)) if keys else _NONE
    now = timezone.now()
    return [
        HeldAllocation(
            one,
            last.get(one.pk),
            contact if contact.casefold() != one.recipient.casefold() and one.state == AllocationState.ISSUED else "",
            unused.get(one.key_id, 0),
            returned.get(one.key_id),
            build_row(asked[one.key_id], now) if one.key_id in asked else None,
        )
        for one in allocations
    ], emails


def _describe_surprise(row: PortfolioSchool | None, current: Sequence[HeldAllocation]) -> str:
    """Return in French that a year's licences are more than the school's classes, "" where they are not."""
    if row is None or not row.classes:
        return ""
    years: Counter[datetime.date] = Counter()
    for one in current:
        years[one.allocation.pool.entitlement.last_day] += one.allocation.units
    units = max(years.values(), default=0)
    if units <= row.classes:
        return ""
    return formatting.add_nonbreaking_spaces(
        f"{formatting.pluralize(units, 'licence')} pour {formatting.pluralize(row.classes, 'classe')} : vérifiez le"
        " nombre de licences, ou celui des classes."
    )


def _build_timeline(found: School, row: PortfolioSchool | None, emails: Sequence[Message]) -> list[TimelineEvent]:
    entries = list_school_entries(found.pk, row)[:MAX_EVENTS]
    timeline = [TimelineEvent(entry.at, "Journal", entry.actor, entry.summary) for entry in entries]
    timeline += [TimelineEvent(gift.at, "Journal", gift.who, gift.words) for gift in list_grants(found.pk, found.name)]
    timeline += [_build_message_event(email) for email in emails]
    return sorted(timeline, key=lambda event: event.at, reverse=True)[:MAX_EVENTS]


def _build_message_event(message: Message) -> TimelineEvent:
    state = MessageState(message.state).label.lower()
    reason = f" – {message.reason}" if message.reason else ""
    # What is to come stands where it was decided, not above what happened since.
    later = message.state == MessageState.QUEUED and message.due_at > message.created_at
    when = f", prévu le {formatting.long_moment(timezone.localtime(message.due_at))}" if later else ""
    words = f"{kinds.get_label(message.kind)}, pour {message.recipient} : {state}{when}{reason}"
    return TimelineEvent(message.sent_at or message.created_at, "E-mail", "", words)
