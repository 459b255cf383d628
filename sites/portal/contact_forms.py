"""The contact form, which masks activation keys in messages."""

from __future__ import annotations

import re
from typing import Any

from django import forms

from core.contact_details import check_plain_name

SUBJECTS = (
    ("cle", "Ma clé d’activation"),
    ("compte", "Mon compte ou mon mot de passe"),
    ("achat", "Un devis, un achat, une facture"),
    ("collectivite", "Le bureau de ma collectivité"),
    ("accessibilite", "Une difficulté d’accès au site"),
    ("donnees", "Mes données personnelles"),
    ("autre", "Autre chose"),
)
PROFILES = (
    ("principal", "Chef d’établissement"),
    ("teacher", "Enseignant"),
    ("agent", "Agent d’une collectivité"),
    ("parent", "Parent d’élève"),
    ("other", "Autre"),
)
# An activation key: three groups of four symbols, with or without a prefix.
KEY_PATTERN = re.compile(r"\b(?:[A-Z0-9]{2,10}[-\s])?[0-9A-Z]{4}[-–][0-9A-Z]{4}[-–][0-9A-Z]{4}\b", re.IGNORECASE)


def mask_keys(text: str) -> str:
    """Return the text with activation keys masked, as mailboxes and the outbox must not store them."""
    return KEY_PATTERN.sub("[clé masquée]", text)


class VisitorMessageForm(forms.Form):
    """A message to the team, with a reply address."""

    name = forms.CharField(
        label="Votre nom",
        max_length=150,
        validators=[check_plain_name],
        widget=forms.TextInput({"autocomplete": "name"}),
    )
    email = forms.EmailField(
        label="Votre adresse e-mail",
        help_text="Nous répondrons à cette adresse.",
        widget=forms.EmailInput({"autocomplete": "email"}),
    )
    profile = forms.ChoiceField(label="Vous êtes", choices=PROFILES)
    school = forms.CharField(label="Votre établissement ou votre collectivité", max_length=250, required=False)
    subject = forms.ChoiceField(label="Au sujet de", choices=SUBJECTS)
    message = forms.CharField(label="Votre message", max_length=5000, widget=forms.Textarea({"rows": 7}))
    # Honeypot: hidden from people, filled in by bots.
    website = forms.CharField(
        label="Laissez ce champ vide", required=False, widget=forms.TextInput({"tabindex": "-1", "autocomplete": "off"})
    )

    def clean_name(self) -> str:
        """Return the name on one line, as it becomes part of an e-mail header."""
        return " ".join(str(self.cleaned_data["name"]).split())

    def clean_message(self) -> str:
        """Return the message with activation keys masked."""
        return mask_keys(self.cleaned_data["message"])

    @property
    def is_spam(self) -> bool:
        """Whether the honeypot field was filled in."""
        return bool(self.cleaned_data.get("website"))

    def to_context(self) -> dict[str, Any]:
        """Return the context from which the e-mail is rendered."""
        return {name: self.cleaned_data[name] for name in ("name", "email", "profile", "school", "subject", "message")}
