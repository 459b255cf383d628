"""Forms of the shop: checkout (payer, billing address, terms, payment method) and scan upload."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from django import forms

from core.formatting import add_nonbreaking_spaces
from licensing.orders import preflight, siret_numbers
from licensing.orders.models import Order, Payer, SettlementMethod
from licensing.orders.operations.billing_details import BillingDetails

if TYPE_CHECKING:
    from licensing.orders.models import Order as AnOrder

#: In the order of the user guide. A collectivity buys from its office.
PAYERS = (
    (Payer.TOWN_HALL.value, "La mairie"),
    (Payer.SCHOOL.value, "L’établissement"),
    (Payer.COOPERATIVE.value, "La coopérative scolaire"),
    (Payer.COMPANY.value, "Une entreprise"),
    (Payer.OTHER.value, "Autre (vous-même, une association…)"),
)
METHODS = (
    (SettlementMethod.CARD.value, "Payer par carte bancaire"),
    (SettlementMethod.MANDATE.value, "Payer par chèque ou mandat administratif"),
)
_FIELDS = ("name", "address", "address_extra", "postal_code", "city", "country", "vat_number", "email")
REFERENCE_FIELDS = ("siret", "siren", "service_code", "engagement_number")


def _max_length(field: str) -> int:
    column = Order._meta.get_field(field)  # noqa: SLF001 - documented API
    return getattr(column, "max_length", None) or 0


class PayerReferencesForm(forms.Form):
    """References that the invoice of a public payer or a business carries; completed until it is issued."""

    siret = forms.CharField(
        label="SIRET de qui paie",
        max_length=20,
        required=False,
        widget=forms.TextInput({"inputmode": "numeric", "autocomplete": "off"}),
        help_text="14 chiffres. Pour une école publique, c’est celui de sa commune.",
    )
    siren = forms.CharField(
        label="SIREN de l’entreprise",
        max_length=20,
        required=False,
        widget=forms.TextInput({"inputmode": "numeric", "autocomplete": "off"}),
        help_text="9 chiffres : ceux par lesquels commence son SIRET, qui suffit si vous l’avez.",
    )
    service_code = forms.CharField(
        label="Code service",
        max_length=_max_length("service_code"),
        required=False,
        widget=forms.TextInput({"autocomplete": "off"}),
        help_text="Si sa comptabilité en demande un.",
    )
    engagement_number = forms.CharField(
        label="Numéro d’engagement",
        max_length=_max_length("engagement_number"),
        required=False,
        widget=forms.TextInput({"autocomplete": "off"}),
        help_text="Si sa comptabilité en demande un.",
    )

    def clean_siret(self) -> str:
        """Return the digits only."""
        return siret_numbers.normalise(str(self.cleaned_data["siret"]))

    def clean_siren(self) -> str:
        """Return the digits only."""
        return siret_numbers.normalise(str(self.cleaned_data["siren"]))


class PayerForm(PayerReferencesForm):
    """Payer and billing details. Operations validate the business rules."""

    payer = forms.ChoiceField(
        label="Qui paie\xa0?",
        choices=PAYERS,
        widget=forms.RadioSelect,
        error_messages={"required": "Dites qui paie : la facture lui sera adressée."},
    )
    name = forms.CharField(label="Nom", max_length=_max_length("bill_name"))
    address = forms.CharField(label="Adresse", max_length=_max_length("bill_address"))
    address_extra = forms.CharField(label="Adresse suite", max_length=_max_length("bill_address_extra"), required=False)
    postal_code = forms.CharField(label="Code postal", max_length=_max_length("bill_postal_code"))
    city = forms.CharField(label="Ville", max_length=_max_length("bill_city"))
    country = forms.CharField(
        label="Pays", max_length=_max_length("bill_country"), help_text="La TVA dépend du code postal et du pays."
    )
    vat_number = forms.CharField(
        label="Numéro de TVA intracommunautaire",
        max_length=25,
        required=False,
        widget=forms.TextInput({"autocomplete": "off"}),
        help_text="D’un organisme assujetti, dans un autre pays de l’Union européenne.",
    )
    email = forms.EmailField(
        label="Adresse e-mail pour la facture",
        help_text="Elle figure sur la facture, pour la comptabilité ou la plateforme de qui paie.",
        widget=forms.EmailInput({"autocomplete": "email"}),
    )

    field_order: tuple[str, ...] = ("payer", *_FIELDS, *REFERENCE_FIELDS)

    def __init__(self, *args: Any, order: AnOrder, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.order = order

    def clean(self) -> dict[str, Any]:
        """Report invalid billing references; missing ones may be completed until the invoice is issued."""
        data = super().clean() or self.cleaned_data
        if {"payer", *REFERENCE_FIELDS} <= data.keys():
            for one in self.preflight_result.wrong:
                self.add_error(one.field, add_nonbreaking_spaces(one.sentence))
        return data

    @property
    def preflight_result(self) -> preflight.Preflight:
        """The preflight check of the submitted references."""
        values = {name: self.cleaned_data[name] for name in ("payer", *REFERENCE_FIELDS)}
        return preflight.check_billing(**values, school=self.order.school)

    @property
    def billing(self) -> BillingDetails:
        """The billing details of a valid form."""
        return BillingDetails(**{name: self.cleaned_data[name] for name in ("payer", *_FIELDS, *REFERENCE_FIELDS)})


class CheckoutForm(PayerForm):
    """Payer, billing details, payment method and acceptance of the general terms of sale."""

    method = forms.ChoiceField(
        label="Choisissez votre mode de paiement",
        choices=METHODS,
        widget=forms.RadioSelect,
        error_messages={"required": "Choisissez votre mode de paiement."},
    )
    # Required by `clean`, with our own message.
    terms = forms.BooleanField(required=False)
    # The version that the page showed, which is the one accepted.
    terms_version = forms.CharField(widget=forms.HiddenInput, max_length=_max_length("terms_version"))

    field_order = ("payer", *_FIELDS, *REFERENCE_FIELDS, "method", "terms", "terms_version")

    def __init__(self, *args: Any, order: AnOrder, cards: bool, for_quote: bool = False, **kwargs: Any) -> None:
        super().__init__(*args, order=order, **kwargs)
        # A quote needs neither a payment method nor the acceptance of the terms.
        self.for_quote = for_quote
        self.fields["method"].required = not for_quote
        if not cards:
            method = cast("forms.ChoiceField", self.fields["method"])
            method.choices = [one for one in METHODS if one[0] != SettlementMethod.CARD]

    def clean(self) -> dict[str, Any]:
        """Require the acceptance of the terms, except for a quote."""
        data = super().clean()
        if not data.get("terms") and not self.for_quote:
            self.add_error("terms", "Cochez cette case pour accepter les conditions générales de vente.")
        return data


class ShopScanForm(forms.Form):
    """Upload of the scanned purchase order."""

    file = forms.FileField(
        label="Bon de commande signé (PDF ou photo)",
        error_messages={
            "required": "Choisissez le fichier du bon de commande signé.",
            "empty": "Ce fichier est vide : numérisez de nouveau le bon de commande.",
        },
        widget=forms.ClearableFileInput({"accept": "application/pdf,image/jpeg,image/png"}),
    )
