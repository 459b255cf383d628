"""Forms of the shop: checkout (payer, billing address, terms, payment method) and scan upload."""

from dataclasses import asdict
from typing import Any, cast

from django import forms
from django.forms.boundfield import BoundWidget

from core.exceptions import DomainError
from core.formatting import add_nonbreaking_spaces
from licensing.orders import payers, siret_numbers
from licensing.orders.billing_details import FRANCE, BillingDetails, prefill_billing_details
from licensing.orders.exceptions import BadBilling
from licensing.orders.models import Order, Payer
from licensing.orders.settlement import SettlementMethod

_PAYER_LABELS = {
    Payer.TOWN_HALL: "La mairie",
    Payer.SCHOOL: "L’établissement",
    Payer.COOPERATIVE: "La coopérative scolaire",
    Payer.COMPANY: "Une entreprise, ou une association qui a un SIREN",
    Payer.OTHER: "Autre (vous-même, une association…)",
}
_PRIVATE_SCHOOL_LABELS = {Payer.SCHOOL: "L’établissement : école privée (OGEC, association)"}
#: Of a school typed by hand, of which nobody knows whether it is private.
_TYPED_SCHOOL_LABELS = {
    Payer.SCHOOL: "L’établissement, public ou à l’étranger",
    Payer.COMPANY: "Une école privée (OGEC, association) ou une entreprise",
}
METHODS = [(method.value, f"Payer {method.by}") for method in SettlementMethod]
#: The button that fills in the name and address of the chosen payer.
PROPOSE = "adresse"
_FIELDS = ("name", "address", "address_extra", "postal_code", "city", "country", "vat_number", "email")
REFERENCE_FIELDS = (*payers.PUBLIC_REFERENCES, *payers.BUSINESS_REFERENCES)


def _max_length(field: str) -> int:
    column = Order._meta.get_field(field)  # noqa: SLF001 - documented API
    return getattr(column, "max_length", None) or 0


_IF_ASKED = "Si sa comptabilité en demande un."


def _number_field(label: str, help_text: str, *, max_length: int = 20, **attributes: str) -> forms.CharField:
    """Return the optional field of a number that browsers do not fill in."""
    widget = forms.TextInput({**attributes, "autocomplete": "off"})
    return forms.CharField(label=label, max_length=max_length, required=False, widget=widget, help_text=help_text)


class LinkedRadioSelect(forms.RadioSelect):
    """Radio buttons of which a summary of errors links to the first."""

    def id_for_label(self, id_: str, index: str | None = None) -> str:
        """Return the id of a radio button; of the first for the whole group."""
        return super().id_for_label(id_, index or "0")


class PayerReferencesForm(forms.Form):
    """References that the invoice of a public body or a business carries; completed until it is issued.

    `shown`: those of the payer, as fields of the order; the others are dropped.
    """

    siret = _number_field(
        "SIRET de qui paie", "14 chiffres. Pour une école publique, c’est celui de sa commune.", inputmode="numeric"
    )
    service_code = _number_field("Code service", _IF_ASKED, max_length=_max_length("service_code"))
    engagement_number = _number_field("Numéro d’engagement", _IF_ASKED, max_length=_max_length("engagement_number"))
    siren = _number_field(
        "SIREN ou SIRET de qui paie",
        "9 ou 14 chiffres : la facture d’une entreprise, ou d’une école privée, doit le porter.",
        inputmode="numeric",
    )

    def __init__(self, data: Any = None, *, shown: tuple[str, ...], initial: dict[str, Any]) -> None:
        if "siret" not in shown:
            # One field for both numbers of a business.
            initial = {**initial, "siren": initial.get("siret") or initial.get("siren", "")}
        super().__init__(data, initial=initial)
        self.shown = shown

    def clean(self) -> dict[str, Any]:
        """Drop what the payer's invoice does not carry; return the digits of its numbers only."""
        data = super().clean() or self.cleaned_data
        for name in REFERENCE_FIELDS:
            if name not in self.shown:
                self.errors.pop(name, None)
                data[name] = ""
        data |= {name: siret_numbers.normalise(str(data[name])) for name in ("siret", "siren") if name in data}
        if len(data.get("siren", "")) > siret_numbers.SIREN_LENGTH:
            data |= {"siret": data["siren"], "siren": ""}
        return data

    def add_refusal(self, refusal: DomainError) -> None:
        """Add the error of an operation to its field, if it names one; to the other number if only that is shown."""
        field: str | None = getattr(refusal, "field", None)
        if field in REFERENCE_FIELDS and field not in self.shown:
            field = (self.shown or ("payer",))[0]
        self.add_error(field, add_nonbreaking_spaces(refusal.sentence))


