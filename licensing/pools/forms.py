"""Forms of the office's pages about pools and allocations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from crispy_forms.helper import FormHelper
from crispy_forms.layout import HTML, Div, Layout, Submit
from django import forms

from licensing.pools.wording import describe_pool

if TYPE_CHECKING:
    from licensing.pools.queries import PoolPosition


class AllocateForm(forms.Form):
    """Allocate licences of a pool to one school, the key being e-mailed at once or on a day."""

    # Choices are set in __init__: the collectivity's own pools.
    pool = forms.TypedChoiceField(label="Lot", coerce=int)
    units = forms.IntegerField(
        label="Nombre de licences",
        min_value=1,
        max_value=1_000_000,
        initial=1,
        help_text="1 licence = 1 classe = 1 enseignant et 30 comptes élèves.",
    )
    recipient = forms.EmailField(
        label="Adresse e-mail",
        help_text="La clé y est envoyée. Proposée\xa0: le contact de votre périmètre, sinon l'adresse officielle.",
    )
    send_on = forms.DateField(
        label="Envoyer l'e-mail le",
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
        help_text="Laissez vide pour l'envoyer tout de suite\xa0; sinon il part ce jour-là à 8 heures.",
    )

    def __init__(self, *args: Any, positions: list[PoolPosition], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        cast("forms.TypedChoiceField", self.fields["pool"]).choices = [
            (pool.pool_id, describe_pool(pool.name, pool.free, pool.entitlement)) for pool in positions
        ]
        self.helper = FormHelper()
        self.helper.layout = Layout(
            "pool",
            "units",
            "recipient",
            "send_on",
            Div(
                Submit("allocate", "Attribuer et envoyer la clé"),
                HTML(
                    '<a class="btn btn-outline-secondary" href="{% url "pools:allocate" %}">Choisir une autre école</a>'
                ),
                css_class="d-flex flex-wrap gap-2",
            ),
        )


class ResendForm(forms.Form):
    """The address to resend the key to."""

    recipient = forms.EmailField(label="Adresse e-mail")
