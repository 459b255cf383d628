"""Forms about an account: sign-up, sign-in, passwords and personal details."""

from collections.abc import Iterable
from typing import Any

from allauth.account import forms as allauth_forms
from allauth.account.adapter import get_adapter
from django import forms
from django.contrib.auth import password_validation
from django.core.exceptions import ValidationError
from django.forms import BaseForm
from django.utils.html import format_html

from accounts.adapter import is_portal
from accounts.models import Profile, User
from accounts.passwords import PersonalWordsValidator, build_described_person, describe_password_rules, list_known_words
from core.contact_details import check_person_name
from web.generic_forms import ModelForm

PROFILES = [("", "Choisissez…"), *[(p.value, p.label) for p in (Profile.PRINCIPAL, Profile.TEACHER)]]

#: The sign-in name, as people of schools know it.
_ANY_NAME = "Celui que vous saisirez pour vous connecter. S'il n'est pas libre, vous en recevrez un proche par e-mail."
_CHOSEN_NAME = "L'identifiant choisi à l'inscription : le plus souvent l'adresse qui a reçu la clé ou l'invitation."


def _label_fields(form: BaseForm, **labels: str) -> None:
    """Label allauth's fields, without its placeholders: they repeat the labels, and screen readers read both."""
    for field in form.fields.values():
        field.widget.attrs.pop("placeholder", None)
    for name, label in labels.items():
        form.fields[name].label = label


def check_new_password(
    form: BaseForm, *, field: str, known: Iterable[str] = (), confirmation_field: str = "", mismatch: str = ""
) -> None:
    """Add errors to the form where the confirmation of the new password differs, or the password is refused.

    `known`: words of the person that the form's fields do not hold, as `describe_password_rules` takes them.
    """
    password, confirmation = form.cleaned_data.get(field), form.cleaned_data.get(confirmation_field)
    if not password:
        return
    if confirmation is not None and confirmation != password:
        form.add_error(confirmation_field, mismatch)
    try:
        password_validation.validate_password(password, build_described_person(form, known=known))
    except ValidationError as error:
        form.add_error(field, error)


class NameAndPasswordForm(forms.Form):
    """First name, surname and password, for forms that create an account."""

    first_name = forms.CharField(
        label="Prénom",
        max_length=150,
        validators=[check_person_name],
        widget=forms.TextInput(attrs={"autocomplete": "given-name"}),
    )
    last_name = forms.CharField(
        label="Nom",
        max_length=150,
        validators=[check_person_name],
        widget=forms.TextInput(attrs={"autocomplete": "family-name"}),
    )
    password = forms.CharField(
        label="Mot de passe",
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )


class AccountSignUpForm(allauth_forms.SignupForm):
    """The fields of a new account, in the order of the guide."""

    profile = forms.ChoiceField(label="Profil", choices=PROFILES)
    last_name = forms.CharField(
        label="Nom",
        max_length=150,
        validators=[check_person_name],
        widget=forms.TextInput({"autocomplete": "family-name"}),
    )
    first_name = forms.CharField(
        label="Prénom",
        max_length=150,
        validators=[check_person_name],
        widget=forms.TextInput({"autocomplete": "given-name"}),
    )
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
        _label_fields(
            self,
            username="Identifiant",
            email="Adresse e-mail",
            password1="Mot de passe",
            password2="Confirmation du mot de passe",
        )
        self.fields["username"].help_text = _ANY_NAME
        self.fields["email"].help_text = "Elle peut servir à plusieurs comptes, comme celle d'une école."
        self.fields["password1"].help_text = describe_password_rules("password1")

    def clean(self) -> dict[str, Any]:
        """Refuse an identifiant that is somebody else's address: our e-mail to the new account repeats it.

        And a password that is mostly the person's names: allauth checks it against username and address alone.
        """
        data: dict[str, Any] = super().clean() or self.cleaned_data
        password = data.get("password1")
        if password and not self.has_error("password1", PersonalWordsValidator.code):
            try:
                PersonalWordsValidator().validate(password, build_described_person(self))
            except ValidationError as error:
                self.add_error("password1", error)
        username = data.get("username") or ""
        if "@" in username and username.lower() != (data.get("email") or username).lower():
            self.add_error(
                "username", "L'identifiant ne peut être une adresse e-mail que si c'est la vôtre, ci-dessous."
            )
        return data


