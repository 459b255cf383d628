from typing import Any

from allauth.mfa.models import Authenticator
from django import forms

from accounts.models import User

class AddWebAuthnForm(forms.Form):
    user: User

    def clean(self) -> dict[str, Any]: ...

class EditWebAuthnForm(forms.Form):
    instance: Authenticator

class AuthenticateWebAuthnForm(forms.Form):
    # None where the passkey itself tells the account.
    user: Any

    def clean_credential(self) -> Authenticator: ...
    def save(self) -> None: ...

class LoginWebAuthnForm(AuthenticateWebAuthnForm): ...

class ReauthenticateWebAuthnForm(AuthenticateWebAuthnForm):
    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None: ...
