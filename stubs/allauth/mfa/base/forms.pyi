from typing import Any

from django import forms

from accounts.models import User

class BaseAuthenticateForm(forms.Form):
    user: User

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None: ...
    def clean_code(self) -> str: ...

class AuthenticateForm(BaseAuthenticateForm): ...

class ReauthenticateForm(BaseAuthenticateForm):
    def save(self) -> None: ...
