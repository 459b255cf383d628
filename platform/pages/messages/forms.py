"""What the page « Messages » asks."""

from __future__ import annotations

from django import forms


class ResendForm(forms.Form):
    """To which address a message is sent again."""

    recipient = forms.EmailField(
        label="Adresse e-mail",
        max_length=254,
        widget=forms.EmailInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )
