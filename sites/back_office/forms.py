"""Forms of what the operator does, with plain widgets; `use_admin_widgets` dresses them for the pages of the admin."""

import datetime
from typing import Any

from django import forms
from unfold.widgets import (
    UnfoldAdminEmailInputWidget,
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanSwitchWidget,
)

from core import formatting
from licensing.books.billing.models import REASONED_STATES, PlatformState
from licensing.books.billing.queries import parse_amount
from licensing.catalogue.pricing import MAX_UNITS
from licensing.entitlements.models import SuspensionCause
from licensing.orders.models import Payer
from licensing.orders.settlement import PaymentMethod
from licensing.payments.models import ReversalReason
from tenants.models import Collectivity


class DayInput(forms.DateInput):
    """The browser's native date picker, which needs no script."""

    input_type = "date"

    def __init__(self, attrs: dict[str, Any] | None = None) -> None:
        super().__init__(attrs, format="%Y-%m-%d")


class AdminDayInput(UnfoldAdminTextInputWidget):
    """The same in the admin's theme."""

    input_type = "date"

    def format_value(self, value: Any) -> str | None:
        """Return the day in ISO format, as `<input type="date">` requires."""
        return value.isoformat() if isinstance(value, datetime.date) else value


#: By what a widget is, that of the admin's theme in its place; the first that fits.
_ADMIN_WIDGETS: tuple[tuple[type[forms.Widget], type[forms.Widget]], ...] = (
    (DayInput, AdminDayInput),
    (forms.CheckboxInput, UnfoldBooleanSwitchWidget),
    (forms.Select, UnfoldAdminSelectWidget),
    (forms.Textarea, UnfoldAdminTextareaWidget),
    (forms.NumberInput, UnfoldAdminIntegerFieldWidget),
    (forms.EmailInput, UnfoldAdminEmailInputWidget),
    (forms.TextInput, UnfoldAdminTextInputWidget),
)


def use_admin_widgets[Form: forms.Form](form: Form) -> Form:
    """Replace the widgets of a form by those of the admin's theme, and return the form."""
    for field in form.fields.values():
        old = field.widget
        kind = next((themed for plain, themed in _ADMIN_WIDGETS if isinstance(old, plain)), None)
        if kind is None:
            continue
        new = kind({name: value for name, value in old.attrs.items() if name != "rows"})
        if isinstance(old, forms.Select) and isinstance(new, forms.Select):
            new.choices = old.choices
        new.is_required, new.is_localized = old.is_required, old.is_localized
        field.widget = new
    return form


#: For a few lines.
FEW_LINES = forms.Textarea({"rows": 3})


class RegistrationNumberField(forms.CharField):
    """A SIRET, IBAN, etc.: accepted with spaces, stored without."""

    def to_python(self, value: Any) -> Any:
        """Return the value in upper case, without spaces."""
        return "".join(str(super().to_python(value) or "").split()).upper()


class GrantForm(forms.Form):
    """Recipient, number of licences and reason of a grant."""

    collectivity = forms.ModelChoiceField(label="Collectivité", queryset=Collectivity.objects.order_by("name"))
    licences = forms.IntegerField(label="Nombre de licences", min_value=1, max_value=MAX_UNITS)
    reason = forms.CharField(
        label="Motif",
        max_length=500,
        help_text="Il reste inscrit sur la ligne de commande et au journal de la collectivité.",
    )
    name = forms.CharField(
        label="Nom du lot",
        required=False,
        max_length=120,
        help_text="Tel que la collectivité le lira\xa0; vide, il dit l'année scolaire et le numéro de commande.",
    )


class ReasonForm(forms.Form):
    """A reason, shown to the buyer as typed."""

    reason = forms.CharField(label="Motif", max_length=500, widget=FEW_LINES, help_text="L'acheteur le lira tel quel.")


class MethodField(forms.ChoiceField):
    """Cheque or transfer: card payments are recorded from the provider's events."""

    def __init__(self, **options: Any) -> None:
        methods = [(one.value, one.label) for one in PaymentMethod if one.rules.is_recorded_by_hand]
        super().__init__(choices=methods, **options)


#: A search takes an amount without its sign; what was received has none.
_SIGNS = ("-", formatting.MINUS)


class AmountField(forms.DecimalField):
    """An amount in euros, as the pages write it (« 3 600,00 € ») or as it is typed: spaces, comma, point, « euros »."""

    def __init__(self, **options: Any) -> None:
        widget = forms.TextInput({"inputmode": "decimal"})
        messages = {"invalid": "Écrivez un montant en euros, par exemple 3\u202f650,00."}
        defaults = {"max_digits": 12, "decimal_places": 2, "widget": widget, "error_messages": messages}
        super().__init__(**{**defaults, **options, "localize": True})

    def to_python(self, value: Any) -> Any:
        """Return the amount; None for none. Raises `ValidationError` for what is no amount."""
        amount = parse_amount(value) if isinstance(value, str) and not value.strip().startswith(_SIGNS) else None
        return super().to_python(value if amount is None else amount)


class ExcessPaymentForm(forms.Form):
    """A payment received by cheque or transfer, for an order that awaits none."""

    method = MethodField(label="Règlement")
    amount = AmountField(label="Montant reçu, en euros")
    received_on = forms.DateField(label="Reçu le", widget=DayInput)
    reference = forms.CharField(
        label="Référence",
        max_length=120,
        help_text="Numéro du chèque, ou libellé du virement\xa0: ce qui permet de le retrouver sur le relevé.",
    )


class PaymentRecordForm(ExcessPaymentForm):
    """A payment received by cheque or transfer."""

    in_excess = forms.BooleanField(
        label="Il est arrivé plus que ce qui est dû",
        required=False,
        help_text="Le trop-perçu sera à rendre, ou à reporter sur une autre commande du même payeur.",
    )


