"""The operator's form that opens a pool."""

from __future__ import annotations

from django import forms
from unfold.widgets import UnfoldAdminIntegerFieldWidget, UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from licensing.catalogue.pricing import MOST_UNITS
from tenants.models import Collectivity


class GrantForm(forms.Form):
    """To whom, how many, why."""

    collectivity = forms.ModelChoiceField(
        label="Collectivité", queryset=Collectivity.objects.order_by("name"), widget=UnfoldAdminSelectWidget
    )
    licences = forms.IntegerField(
        label="Nombre de licences", min_value=1, max_value=MOST_UNITS, widget=UnfoldAdminIntegerFieldWidget
    )
    reason = forms.CharField(
        label="Motif",
        max_length=500,
        help_text="Il reste inscrit sur la ligne de commande et au journal de la collectivité.",
        widget=UnfoldAdminTextInputWidget,
    )
    name = forms.CharField(
        label="Nom du lot",
        required=False,
        max_length=120,
        help_text="Tel que la collectivité le lira ; vide, il dit l'année scolaire et le numéro de commande.",
        widget=UnfoldAdminTextInputWidget,
    )
