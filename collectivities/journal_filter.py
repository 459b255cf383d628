"""The filter of the Journal page and of its export."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

import django_filters
from django import forms
from django.db.models import Q, QuerySet

from collectivities.journal_wording import group_choices, list_same_actions, subject_labels
from collectivities.models import AuditEntry
from core.foreign_values import MAX_SEARCH_LENGTH
from core.registry import Registry
from schools import uai

#: By app above this one, the condition for entries about a school without its UAI: one entry for a list of schools.
school_conditions: Registry[Callable[[str], Q]] = Registry("condition of entries by school")


def list_subject_choices() -> list[tuple[str, list[tuple[str, str]]]]:
    """Return the choices for the actions that occur in this collectivity's audit log."""
    return group_choices(set(AuditEntry.objects.order_by().values_list("action", flat=True).distinct()))


class JournalFilter(django_filters.FilterSet):
    """Filter audit entries by person, subject, dates, school or words."""

    text = django_filters.CharFilter(label="Texte, personne ou UAI", method="by_text")
    subject = django_filters.ChoiceFilter(
        label="Sujet", empty_label="Tous", choices=list_subject_choices, method="by_subject"
    )
    since = django_filters.DateFilter(
        label="Depuis le", field_name="at", lookup_expr="date__gte", widget=forms.DateInput(attrs={"type": "date"})
    )
    until = django_filters.DateFilter(
        label="Jusqu'au", field_name="at", lookup_expr="date__lte", widget=forms.DateInput(attrs={"type": "date"})
    )

    class Meta:
        model = AuditEntry
        fields: ClassVar = ["text", "subject", "since", "until"]

    def by_text(self, entries: QuerySet[AuditEntry], name: str, text: str) -> QuerySet[AuditEntry]:
        """Keep the entries that contain the text, by that actor, or about that school."""
        # A part of a sentence, with the non-breaking spaces that were copied with it.
        text = text[:MAX_SEARCH_LENGTH].strip()
        code = uai.normalise(text)
        matches = Q(summary__icontains=text) | Q(actor_name__icontains=text) | Q(school_id=code)
        matches |= Q(actor_username__iexact=text)
        if uai.is_valid(code):
            for condition in school_conditions.values():
                matches |= condition(code)
        return entries.filter(matches)

    def by_subject(self, entries: QuerySet[AuditEntry], name: str, subject: str) -> QuerySet[AuditEntry]:
        """Keep the actions of one subject, or those with the same name as one action."""
        if subject in subject_labels:
            return entries.filter(action__startswith=f"{subject}.")
        return entries.filter(action__in=list_same_actions(subject))
