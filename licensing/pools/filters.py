"""Filters of the list of allocations: pool, state, commune and free text."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING, ClassVar

import django_filters
from django import forms
from django.db.models import Q
from django.utils import timezone

from core.search_terms import cut_search
from licensing.pools.models import Allocation, Pool
from licensing.pools.queries import (
    AllocationState,
    filter_held_email,
    filter_lost_email,
    filter_not_redeemed_since,
)
from schools.folding import split_words
from schools.uai import is_valid, normalise

if TYPE_CHECKING:
    from django.db.models import QuerySet

    from licensing.pools.queries import AnnotatedAllocation

#: Days after its sending from which an unredeemed key is due for a reminder.
DORMANT_DAYS = 15

_NO_STATE, DORMANT, LOST, HELD = "", "dormant", "lost", "held"
_STATES = (
    (DORMANT, f"Non activée {DORMANT_DAYS} jours après l'envoi"),
    (LOST, "E-mail en échec"),
    (HELD, "E-mail retenu"),
    *AllocationState.choices,
)


def _list_communes() -> list[tuple[str, str]]:
    communes = Allocation.objects.order_by("school__commune_folded").values_list("school__commune", flat=True)
    return [(commune, commune) for commune in dict.fromkeys(communes.distinct()) if commune]


class AllocationFilter(django_filters.FilterSet):
    """Filters of the list. Revoked allocations are shown only if their state is selected."""

    q = django_filters.CharFilter(
        label="École, commune, UAI ou adresse",
        method="with_words",
        widget=forms.TextInput(attrs={"type": "search", "class": "form-control"}),
    )
    pool = django_filters.ModelChoiceFilter(
        label="Lot",
        queryset=lambda _request: Pool.objects.order_by("-opened_at"),
        empty_label="Tous les lots",
        widget=forms.Select(attrs={"class": "form-select"}),
    )
    state = django_filters.ChoiceFilter(
        label="État",
        choices=_STATES,
        empty_label="Tous, sauf reprises",
        method="in_state",
        widget=forms.Select(attrs={"class": "form-select"}),
    )
    commune = django_filters.ChoiceFilter(
        label="Commune",
        field_name="school__commune",
        choices=_list_communes,
        empty_label="Toutes les communes",
        widget=forms.Select(attrs={"class": "form-select"}),
    )

    class Meta:
        model = Allocation
        fields: ClassVar = ["q", "pool", "state", "commune"]

    @property
    def qs(self) -> QuerySet[AnnotatedAllocation]:
        """Return the filtered queryset; without a selected state, all but the revoked."""
        filtered: QuerySet[AnnotatedAllocation] = super().qs
        state = self.form.cleaned_data.get("state") if self.form.is_bound and self.form.is_valid() else _NO_STATE
        return filtered if state else filtered.filter(revoked_at__isnull=True)

    def in_state(self, queryset: QuerySet[AnnotatedAllocation], name: str, value: str) -> QuerySet[AnnotatedAllocation]:
        """Filter by state, or by a situation of its e-mails."""
        if value == DORMANT:
            return filter_not_redeemed_since(timezone.now() - datetime.timedelta(days=DORMANT_DAYS), queryset)
        if value == LOST:
            return filter_lost_email(queryset)
        if value == HELD:
            return filter_held_email(queryset)
        return queryset.filter(state=value)

    def with_words(
        self, queryset: QuerySet[AnnotatedAllocation], name: str, value: str
    ) -> QuerySet[AnnotatedAllocation]:
        """Filter by UAI, by all the words of the school (folded), or by part of the e-mail address."""
        value = cut_search(value)
        code = normalise(value)
        if is_valid(code):
            return queryset.filter(school_id=code)
        condition = Q()
        for word in split_words(value):
            condition &= Q(school__search_text__contains=word)
        return queryset.filter(condition | Q(recipient__icontains=value))