class SignInForm(allauth_forms.LoginForm):
    """Username or e-mail address, and password."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _label_fields(
            self,
            login="Identifiant",
            password="Mot de passe",  # noqa: S106 - a label
            remember="Garder ma session ouverte sur cet appareil",
        )
        by_address = "Ou votre adresse e-mail, si elle n'est celle que d'un seul compte."
        self.fields["login"].help_text = f"{_CHOSEN_NAME} {by_address}" if is_portal(kwargs["request"]) else by_address
        self.fields["login"].widget.attrs |= {"autocapitalize": "none", "spellcheck": "false"}
        self.fields["password"].help_text = ""


class ChangePasswordForm(allauth_forms.ChangePasswordForm):
    """The current password, under the delays of the sign-in page, and the new one twice."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _label_fields(
            self,
            oldpassword="Mot de passe actuel",
            password1="Nouveau mot de passe",
            password2="Confirmation du nouveau mot de passe",
        )
        self.fields["password1"].help_text = describe_password_rules("password1", known=list_known_words(self.user))

    def clean_oldpassword(self) -> str:
        """Return the current password. Raises `ValidationError` for a wrong one, or too many attempts."""
        password: str = self.cleaned_data["oldpassword"]
        if not get_adapter().reauthenticate(self.user, password):
            raise get_adapter().validation_error("enter_current_password")
        return password


class NewPasswordForm(allauth_forms.ResetPasswordKeyForm):
    """The new password of a reset, twice."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["password1"].help_text = describe_password_rules("password1", known=list_known_words(self.user))
        _label_fields(self)


class PasswordResetRequestForm(forms.Form):
    """Accept any address: the page does not reveal whether an account has it."""

    email = forms.EmailField(label="Adresse e-mail", widget=forms.EmailInput({"autocomplete": "email"}))


class PersonForm(ModelForm[User]):
    """« Informations générales »: personal details, and optionally a new password.

    It is not saved: `personal_data.update_personal_details` takes what it holds.
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
        # As the account stands: the instance takes over what is typed.
        self._known_words = list_known_words(self.instance)
        self.fields["new_password"].help_text = format_html(
            "{}{}",
            self.fields["new_password"].help_text,
            describe_password_rules("new_password", known=self._known_words),
        )
        for name in ("last_name", "first_name"):
            self.fields[name].validators.append(check_person_name)

    @property
    def typed_new_password(self) -> bool:
        """Whether a new password was typed: a refused form is shown again without it."""
        return bool(self.data.get("new_password"))

    @property
    def changes_email(self) -> bool:
        """Whether the address differs from the account's."""
        return bool(self.cleaned_data["email"].lower() != self.instance.email.lower())

    def clean(self) -> dict[str, Any]:
        """Require the old password to change the password or the address: either gives access to the account."""
        data = super().clean() or self.cleaned_data
        new = data.get("new_password")
        changes_email = "email" in data and self.changes_email
        if new or changes_email:
            self._check_old_password(data.get("old_password") or "", changes_email=bool(changes_email and not new))
        check_new_password(
            self,
            field="new_password",
            known=self._known_words,
            confirmation_field="confirmation",
            mismatch="Les deux saisies du nouveau mot de passe diffèrent.",
        )
        return data

    def _check_old_password(self, password: str, *, changes_email: bool) -> None:
        """Check the password under the delays of the sign-in page: a session must not allow guessing."""
        try:
            is_right = get_adapter().reauthenticate(self.instance, password)
        except ValidationError as refusal:
            self.add_error("old_password", refusal)
            return
        if not is_right:
            purpose = "changer d'adresse e-mail" if changes_email else "en changer"
            self.add_error("old_password", f"Saisissez votre mot de passe actuel pour {purpose}.")
