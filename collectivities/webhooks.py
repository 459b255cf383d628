"""Webhooks as the office's pages show them: their forms, their state in words, and which deliveries are shown."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import django_filters
from django import forms

from webhooks.models import SUBSCRIBABLE, Delivery, DeliveryState, Endpoint, EventType, Off

if TYPE_CHECKING:
    import datetime

    from webhooks.models import Event

_TYPES = [(kind.value, f"{kind.label} ({kind.value})") for kind in SUBSCRIBABLE]
_SELECT = forms.Select(attrs={"class": "form-select"})


class WebhookForm(forms.Form):
    """Where events are sent, and which."""

    url = forms.CharField(
        label="Adresse",
        max_length=Endpoint.LONGEST,
        widget=forms.URLInput(attrs={"autocomplete": "off", "placeholder": "https://si.exemple.fr/peps"}),
        help_text="En https. C'est elle qui reçoit les événements, par des requêtes POST signées.",
        error_messages={"required": "Indiquez l'adresse qui recevra les événements."},
    )
    types = forms.MultipleChoiceField(
        label="Événements",
        choices=_TYPES,
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text="Aucune case cochée : tous, ceux des versions à venir compris.",
    )


class ChangedWebhookForm(WebhookForm):
    is_enabled = forms.BooleanField(
        label="Activé",
        required=False,
        help_text="Désactivé, il ne reçoit rien ; ce qui attend part s'il est activé de nouveau dans les trois jours.",
    )


class DeliveryFilter(django_filters.FilterSet):
    """By state and by type."""

    etat = django_filters.ChoiceFilter(
        label="État", field_name="state", choices=DeliveryState.choices, empty_label="Tous les états", widget=_SELECT
    )
    type = django_filters.ChoiceFilter(
        label="Événement",
        field_name="event__type",
        choices=EventType.choices,
        empty_label="Tous les événements",
        widget=_SELECT,
    )

    class Meta:
        model = Delivery
        fields: ClassVar = ["etat", "type"]

    @property
    def narrows(self) -> bool:
        """Whether anything was asked: an empty list then has another reason."""
        return self.form.is_valid() and any(self.form.cleaned_data.values())


_OFF = {
    Off.MANUAL: "Un gestionnaire ou un programme l'a désactivé.",
    Off.GONE: "Le destinataire a répondu qu'il ne veut plus rien recevoir (410).",
    Off.DELETED: "Il a été supprimé.",
}


@dataclass(frozen=True)
class State:
    """How an endpoint does, in a word and in a sentence; `colour` is the badge's."""

    word: str
    colour: str
    sentence: str = ""


def state_of(endpoint: Endpoint, at: datetime.datetime) -> State:
    """Return how an endpoint does at that moment."""
    if not endpoint.is_enabled:
        return State("Désactivé", "secondary", _OFF[Off(endpoint.off_because)])
    if endpoint.failing_since is None:
        return State("Activé", "green")
    if endpoint.paused_until is not None and endpoint.paused_until > at:
        return State("Au repos", "yellow", "Aucun envoi ne réussit : rien n'est perdu, un nouvel essai est prévu.")
    return State("En échec", "yellow", "Le dernier envoi n'a pas réussi : rien n'est perdu, il est retenté.")


def types_of(endpoint: Endpoint) -> list[str]:
    """Return what the types that an endpoint asks for are called; none: all of them."""
    return [EventType(kind).label for kind in endpoint.types]


def content_of(event: Event) -> str:
    """Return what an event holds, to be read by people."""
    return json.dumps(event.data, ensure_ascii=False, indent=2)
