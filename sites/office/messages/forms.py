"""Forms of the page « Messages »."""

from __future__ import annotations

from django import forms


class MessageResendForm(forms.Form):
    """The address to which a message is resent."""

    recipient = forms.EmailField(
        label="Adresse e-mail",
        max_length=254,
        widget=forms.EmailInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )
