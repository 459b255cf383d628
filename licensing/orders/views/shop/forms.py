"""The form of « Commande en cours »: who pays, the billing address, the general terms of sale, how it is paid."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms

from licensing.orders import preflight
from licensing.orders.models import Method, Order, Payer
from licensing.orders.operations.billing import Billing
from web.typography import spaced

if TYPE_CHECKING:
    from licensing.orders.models import Order as AnOrder

#: In the guide's order. A collectivity buys from its office.
PAYERS = (
    (Payer.TOWN_HALL.value, "La mairie"),
    (Payer.SCHOOL.value, "L’établissement"),
    (Payer.COOPERATIVE.value, "La coopérative scolaire"),
    (Payer.OTHER.value, "Autre (vous-même, une association…)"),
)
METHODS = (
    (Method.CARD.value, "Payer par carte bancaire"),
    (Method.MANDATE.value, "Payer par chèque ou mandat administratif"),
)
_FIELDS = ("name", "address", "address_extra", "postal_code", "city", "country", "email")
PUBLIC_FIELDS = ("siret", "service_code", "engagement_number")


def _longest(field: str) -> int:
    column = Order._meta.get_field(field)  # noqa: SLF001 - Django's documented way to a field
    return getattr(column, "max_length", None) or 0


class PublicPayerFields(forms.Form):
    """What the invoice to a public payer names; all of it may wait until the invoice."""

    siret = forms.CharField(
        label="SIRET de qui paie",
        max_length=20,
        required=False,
        widget=forms.TextInput({"inputmode": "numeric", "autocomplete": "off"}),
        help_text="14 chiffres. Pour une école publique, c’est celui de sa commune.",
    )
    service_code = forms.CharField(
        label="Code service",
        max_length=_longest("service_code"),
        required=False,
        widget=forms.TextInput({"autocomplete": "off"}),
        help_text="Si sa comptabilité en demande un.",
    )
    engagement_number = forms.CharField(
        label="Numéro d’engagement",
        max_length=_longest("engagement_number"),
        required=False,
        widget=forms.TextInput({"autocomplete": "off"}),
        help_text="Si sa comptabilité en demande un.",
    )

    def clean_siret(self) -> str:
        """Return the digits alone."""
        return preflight.digits(str(self.cleaned_data["siret"]))


class CheckoutForm(PublicPayerFields):
    """Who pays and how. The rules are the operations'."""

    payer = forms.ChoiceField(
        label="Qui paie ?",
        choices=PAYERS,
        widget=forms.RadioSelect,
        error_messages={"required": "Dites qui paie : la facture lui sera adressée."},
    )
    name = forms.CharField(label="Nom", max_length=_longest("bill_name"))
    address = forms.CharField(label="Adresse", max_length=_longest("bill_address"))
    address_extra = forms.CharField(label="Adresse suite", max_length=_longest("bill_address_extra"), required=False)
    postal_code = forms.CharField(label="Code postal", max_length=_longest("bill_postal_code"))
    city = forms.CharField(label="Ville", max_length=_longest("bill_city"))
    country = forms.CharField(label="Pays", max_length=_longest("bill_country"))
    email = forms.EmailField(
        label="Adresse e-mail pour la facture",
        help_text="Elle figure sur la facture, pour la comptabilité ou la plateforme de qui paie.",
        widget=forms.EmailInput({"autocomplete": "email"}),
    )
    method = forms.ChoiceField(
        label="Choisissez votre mode de paiement",
        choices=METHODS,
        widget=forms.RadioSelect,
        error_messages={"required": "Choisissez votre mode de paiement."},
    )
    # Required, and said so in our words.
    terms = forms.BooleanField(required=False)
    # The text that the page showed: the one that is accepted.
    terms_version = forms.CharField(widget=forms.HiddenInput, max_length=_longest("terms_version"))

    field_order = ("payer", *_FIELDS, *PUBLIC_FIELDS, "method", "terms", "terms_version")

    def __init__(self, *args: Any, order: AnOrder, cards: bool, for_quote: bool = False, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.order = order
        # A quote commits nobody: it says neither how it will be paid nor that the terms are accepted.
        self.for_quote = for_quote
        self.fields["method"].required = not for_quote
        if not cards:
            self.fields["method"].choices = [one for one in METHODS if one[0] != Method.CARD]  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        """Say at once what the invoice would be refused for; what is only absent can wait for the invoice."""
        data = super().clean() or self.cleaned_data
        if not data.get("terms") and not self.for_quote:
            self.add_error("terms", "Cochez cette case pour accepter les conditions générales de vente.")
        if {"payer", *PUBLIC_FIELDS} <= data.keys():
            for one in self.judged.wrong:
                self.add_error(one.field, spaced(one.sentence))
        return data

    @property
    def judged(self) -> preflight.Preflight:
        """What the invoice would lack, with what was typed."""
        asked = {name: self.cleaned_data[name] for name in ("payer", *PUBLIC_FIELDS)}
        return preflight.of(**asked, school=self.order.school)

    @property
    def billing(self) -> Billing:
        """What a valid form says."""
        return Billing(**{name: self.cleaned_data[name] for name in ("payer", *_FIELDS, *PUBLIC_FIELDS)})


class ScanForm(forms.Form):
    """The signed purchase order, numerised."""

    file = forms.FileField(
        label="Bon de commande signé (PDF ou photo)",
        error_messages={
            "required": "Choisissez le fichier du bon de commande signé.",
            "empty": "Ce fichier est vide : numérisez de nouveau le bon de commande.",
        },
        widget=forms.ClearableFileInput({"accept": "application/pdf,image/jpeg,image/png"}),
    )
