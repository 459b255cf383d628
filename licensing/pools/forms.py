"""Forms of the office's pages about pools and allocations."""

from collections.abc import Mapping, Sequence
from typing import Any, cast

from crispy_forms.helper import FormHelper
from crispy_forms.layout import HTML, Div, Layout, Submit
from django import forms
from django.utils import timezone

from core.calendar import date_in_paris
from core.formatting import pluralize
from licensing.pools.positions import PoolPosition
from licensing.pools.queries import PoolHolding
from licensing.pools.wording import describe_holdings, describe_pool


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

    beyond_classes = forms.BooleanField(
        label="Lui donner plus de licences qu'elle n'a de classes",
        required=False,
        help_text="Une licence sert une classe.",
    )
    second_key = forms.BooleanField(
        label="Lui donner une seconde clé, d'un autre lot",
        required=False,
        help_text="À cocher si ces licences s'ajoutent à celles qu'elle a déjà d'un autre lot de l'année.",
    )

    def __init__(
        self,
        *args: Any,
        positions: list[PoolPosition],
        holdings: Mapping[int, Sequence[PoolHolding]],
        classes: int | None,
        **kwargs: Any,
    ) -> None:
        """Build the form.

        `holdings`: by pool, what the school holds from other pools of the year. `classes`: how many it has, None where
        that is not known.
        """
        super().__init__(*args, **kwargs)
        self.holdings = holdings
        self.classes = classes
        if classes:
            self.fields["units"].help_text += f" Cette école a {pluralize(classes, 'classe')}."
        if not self._gives_beyond_classes():
            del self.fields["beyond_classes"]
        if not any(holdings.get(pool.pool_id) for pool in positions):
            del self.fields["second_key"]
        today = date_in_paris(timezone.now())
        cast("forms.TypedChoiceField", self.fields["pool"]).choices = [
            (pool.pool_id, describe_pool(pool.name, pool.free, pool.entitlement, today)) for pool in positions
        ]
        self.helper = FormHelper()
        self.helper.attrs = {"novalidate": True}
        self.helper.layout = Layout(
            "pool",
            "units",
            "recipient",
            "send_on",
            *(name for name in ("beyond_classes", "second_key") if name in self.fields),
            Div(
                Submit("allocate", "Attribuer et envoyer la clé"),
                HTML(
                    '<a class="btn btn-outline-secondary" href="{% url "pools:allocate" %}">Choisir une autre école</a>'
                ),
                css_class="d-flex flex-wrap gap-2",
            ),
        )

    def _gives_beyond_classes(self) -> bool:
        """Whether the number that was typed is more than the school's classes."""
        typed = self.data.get("units", "").strip()
        return bool(self.classes) and typed.isascii() and typed.isdecimal() and int(typed[:9]) > (self.classes or 0)

    def clean(self) -> dict[str, Any]:
        """Ask before a school gets more licences than classes, or a second key: it may be what it is to have in all."""
        data = super().clean() or self.cleaned_data
        if "beyond_classes" in self.fields and not data.get("beyond_classes"):
            units, classes = pluralize(data.get("units", 0), "licence"), pluralize(self.classes or 0, "classe")
            self.add_error("beyond_classes", f"{units} pour {classes} : corrigez le nombre, ou cochez cette case.")
        held = self.holdings.get(data.get("pool", 0))
        if held and not data.get("second_key"):
            self.add_error(
                "second_key",
                f"Cette école a déjà {describe_holdings(held)}. Cochez cette case pour lui donner une seconde clé, ou"
                " choisissez le lot dont elle a la clé.",
            )
        return data


class RestoreForm(forms.Form):
    """The moment of the revocation to undo, as the page stated it."""

    revoked_at = forms.DateTimeField()


class UnitsForm(forms.Form):
    """How many licences a school is to have from a pool in all; `shown`: how many it had when the page was made."""

    units = forms.IntegerField(label="Licences", min_value=1, max_value=1_000_000)
    shown = forms.IntegerField(required=False)


class ResendForm(forms.Form):
    """The address to resend the key to, and whether the school's next keys go there."""

    recipient = forms.EmailField(label="Adresse e-mail")
    keep = forms.BooleanField(required=False)
