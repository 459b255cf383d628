"""What people say about themselves: at sign-up, and in « Mon compte »."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from allauth.account import forms as allauth_forms
from allauth.account.adapter import get_adapter
from django import forms
from django.contrib.auth import password_validation
from django.core.exceptions import ValidationError
from django.utils import timezone

from accounts import throttling
from accounts.limits import SIGN_IN_BY_NAME
from accounts.models import Profile, User

if TYPE_CHECKING:
    from collections.abc import Iterable

    from django.forms import BaseForm

PROFILES = [("", "Choisissez…"), *[(p.value, p.label) for p in (Profile.PRINCIPAL, Profile.TEACHER)]]


def _without_placeholders(form: BaseForm) -> None:
    """Labels say what a field is for; a placeholder that repeats them is read twice and fades when typed over."""
    for field in form.fields.values():
        field.widget.attrs.pop("placeholder", None)


class SignUpForm(allauth_forms.SignupForm):
    """The guide's fields for a new account, in its order."""

    profile = forms.ChoiceField(label="Profil", choices=PROFILES)
    last_name = forms.CharField(label="Nom", max_length=150, widget=forms.TextInput({"autocomplete": "family-name"}))
    first_name = forms.CharField(label="Prénom", max_length=150, widget=forms.TextInput({"autocomplete": "given-name"}))
    phone = forms.CharField(
        label="Téléphone", max_length=30, required=False, widget=forms.TextInput({"autocomplete": "tel", "type": "tel"})
    )
    field_order: Iterable[str] | None = (
        "profile",
        "username",
        "last_name",
        "first_name",
        "email",
        "phone",
        "password1",
        "password2",
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["username"].label = "Identifiant"
        self.fields[
            "username"
        ].help_text = (
            "Celui que vous saisirez pour vous connecter. S'il n'est pas libre, vous en recevrez un proche par e-mail."
        )
        self.fields["email"].label = "Adresse e-mail"
        self.fields["email"].help_text = "Elle peut servir à plusieurs comptes, comme celle d'une école."
        self.fields["password1"].label = "Mot de passe"
        self.fields["password2"].label = "Confirmation du mot de passe"
        _without_placeholders(self)


class SignInForm(allauth_forms.LoginForm):
    """Identifiant and password."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["login"].label = "Identifiant"
        self.fields["login"].widget.attrs |= {"autocapitalize": "none", "spellcheck": "false"}
        self.fields["password"].label = "Mot de passe"
        self.fields["password"].help_text = ""
        self.fields["remember"].label = "Rester connecté sur cet ordinateur"
        _without_placeholders(self)


class ChangePasswordForm(allauth_forms.ChangePasswordForm):
    """The current password, tried under the limit of the sign-in page, and the new one twice."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["oldpassword"].label = "Mot de passe actuel"
        self.fields["password1"].label = "Nouveau mot de passe"
        self.fields["password2"].label = "Confirmation du nouveau mot de passe"
        _without_placeholders(self)

    def clean_oldpassword(self) -> str:
        """Return the current password. Raises `ValidationError` for another one, or too many tries."""
        typed: str = self.cleaned_data["oldpassword"]
        if not get_adapter().reauthenticate(self.user, typed):
            raise get_adapter().validation_error("enter_current_password")
        return typed


class ForgottenPasswordForm(forms.Form):
    """Any address: the page does not say whether it is that of an account."""

    email = forms.EmailField(label="Adresse e-mail", widget=forms.EmailInput({"autocomplete": "email"}))


class PersonForm(forms.ModelForm):  # type: ignore[type-arg]
    """« Informations générales »: who one is, and the password, which an empty new one leaves as it is.

    Saving keeps neither a new address nor a new password: the one must be confirmed, the other hashed.
    """

    email = forms.EmailField(label="Adresse e-mail", widget=forms.EmailInput({"autocomplete": "email"}))
    old_password = forms.CharField(
        label="Ancien mot de passe",
        required=False,
        strip=False,
        widget=forms.PasswordInput({"autocomplete": "current-password"}),
        help_text="Seulement pour changer d'adresse e-mail ou de mot de passe.",
    )
    new_password = forms.CharField(
        label="Nouveau mot de passe",
        required=False,
        strip=False,
        widget=forms.PasswordInput({"autocomplete": "new-password"}),
        help_text="Ne saisissez rien si vous ne souhaitez pas changer votre mot de passe.",
    )
    confirmation = forms.CharField(
        label="Confirmation du mot de passe",
        required=False,
        strip=False,
        widget=forms.PasswordInput({"autocomplete": "new-password"}),
    )

    class Meta:
        model = User
        fields = ("last_name", "first_name", "phone")
        widgets = {
            "last_name": forms.TextInput({"autocomplete": "family-name"}),
            "first_name": forms.TextInput({"autocomplete": "given-name"}),
            "phone": forms.TextInput({"autocomplete": "tel", "type": "tel"}),
        }

    field_order = ("last_name", "first_name", "email", "phone", "old_password", "new_password", "confirmation")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.initial.setdefault("email", self.instance.email)

    @property
    def changes_address(self) -> bool:
        """Whether another address than the account's was typed."""
        return bool(self.cleaned_data["email"].lower() != self.instance.email.lower())

    def clean(self) -> dict[str, Any]:
        """Ask for the old password where a new one was typed, or another address: either opens the account."""
        data = super().clean() or self.cleaned_data
        new = data.get("new_password")
        moves = "email" in data and self.changes_address
        if new or moves:
            self._check_old_password(data.get("old_password") or "", moves=bool(moves and not new))
        if not new:
            return data
        if new != data.get("confirmation"):
            self.add_error("confirmation", "Les deux saisies du nouveau mot de passe diffèrent.")
        try:
            password_validation.validate_password(new, self.instance)
        except ValidationError as weak:
            self.add_error("new_password", weak)
        return data

    def _check_old_password(self, typed: str, *, moves: bool) -> None:
        """Hold it against the account's, by the same limit as at the sign-in page: a session is no licence to guess."""
        tries = [(SIGN_IN_BY_NAME, self.instance.username.casefold())]
        try:
            throttling.count(tries, at=timezone.now())
        except throttling.Throttled as throttled:
            self.add_error("old_password", str(throttled))
            return
        if self.instance.check_password(typed):
            throttling.give_back(tries)
        else:
            wish = "changer d'adresse e-mail" if moves else "en changer"
            self.add_error("old_password", f"Saisissez votre mot de passe actuel pour {wish}.")
