"""What schools asked of collectivities, on the pages of both: counts and states. What they wrote stays theirs."""

from __future__ import annotations

from typing import NamedTuple

from django.db.models import F
from django.urls import reverse

from core.formatting import collectivity_forms
from licensing.requests.models import LicenceRequest
from licensing.requests.queries import get_state
from licensing.requests.wording import describe_asked, format_day
from schools.models import School
from schools.wording import format_school
from tenants.models import Collectivity

#: A page shows no more.
MAX_ROWS = 50


class ShownRequest(NamedTuple):
    """A request, by the other party's name and its page."""

    who: str
    url: str
    words: str


def list_office_requests(collectivity: Collectivity) -> list[ShownRequest]:
    """Return the latest requests to a collectivity, those that wait first. One query."""
    found = LicenceRequest.objects.filter(collectivity=collectivity.pk).select_related("school")
    return [
        ShownRequest(
            format_school(one.school), reverse("admin:client_school", args=[one.school_id]), _describe_request(one)
        )
        for one in found.order_by(F("ended_at").desc(nulls_first=True), "-pk")[:MAX_ROWS]
    ]


def list_school_requests(school: School) -> list[ShownRequest]:
    """Return the latest requests of a school, those that wait first. One query."""
    found = LicenceRequest.objects.filter(school=school.pk).select_related("collectivity")
    return [
        ShownRequest(
            collectivity_forms(one.collectivity.name).the,
            reverse("admin:client_collectivity", args=[one.collectivity_id]),
            _describe_request(one),
        )
        for one in found.order_by(F("ended_at").desc(nulls_first=True), "-pk")[:MAX_ROWS]
    ]


def _describe_request(request: LicenceRequest) -> str:
    state = str(get_state(request).label).lower()
    given = f", {request.accepted_units} données" if request.accepted_units else ""
    return f"{describe_asked(request)}, le {format_day(request.created_at)} : {state}{given}"
