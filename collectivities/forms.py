"""The forms of the office. They clean and label fields; business rules are checked by the operations."""

import datetime
import json
import uuid
from dataclasses import dataclass
from typing import Any, ClassVar

import django_filters
from django import forms
from django.contrib.auth.validators import UnicodeUsernameValidator
from django.core.exceptions import ValidationError
from django.utils import timezone

from accounts.forms import NameAndPasswordForm, check_new_password
from accounts.passwords import describe_password_rules
from api.models import SCOPE_DESCRIPTIONS, TokenScope
from api.tokens import MAX_NAME_LENGTH
from collectivities.capabilities import Role
from collectivities.models import OfficeSettings, PortfolioSchool
from core.calendar import date_in_paris
from core.contact_details import check_no_address, check_person_name, check_plain_name, clean_phone
from schools import uai
from tenants import provisioning
from tenants.models import OfficeRequest
from web.generic_forms import ModelForm
from webhooks.event_types import get_event_type_label, list_event_types, list_subscribable_types
from webhooks.models import (
    Delivery,
    DeliveryState,
    DisabledReason,
    WebhookEndpoint,
    WebhookEvent,
)

_SELECT = forms.Select(attrs={"class": "form-select"})


class WebhookForm(forms.Form):
    """URL and event types of a webhook."""

    url = forms.CharField(
        label="Adresse",
        max_length=WebhookEndpoint.MAX_URL_LENGTH,
        widget=forms.URLInput(attrs={"autocomplete": "off", "placeholder": "https://si.exemple.fr/peps"}),
        help_text="En https. C'est elle qui reçoit les événements, par des requêtes POST signées.",
        error_messages={"required": "Indiquez l'adresse qui recevra les événements."},
    )
    types = forms.MultipleChoiceField(
        label="Événements",
        choices=lambda: [(name, f"{label} ({name})") for name, label in list_subscribable_types()],
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text="Aucune case cochée : tous, ceux des versions à venir compris.",
    )


class WebhookEditForm(WebhookForm):
    is_enabled = forms.BooleanField(
        label="Activé",
        required=False,
        help_text="Désactivé, il ne reçoit rien ; ce qui attend part s'il est activé de nouveau dans les trois jours.",
    )


class WebhookDeliveryFilter(django_filters.FilterSet):
    """Filter deliveries by state and event type."""

    etat = django_filters.ChoiceFilter(
        label="État", field_name="state", choices=DeliveryState.choices, empty_label="Tous les états", widget=_SELECT
    )
    type = django_filters.ChoiceFilter(
        label="Événement",
        field_name="event__type",
        choices=list_event_types,
        empty_label="Tous les événements",
        widget=_SELECT,
    )

    class Meta:
        model = Delivery
        fields: ClassVar = ["etat", "type"]

    @property
    def narrows(self) -> bool:
        """Whether a filter is active, which explains an empty list."""
        return self.form.is_valid() and any(self.form.cleaned_data.values())


_OFF = {
    DisabledReason.MANUAL: "Un gestionnaire ou un programme l'a désactivé.",
    DisabledReason.GONE: "Le destinataire a répondu qu'il ne veut plus rien recevoir (410).",
    DisabledReason.DELETED: "Il a été supprimé.",
}


@dataclass(frozen=True)
class WebhookStatusText:
    """Status of an endpoint as a label and a sentence; `colour` is the badge's."""

    label: str
    colour: str
    sentence: str = ""


def get_webhook_status(endpoint: WebhookEndpoint, at: datetime.datetime) -> WebhookStatusText:
    """Return the status of an endpoint at that moment."""
    if not endpoint.is_enabled:
        return WebhookStatusText("Désactivé", "secondary", _OFF[DisabledReason(endpoint.disabled_reason)])
    if endpoint.failing_since is None:
        return WebhookStatusText("Activé", "green")
    if endpoint.paused_until is not None and endpoint.paused_until > at:
        return WebhookStatusText(
            "Au repos", "yellow", "Aucun envoi ne réussit : rien n'est perdu, un nouvel essai est prévu."
        )
    return WebhookStatusText(
        "En échec", "yellow", "Le dernier envoi n'a pas réussi : rien n'est perdu, il est retenté."
    )


def list_type_labels(endpoint: WebhookEndpoint) -> list[str]:
    """Return the French labels of an endpoint's event types; an empty list means all."""
    return [get_event_type_label(kind) for kind in endpoint.types]


def format_event_data(event: WebhookEvent) -> str:
    """Return an event's data as indented JSON."""
    return json.dumps(event.data, ensure_ascii=False, indent=2)


#: What each role may do, shown next to its checkbox.
ROLE_HINTS = {
    Role.BUYER: "achète des licences",
    Role.MANAGER: "attribue, reprend et renvoie les licences, invite les membres, tient les réglages",
    Role.DATA_OFFICER: "prépare les imports et tient la liste des écoles",
    Role.VIEWER: "voit les nombres et les états, jamais une clé",
}


