from collections.abc import Iterable
from typing import Any

from django import forms
from django.contrib.auth.tokens import PasswordResetTokenGenerator
from django.http import HttpRequest, HttpResponse

from accounts.models import User

default_token_generator: PasswordResetTokenGenerator

class LoginForm(forms.Form):
    def login(self, request: HttpRequest, redirect_url: str | None = None) -> HttpResponse: ...

class SignupForm(forms.Form):
    field_order: Iterable[str] | None

    def signup(self, request: HttpRequest, user: User) -> None: ...
    def save(self, request: HttpRequest) -> User: ...

class UserTokenForm(forms.Form): ...

class ReauthenticateForm(forms.Form):
    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None: ...

class ChangePasswordForm(forms.Form):
    user: User

    def __init__(self, user: User | None = None, *args: Any, **kwargs: Any) -> None: ...
    def clean_oldpassword(self) -> str: ...
    def save(self) -> None: ...

class ResetPasswordKeyForm(forms.Form):
    user: User | None

    def __init__(self, *args: Any, **kwargs: Any) -> None: ...
