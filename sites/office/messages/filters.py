"""Filters of the page « Messages »."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import django_filters
from django import forms
from django.db.models import Q, QuerySet

from core.foreign_values import cut_search
from imports.models import SpreadsheetImport
from imports.queries import list_emails
from mailing.models import Message, MessageState
from mailing.queries import kinds_in_use

_SELECT = forms.Select(attrs={"class": "form-select"})


class MessageFilter(django_filters.FilterSet):
    """Filter by state, by kind, and by words of the recipient's address or the message's topic."""

    texte = django_filters.CharFilter(
        label="Adresse ou établissement",
        method="by_text",
        widget=forms.TextInput(attrs={"type": "search", "class": "form-control"}),
    )
    etat = django_filters.ChoiceFilter(
        label="État", field_name="state", choices=MessageState.choices, empty_label="Tous les états", widget=_SELECT
    )
    type = django_filters.ChoiceFilter(
        label="Type de message", field_name="kind", choices=[], empty_label="Tous les types", widget=_SELECT
    )

    class Meta:
        model = Message
        fields: list[str] = []

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Limit the kinds to those in this office's outbox."""
        super().__init__(*args, **kwargs)
        self.filters["type"].extra["choices"] = kinds_in_use()

    def by_text(self, messages: QuerySet[Message], name: str, value: str) -> QuerySet[Message]:
        """Keep messages that contain every word, ignoring case and accents."""
        for word in cut_search(value).split():
            messages = messages.filter(Q(recipient__icontains=word) | Q(about__unaccent__icontains=word))
        return messages

    @classmethod
    def get_filters(cls) -> dict[str, django_filters.Filter]:
        """Return the filters, with that of the import: its name cannot be an attribute."""
        by_import = django_filters.NumberFilter(method="of_import", min_value=1, widget=forms.HiddenInput)
        return super().get_filters() | {"import": by_import}

    def of_import(self, messages: QuerySet[Message], name: str, value: Decimal) -> QuerySet[Message]:
        """Keep the e-mails about the allocations of one import; none for an unknown one."""
        found = SpreadsheetImport.objects.filter(pk=int(value)).first()
        return messages.filter(pk__in=list_emails(found).values("pk")) if found else messages.none()

    @property
    def is_of_import(self) -> bool:
        """Whether only the e-mails of one import are listed."""
        return self.form.is_valid() and self.form.cleaned_data["import"] is not None

    @property
    def narrows(self) -> bool:
        """Whether any filter is set, to explain an empty list."""
        cleaned: dict[str, Any] = self.form.cleaned_data if self.form.is_valid() else {}
        return any(cleaned.values())