class RolesField(forms.MultipleChoiceField):
    """One or more roles, each with a hint."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(
            label="Rôles",
            choices=[(role.value, f"{role.label} – {ROLE_HINTS[role]}") for role in Role],
            widget=forms.CheckboxSelectMultiple,
            error_messages={"required": "Choisissez au moins un rôle."},
            **kwargs,
        )


class InvitationForm(forms.Form):
    email = forms.EmailField(label="Adresse e-mail", widget=forms.EmailInput(attrs={"autocomplete": "off"}))
    roles = RolesField(initial=[Role.VIEWER])


class RolesForm(forms.Form):
    roles = RolesField()


class NewAccountForm(NameAndPasswordForm):
    """The account of an invited person; its e-mail address is the invitation's."""

    username = forms.CharField(
        label="Identifiant",
        max_length=150,
        validators=[UnicodeUsernameValidator()],
        help_text="Sans espace ni accent\xa0; les majuscules ne comptent pas. Il vous servira à vous connecter.",
        widget=forms.TextInput(attrs={"autocomplete": "username", "autocapitalize": "none", "spellcheck": "false"}),
    )
    password_again = forms.CharField(
        label="Confirmation du mot de passe",
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )

    field_order = ("first_name", "last_name", "username", "password", "password_again")

    def __init__(self, data: Any = None, *, address: str) -> None:
        super().__init__(data)
        self._address = address
        self.fields["password"].help_text = describe_password_rules("password", known=[address])

    def clean(self) -> dict[str, Any]:
        """Compare the two passwords and validate the first."""
        data = super().clean() or {}
        check_new_password(
            self,
            field="password",
            known=[self._address],
            confirmation_field="password_again",
            mismatch="Les deux mots de passe diffèrent.",
        )
        return data


def _one_year_from_today() -> datetime.date:
    return date_in_paris(timezone.now()) + datetime.timedelta(days=365)