class PayerForm(PayerReferencesForm):
    """Payer and billing details. Operations validate the business rules."""

    payer = forms.ChoiceField(
        label="Qui paie\xa0?",
        widget=LinkedRadioSelect,
        error_messages={"required": "Dites qui paie : la facture lui sera adressée."},
    )
    name = forms.CharField(label="Nom", max_length=_max_length("bill_name"))
    address = forms.CharField(label="Adresse", max_length=_max_length("bill_address"))
    address_extra = forms.CharField(label="Adresse suite", max_length=_max_length("bill_address_extra"), required=False)
    postal_code = forms.CharField(label="Code postal", max_length=_max_length("bill_postal_code"))
    city = forms.CharField(label="Ville", max_length=_max_length("bill_city"))
    country = forms.CharField(label="Pays", max_length=_max_length("bill_country"))
    vat_number = _number_field(
        "Numéro de TVA intracommunautaire",
        "D’un organisme assujetti. Laissez vide s’il ne l’est pas.",
        max_length=25,
    )
    email = forms.EmailField(
        label="Adresse e-mail pour la facture",
        help_text="Elle figure sur la facture : celle de la comptabilité de qui paie, ou à défaut la vôtre.",
        widget=forms.EmailInput({"autocomplete": "email"}),
    )

    field_order: tuple[str, ...] = ("payer", *REFERENCE_FIELDS, *_FIELDS)

    def __init__(self, data: Any = None, *, order: Order, initial: dict[str, Any]) -> None:
        self.order = order
        self.school = payers.find_paying_school(order)
        self.school_absence = payers.explain_school_absence(order)
        chosen = initial.get("payer", "") if data is None else data.get("payer", "")
        super().__init__(data, shown=payers.list_references(payer=str(chosen), school=self.school), initial=initial)
        #: Whether the name that was typed stayed when another payer was chosen.
        self.keeps_name = False
        payer = cast("forms.ChoiceField", self.fields["payer"])
        self.offered = payers.list_offered_payers(order)
        payer.choices = [(one.value, self.payer_labels[one]) for one in self.offered]
        if self.school_absence:
            payer.error_messages["invalid_choice"] = add_nonbreaking_spaces(self.school_absence)

    @property
    def payer_labels(self) -> dict[Payer, str]:
        """The label of each payer, which says where a private school finds itself."""
        if self.school is None:
            return _PAYER_LABELS | (_TYPED_SCHOOL_LABELS if Payer.SCHOOL in self.offered else {})
        return _PAYER_LABELS | (_PRIVATE_SCHOOL_LABELS if self.school.sector == "Privé" else {})

    @property
    def payer_radios(self) -> list[tuple[BoundWidget, str]]:
        """Each payer's radio button, and the class of the references that it shows."""
        return [(radio, self._group(str(radio.data["value"]))) for radio in self["payer"]]

    def _group(self, payer: str) -> str:
        references = payers.list_references(payer=payer, school=self.school)
        return "public" if "siret" in references else "business" if references else ""

    @property
    def abroad(self) -> bool:
        """Whether the field that only payers of other states fill in is open."""
        return bool(self["vat_number"].value() or self["vat_number"].errors) or (
            str(self["country"].value() or FRANCE).strip().casefold() != FRANCE.casefold()
        )

    @property
    def typed(self) -> dict[str, Any]:
        """The input as it came."""
        return {name: self[name].value() for name in self.fields}

    def propose_details(self) -> dict[str, Any]:
        """Return the input, with the details known of the chosen payer in place of those proposed for another.

        What was typed stays: all the details if the name was.
        """
        typed = self.typed
        chosen = str(typed["payer"] or "")
        found = asdict(prefill_billing_details(self.order, payer=chosen if chosen in self.offered else None))
        proposals = [asdict(prefill_billing_details(self.order, payer=payer)) for payer in self.offered]
        own = {
            name
            for name in (*_FIELDS, *REFERENCE_FIELDS)
            if typed[name] and typed[name] not in {one[name] for one in proposals}
        }
        self.keeps_name = "name" in own
        kept = own | ({name for name in _FIELDS if typed[name]} if self.keeps_name else set())
        return {**typed, **{name: text for name, text in found.items() if name not in kept | {"payer", "email"}}}

    def clean(self) -> dict[str, Any]:
        """Report invalid billing references; missing ones may be completed until the invoice is issued."""
        data = super().clean()
        if "siret" in self.shown and not siret_numbers.get_siren_error(data.get("siret", "")):
            self.add_error("siret", self._siren_sentence)
        elif {"payer", *REFERENCE_FIELDS} <= data.keys():
            for one in self.preflight_result.wrong:
                self.add_refusal(BadBilling(one.sentence, one.field))
        return data

    @property
    def _siren_sentence(self) -> str:
        private = Payer.SCHOOL if self.school is not None and self.school.sector == "Privé" else Payer.COMPANY
        return add_nonbreaking_spaces(
            "C'est un SIREN, de 9 chiffres : un organisme public donne son SIRET, de 14. Si une école privée, une "
            f"association ou une entreprise paie, choisissez plus haut « {self.payer_labels[private]} » : son SIREN "
            "suffit."
        )

    @property
    def preflight_result(self) -> payers.Preflight:
        """The preflight check of the submitted references."""
        values = {name: self.cleaned_data[name] for name in ("payer", *REFERENCE_FIELDS)}
        return payers.check_billing(**values, school=self.order.school)

    @property
    def billing(self) -> BillingDetails:
        """The billing details of a valid form."""
        return BillingDetails(**{name: self.cleaned_data[name] for name in ("payer", *_FIELDS, *REFERENCE_FIELDS)})


class CheckoutForm(PayerForm):
    """Payer, billing details, payment method and acceptance of the general terms of sale."""

    method = forms.ChoiceField(
        label="Choisissez votre mode de paiement",
        choices=METHODS,
        widget=LinkedRadioSelect,
        error_messages={"required": "Choisissez votre mode de paiement."},
    )
    # Required by `clean`, with our own message.
    terms = forms.BooleanField(label="Conditions générales de vente", required=False)
    # The version that the page showed, which is the one accepted.
    terms_version = forms.CharField(widget=forms.HiddenInput, max_length=_max_length("terms_version"))

    field_order = ("payer", *REFERENCE_FIELDS, *_FIELDS, "method", "terms", "terms_version")

    def __init__(
        self, data: Any = None, *, order: Order, initial: dict[str, Any], cards: bool, for_quote: bool = False
    ) -> None:
        super().__init__(data, order=order, initial=initial)
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