class SurplusRefundForm(forms.Form):
    """How an overpayment was given back."""

    amount = AmountField(label="Montant rendu, en euros")
    method = MethodField(label="Rendu par", initial=PaymentMethod.TRANSFER)
    reference = forms.CharField(
        label="Référence", max_length=120, help_text="Libellé du virement ou numéro du chèque de remboursement."
    )


class SurplusMoveForm(forms.Form):
    """Which order an overpayment pays. `initial["targets"]`: the choices."""

    target = forms.TypedChoiceField(label="Commande à régler", coerce=int)
    amount = AmountField(label="Montant reporté, en euros")

    def __init__(self, *positional: Any, **named: Any) -> None:
        super().__init__(*positional, **named)
        target = self.fields["target"]
        assert isinstance(target, forms.TypedChoiceField)  # noqa: S101 - as declared above
        target.choices = self.initial["targets"]


class ProlongationForm(forms.Form):
    """The new last day of temporary rights, inclusive."""

    until = forms.DateField(label="Jusqu'au (inclus)", widget=DayInput)


class SuspensionForm(forms.Form):
    """Why rights are suspended."""

    cause = forms.TypedChoiceField(
        label="Cause",
        choices=SuspensionCause,
        coerce=SuspensionCause,
        help_text="Un règlement rétablit de lui-même ce qui était suspendu faute de règlement, et rien d'autre.",
    )


class PostedScanForm(forms.Form):
    """The scan of a signed purchase order received by post."""

    scan = forms.FileField(
        label="Bon de commande numérisé",
        help_text="PDF, JPEG ou PNG, 4 Mo au plus. Il est gardé avec la commande.",
        error_messages={"required": "Choisissez le fichier du bon de commande numérisé."},
        widget=forms.FileInput(attrs={"accept": "application/pdf,image/jpeg,image/png"}),
    )


class BillingReferencesForm(forms.Form):
    """References that the invoice of a public payer or a business must carry, mostly found on the signed order."""

    siret = RegistrationNumberField(label="SIRET du payeur", required=False)
    siren = RegistrationNumberField(
        label="SIREN du payeur", required=False, help_text="D'une entreprise dont le SIRET n'est pas connu."
    )
    service_code = forms.CharField(label="Code service", required=False, max_length=100)
    engagement_number = forms.CharField(label="Numéro d'engagement", required=False, max_length=50)


class PayerCorrectionForm(BillingReferencesForm):
    """Whom the invoice is for, as it will say it."""

    payer = forms.ChoiceField(label="Qui paie", choices=Payer)
    name = forms.CharField(label="Nom", max_length=200)
    address = forms.CharField(label="Adresse", max_length=250)
    address_extra = forms.CharField(label="Adresse suite", required=False, max_length=250)
    postal_code = forms.CharField(label="Code postal", max_length=10)
    city = forms.CharField(label="Ville", max_length=120)
    country = forms.CharField(
        label="Pays",
        max_length=60,
        help_text="La TVA dépend du code postal et du pays\xa0; avant la facture, elle suit la nouvelle adresse.",
    )
    vat_number = forms.CharField(
        label="Numéro de TVA du payeur",
        required=False,
        max_length=25,
        help_text="D'un assujetti d'un autre État de l'Union.",
    )
    email = forms.EmailField(label="Adresse e-mail de facturation", widget=forms.TextInput)

    field_order = (
        "payer", "name", "address", "address_extra", "postal_code", "city", "country", "vat_number", "email",
    )  # fmt: skip


class RefundForm(forms.Form):
    """The refund's bank or cheque reference."""

    reference = forms.CharField(
        label="Référence",
        required=False,
        max_length=120,
        help_text="Libellé du virement ou numéro du chèque de remboursement.",
    )


class ReversalForm(forms.Form):
    """How much of a payment did not come in after all, and why."""

    # None is chosen beforehand, and the one that tells nobody anything stands first.
    reason = forms.ChoiceField(
        label="Motif",
        choices=[
            ("", "Choisissez le motif"),
            *((one.value, one.label) for one in (ReversalReason.MISTAKE, ReversalReason.UNPAID, ReversalReason.OTHER)),
        ],
        error_messages={"required": "Choisissez le motif : de lui dépend qu'un e-mail parte ou non."},
    )
    amount = AmountField(label="Montant à annuler, en euros")
    text = forms.CharField(
        label="Précision",
        required=False,
        max_length=500,
        help_text="Elle reste dans les livres\xa0; obligatoire pour «\xa0Autre\xa0».",
    )


class TakingBackForm(forms.Form):
    """Why a status is taken back, or a transmission given up."""

    reason = forms.CharField(
        label="Motif",
        max_length=500,
        widget=FEW_LINES,
        help_text="Il reste dans l'historique de la facture et de la commande.",
    )


class PlatformStatusForm(forms.Form):
    """An invoice's status on its e-invoicing platform. The operation refuses what cannot follow the latest one."""

    state = forms.ChoiceField(label="État", choices=PlatformState)
    reason = forms.CharField(
        label="Motif",
        required=False,
        max_length=2000,
        help_text="Tel que la plateforme ou le destinataire l'a donné\xa0; obligatoire pour un rejet, un refus, une "
        "suspension ou un recyclage.",
        widget=FEW_LINES,
    )

    def clean(self) -> dict[str, Any]:
        """Require a reason where the state says why."""
        cleaned: dict[str, Any] = super().clean() or {}
        if cleaned.get("state") in REASONED_STATES and not cleaned.get("reason"):
            self.add_error("reason", "Recopiez le motif : il dit ce qui est à corriger.")
        return cleaned
