"""Forms, delivery filter and status texts of the office's webhook pages."""

from __future__ import annotations

import datetime
import json
from dataclasses import dataclass
from typing import ClassVar

import django_filters
from django import forms

from webhooks.event_types import get_event_type_label, list_event_types, list_subscribable_types
from webhooks.models import (
    Delivery,
    DeliveryState,
    DisabledReason,
    WebhookEndpoint,
    WebhookEvent,
)

_SELECT = forms.Select(attrs={"class": "form-select"})


class WebhookForm(forms.Form):
    """URL and event types of a webhook."""

    url = forms.CharField(
        label="Adresse",
        max_length=WebhookEndpoint.MAX_URL_LENGTH,
        widget=forms.URLInput(attrs={"autocomplete": "off", "placeholder": "https://si.exemple.fr/peps"}),
        help_text="En https. C'est elle qui reçoit les événements, par des requêtes POST signées.",
        error_messages={"required": "Indiquez l'adresse qui recevra les événements."},
    )
    types = forms.MultipleChoiceField(
        label="Événements",
        choices=lambda: [(name, f"{label} ({name})") for name, label in list_subscribable_types()],
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text="Aucune case cochée : tous, ceux des versions à venir compris.",
    )


class WebhookEditForm(WebhookForm):
    is_enabled = forms.BooleanField(
        label="Activé",
        required=False,
        help_text="Désactivé, il ne reçoit rien ; ce qui attend part s'il est activé de nouveau dans les trois jours.",
    )


class WebhookDeliveryFilter(django_filters.FilterSet):
    """Filter deliveries by state and event type."""

    etat = django_filters.ChoiceFilter(
        label="État", field_name="state", choices=DeliveryState.choices, empty_label="Tous les états", widget=_SELECT
    )
    type = django_filters.ChoiceFilter(
        label="Événement",
        field_name="event__type",
        choices=list_event_types,
        empty_label="Tous les événements",
        widget=_SELECT,
    )

    class Meta:
        model = Delivery
        fields: ClassVar = ["etat", "type"]

    @property
    def narrows(self) -> bool:
        """Whether a filter is active, which explains an empty list."""
        return self.form.is_valid() and any(self.form.cleaned_data.values())


_OFF = {
    DisabledReason.MANUAL: "Un gestionnaire ou un programme l'a désactivé.",
    DisabledReason.GONE: "Le destinataire a répondu qu'il ne veut plus rien recevoir (410).",
    DisabledReason.DELETED: "Il a été supprimé.",
}


@dataclass(frozen=True)
class WebhookStatusText:
    """Status of an endpoint as a label and a sentence; `colour` is the badge's."""

    label: str
    colour: str
    sentence: str = ""


def get_webhook_status(endpoint: WebhookEndpoint, at: datetime.datetime) -> WebhookStatusText:
    """Return the status of an endpoint at that moment."""
    if not endpoint.is_enabled:
        return WebhookStatusText("Désactivé", "secondary", _OFF[DisabledReason(endpoint.disabled_reason)])
    if endpoint.failing_since is None:
        return WebhookStatusText("Activé", "green")
    if endpoint.paused_until is not None and endpoint.paused_until > at:
        return WebhookStatusText(
            "Au repos", "yellow", "Aucun envoi ne réussit : rien n'est perdu, un nouvel essai est prévu."
        )
    return WebhookStatusText(
        "En échec", "yellow", "Le dernier envoi n'a pas réussi : rien n'est perdu, il est retenté."
    )


def list_type_labels(endpoint: WebhookEndpoint) -> list[str]:
    """Return the French labels of an endpoint's event types; an empty list means all."""
    return [get_event_type_label(kind) for kind in endpoint.types]


def format_event_data(event: WebhookEvent) -> str:
    """Return an event's data as indented JSON."""
    return json.dumps(event.data, ensure_ascii=False, indent=2)
