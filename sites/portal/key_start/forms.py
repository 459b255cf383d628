"""The form that makes a principal's account on the page of a key."""

from __future__ import annotations

from typing import Any

from allauth.account.adapter import get_adapter
from django import forms
from django.contrib.auth.hashers import make_password

from accounts.forms import check_new_password
from accounts.passwords import describe_password_rules
from core.contact_details import check_person_name
from licensing.entitlements.operations import NewPrincipal


class KeyAccountForm(forms.Form):
    """A first name, a surname and a password; the address is the proven one, unless another is typed.

    `proven`: the mailbox that the key's link proves; empty where the key was typed, and an address is asked for.
    """

    first_name = forms.CharField(
        label="Prénom",
        max_length=150,
        validators=[check_person_name],
        widget=forms.TextInput({"autocomplete": "given-name"}),
    )
    last_name = forms.CharField(
        label="Nom",
        max_length=150,
        validators=[check_person_name],
        widget=forms.TextInput({"autocomplete": "family-name"}),
    )
    email = forms.EmailField(label="Adresse e-mail", widget=forms.EmailInput({"autocomplete": "email"}))
    password = forms.CharField(
        label="Mot de passe",
        strip=False,
        widget=forms.PasswordInput({"autocomplete": "new-password"}),
    )
    username = forms.CharField(
        label="Identifiant",
        max_length=150,
        required=False,
        help_text="S’il n’est pas libre, vous en recevrez un proche par e-mail.",
        widget=forms.TextInput({"autocomplete": "username", "autocapitalize": "none", "spellcheck": "false"}),
    )

    def __init__(self, data: Any = None, *, proven: str) -> None:
        super().__init__(data)
        self.proven = proven
        self.fields["password"].help_text = describe_password_rules("password", known=[proven])
        if proven:
            self.fields["email"].required = False
            self.fields["email"].label = "Autre adresse e-mail"
            self.fields[
                "email"
            ].help_text = f"Elle remplacera {proven} dès que vous l’aurez confirmée : un e-mail y sera envoyé."

    def clean_username(self) -> str:
        """Return the chosen username, if any. Raises `ValidationError` for one that the sign-up page refuses too."""
        username: str = self.cleaned_data["username"].strip()
        return get_adapter().clean_username(username, shallow=True) if username else ""

    def clean(self) -> dict[str, Any]:
        """Check the password, and that a username which looks like an address is the account's own."""
        data: dict[str, Any] = super().clean() or self.cleaned_data
        address = self.proven or data.get("email") or ""
        username = data.get("username") or ""
        if "@" in username and username.lower() != address.lower():
            self.add_error("username", "L’identifiant ne peut être une adresse e-mail que si c’est celle du compte.")
        check_new_password(self, field="password", known=[self.proven])
        return data

    def get_person(self) -> NewPrincipal:
        """Return what a valid form says."""
        data = self.cleaned_data
        return NewPrincipal(
            first_name=data["first_name"],
            last_name=data["last_name"],
            password_hash=make_password(data["password"]),
            username=data["username"],
            other_email=data["email"],
        )
