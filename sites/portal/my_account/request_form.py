"""The form by which a principal asks a collectivity for licences."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from crispy_forms.helper import FormHelper
from crispy_forms.layout import HTML, Div, Layout
from django import forms

from licensing.requests.models import MAX_REASON, MAX_UNITS
from licensing.requests.queries import format_school_year
from tenants.models import Collectivity


class AskCollectivityForm(forms.Form):
    """How many licences, for which school year, of which collectivity, and why."""

    # Choices are set in __init__: those of the school, and of the day.
    collectivity = forms.TypedChoiceField(label="Collectivité", coerce=int)
    school_year = forms.TypedChoiceField(label="Année scolaire", coerce=int)
    units = forms.IntegerField(
        label="Nombre de licences",
        min_value=1,
        max_value=MAX_UNITS,
        help_text="1 licence = 1 classe = 1 enseignant et 30 comptes élèves.",
    )
    reason = forms.CharField(
        label="Pourquoi",
        max_length=MAX_REASON,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="Une phrase, que la collectivité lira. Ne nommez personne : elle n’a pas à savoir qui enseigne.",
    )

    def __init__(self, *args: Any, collectivities: Sequence[Collectivity], years: Sequence[int], **kwargs: Any) -> None:
        """Build the form. `collectivities`, `years`: what may be chosen, the likelier first."""
        super().__init__(*args, **kwargs)
        choices = {
            "collectivity": [(one.pk, one.name) for one in collectivities],
            "school_year": [(year, format_school_year(year)) for year in years],
        }
        for name, offered in choices.items():
            cast("forms.TypedChoiceField", self.fields[name]).choices = offered
        self.helper = FormHelper()
        self.helper.attrs = {"novalidate": True}
        self.helper.layout = Layout(
            "collectivity",
            "school_year",
            "units",
            "reason",
            Div(
                HTML('<button class="btn btn-primary">Envoyer la demande</button>'),
                HTML('<a class="btn btn-outline-secondary" href="{% url "my_account" %}">Annuler</a>'),
                css_class="d-flex flex-wrap gap-2",
            ),
        )