class ApiTokenForm(forms.Form):
    """A new API token. `form` is an idempotency key: a form sent twice creates one token."""

    name = forms.CharField(
        label="Nom du jeton",
        max_length=MAX_NAME_LENGTH,
        help_text="Celui du logiciel qui s'en servira\xa0: le journal l'écrit devant tout ce qu'il fait.",
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    scopes = forms.MultipleChoiceField(
        label="Droits",
        choices=[(scope.value, f"{scope.label} – {SCOPE_DESCRIPTIONS[scope]}") for scope in TokenScope],
        widget=forms.CheckboxSelectMultiple,
        help_text="Cochez ce dont le logiciel a besoin, et rien de plus. Aucun droit n'en comprend un autre.",
        error_messages={"required": "Cochez au moins un droit."},
    )
    last_day = forms.DateField(
        label="Dernier jour d'usage",
        initial=_one_year_from_today,
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
        help_text="Deux ans au plus. Trente jours avant, l'accueil du bureau demande de le remplacer.",
    )
    networks = forms.CharField(
        label="Réseaux autorisés",
        required=False,
        max_length=2_000,
        widget=forms.Textarea(attrs={"rows": 3, "spellcheck": "false", "autocapitalize": "none"}),
        help_text="Un par ligne\xa0: 203.0.113.7 ou 203.0.113.0/24. Vide\xa0: le jeton sert depuis n'importe où.",
    )
    form = forms.UUIDField(
        initial=uuid.uuid4,
        widget=forms.HiddenInput,
    )

    def clean(self) -> dict[str, Any]:
        """Report a missing idempotency key as a form-wide error, as its field is hidden."""
        data = super().clean() or {}
        if "form" in self.errors:
            self.add_error(None, "Rechargez la page avant de créer un jeton.")
        return data

    def clean_networks(self) -> list[str]:
        """Return the non-empty lines; the operation checks that each is a network."""
        return [line.strip() for line in self.cleaned_data["networks"].splitlines() if line.strip()]


class SettingsForm(ModelForm[OfficeSettings]):
    logo = forms.FileField(
        label="Logo",
        required=False,
        help_text="PNG, JPEG, GIF ou WebP, 2 Mo au plus. Il est ramené à 600 × 240 points et paraît dans les e-mails.",
        widget=forms.FileInput(attrs={"accept": "image/png,image/jpeg,image/gif,image/webp"}),
    )
    without_logo = forms.BooleanField(label="Retirer le logo actuel", required=False)

    class Meta:
        model = OfficeSettings
        fields: ClassVar = ["sender_name", "contact_name", "contact_phone", "reply_to", "letter_note", "signature"]
        help_texts: ClassVar = {
            "sender_name": "Ce que le chef d'établissement lit comme expéditeur : « Ville de Nîmes – Éducation ».",
            "contact_name": "Chaque e-mail qui porte une clé dit qui répond aux questions, et à quel numéro.",
            "reply_to": "Où arrivent les réponses à ces e-mails. Vide : chez le premier gestionnaire du bureau.",
            "letter_note": "Une phrase ou deux, que chaque e-mail qui donne une clé cite après ce qu'il donne : 300 "
            "caractères au plus, sans adresse de site ni d'e-mail. Vide : rien.",
            "signature": "En bas de chaque e-mail : le service, son adresse.",
        }
        widgets: ClassVar = {
            "contact_name": forms.TextInput(attrs={"autocomplete": "off"}),
            "contact_phone": forms.TextInput(attrs={"type": "tel", "autocomplete": "off"}),
            "letter_note": forms.Textarea(attrs={"rows": 3}),
            "signature": forms.Textarea(attrs={"rows": 4}),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in ("contact_name", "contact_phone"):
            self.fields[name].required = True
        self.fields["contact_name"].validators.append(check_person_name)
        self.fields["sender_name"].validators.append(check_plain_name)

    def clean_contact_phone(self) -> str:
        """Return the number in its usual form. Raises `ValidationError`."""
        return clean_phone(self.cleaned_data["contact_phone"])

    def clean_letter_note(self) -> str:
        """Return the note on one line. Raises `ValidationError` where it holds an address or an invisible character."""
        note = " ".join(self.cleaned_data["letter_note"].split())
        check_no_address(note)
        return note


class SchoolContactForm(ModelForm[PortfolioSchool]):
    class Meta:
        model = PortfolioSchool
        fields: ClassVar = ["contact_name", "contact_email", "contact_phone", "classes"]
        widgets: ClassVar = {"contact_phone": forms.TextInput(attrs={"type": "tel", "autocomplete": "off"})}
        help_texts: ClassVar = {
            "contact_email": "Où partiront les prochaines clés de l'école. Vide : l'adresse officielle de l'annuaire.",
            "classes": "Du CP au CM2. Plus de licences que de classes est signalé, ici et dans les tableaux.",
        }


class AddSchoolsForm(forms.Form):
    """UAI pasted as free text: a spreadsheet column, an e-mail, a list."""

    uais = forms.CharField(
        label="UAI des établissements",
        max_length=200_000,
        widget=forms.Textarea(attrs={"rows": 5, "spellcheck": "false"}),
        help_text="Un ou plusieurs, séparés comme vous voulez\xa0: 0300123A, 0300124B…",
    )

    def clean_uais(self) -> list[str]:
        """Return the UAI found in the text. Raises `ValidationError` where there is none."""
        found: dict[str, None] = {}
        for line in self.cleaned_data["uais"].splitlines():
            found |= dict.fromkeys(uai.find_all(line))
        if not found:
            raise ValidationError("Aucun UAI valable dans ce texte : sept chiffres et une lettre, comme 0123456S.")
        return list(found)


#: A SIRET is a SIREN and five digits.
_SIRET_LENGTH = provisioning.SIREN_LENGTH + 5


class OfficeRequestForm(ModelForm[OfficeRequest]):
    class Meta:
        model = OfficeRequest
        fields: ClassVar = ["name", "kind", "siren", "applicant", "role", "email", "phone", "message"]
        widgets: ClassVar = {
            "siren": forms.TextInput(attrs={"inputmode": "numeric", "maxlength": "20"}),
            "applicant": forms.TextInput(attrs={"autocomplete": "name"}),
            "email": forms.EmailInput(attrs={"autocomplete": "email"}),
            "phone": forms.TextInput(attrs={"autocomplete": "tel", "type": "tel"}),
            "message": forms.Textarea(attrs={"rows": 4, "maxlength": "2000"}),
        }
        help_texts: ClassVar = {
            "siren": "Neuf chiffres, tels qu'ils figurent sur vos bons de commande, ou le SIRET qu'ils commencent.",
            "message": "Ce que vous aimeriez faire, le nombre d'écoles, l'échéance…",
        }

    # Longer than the column: users type spaces too.
    siren = forms.CharField(
        label="SIREN", max_length=20, help_text=Meta.help_texts["siren"], widget=Meta.widgets["siren"]
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["applicant"].validators.append(check_person_name)
        for name in ("name", "role"):
            self.fields[name].validators.append(check_plain_name)

    def clean_siren(self) -> str:
        """Return the nine digits, the first of a SIRET. Raises `ValidationError` where they are not a valid SIREN."""
        siren = provisioning.clean_siren(self.cleaned_data["siren"])
        if len(siren) == _SIRET_LENGTH:
            siren = siren[: provisioning.SIREN_LENGTH]
        problem = provisioning.check_siren(siren)
        if problem is not None:
            raise ValidationError(problem)
        return siren
