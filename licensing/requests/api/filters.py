"""Filters of `/requests`."""

from __future__ import annotations

import django_filters
from django.db.models import QuerySet

from api.filters import StrictNumberFilter
from licensing.requests.models import LicenceRequest
from licensing.requests.queries import RequestState, filter_state
from schools.uai import normalise


class LicenceRequestFilter(django_filters.FilterSet):
    """By state, school and school year."""

    state = django_filters.ChoiceFilter(
        choices=RequestState.choices, method="by_state", help_text="Celles qui sont dans cet état."
    )
    school = django_filters.CharFilter(method="of_school", help_text="L'UAI de l'école.")
    school_year = StrictNumberFilter(help_text="L'année où l'année scolaire finit.")

    class Meta:
        model = LicenceRequest
        fields: tuple[str, ...] = ()

    def by_state(self, requests: QuerySet[LicenceRequest], _name: str, value: str) -> QuerySet[LicenceRequest]:
        """Keep the requests in a state."""
        return filter_state(requests, value)

    def of_school(self, requests: QuerySet[LicenceRequest], _name: str, value: str) -> QuerySet[LicenceRequest]:
        """Filter by UAI, normalised."""
        return requests.filter(school_id=normalise(value))
