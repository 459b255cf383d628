"""How the list of messages is narrowed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import django_filters
from django import forms
from django.db.models import Q

from mailing.models import Message, MessageState
from mailing.queries import kinds_in_use

if TYPE_CHECKING:
    from django.db.models import QuerySet


_SELECT = forms.Select(attrs={"class": "form-select"})


class MessageFilter(django_filters.FilterSet):
    """By state, by kind, and by the words of an address or of what the message is about."""

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
        """Offer the kinds that stand in this outbox: the portal's are none of an office's business."""
        super().__init__(*args, **kwargs)
        self.filters["type"].extra["choices"] = kinds_in_use()

    def by_text(self, messages: QuerySet[Message], name: str, value: str) -> QuerySet[Message]:
        """Keep those in which each of the words stands, whatever its case and accents."""
        for word in value.split():
            messages = messages.filter(Q(recipient__icontains=word) | Q(about__unaccent__icontains=word))
        return messages

    @property
    def narrows(self) -> bool:
        """Whether anything was asked: an empty list then has another reason."""
        cleaned: dict[str, Any] = self.form.cleaned_data if self.form.is_valid() else {}
        return any(cleaned.values())
