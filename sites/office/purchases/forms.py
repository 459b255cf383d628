"""Forms of « Achats ». They normalise input; operations validate the business rules."""

from __future__ import annotations

import re
from typing import Any, Self

from django import forms

from licensing.catalogue import terms
from licensing.catalogue.pricing import MAX_UNITS
from licensing.orders import billing_details, siret_numbers
from licensing.orders.billing_details import FRANCE, BillingDetails
from licensing.orders.models import Order, Payer

#: References required on a public buyer's invoice; same names as the fields of `Order` and `preflight`.
BILLING_CODES = ("siret", "service_code", "engagement_number")
#: A point is accepted as a thousands separator only: « 2.000 » is valid, « 1.5 » is not.
_INTEGER = re.compile(r"[0-9]+|[0-9]{1,3}(\.[0-9]{3})+")


class VolumeForm(forms.Form):
    """Number of licences; accepts thousands separators (« 2 000 »)."""

    licences = forms.CharField(
        label="Nombre de licences",
        max_length=20,
        widget=forms.TextInput(attrs={"inputmode": "numeric", "autocomplete": "off"}),
    )

    def clean_licences(self) -> int:
        """Return the number without thousands separators, capped just above the maximum."""
        text = "".join(self.cleaned_data["licences"].split())
        if not _INTEGER.fullmatch(text):
            raise forms.ValidationError("Indiquez un nombre entier de licences : une par classe.")
        return min(int(text.replace(".", "")), MAX_UNITS + 1)


class BillingCodesForm(forms.Form):
    """SIRET, service code and engagement number: editable until the invoice is issued."""

    siret = forms.CharField(
        label="SIRET",
        required=False,
        max_length=25,
        help_text="Quatorze chiffres\xa0: celui de l'établissement qui paie, tel qu'il figure sur vos mandats.",
        widget=forms.TextInput(attrs={"inputmode": "numeric", "autocomplete": "off"}),
    )
    service_code = forms.CharField(
        label="Code service",
        required=False,
        max_length=100,
        help_text="Si votre organisme l'exige sur Chorus Pro.",
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    engagement_number = forms.CharField(
        label="Numéro d'engagement",
        required=False,
        max_length=50,
        help_text="Votre comptabilité le donne quand elle engage la dépense\xa0; il peut suivre, jusqu'à la facture.",
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )

    def clean_siret(self) -> str:
        """Return the digits only."""
        return siret_numbers.normalise(self.cleaned_data["siret"])

    def codes(self) -> dict[str, str]:
        """Return the three raw values, valid or not, for `preflight.check_billing`."""
        return {name: str(self[name].value() or "") for name in BILLING_CODES}


class BillingForm(BillingCodesForm):
    """Whom the invoice is for: editable until it is issued."""

    name = forms.CharField(label="Organisme facturé", max_length=200)
    address = forms.CharField(label="Adresse", max_length=250)
    address_extra = forms.CharField(label="Adresse (suite)", max_length=250, required=False)
    postal_code = forms.CharField(
        label="Code postal",
        max_length=10,
        help_text="La TVA en dépend.",
        widget=forms.TextInput(attrs={"inputmode": "numeric"}),
    )
    city = forms.CharField(label="Ville", max_length=120)
    email = forms.EmailField(label="Adresse e-mail de la comptabilité", help_text="Elle figure sur la facture.")

    #: Whose country and VAT number are kept: only the operator corrects them.
    order: Order

    field_order = ("name", "address", "address_extra", "postal_code", "city", "email", *BILLING_CODES)

    @classmethod
    def for_order(cls, order: Order, data: Any = None) -> Self:
        """Return the form bound to `data`, or prefilled for this order."""
        billing = billing_details.prefill_billing_details(order)
        initial = {name: getattr(billing, name) for name in cls.base_fields if hasattr(billing, name)}
        initial["siret"] = siret_numbers.format_with_spaces(billing.siret) if billing.siret else ""
        form = cls(data, initial=initial | {"terms_version": terms.CURRENT})
        form.order = order
        return form

    def billing(self) -> BillingDetails:
        """Return the billing details as the operation expects them."""
        names = ("name", "address", "address_extra", "postal_code", "city", "email", *BILLING_CODES)
        return BillingDetails(
            payer=Payer.COLLECTIVITY,
            country=self.order.bill_country or FRANCE,
            vat_number=self.order.vat_number,
            **{name: self.cleaned_data[name] for name in names},
        )


class OrderForm(BillingForm):
    """Billing details and acceptance of the general terms of sale."""

    terms_version = forms.CharField(required=False, widget=forms.HiddenInput)
    accepted = forms.BooleanField(
        required=True,
        error_messages={"required": "Cochez cette case pour accepter les conditions générales de vente."},
    )


class OfficeScanForm(forms.Form):
    """Upload of the signed purchase order."""

    scan = forms.FileField(
        label="Bon de commande signé",
        help_text="PDF, JPEG ou PNG, 4 Mo au plus.",
        error_messages={"required": "Choisissez d'abord le fichier."},
        widget=forms.FileInput(attrs={"accept": "application/pdf,image/jpeg,image/png"}),
    )
